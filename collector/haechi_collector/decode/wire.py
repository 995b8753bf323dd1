"""From the bytes of requests to nested Arrow columns, exactly as protobuf understands them.

Guarantee: the columns say what protobuf's own parser says, or `Undecodable` is raised. protobuf judges every
body (0.6 microseconds for an LLM span) and ptars translates it. ptars keeps all members of a oneof that occurs
twice; where a flattener meets such a message it raises `Odd`, and reads protobuf's own re-encoding instead, in
which each field occurs once. One thing is more lenient than protobuf: damage within an array or a list that the
same message then overrides is not noticed, and nothing of it is kept.

Invariant: what a body may unfold to is bounded before any parser makes it. The smallest row or item takes two
bytes, so bodies of at most ``2 * limits.DECODED_ROWS_MAX`` bytes need no count.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from haechi_collector import limits
from haechi_collector.decode import arrays
from haechi_collector.decode.schema import Signal
from haechi_collector.errors import Undecodable

_ROWS: Final = {"spans", "events", "links", "log_records", "data_points", "exemplars"}


class Odd(Exception):
    """Legal, but not as an encoder writes it: more than one member of a oneof."""


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests that are read together, as nested columns."""

    resources: pa.StructArray
    """The resources of all of them, one after the other."""
    bounds: arrays.Index
    """The first resource of each request, and the end. Shape: (requests + 1,)."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The rows of requests, one after the other."""

    batch: pa.RecordBatch
    bounds: arrays.Index
    """The first row of each request, and the end. Shape: (requests + 1,)."""


def read(bodies: Sequence[bytes], signal: Signal, flatten: Callable[[Requests], Decoded]) -> Decoded:
    """Return what ``flatten`` makes of the requests.

    Raises:
        Undecodable: one of the bodies is no such request, or they hold more than the limits allow.
    """
    for body in bodies:
        if len(body) > 2 * limits.DECODED_ROWS_MAX:
            _check_counts(_columns([body], signal.counts, signal).values)
    # Each by itself: what one leaves open must not swallow the next. None is kept, so that each has the memory of the
    # one before it.
    for body in bodies:
        parse(signal.request, body)
    try:
        return flatten(_requests(bodies, signal))
    except Odd:
        return flatten(_requests([parse(signal.request, body).SerializeToString() for body in bodies], signal))


def _requests(bodies: Sequence[bytes], signal: Signal) -> Requests:
    lists = _columns(bodies, signal.columns, signal)
    return Requests(lists.values, arrays.offsets_of(lists).astype(np.int64))


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


def _columns(bodies: Sequence[bytes], handler: Any, signal: Signal) -> pa.ListArray:
    try:
        return handler.list_to_record_batch(list(bodies)).column(0)
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
