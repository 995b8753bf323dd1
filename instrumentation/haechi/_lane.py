"""The queue between the application's threads and the one that exports.

Guarantee: at most ``items_max`` items and ``bytes_max`` bytes wait; what comes beyond is counted and let go at once, in
the caller's thread. What is being sent still counts as waiting, so a batch that is sent again has its place.
accepted = delivered + refused + waiting, at any moment.

`Lane.put` may be called from a finalizer that interrupts another `Lane.put` of the same thread: the lock is reentrant.
"""

from collections import deque
from threading import RLock
from typing import Generic, TypeVar

T = TypeVar("T")


class Lane(Generic[T]):
    """A bounded queue of one kind of telemetry on its way to one exporter.

    Args:
        signal: traces or logs.
        exporter: the exporter's name, such as otlp.
        bounds: most items, and most bytes of them in memory.
        batch: most items of one batch, and most bytes of them.
    """

    def __init__(
        self,
        signal: str,
        exporter: str,
        *,
        bounds: tuple[int, int],
        batch: tuple[int, int],
    ) -> None:
        self.signal = signal
        self.exporter = exporter
        self._items_max, self._bytes_max = bounds
        self._batch_items, self._batch_bytes = batch
        self.reset()

    def reset(self) -> None:
        """Begin empty, as in a forked child: what the parent had is the parent's to send."""
        self._lock = RLock()  # scope: everything below
        self._items: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self.accepted = 0
        self.delivered = 0
        self.refused = 0  # taken, and given up later
        self.overflowed = 0  # never taken

    def __len__(self) -> int:
        return len(self._items)

    @property
    def settled(self) -> int:
        """How many of the accepted items need nothing any more."""
        return self.delivered + self.refused

    @property
    def dropped(self) -> int:
        """How many items did not reach the exporter's other side and never will."""
        return self.refused + self.overflowed

    def put(self, item: T, size: int) -> bool:
        """Take an item of ``size`` bytes if there is room; return whether a batch has just become full."""
        with self._lock:
            if len(self._items) >= self._items_max or self._bytes + size > self._bytes_max:
                self.overflowed += 1
                return False
            before = self._bytes
            self._items.append((item, size))
            self._bytes += size
            self.accepted += 1
            return len(self._items) == self._batch_items or before < self._batch_bytes <= self._bytes

    def peek(self) -> list[T]:
        """Return the oldest items, at most a batch, at least one where there is any, without taking them out."""
        batch: list[T] = []
        total = 0
        with self._lock:
            for index in range(min(self._batch_items, len(self._items))):
                item, size = self._items[index]  # by index: an append by a finalizer must not upset the loop
                total += size
                if batch and total > self._batch_bytes:
                    break
                batch.append(item)
        return batch

    def settle(self, count: int, *, delivered: bool) -> None:
        """Take the oldest ``count`` items out: they were delivered, or refused for good."""
        with self._lock:
            for _ in range(count):
                self._bytes -= self._items.popleft()[1]
            if delivered:
                self.delivered += count
            else:
                self.refused += count
