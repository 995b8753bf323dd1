"""Spans as the bytes of an OTLP request, in a quarter of the time that protobuf's objects take.

Guarantee: the bytes mean what OpenTelemetry's own encoder says. Written here are spans of the ordinary kind: attributes
of text, numbers, booleans and lists of text, no events, no links, nothing dropped. Any other span, the resource, the
scope and the flags are asked of OpenTelemetry's encoder, one by one.

Bounds: `SHORT_MAX` short values and `KEYS_MAX` names are kept encoded.

Source: opentelemetry-proto, ``trace.proto`` and ``common.proto``; the numbers are those of its fields.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from haechi_schemas import attributes as names

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

SHORT_MAX: Final = 2_048
"""Attributes kept encoded: models, providers, addresses. Fewer: each span encodes them again, a microsecond each."""
KEYS_MAX: Final = 1_024
"""Names of attributes kept encoded, for the same reason."""
_SHORT_CHARS: Final = 64
_UNIQUE: Final = frozenset({names.RESPONSE_ID})
"""Attributes whose values do not come again."""

_TIMES: Final = Struct("<BQBQ").pack
_DOUBLE: Final = Struct("<Bd").pack
_FLAGS: Final = Struct("<HI").pack
_KINDS: Final = tuple(bytes((0x30, number)) for number in range(1, 6))


class _Unusual(Exception):
    """A span or a value that OpenTelemetry's encoder is to write."""


def request(spans: Sequence["ReadableSpan"]) -> bytes:
    """Return the body of a request. Raises what OpenTelemetry's encoder raises."""
    groups: dict[tuple[int, int], list[bytes]] = {}
    first: dict[tuple[int, int], ReadableSpan] = {}
    for span in spans:
        whose = (id(span.resource), id(span.instrumentation_scope))
        if whose not in groups:
            groups[whose], first[whose] = [], span
        groups[whose].append(_field(0x12, _span(span)))
    return b"".join(_group(first[whose], told) for whose, told in groups.items())


def _group(span: "ReadableSpan", told: list[bytes]) -> bytes:
    """Return spans of one resource and one scope, that of ``span``."""
    resource = _stock(span).resource_spans[0]
    scope = resource.scope_spans[0]
    del scope.spans[:]
    body = scope.SerializeToString() + b"".join(told)
    del resource.scope_spans[:]
    return _field(0x0A, resource.SerializeToString() + _field(0x12, body))


def _stock(span: "ReadableSpan") -> Any:
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans  # noqa: PLC0415  in the thread

    return encode_spans([span])


def _span(span: "ReadableSpan") -> bytes:
    try:
        return _ordinary(span)
    except (_Unusual, UnicodeEncodeError):
        return bytes(_stock(span).resource_spans[0].scope_spans[0].spans[0].SerializeToString())


def _ordinary(span: "ReadableSpan") -> bytes:
    context, parent, attributes = span.context, span.parent, span._attributes  # noqa: SLF001  public ones are wrapped twice
    status, start, end = span.status, span.start_time, span.end_time
    if context is None or context.trace_state or start is None or end is None or _is_more(span):
        raise _Unusual
    parts = [b"\x0a\x10", context.trace_id.to_bytes(16, "big"), b"\x12\x08", context.span_id.to_bytes(8, "big")]
    if parent is not None:
        parts += (b"\x22\x08", parent.span_id.to_bytes(8, "big"))
    parts += (_text(0x2A, span.name), _KINDS[span.kind.value], _TIMES(0x39, start, 0x41, end))
    told = getattr(span, "told", None)  # of a light span
    held: Mapping[str, Any] = told() if told is not None else getattr(attributes, "_dict", attributes) or {}
    parts += [_attribute(name, value) for name, value in held.items()]
    described = _text(0x12, status.description) if status.description else b""
    code = status.status_code.value
    parts.append(_field(0x7A, described + (bytes((0x18, code)) if code else b"")))
    parts.append(_flags(span, parent is not None and parent.is_remote, int(context.trace_flags)))
    return b"".join(parts)


def _is_more(span: "ReadableSpan") -> bool:
    """Tell whether a span has events, links, or has lost something."""
    return bool(len(span._events) or len(span._links) or span.dropped_attributes)  # noqa: SLF001  the same


_flags_seen: dict[tuple[bool, int], bytes] = {}  # 2 × 256 at most


def _flags(span: "ReadableSpan", remote: bool, trace_flags: int) -> bytes:
    """Return the flags as OpenTelemetry's encoder sets them for such spans."""
    known = _flags_seen.get((remote, trace_flags))
    if known is None:
        flags = _stock(span).resource_spans[0].scope_spans[0].spans[0].flags
        known = _flags_seen[remote, trace_flags] = _FLAGS(0x0185, flags) if flags else b""
    return known


def _attribute(name: str, value: Any) -> bytes:
    kind = type(value)
    if kind is str:
        if len(value) <= _SHORT_CHARS and name not in _UNIQUE:
            return _short(name, value)
        return _key_value(name, _text(0x0A, value))
    write = _VALUES.get(kind)
    if write is None:
        raise _Unusual
    return _key_value(name, write(value))


@lru_cache(SHORT_MAX)
def _short(name: str, value: str) -> bytes:
    return _key_value(name, _text(0x0A, value))


def _key_value(name: str, value: bytes) -> bytes:
    key, size = _key(name), len(value)
    length = _SMALL[size] if size < _SMALL_MAX else _varint(size)
    size += len(key) + 1 + len(length)
    return b"\x4a%b%b\x12%b%b" % (_SMALL[size] if size < _SMALL_MAX else _varint(size), key, length, value)


@lru_cache(KEYS_MAX)
def _key(name: str) -> bytes:
    return _text(0x0A, name)


def _integer(value: int) -> bytes:
    if not -(1 << 63) <= value < 1 << 63:
        raise _Unusual
    return b"\x18" + (_SMALL[value] if 0 <= value < _SMALL_MAX else _varint(value & 0xFFFF_FFFF_FFFF_FFFF))


def _texts(values: Sequence[object]) -> bytes:
    told = []
    for value in values:
        if type(value) is not str:
            raise _Unusual
        told.append(_field(0x0A, _text(0x0A, value)))
    return _field(0x2A, b"".join(told))


_VALUES: Final[Mapping[type, Callable[[Any], bytes]]] = {
    bool: lambda value: b"\x10\x01" if value else b"\x10\x00",
    int: _integer,
    float: lambda value: _DOUBLE(0x21, value),
    tuple: _texts,
    list: _texts,
}


def _text(tag: int, text: str) -> bytes:
    return _field(tag, text.encode())


def _field(tag: int, body: bytes) -> bytes:
    size = len(body)
    return b"%c%b%b" % (tag, _SMALL[size] if size < _SMALL_MAX else _varint(size), body)


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


_SMALL_MAX: Final = 4_096
_SMALL: Final = tuple(_varint(number) for number in range(_SMALL_MAX))
"""Looked up where they are needed: a function to do it costs more than it does, thirty times a span."""
