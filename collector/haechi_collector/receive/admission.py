"""Admission: how many bytes of request bodies may be in memory at once, over all doors, and whose turn it is.

Guarantees:

* The bytes held by all leases never exceed ``bytes_in_flight_max``, but for a lease that is alone: one request larger
  than the bound passes when nothing else is in flight, so that it is not refused for ever.
* No client holds more than is left free for the others. So with k clients that take all they get, each holds at
  most 1/(k+1) of the bound, and as much is free for whoever comes next, however many connections the k have.
* No client has more than ``limits.SINK_BYTES_MAX`` with the sink, unless it is one request; the rest of what it holds
  waits outside. What the sink has is decoded and written in the order it came, so this is what others wait behind.

A lease counts the bytes that are really there. A declared length reserves nothing, or a few silent connections
that declare large bodies would close the door for everyone.

Source: Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches" (1998), with the
factor 1: it needs no list of who is active and no share to configure.
"""

import concurrent.futures
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from haechi_collector import limits
from haechi_collector.errors import Rejected


def _always_room() -> str:
    return ""


class Admission:
    """Counts the bytes in flight. Thread-safe; the lock is held for additions alone.

    ``shortage`` is asked before a body is read, and says in English what is lacking beside this room, '' for nothing.
    It is called for every request, from several threads, and must be cheap.
    """

    def __init__(self, bytes_in_flight_max: int, shortage: Callable[[], str] = _always_room) -> None:
        self._bytes_max = bytes_in_flight_max
        self._shortage = shortage
        self._bytes = 0
        self._bytes_by_client: dict[str, int] = {}  # no entry is 0, so it is as long as there are clients in flight
        self._bytes_in_sink: dict[str, int] = {}  # no entry is 0
        self._waiting = 0  # threads that wait for a turn
        self._lock = threading.Condition()

    @property
    def bytes_in_flight(self) -> int:
        """Bytes held by all leases."""
        return self._bytes

    def lease(self, client: str = "") -> "Lease":
        """Open a lease of 0 bytes for a client. Use it as a context manager."""
        return Lease(self, client)

    def _check(self, client: str, count: int, held: int) -> None:
        shortage = self._shortage()
        if shortage:
            raise Rejected(shortage, limits.RETRY_AFTER_S)
        with self._lock:
            self._refuse_beyond(client, count, held)

    def _take(self, client: str, count: int, held: int) -> None:
        with self._lock:
            self._refuse_beyond(client, count, held)
            self._add(client, count)

    def _refuse_beyond(self, client: str, count: int, held: int) -> None:
        left = self._bytes_max - self._bytes - count
        mine = self._bytes_by_client.get(client, 0) + count
        if self._bytes <= held or (left >= 0 and mine <= left):
            return
        what = "too many requests in memory" if left < 0 else "too much of the memory for requests is yours"
        raise Rejected(f"{what} at the moment", limits.RETRY_AFTER_S)

    def _give_back(self, client: str, count: int) -> None:
        with self._lock:
            self._add(client, -count)

    def _add(self, client: str, count: int) -> None:
        self._bytes += count
        _add_to(self._bytes_by_client, client, count)

    def _enter_sink(self, client: str, count: int) -> None:
        def is_turn() -> bool:
            inside = self._bytes_in_sink.get(client, 0)
            return not inside or inside + count <= limits.SINK_BYTES_MAX

        with self._lock:
            self._waiting += 1
            came = self._lock.wait_for(is_turn, limits.ACK_WAIT_S)
            self._waiting -= 1
            if not came:
                raise Rejected("your requests before this one are not stored yet", limits.RETRY_AFTER_S)
            _add_to(self._bytes_in_sink, client, count)

    def _leave_sink(self, client: str, count: int) -> None:
        with self._lock:
            _add_to(self._bytes_in_sink, client, -count)
            if self._waiting:
                self._lock.notify_all()


def _add_to(counts: dict[str, int], client: str, count: int) -> None:
    mine = counts.get(client, 0) + count
    if mine:
        counts[client] = mine
    else:
        counts.pop(client, None)


class Lease:
    """The bytes of one request. Used by one thread at a time; `release` may come from any."""

    def __init__(self, admission: Admission, client: str) -> None:
        self._admission = admission
        self._client = client
        self._held = 0
        self._in_sink = 0
        self._followed = False

    def expect(self, count: int) -> None:
        """Check that nothing is short and that ``count`` more bytes would fit now, without taking them.

        Raises:
            Rejected: they would not.
        """
        self._admission._check(self._client, count, self._held)  # noqa: SLF001  the two are one idea

    def grow(self, count: int) -> None:
        """Take ``count`` more bytes.

        Raises:
            Rejected: there is no room; nothing was taken.
        """
        self._admission._take(self._client, count, self._held)  # noqa: SLF001  the two are one idea
        self._held += count

    def shrink(self, count: int) -> None:
        """Give ``count`` bytes back."""
        self._held -= count
        self._admission._give_back(self._client, count)  # noqa: SLF001  the two are one idea

    def wait_for_turn(self, count: int) -> None:
        """Wait until the sink may be given ``count`` bytes of this client; they count until the lease is released.

        Raises:
            Rejected: it did not come within ``limits.ACK_WAIT_S``.
        """
        self._admission._enter_sink(self._client, count)  # noqa: SLF001  the two are one idea
        self._in_sink += count

    def release(self) -> None:
        """Give everything back."""
        self.shrink(self._held)
        inside, self._in_sink = self._in_sink, 0
        self._admission._leave_sink(self._client, inside)  # noqa: SLF001  the two are one idea

    def follow(self, future: concurrent.futures.Future[Any]) -> None:
        """Release when ``future`` is done, and no longer when the context ends: the sink holds the bytes now."""
        self._followed = True
        future.add_done_callback(lambda _: self.release())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._followed:
            self.release()
