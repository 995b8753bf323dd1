"""Export in the background: bounded while the collector is away, bounded at exit, alive after a fork.

Guarantee: the application's threads only append to a bounded queue (`haechi._lane`). One thread of ours, started by
the first item, sends. A batch leaves its queue when the collector has it or refuses it; while nobody answers it stays
and is tried again after 1, 2, 4 ... `BACKOFF_S_MAX` seconds, or when the collector asks for it.

The end of the program waits while batches are being delivered, `Config.exit_s` at most and `UNANSWERED_S` at most
without a delivery; a refused connection ends the wait at once. A forked child begins with empty queues and a thread of
its own. Neither locks nor conditions are shared with application code, so signal handlers and finalizers may come in.
"""

import os
import sys
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

from haechi import _guard, _wire
from haechi._config import Config
from haechi._lane import Lane
from haechi._outage import Outage
from haechi._worker import Worker

BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
"""Bytes of one request, roughly. More: collectors refuse requests above 4 to 64 MiB."""
BACKOFF_S_MAX: Final = 30.0
"""Longest pause between attempts. Longer: a collector that is back is noticed late."""
UNANSWERED_S: Final = 2.0
"""How long the program's end waits for an answer that does not come."""
_POLL_S: Final = 0.005

Collect = Callable[[], None]


class Pipeline:
    """The queues, the thread that empties them, and the wire. One per process.

    Args:
        config: bounds, addresses, waits.
        settle: called in the thread before anything is collected.
    """

    def __init__(self, config: Config, settle: Collect | None = None) -> None:
        self._settle = settle
        bounds = (config.queue_spans_max, config.queue_bytes_max)
        names = {"traces": config.traces, "logs": config.logs}
        self._config = config
        batch = (config.batch_spans_max, BATCH_BYTES_MAX)
        self.lanes: list[Lane[Any]] = [
            Lane(kind, name, bounds=bounds, batch=batch) for kind in names for name in names[kind]
        ]
        self._collectors: list[Collect] = []
        self._begin()
        _pipelines.add(self)

    def _begin(self) -> None:
        self._wire = _wire.Wire(self._config)
        self._outage = Outage(self._wire.target)
        wire = self._wire
        self._worker = Worker(self._cycle, wire.shutdown, self._config.batch_wait_s, lambda: wire.waiting)
        self._ends_known = False
        self._finalizers: list[Any] = []
        self._pause_until = 0.0
        self._failures = 0
        self._attempts_failed = 0
        self._urgent_until = 0.0
        self._metrics_due = time.monotonic() + self._config.metrics_interval_s
        self._collected = 0
        self._collect_asked = 0

    @property
    def exit_s(self) -> float:
        """How long the end of the program may wait, in seconds."""
        return self._config.exit_s

    def before_fork(self) -> None:
        """Let the thread leave."""
        self._worker.park()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._worker.resume(wanted=bool(self._collectors) or any(self.lanes))

    def after_fork(self) -> None:
        """Begin anew in a forked child."""
        for lane in self.lanes:
            lane.reset()
        self._collectors = []  # the parent's counts; the child's are made with its first span
        self._begin()

    def collect_with(self, collectors: Iterable[Collect]) -> None:
        """Call these, which export metrics through `send_metrics`, in the thread at every interval and flush."""
        self._collectors = list(collectors)
        self._start()

    def put(self, lane: Lane[Any], item: object, size: int) -> None:
        """Queue an item of ``size`` bytes. Called by the application's threads: appends and returns."""
        full = lane.put(item, size)
        if not self._worker.running:
            self._start()
        if full:
            self._worker.wake()

    def _start(self) -> None:
        if self._worker.start() and not self._ends_known:
            self._ends_known = True
            self._end_with_children()

    def _end_with_children(self) -> None:
        """Be told of the end of processes that end by ``os._exit``, which no exit handler sees."""
        for name in ("multiprocessing.util", "billiard.util"):
            if (util := sys.modules.get(name)) is not None:
                self._finalizers.append(util.Finalize(None, self.close, exitpriority=-100))
        signals = sys.modules.get("celery.signals")
        if signals is not None:  # the processes of celery's pool run no finalizers either
            signals.worker_process_shutdown.connect(self._end_of_worker, weak=True)

    def _end_of_worker(self, **_: object) -> None:
        self.close()

    def flush(self, timeout_s: float, answer_s: float | None = None) -> bool:
        """Send what waits now; return whether all of it was sent.

        Gives up after ``timeout_s`` seconds, after ``answer_s`` seconds without a delivery, or when the collector
        cannot be reached.
        """
        targets = [(lane, lane.accepted) for lane in self.lanes]
        failed_before, begun = self._attempts_failed, time.monotonic()
        progress, progress_at = -1, begun
        self._urgent_until = begun + timeout_s
        self._collect_asked += 1
        asked = self._collect_asked
        if not self._worker.running and (self._collectors or any(self.lanes)):
            self._start()
        if not self._worker.running:
            self._worker.here()
        self._worker.wake()
        while not (done := self._done(targets, asked)) and self._attempts_failed == failed_before:
            now = time.monotonic()
            if (settled := sum(lane.settled for lane in self.lanes)) != progress:
                progress, progress_at = settled, now
            if now - begun >= timeout_s or (answer_s is not None and now - progress_at >= answer_s):
                break
            time.sleep(_POLL_S)
        self._urgent_until = 0.0
        return done

    def close(self) -> None:
        """The program ends: send the rest within the bounds, and say what was lost. May be called again."""
        self.flush(self._config.exit_s, UNANSWERED_S)
        waiting: Counter[str] = Counter()
        for lane in self.lanes:
            waiting[_noun(lane)] += len(lane)
        self._outage.close(self._dropped(), waiting)

    def shutdown(self) -> None:
        """Close, and end the thread."""
        self.close()
        self._worker.stop()
        for finalizer in self._finalizers:
            finalizer.cancel()
        _pipelines.discard(self)

    def send_metrics(self, exporter: str, data: object) -> bool:
        """Send collected metrics. What fails is not kept, the next ones carry the totals, so it is no outage."""
        return isinstance(self._wire.send("metrics", exporter, data, self._seconds()), _wire.Delivered)

    def _done(self, targets: list[tuple[Lane[Any], int]], asked: int) -> bool:
        return self._collected >= asked and all(lane.settled >= accepted for lane, accepted in targets)

    def _cycle(self) -> None:
        asked, now = self._collect_asked, time.monotonic()
        if self._settle is not None:
            self._settle()
        urgent = now < self._urgent_until
        if urgent or now >= self._pause_until:
            for lane in self.lanes:
                self._empty(lane)
        if self._collected < asked or now >= self._metrics_due:
            self._metrics_due = time.monotonic() + self._config.metrics_interval_s
            for collect in self._collectors:
                collect()
            self._collected = asked
        self._outage.watch(self._dropped())

    def _empty(self, lane: Lane[Any]) -> None:
        """Send what waits. What comes meanwhile waits for the next time: a request costs 2 ms, whatever is in it."""
        size, emptied = self._config.batch_spans_max, False
        while not (emptied or self._worker.leaving) and (batch := lane.peek()[:size]):
            all_of_it = len(batch) >= len(lane)
            outcome = self._noted(self._wire.send(lane.signal, lane.exporter, batch, self._seconds()))
            if isinstance(outcome, _wire.Later):
                if not self._wait_for(outcome):
                    return
            elif isinstance(outcome, _wire.Refused) and outcome.divisible and len(batch) > 1:
                size = len(batch) // 2  # down to the one that is at fault: it costs itself and no other
            else:
                lane.settle(len(batch), delivered=isinstance(outcome, _wire.Delivered))
                size, emptied = size * 2, all_of_it
        if not self._failures:
            self._outage.over(self._dropped())

    def _noted(self, outcome: _wire.Outcome) -> _wire.Outcome:
        if isinstance(outcome, _wire.Delivered):
            self._failures, self._pause_until = 0, 0.0
        else:
            self._outage.failed(outcome.reason)
            self._failures += 1
        return outcome

    def _wait_for(self, outcome: _wire.Later) -> bool:
        """Wait for a collector that asked to, if a flush has the time; else set the pause and return False."""
        now = time.monotonic()
        if outcome.wait_s is not None and now + outcome.wait_s < self._urgent_until:
            time.sleep(outcome.wait_s)
            return True
        pause = min(2.0 ** min(self._failures - 1, 10), BACKOFF_S_MAX) if outcome.wait_s is None else outcome.wait_s
        self._pause_until = now + pause
        self._attempts_failed += 1
        return False

    def _seconds(self) -> tuple[float, float]:
        """Return the bounds of the next request: to connect, to be answered."""
        left = self._urgent_until - time.monotonic()
        if left > 0:
            return min(UNANSWERED_S, left), left
        return min(UNANSWERED_S, self._config.export_timeout_s), self._config.export_timeout_s

    def _dropped(self) -> Counter[str]:
        dropped: Counter[str] = Counter()
        for lane in self.lanes:
            dropped[_noun(lane)] += lane.dropped
        return dropped


def _noun(lane: Lane[Any]) -> str:
    return "spans" if lane.signal == "traces" else "log records"


_pipelines: Final[weakref.WeakSet[Pipeline]] = weakref.WeakSet()


def _before_fork() -> None:
    for pipeline in list(_pipelines):
        with _guard.Kept("before a fork"):
            pipeline.before_fork()


def _after_fork_in_parent() -> None:
    for pipeline in list(_pipelines):
        with _guard.Kept("after a fork"):
            pipeline.after_fork_in_parent()


def _after_fork() -> None:
    for pipeline in list(_pipelines):
        with _guard.Kept("beginning again after a fork"):
            pipeline.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork)
