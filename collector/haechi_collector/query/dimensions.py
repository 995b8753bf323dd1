"""What questions can be filtered and grouped by.

Guarantee: a dimension is a column of the closed list `COLUMNS`, by the short name of the API or by the column's own,
or ``attr:KEY`` for any attribute. An attribute that has a column of its own (``user.id``) is that column.

An attribute is looked for among the span's text, number and boolean attributes, then among those of its resource.
Numbers and booleans are grouped by what ClickHouse's ``toString`` writes: ``0.5``, ``true``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from haechi_collector.errors import WrongParameter
from haechi_collector.query import limits
from haechi_collector.query.statement import Values
from haechi_schemas import attributes as names

FILTERS: Final[Mapping[str, str]] = {
    "service": "service_name",
    "environment": "environment",
    "model": "request_model",
    "provider": "provider",
    "operation": "operation",
    "user": "user_id",
    "session": "session_id",
    "prompt": "prompt_name",
    "prompt_version": "prompt_version",
    "experiment": "experiment",
    "variant": "variant",
    "status": "status_code",
}
"""The filters of every route, and the column of each."""

_OTHERS: Final = (
    *("name", "kind", "service_version", "response_model", "error_type", "usage_source", "cost_source"),
    *("scope_name", "scope_version", "dialect", "project"),
)
COLUMNS: Final[Mapping[str, str]] = {**FILTERS, **{c: c for c in (*FILTERS.values(), *_OTHERS)}}
"""What can be grouped by, and the column of each."""

ATTRIBUTE: Final = "attr:"

_OWN_COLUMNS: Final[Mapping[str, str]] = {
    names.OPERATION_NAME: "operation",
    names.PROVIDER_NAME: "provider",
    names.REQUEST_MODEL: "request_model",
    names.RESPONSE_MODEL: "response_model",
    names.ERROR_TYPE: "error_type",
    names.USER_ID: "user_id",
    names.CONVERSATION_ID: "session_id",
    names.PROMPT_NAME: "prompt_name",
    names.PROMPT_VERSION: "prompt_version",
    names.EXPERIMENT: "experiment",
    names.VARIANT: "variant",
}


@dataclass(frozen=True, slots=True)
class Dimension:
    """One of them: the name as it was asked for, and its column or attribute key (the other one is '')."""

    name: str
    column: str
    key: str = ""

    def sql(self, values: Values) -> str:
        """Return its value as an expression that compares and is written as text."""
        if self.column:
            return self.column  # bare: by numbers of its dictionary grouping takes a fifth less time
        key = values.text(self.key)
        return (
            f"multiIf(mapContains(attributes_string, {key}), attributes_string[{key}],"
            f" mapContains(attributes_number, {key}), toString(attributes_number[{key}]),"
            f" mapContains(attributes_bool, {key}), toString(attributes_bool[{key}]),"
            f" resource_attributes[{key}])"
        )


def dimension(name: str, parameter: str) -> Dimension:
    """Read one name.

    Raises:
        WrongParameter: there is no such dimension.
    """
    if len(name) > limits.QUESTION_NAME_CHARS_MAX:
        raise WrongParameter(parameter, f"a name has up to {limits.QUESTION_NAME_CHARS_MAX} characters")
    if name.startswith(ATTRIBUTE) and len(name) > len(ATTRIBUTE):
        key = name.removeprefix(ATTRIBUTE)
        column = _OWN_COLUMNS.get(key, "")
        return Dimension(name, column, "" if column else key)
    if name not in COLUMNS:
        raise WrongParameter(parameter, f"{name[:100]!r} is none of {', '.join(COLUMNS)}, attr:KEY")
    return Dimension(name, COLUMNS[name])


def dimensions(texts: Sequence[str]) -> tuple[Dimension, ...]:
    """Read ``group_by``: names separated by commas, or the parameter repeated.

    Raises:
        WrongParameter: one does not exist, stands twice, or they are too many.
    """
    listed = [name for text in texts for name in text.split(",") if name]
    if len(listed) > limits.QUESTION_DIMENSIONS_MAX:
        raise WrongParameter("group_by", f"{len(listed)} dimensions, the limit is {limits.QUESTION_DIMENSIONS_MAX}")
    if len(set(listed)) < len(listed):
        raise WrongParameter("group_by", "a dimension stands twice")
    return tuple(dimension(name, "group_by") for name in listed)


def attribute_is(key: str, wanted: Sequence[str], values: Values) -> str:
    """Return the condition that an attribute has one of some values."""
    if key in _OWN_COLUMNS:
        return f"{_OWN_COLUMNS[key]} IN {values.texts(wanted)}"
    return f"({' OR '.join(way for value in wanted for way in attribute_ways(key, value, values))})"


def attribute_ways(key: str, value: str, values: Values) -> list[str]:
    """Return the conditions of which any makes an attribute one of that value, the most usual first."""
    if key in _OWN_COLUMNS:
        return [f"{_OWN_COLUMNS[key]} = {values.text(value)}"]
    return [f"({way})" for way in _ways(values.text(key), value, values)]


def _ways(key: str, value: str, values: Values) -> list[str]:
    text = values.text(value)
    ways = [f"{c}[{key}] = {text}" for c in ("attributes_string", "resource_attributes")]
    if not value:  # what a map does not hold reads as ''
        ways = [f"mapContains({c}, {key}) AND {c}[{key}] = ''" for c in ("attributes_string", "resource_attributes")]
    number = _number(value)
    if number is not None:
        ways.append(f"mapContains(attributes_number, {key}) AND attributes_number[{key}] = {values.number(number)}")
    if value in {"true", "false"}:
        ways.append(f"mapContains(attributes_bool, {key}) AND attributes_bool[{key}] = {value}")
    return ways


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
