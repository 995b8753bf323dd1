"""A deadline for bodies that are still arriving over gRPC.

gRPC's synchronous server waits for a message on a worker thread and has no time limit of its own, so that a sender
that never finishes would keep the thread. One thread here cancels the calls whose time is over. When memory is short,
`shed` cancels those of the client that has the most.

Invariant: it holds one entry per waiting worker, so at most ``limits.GRPC_WORKERS``. The time is the same for all,
so the oldest entry, first in the dict's order, is due first.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import grpc

_CHECK_S: Final = 0.25
"""How late a cancellation may come."""


class ReadDeadline:
    """Cancels the calls that wait in `waiting` for longer than ``seconds``."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due: dict[grpc.ServicerContext, tuple[float, str]] = {}  # when, and whose
        self._lock = threading.Lock()  # held for dict operations alone, never while a call is cancelled
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="otlp-grpc-deadline", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._thread.join()

    @contextmanager
    def waiting(self, call: grpc.ServicerContext, client: str) -> Iterator[None]:
        """Watch a client's ``call`` while the context lasts."""
        with self._lock:
            self._due[call] = (time.monotonic() + self._seconds, client)
        try:
            yield
        finally:
            with self._lock:
                self._due.pop(call, None)

    def shed(self) -> int:
        """Cancel all calls of the client that has the most; return their number."""
        with self._lock:
            heaviest = Counter(client for _, client in self._due.values()).most_common(1)
            calls = [call for call, (_, client) in self._due.items() if heaviest and client == heaviest[0][0]]
            for call in calls:
                del self._due[call]
        for call in calls:
            call.cancel()
        return len(calls)

    def _watch(self) -> None:
        while not self._stopped.wait(_CHECK_S):
            for call in self._overdue(time.monotonic()):
                call.cancel()

    def _overdue(self, now: float) -> list[grpc.ServicerContext]:
        with self._lock:
            overdue = []
            for call, (due, _) in self._due.items():
                if due > now:
                    break
                overdue.append(call)
            for call in overdue:
                del self._due[call]
            return overdue
