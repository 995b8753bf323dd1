"""Admission: how many bytes of request bodies may be in memory at once, over all doors.

Guarantee: the bytes held by all leases never exceed ``bytes_in_flight_max``, but for a lease that is alone: one
request larger than the bound passes when nothing else is in flight, so that it is not refused for ever.

A lease counts the bytes that are really there. A declared length reserves nothing, or a few silent connections
that declare large bodies would close the door for everyone.
"""

import concurrent.futures
import threading
from types import TracebackType
from typing import Any, Self

from haechi_collector import limits
from haechi_collector.errors import Rejected


class Admission:
    """Counts the bytes in flight. Thread-safe; the lock is held for additions alone."""

    def __init__(self, bytes_in_flight_max: int) -> None:
        self._bytes_max = bytes_in_flight_max
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def bytes_in_flight(self) -> int:
        """Bytes held by all leases."""
        return self._bytes

    def lease(self) -> "Lease":
        """Open a lease of 0 bytes. Use it as a context manager."""
        return Lease(self)

    def _take(self, count: int, held: int, *, keep: bool) -> None:
        with self._lock:
            total = self._bytes + count
            if total > self._bytes_max and self._bytes > held:
                raise Rejected("too many requests in memory at the moment", limits.RETRY_AFTER_S)
            if keep:
                self._bytes = total

    def _give_back(self, count: int) -> None:
        with self._lock:
            self._bytes -= count


class Lease:
    """The bytes of one request. Used by one thread at a time; `release` may come from any."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._held = 0
        self._followed = False

    def expect(self, count: int) -> None:
        """Check that ``count`` more bytes would fit now, without taking them.

        Raises:
            Rejected: they would not.
        """
        self._admission._take(count, self._held, keep=False)  # noqa: SLF001  the two are one idea

    def grow(self, count: int) -> None:
        """Take ``count`` more bytes.

        Raises:
            Rejected: there is no room; nothing was taken.
        """
        self._admission._take(count, self._held, keep=True)  # noqa: SLF001  the two are one idea
        self._held += count

    def shrink(self, count: int) -> None:
        """Give ``count`` bytes back."""
        self._held -= count
        self._admission._give_back(count)  # noqa: SLF001  the two are one idea

    def release(self) -> None:
        """Give everything back."""
        self.shrink(self._held)

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
