"""From a request's bytes to nested Arrow columns, exactly as protobuf understands them.

Guarantee: the columns say what protobuf's own parser says, or `Undecodable` is raised. protobuf judges every
body (0.6 microseconds for an LLM span) and ptars translates it. ptars keeps all members of a oneof that occurs
twice; where a flattener meets such a message it raises `Odd`, and reads protobuf's own re-encoding instead, in
which each field occurs once. One thing is more lenient than protobuf: damage within an array or a list that the
same message then overrides is not noticed, and nothing of it is kept.

Invariant: what a body may unfold to is bounded before any parser makes it. The smallest row or item takes two
bytes, so bodies of at most ``2 * limits.DECODED_ROWS_MAX`` bytes need no count.
"""

from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from haechi_collector import limits
from haechi_collector.decode.schema import Signal
from haechi_collector.errors import Undecodable

_ROWS: Final = {"spans", "events", "links", "log_records", "data_points", "exemplars"}


class Odd(Exception):
    """Legal, but not as an encoder writes it: more than one member of a oneof."""


def read(body: bytes, signal: Signal, flatten: Callable[[pa.StructArray], pa.RecordBatch]) -> pa.RecordBatch:
    """Return what ``flatten`` makes of the request's resources.

    Raises:
        Undecodable: the body is no such request, or holds more than the limits allow.
    """
    if len(body) > 2 * limits.DECODED_ROWS_MAX:
        _check_counts(_columns(body, signal.counts, signal))
    message = parse(signal.request, body)
    try:
        return flatten(_columns(body, signal.columns, signal))
    except Odd:
        return flatten(_columns(message.SerializeToString(), signal.columns, signal))


def parse(message_class: Any, body: bytes) -> Any:
    """Return the message.

    Raises:
        Undecodable: the bytes are not such a message.
    """
    try:
        return message_class.FromString(body)
    except DecodeError as error:
        name = message_class.DESCRIPTOR.name
        raise Undecodable(f"{len(body)} bytes are not a valid {name}: {str(error).rpartition(': ')[2]}") from None


def _columns(body: bytes, handler: Any, signal: Signal) -> pa.StructArray:
    try:
        return handler.list_to_record_batch([body]).column(0).values
    except ValueError as error:
        raise Undecodable(f"{signal.name}: {error}") from None
    except BaseException as error:  # a Rust panic is no Exception; anything else goes on its way
        if type(error).__name__ != "PanicException":
            raise
        raise Undecodable(f"{signal.name}: {error}") from None


def _check_counts(resources: pa.StructArray) -> None:
    rows, items = _count(resources)
    for what, count, most in (("rows", rows, limits.DECODED_ROWS_MAX), ("items", items, limits.DECODED_ELEMENTS_MAX)):
        if count > most:
            raise Undecodable(f"{count} {what} in one request, more than {most}")


def _count(struct: pa.StructArray) -> tuple[int, int]:
    """Count rows and what costs as much, and the items of all lists, below one level of messages."""
    rows, items = 0, 0
    for field in struct.type:
        child = struct.field(field.name)
        if pa.types.is_list(field.type):
            child = child.values
            items += len(child)
            rows += len(child) if field.name in _ROWS else 0
        if pa.types.is_struct(child.type):
            below = _count(child)
            rows, items = rows + below[0], items + below[1]
    return rows, items
