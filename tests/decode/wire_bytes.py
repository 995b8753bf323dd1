"""Protobuf's wire format by hand, for requests that no encoder writes."""


def varint(value: int) -> bytes:
    groups = [value >> shift & 127 for shift in range(0, max(1, value.bit_length()), 7)]
    return bytes([group | 128 for group in groups[:-1]] + groups[-1:])


def ld(number: int, *parts: bytes) -> bytes:
    """Return a length-delimited field: a message, a string or bytes."""
    body = b"".join(parts)
    return varint(number << 3 | 2) + varint(len(body)) + body


def vi(number: int, value: int) -> bytes:
    """Return a varint field."""
    return varint(number << 3) + varint(value)


def trace_request(*spans: bytes, resource: bytes = b"") -> bytes:
    """Return a request of one resource and one scope from the fields of its spans."""
    return ld(1, resource, ld(2, b"".join(ld(2, span) for span in spans)))


def log_request(*records: bytes) -> bytes:
    """Return a request of one resource and one scope from the fields of its log records."""
    return ld(1, ld(2, b"".join(ld(2, record) for record in records)))


def attribute(key: bytes, value: bytes) -> bytes:
    """Return a span's attribute from the fields of its value."""
    return ld(9, ld(1, key), ld(2, value))
