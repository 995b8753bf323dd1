"""JSON of the API as frozen dataclasses.

Guarantees: a field has the type that it is annotated with, money is `Decimal`, a time an aware `datetime`; a field
that the client does not know is passed over, so that an older client reads a newer server; one that is missing is
None where it may be, else an error that names it.
"""

import types
from collections.abc import Callable
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from haechi.client._errors import Unreachable

_Answer = TypeVar("_Answer")
_Reader = Callable[[Any], Any]


def decode(kind: type[_Answer], value: Any) -> _Answer:
    """Read one answer.

    Raises:
        Unreachable: it is not of this kind: another program answers, or another major version.
    """
    reader = reader_of(kind)
    try:
        answer: _Answer = reader(value)
    except (TypeError, ValueError, KeyError, AttributeError, ArithmeticError) as error:
        raise Unreachable(f"the answer is no {kind.__name__}: {error}") from error
    return answer


@cache
def _of_class(kind: type) -> _Reader:
    hints = get_type_hints(kind)
    members = [
        # Without either default, both are the same mark.
        (one.name, one.name.rstrip("_"), reader_of(hints[one.name]), one.default is one.default_factory)
        for one in fields(kind)
    ]

    def read(value: Any) -> Any:
        given = {}
        for name, key, reader, is_needed in members:
            if key in value:
                given[name] = reader(value[key])
            elif is_needed:
                raise KeyError(key)
        return kind(**given)

    return read


_SCALARS: dict[object, _Reader] = {
    str: str,
    int: int,
    float: float,
    bool: bool,
    Decimal: Decimal,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    Any: lambda value: value,
}


def reader_of(hint: Any) -> _Reader:
    """Return what reads a JSON value as a type."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return str
    if origin in {types.UnionType, Union}:
        return _of_union([one for one in arguments if one is not type(None)])
    if origin is list:
        item = reader_of(arguments[0])
        return lambda value: [item(one) for one in value]
    if origin is dict:
        item = reader_of(arguments[1])
        return lambda value: {key: item(one) for key, one in value.items()}
    return _of_class(hint)


def _of_union(kinds: list[Any]) -> _Reader:
    """Return what reads one of several types: a text as money where that is one of them, else as what it is."""
    if len(kinds) == 1:
        item = reader_of(kinds[0])
        return lambda value: None if value is None else item(value)
    if Decimal in kinds:
        return lambda value: Decimal(value) if isinstance(value, str) else value
    return lambda value: value
