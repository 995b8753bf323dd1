"""The demo's loop: a bounded back-fill, then requests as they would come in.

Guarantee: with the same seed and the same clock the same traces; it ends within one request after it is told to stop,
and what was emitted has been sent by then.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from haechi_collector.config import ClientAccess
from haechi_collector.demo.export import Exporter, Target
from haechi_collector.demo.plan import plan_trace
from haechi_collector.demo.traffic import NS_PER_S, rhythm

BACKFILL_TRACES_MAX: Final = 5000
"""Traces of the back-fill; a longer one is thinner. About six spans each."""

_NOTHING: Final = ClientAccess()
_FLUSH_EVERY: Final = 500  # traces; well below the queues of the SDK


class Clock(Protocol):
    """The time, and waiting for it."""

    def now_ns(self) -> int:
        """Nanoseconds since the epoch."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait; True when the demo shall stop."""
        ...


class SystemClock:
    """The machine's time; ``stopped`` ends the wait."""

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped

    def now_ns(self) -> int:
        """Nanoseconds since the epoch."""
        return time.time_ns()

    def wait(self, seconds: float) -> bool:
        """Wait; True when it was stopped."""
        return self._stopped.wait(max(0.0, seconds))


@dataclass(frozen=True, slots=True)
class Sent:
    """What a run emitted."""

    traces: int
    spans: int


def send(  # noqa: PLR0913  the command's options
    endpoint: str,
    rate: float,
    seed: int,
    clock: Clock,
    *,
    duration_s: float | None = None,
    backfill_s: float = 0.0,
    access: ClientAccess = _NOTHING,
) -> Sent:
    """Export pretend traffic to an OTLP/HTTP endpoint (``http://127.0.0.1:4318``) until told to stop.

    Args:
        endpoint: base URL; ``/v1/traces`` and so on are appended.
        rate: mean traces per second over a day.
        seed: chooses the traffic.
        clock: the time, and the word to stop.
        duration_s: seconds of live traffic; None runs until the clock says stop.
        backfill_s: seconds of past traffic to send first.
        access: the key and the certificates to show.
    """
    exporter = Exporter(Target(endpoint, access), seed)
    traces = spans = 0
    try:
        for number, end_ns in enumerate(_times(clock, rate, duration_s, backfill_s)):
            spans += exporter.emit(plan_trace(seed, number, end_ns))
            traces += 1
            if traces % _FLUSH_EVERY == 0:
                exporter.flush()
    finally:
        exporter.close()
    return Sent(traces, spans)


def _times(clock: Clock, rate: float, duration_s: float | None, backfill_s: float) -> Iterator[int]:
    """When requests are answered: those of the past at once, the others at their time."""
    now = clock.now_ns()
    count = min(int(backfill_s * rate), BACKFILL_TRACES_MAX)
    for number in range(count):
        if clock.wait(0):
            return
        yield now - round((count - number) * backfill_s / count * NS_PER_S)
    begun = due = clock.now_ns()
    while duration_s is None or due - begun < duration_s * NS_PER_S:
        if clock.wait((due - clock.now_ns()) / NS_PER_S):
            return
        yield due
        due += round(NS_PER_S / (rate * rhythm(due)))
