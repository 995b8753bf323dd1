"""Requests of every shape, and OTLP/JSON of them."""

import base64
import json
import math
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from hypothesis import strategies as st
from tests.decode import reference

KEYS = [b"", b"k", "열쇠".encode(), b"service.name", b"service.version", b"deployment.environment", b"a.b"]
KEYS += [b"deployment.environment.name", b"otel.dropped_links_count"]
WORDS = [b"", b"x", "안녕하세요".encode(), '"\\\u2028\x00\x1f'.encode(), "😀".encode(), b"v" * 130]
BROKEN = [b"\xff", b"ok\xed\xa0\x80", b"\xc3", b"\xf4\x90\x80\x80", b"a\x80b"]
IDS = [b"", bytes(8), bytes(16), bytes(range(8)), bytes(range(16)), b"\xab" * 17, b"\xcd"]
DOUBLES = [0.0, -0.0, 1.5, 1e300, 5e-324, math.nan, math.inf, -math.inf, 1e16, 3.0]
VALUES_DEPTH = 3

SIGNED = {FieldDescriptor.CPPTYPE_INT32: 31, FieldDescriptor.CPPTYPE_INT64: 63}
UNSIGNED = {FieldDescriptor.CPPTYPE_UINT32: 32, FieldDescriptor.CPPTYPE_UINT64: 64}
SPINE = {"spans", "log_records", "metrics", "data_points", "attributes"}
STRINGS = {
    *("key", "string_value", "name", "version", "schema_url", "trace_state", "message", "severity_text"),
    *("event_name", "description", "unit"),
}


def integers(least: int, most: int) -> st.SearchStrategy[int]:
    edges = {least, most, least + 1, most - 1, 0, 1, most // 2, most // 2 + 1}
    return st.sampled_from(sorted(edges)) | st.integers(least, most)


def number(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.cpp_type in SIGNED:
        return integers(-(2 ** SIGNED[field.cpp_type]), 2 ** SIGNED[field.cpp_type] - 1)
    if field.cpp_type in UNSIGNED:
        return integers(0, 2 ** UNSIGNED[field.cpp_type] - 1)
    return {
        FieldDescriptor.CPPTYPE_ENUM: st.sampled_from([0, 1, 2, 3, 4, 5, 6, 24, -1, 2**31 - 1, -(2**31)]),
        FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
        FieldDescriptor.CPPTYPE_DOUBLE: st.sampled_from(DOUBLES) | st.floats(),
    }[field.cpp_type]


def scalar(field: FieldDescriptor, broken: bool) -> st.SearchStrategy[Any]:
    if field.cpp_type != FieldDescriptor.CPPTYPE_STRING:
        return number(field)
    if field.name in reference.IDS:
        return st.sampled_from(IDS)
    if field.name not in STRINGS:
        return st.binary(max_size=5)
    words = st.sampled_from(KEYS if field.name == "key" else WORDS) | st.text(max_size=4).map(str.encode)
    return words | st.sampled_from(BROKEN) if broken else words


@st.composite
def messages(draw: st.DrawFn, message_class: Any, broken: bool = False) -> Any:
    """Draw a message with any of its fields set, however deep; ``broken`` allows invalid UTF-8."""
    message = message_class()
    _fill(draw, message, broken, VALUES_DEPTH)
    return message


def _fill(draw: st.DrawFn, message: Any, broken: bool, depth: int) -> None:
    chosen = {
        one.name: draw(st.sampled_from([*one.fields, None] if one.name == "value" else list(one.fields)))
        for one in message.DESCRIPTOR.oneofs
        if len(one.fields) > 1
    }
    for field in message.DESCRIPTOR.fields:
        one = field.containing_oneof
        if one is not None and one.name in chosen:
            if chosen[one.name] == field:
                _set(draw, message, field, broken, depth)
        elif _on_spine(field) or draw(st.integers(0, 3)):
            _set(draw, message, field, broken, depth)


def _on_spine(field: FieldDescriptor) -> bool:
    """Tell whether rows lie below the field."""
    return field.name.startswith(("resource_", "scope_")) or field.name in SPINE


def _set(draw: st.DrawFn, message: Any, field: FieldDescriptor, broken: bool, depth: int) -> None:
    nested = field.message_type is not None and field.message_type.name in {"ArrayValue", "KeyValueList"}
    child = getattr(message, field.name)
    if field.is_repeated:
        for _ in range(draw(st.integers(1 if _on_spine(field) else 0, 2)) if depth else 0):
            if field.message_type is None:
                child.append(draw(scalar(field, broken)))
            else:
                _fill(draw, child.add(), broken, depth)
    elif field.message_type is not None:
        child.SetInParent()
        _fill(draw, child, broken, depth - 1 if nested else depth)
    else:
        setattr(message, field.name, draw(scalar(field, broken)))


def to_json(message: Any, style: int = 0) -> Any:
    """Return a message as OTLP/JSON; ``style`` varies what may vary: case of ids, 64-bit integers, defaults."""
    found: dict[str, Any] = {"unknownKey": [{"deep": None}]} if style & 4 else {}
    present = {field.name for field, _ in message.ListFields()}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.is_repeated:
            if len(value) or style & 4:
                found[field.json_name] = [json_value(field, item, style) for item in value]
        elif field.has_presence:
            if message.HasField(field.name):
                found[field.json_name] = json_value(field, value, style)
            elif style & 4:
                found[field.json_name] = None
        elif field.name in present or style & 4:
            found[field.json_name] = json_value(field, value, style)
    return found


def json_value(field: FieldDescriptor, value: Any, style: int) -> Any:
    if field.message_type is not None:
        return to_json(value, style)
    if field.cpp_type in {FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}:
        return str(value) if style & 1 else value
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return reference.double(value)
    return json_text(field, value, style) if isinstance(value, bytes) else value


def json_text(field: FieldDescriptor, value: bytes, style: int) -> str:
    if field.name in reference.IDS:
        return value.hex().upper() if style & 2 else value.hex()
    if field.name in STRINGS:
        return value.decode()
    encoded = base64.urlsafe_b64encode(value) if style & 2 else base64.b64encode(value)
    return encoded.decode().rstrip("=") if style & 1 else encoded.decode()


def json_body(message: Any, style: int = 0) -> bytes:
    return json.dumps(to_json(message, style), ensure_ascii=bool(style & 1), indent=style & 4 or None).encode()
