"""Values of ClickHouse: those of rows in JSON as Python's, and Python's as parameters of a statement.

Guarantees: ``Decimal`` is exact, an integer of any width is `int`, ``DateTime`` and ``DateTime64`` are aware datetimes
(to the microsecond, which is what Python's have), NaN and infinities are floats. A type that is not known here stays as
JSON has it.

Source: https://clickhouse.com/docs/interfaces/formats/JSON, https://clickhouse.com/docs/interfaces/http, "Queries with
parameters".
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

SETTINGS: Final = {
    "output_format_json_quote_64bit_integers": "0",
    "output_format_json_quote_decimals": "1",
    "output_format_json_quote_denormals": "1",
    "output_format_json_named_tuples_as_objects": "1",
}
"""What a statement is asked with, so that `reader_of` reads its rows exactly."""

Parameter = (
    str | int | float | Decimal | bool | datetime | date | None | Sequence["Parameter"] | Mapping[str, "Parameter"]
)

_Reader = Callable[[Any], Any]
_NAMED: Final = re.compile(r"^(?:`(?:[^`\\]|\\.)*`|\w+) (?=\w)")


@cache
def reader_of(kind: str) -> _Reader | None:
    """Return what reads a JSON value of a ClickHouse type; None where it is right as it is."""
    name, _, rest = kind.partition("(")
    inner = rest[:-1]
    if name in {"Nullable", "LowCardinality", "SimpleAggregateFunction"}:
        return _unless_null(reader_of(_split(inner)[-1]))
    if name == "Array":
        return _of_list(reader_of(inner))
    if name == "Map":
        return _of_map(*(reader_of(one) for one in _split(inner)))
    if name == "Tuple":
        return _of_tuple(_split(inner))
    return _scalar(name, inner)


def _scalar(name: str, inner: str) -> _Reader | None:
    if name.startswith("Decimal"):
        return Decimal
    if re.fullmatch(r"U?Int\d+", name):
        return int
    if re.fullmatch(r"B?Float\d+", name):
        return float
    if name in {"DateTime", "DateTime64"}:
        named = re.search(r"'([^']+)'", inner)
        zone = ZoneInfo(named[1]) if named and named[1] != "UTC" else UTC
        return lambda value: datetime.fromisoformat(value).replace(tzinfo=zone)
    return date.fromisoformat if name in {"Date", "Date32"} else None


def _split(text: str) -> list[str]:
    """Split at the commas outside parentheses and quotes."""
    parts, depth, begin, quote = [], 0, 0, ""
    for at, character in enumerate(text):
        if quote:
            quote = "" if character == quote and text[at - 1] != "\\" else quote
        elif character in "'`":
            quote = character
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif character == "," and depth == 0:
            parts.append(text[begin:at].strip())
            begin = at + 1
    return [*parts, text[begin:].strip()]


def _unless_null(item: _Reader | None) -> _Reader | None:
    return item and (lambda value: None if value is None else item(value))


def _of_list(item: _Reader | None) -> _Reader | None:
    return item and (lambda value: [item(one) for one in value])


def _of_map(key: _Reader | None, item: _Reader | None) -> _Reader | None:
    if key is None and item is None:
        return None
    read_key, read_item = key or _same, item or _same
    return lambda value: {read_key(name): read_item(one) for name, one in value.items()}


def _of_tuple(kinds: list[str]) -> _Reader:
    readers = [reader_of(_NAMED.sub("", kind)) or _same for kind in kinds]

    def read(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: reader(one) for (name, one), reader in zip(value.items(), readers, strict=True)}
        return tuple(reader(one) for one, reader in zip(value, readers, strict=True))

    return read


def _same(value: Any) -> Any:
    return value


def parameter(value: Parameter) -> str:
    r"""Return the text of ``param_NAME``: as it stands in tab-separated values, ``\N`` for None.

    Raises:
        ValueError: a datetime has no time zone.
        TypeError: a value is of no type that a parameter can have.
    """
    if value is None:
        return r"\N"
    if isinstance(value, str):
        return _escaped(value)
    return _literal(value)


def _literal(value: Parameter) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + _escaped(value).replace("'", "\\'") + "'"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; write datetime(..., tzinfo=UTC)")
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return _nested(value)


def _nested(value: Parameter) -> str:
    if isinstance(value, int | float | Decimal | date):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_literal(name)}:{_quoted(one)}" for name, one in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return "[" + ",".join(_quoted(one) for one in value) + "]"
    raise TypeError(f"{type(value).__name__} is no value of a parameter")


def _quoted(value: Parameter) -> str:
    text = _literal(value)
    return f"'{text}'" if isinstance(value, date | datetime) else text


def _escaped(text: str) -> str:
    return (
        text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r").replace("\0", "\\0")
    )
