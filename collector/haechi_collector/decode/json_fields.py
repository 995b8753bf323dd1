"""A JSON object into the protobuf message that it stands for, by the message's own descriptor.

Guarantee: a value is taken as the proto3 JSON mapping and OTLP's exceptions to it say, or `Misfit` names its
path. Of several members of a oneof the last in the text wins, as on the wire.

Invariant: an array or list nested deeper than ``limits.ANY_VALUE_DEPTH_MAX`` is left empty; its depth alone
tells the decoder to replace it.
"""

import math
import re
from base64 import b64decode
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor  # type: ignore[import-untyped]

from haechi_collector import limits
from haechi_collector.decode.values import ANY_VALUE, KEY_VALUE

_Setter = Callable[[Any, object, int], None]

_IDS: Final = {"trace_id", "span_id", "parent_span_id"}
_NESTED: Final = {"ArrayValue": ANY_VALUE, "KeyValueList": KEY_VALUE}
_WHOLE: Final = re.compile(r"-?[0-9]{1,20}")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")
_NO_NUMBERS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Misfit(Exception):
    """A value has not the type of its field. The path grows on the way out."""

    def __init__(self, expected: str, value: object) -> None:
        super().__init__()
        self.expected = expected
        self.found = type(value).__name__ if isinstance(value, (dict, list)) else repr(value)[:40]
        self.path = ""

    def below(self, step: str) -> "Misfit":
        """Return the same misfit, seen from one step above."""
        self.path = step + ("" if self.path.startswith("[") or not self.path else ".") + self.path
        return self

    def __str__(self) -> str:
        return f"{self.path or 'the body'}: expected {self.expected}, found {self.found}"


def fill(message: Any, value: object, depth: int = 1) -> None:
    """Set a message's fields from a JSON object.

    Args:
        message: an empty protobuf message.
        value: what JSON held in its place.
        depth: how deep the ``AnyValue`` is nested that this belongs to.

    Raises:
        Misfit: the value or something in it has not the right type.
    """
    if not isinstance(value, dict):
        raise Misfit("an object", value)
    setters = _setters(message.DESCRIPTOR)
    for key, item in value.items():
        setter = setters.get(key)
        if setter is not None and item is not None:
            try:
                setter(message, item, depth)
            except Misfit as error:
                raise error.below(key) from None


@cache  # one entry for each message type
def _setters(descriptor: Descriptor) -> dict[str, _Setter]:
    return {field.json_name: _setter(field) for field in descriptor.fields}


def _setter(field: FieldDescriptor) -> _Setter:
    name = field.name
    if field.containing_type.name in _NESTED:
        return _set_nested(name, _NESTED[field.containing_type.name])
    if field.message_type is not None:
        return _append_messages(name) if field.is_repeated else _set_message(name)
    convert = _converter(field)
    return _append_scalars(name, convert) if field.is_repeated else _set_scalar(name, convert)


def _set_scalar(name: str, convert: Callable[[object], object]) -> _Setter:
    def set_scalar(message: Any, value: object, _depth: int) -> None:
        setattr(message, name, convert(value))

    return set_scalar


def _set_message(name: str) -> _Setter:
    def set_message(message: Any, value: object, depth: int) -> None:
        child = getattr(message, name)
        child.SetInParent()
        fill(child, value, depth)

    return set_message


def _append_messages(name: str) -> _Setter:
    def append_messages(message: Any, value: object, depth: int) -> None:
        children = getattr(message, name)
        _each(value, lambda item: fill(children.add(), item, depth))

    return append_messages


def _append_scalars(name: str, convert: Callable[[object], object]) -> _Setter:
    def append_scalars(message: Any, value: object, _depth: int) -> None:
        scalars = getattr(message, name)
        _each(value, lambda item: scalars.append(convert(item)))

    return append_scalars


def _set_nested(name: str, message_class: Any) -> _Setter:
    def set_nested(message: Any, value: object, depth: int) -> None:
        serialized = getattr(message, name)

        def append(item: object) -> None:
            child = message_class()
            if item is not None or message_class is KEY_VALUE:
                fill(child, item, depth + 1)
            serialized.append(child.SerializeToString())

        _each(value if depth <= limits.ANY_VALUE_DEPTH_MAX else [], append)

    return set_nested


def _each(value: object, take: Callable[[Any], None]) -> None:
    if not isinstance(value, list):
        raise Misfit("an array", value)
    for place, item in enumerate(value):
        try:
            take(item)
        except Misfit as error:
            raise error.below(f"[{place}]") from None


def _converter(field: FieldDescriptor) -> Callable[[object], object]:
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        if field.name in _IDS:
            return _id
        return _base64 if field.name == "bytes_value" else _text
    return _CONVERTERS[field.cpp_type]


def _text(value: object) -> bytes:
    if not isinstance(value, str):
        raise Misfit("a string", value)
    return value.encode()


def _id(value: object) -> bytes:
    if not isinstance(value, str):
        raise Misfit("a string of hex digits", value)
    return value.lower().encode()


def _base64(value: object) -> bytes:
    if not isinstance(value, str):
        raise Misfit("a base64 string", value)
    plain = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        raise Misfit("a base64 string", value) from None


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise Misfit("true or false", value)
    return value


def _double(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        if value in _NO_NUMBERS:
            return _NO_NUMBERS[value]
        if _DECIMAL.fullmatch(value):
            return float(value)
    raise Misfit("a number", value)


def _enumeration(value: object) -> int:
    if isinstance(value, str):
        raise Misfit("an integer (OTLP has no names of enumerations)", value)
    return _int32(value)


def _integer(least: int, most: int) -> Callable[[Any], int]:
    def integer(value: Any) -> int:
        is_text = isinstance(value, str) and _WHOLE.fullmatch(value) is not None
        is_whole = isinstance(value, (int, float)) and not isinstance(value, bool) and value == value // 1
        if not (is_text or is_whole):
            raise Misfit("an integer", value)
        number = int(value)
        if not least <= number <= most:
            raise Misfit(f"an integer from {least} to {most}", value)
        return number

    return integer


_int32: Final = _integer(-(2**31), 2**31 - 1)
_CONVERTERS: Final = {
    FieldDescriptor.CPPTYPE_BOOL: _bool,
    FieldDescriptor.CPPTYPE_DOUBLE: _double,
    FieldDescriptor.CPPTYPE_ENUM: _enumeration,
    FieldDescriptor.CPPTYPE_INT32: _int32,
    FieldDescriptor.CPPTYPE_UINT32: _integer(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: _integer(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: _integer(0, 2**64 - 1),
}
