"""A clock and ids that are the same in every run. Both may be used from several threads."""

import itertools
import threading
from typing import Final

from opentelemetry.sdk.trace import id_generator

START_NS: Final = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z


class Clock:
    """A clock that moves when it is read or told to.

    Args:
        start_ns: its first reading, in nanoseconds since the epoch; 2026-01-01 by default.
        step_ns: how far it moves with each reading; 0 stands still.
    """

    def __init__(self, start_ns: int = START_NS, step_ns: int = 1_000_000) -> None:
        self._lock = threading.Lock()  # guards _now_ns
        self._now_ns = start_ns
        self._step_ns = step_ns

    def __call__(self) -> int:
        """Return nanoseconds since the epoch, and move on by a step."""
        with self._lock:
            now_ns = self._now_ns
            self._now_ns += self._step_ns
            return now_ns

    def advance(self, seconds: float) -> None:
        """Move on."""
        with self._lock:
            self._now_ns += round(seconds * 1e9)


class IdGenerator(id_generator.IdGenerator):
    """Trace ids and span ids that count up from 1."""

    def __init__(self) -> None:
        self._traces = itertools.count(1)  # `next` on a counter is atomic
        self._spans = itertools.count(1)

    def generate_trace_id(self) -> int:
        """Return the next trace id."""
        return next(self._traces)

    def generate_span_id(self) -> int:
        """Return the next span id."""
        return next(self._spans)
