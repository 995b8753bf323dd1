"""Requests that were answered lately, so that one that is sent again is stored once.

A sender whose acknowledgement was lost sends the same bytes again; both then share one outcome. What is remembered
lasts `RECENT_REQUESTS_S`, over a restart too, because the journal keeps the marks with the entries.

Guarantee: of equal requests of one project that come while one is under way or remembered, one reaches the journal.
A request that failed is forgotten at once: it may be tried again. Bounded by `RECENT_REQUESTS_MAX`.

The digest is XXH3 of 128 bits, seeded by signal and project. That two of 200,000 different requests share one by
chance has a probability of 10⁻²⁸; one that is made on purpose drops nothing but its maker's own request.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import lru_cache

import xxhash

from haechi_collector.journal import Mark
from haechi_collector.limits import RECENT_REQUESTS_MAX, RECENT_REQUESTS_S
from haechi_collector.sink import Accepted, Signal


class RecentRequests:
    """See the module. Thread-safe.

    Args:
        remembered: times in nanoseconds since the epoch and marks from before this start, oldest first.
        clock: seconds since the epoch.
    """

    def __init__(self, remembered: Iterable[tuple[int, Mark]], clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # guards both; held for a few dictionary operations
        self._under_way: dict[bytes, Future[Accepted]] = {}
        self._answered: OrderedDict[bytes, tuple[float, Accepted]] = OrderedDict(
            (mark.digest, (time_ns / 1e9, Accepted(mark.refused, mark.reason))) for time_ns, mark in remembered
        )

    def claim(self, digest: bytes, future: Future[Accepted]) -> Future[Accepted] | None:
        """Take a request, whose outcome ``future`` will be; return that of an equal one when there is one."""
        with self._lock:
            self._forget_old()
            answered = self._answered.get(digest)
            if answered is None:
                first = self._under_way.setdefault(digest, future)
                return None if first is future else first
        known: Future[Accepted] = Future()
        known.set_result(answered[1])
        return known

    def settle(self, digest: bytes, answer: Accepted | None) -> None:
        """Remember how a claimed request was answered; None: it failed."""
        with self._lock:
            del self._under_way[digest]
            if answer is not None:
                self._answered[digest] = (self._clock(), answer)

    def _forget_old(self) -> None:
        oldest = self._clock() - RECENT_REQUESTS_S
        while self._answered:
            when, _ = next(iter(self._answered.values()))
            if when >= oldest and len(self._answered) <= RECENT_REQUESTS_MAX:
                return
            self._answered.popitem(last=False)


def digest_of(signal: Signal, project: str, body: bytes) -> bytes:
    """Return 16 bytes that name a request of a project."""
    return xxhash.xxh3_128_digest(body, _seed(signal, project))


@lru_cache(1024)
def _seed(signal: Signal, project: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{signal}\0{project}".encode(), digest_size=8).digest())
