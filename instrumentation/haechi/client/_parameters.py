"""Python values as parameters of the API.

Guarantees: a time without a zone is refused, since nobody knows which moment it is; a filter that is None is not sent;
an empty text is sent, since '' is a value (spans without a user).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypedDict

When = datetime | timedelta | str
"""A moment: an aware datetime; a timedelta, so long before now; or the API's words: ``-1h``, RFC 3339, ``now``."""

Texts = str | Sequence[str] | None
"""One value, or alternatives."""

Scalar = str | int | float | Decimal | bool

Value = Scalar | Sequence[Scalar]


class Filters(TypedDict, total=False):
    """The filters, the same for every question (docs/api.md). Values of one are alternatives; all must hold."""

    service: Texts
    environment: Texts
    model: Texts
    provider: Texts
    operation: Texts
    user: Texts
    session: Texts
    prompt: Texts
    prompt_version: Texts
    experiment: Texts
    variant: Texts
    status: Texts
    attributes: Mapping[str, Value]


class Scope(Filters, total=False):
    """Those, and the window: the last 24 hours where nothing else is said."""

    from_: When
    to: When


class Grouped(Scope, total=False):
    """Those, by what to group, and the length of a step of time."""

    group_by: Texts
    interval: str | timedelta
    limit: int


def encode(parameters: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return name and text of each parameter; ``from_`` becomes ``from``, ``attributes`` one parameter per key.

    Raises:
        ValueError: a datetime has no time zone.
        TypeError: a value is of no type that a parameter can have.
    """
    return [(name, text) for key, value in parameters.items() for name, text in _texts(key, value)]


def _texts(key: str, value: object) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    if key == "attributes" and isinstance(value, Mapping):
        for name, one in value.items():
            yield from _texts(f"attr:{name}", one)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for one in value:
            yield from _texts(key, one)
    else:
        yield key.removesuffix("_"), _text(key, value)


def _text(key: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return _span(key, value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{key}: {value} has no time zone; write datetime(..., tzinfo=UTC)")
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, str | int | float | Decimal):
        return str(value)
    raise TypeError(f"{key}: {type(value).__name__} is no value of a parameter")


def _span(key: str, value: timedelta) -> str:
    """Return a length of time: before now where a moment is asked for, else as it is."""
    if value <= timedelta(0):
        raise ValueError(f"{key}: {value} is no length of time; timedelta(hours=1) means one hour (ago)")
    if key == "interval":
        return f"{int(value.total_seconds())}s"
    return (datetime.now(UTC) - value).isoformat().replace("+00:00", "Z")
