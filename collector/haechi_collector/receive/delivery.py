"""Handing one body to the sink, and what both doors do alike around it.

Invariant: the body's bytes are counted in the `admission.Lease` until the sink is done with them, even when the
sender was answered or has left before.
"""

import concurrent.futures
from dataclasses import dataclass

from haechi_collector import limits
from haechi_collector.errors import Rejected
from haechi_collector.receive.admission import Lease
from haechi_collector.receive.compression import decompress
from haechi_collector.sink import Accepted, Encoding, Sender, Signal, Sink


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came: ``body`` is still in its ``coding``, and its bytes are leased."""

    signal: Signal
    encoding: Encoding
    coding: str
    body: bytes
    sender: Sender = Sender()


@dataclass(frozen=True, slots=True)
class Delivery:
    """A body on its way: ``size`` is its bytes after decompression."""

    future: concurrent.futures.Future[Accepted]
    size: int


def deliver(sink: Sink, incoming: Incoming, bytes_max: int, lease: Lease) -> Delivery:
    """Decompress a body and hand it over. Runs on a worker thread. A body of no bytes is empty telemetry: accepted.

    Raises:
        HaechiError: the body cannot be decompressed, its turn does not come, or whatever the sink raises.
    """
    body = decompress(incoming.body, incoming.coding, bytes_max, lease)
    if not body:
        future: concurrent.futures.Future[Accepted] = concurrent.futures.Future()
        future.set_result(Accepted())
        return Delivery(future, 0)
    lease.wait_for_turn(len(body))
    future = sink.accept(incoming.signal, incoming.encoding, body, incoming.sender)
    lease.follow(future)
    return Delivery(future, len(body))


def settled(future: concurrent.futures.Future[Accepted], wait_s: float) -> Accepted:
    """Return the result of ``future``, waiting ``wait_s`` seconds at most.

    Raises:
        Rejected: it is not done by then.
    """
    try:
        error = future.exception(wait_s)
    except TimeoutError:
        raise Rejected(f"not stored within {limits.ACK_WAIT_S:g} s", limits.RETRY_AFTER_S) from None
    if error is not None:
        raise error
    return future.result()
