"""Quotas of one key: requests per second as a token bucket, bytes per day as a count of the UTC day.

Invariant: a key costs a few numbers, however many requests it makes.
"""

import threading
from collections.abc import Callable
from typing import Final

_DAY_S: Final = 86_400


class Bucket:
    """A token bucket: ``rate`` requests a second, and as many at once after a second's rest, at least one."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = max(1.0, rate)
        self._tokens = self._burst
        self._clock = clock
        self._filled_at = clock()
        self._lock = threading.Lock()  # held for additions alone

    def take(self) -> float:
        """Take one token; return 0.0, or when there is none the seconds until there will be one."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + max(0.0, now - self._filled_at) * self._rate)
            self._filled_at = now
            if self._tokens < 1.0:
                return (1.0 - self._tokens) / self._rate
            self._tokens -= 1.0
            return 0.0


class DayBytes:
    """Bytes of the present UTC day: what the metadata knows, and what was added since."""

    def __init__(self) -> None:
        self._day = 0
        self._known = 0
        self._added = 0
        self._lock = threading.Lock()  # held for additions alone

    def add(self, count: int, now: float) -> None:
        """Count bytes."""
        with self._lock:
            self._turn(now)
            self._added += count

    def total(self, now: float) -> int:
        """Return the bytes of today."""
        with self._lock:
            self._turn(now)
            return self._known + self._added

    def take_added(self) -> int:
        """Return what was added since the last time; it counts as known from here on."""
        with self._lock:
            added, self._added = self._added, 0
            self._known += added
            return added

    def give_back(self, count: int) -> None:
        """Take back what could not be written down."""
        with self._lock:
            self._known -= count
            self._added += count

    def learn(self, known: int, now: float) -> None:
        """Take over what the metadata knows of today, other collectors' bytes included."""
        with self._lock:
            self._turn(now)
            self._known = known

    def _turn(self, now: float) -> None:
        day = int(now // _DAY_S)
        if day != self._day:
            self._day, self._known, self._added = day, 0, 0


def seconds_left(now: float) -> float:
    """Return the seconds until the UTC day ends."""
    return _DAY_S - now % _DAY_S
