"""The stages in their order: decoded entries of a block → rows of tables.

Every stage is a pure transform of batches but two, whose bounded memory reaches over batches: `join_content` and
`count_once`. This module adds timing and counts; the writer handles errors.
"""

import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from haechi.pricing import PriceBook
from haechi_collector.journal import Entry
from haechi_collector.limits import (
    LATE_CONTENT_PATIENCE_S,
    PENDING_CONTENT_BYTES_MAX,
    RECENT_CALLS_MAX,
    RECENT_CALLS_S,
    RETENTION_DAYS,
)
from haechi_collector.stages.bounds import Bounds
from haechi_collector.stages.count_once import CallMemory, count_once
from haechi_collector.stages.count_tokens import count_tokens
from haechi_collector.stages.join_content import LateContent, PendingContent
from haechi_collector.stages.normalize import normalize_logs, normalize_metric_points, normalize_spans
from haechi_collector.stages.price import Unpriced, price
from haechi_collector.telemetry import Metrics
from haechi_collector.turn import turn


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows of one project that are ready for a table, and the entries that they come from.

    But for scores there is a row for each row of the entries, in their order.
    """

    table: str
    rows: pa.RecordBatch
    project: str = ""
    entries: tuple[Entry, ...] = ()


def _project(entry: Entry) -> str:
    return entry.project


class Pipeline:
    """Applies the stages. `prepare` is called by one thread per signal, `overdue` by any."""

    def __init__(
        self, book: PriceBook, metrics: Metrics, *, token_counting: bool = True, retention_days: int = RETENTION_DAYS
    ) -> None:
        self._book, self._metrics, self._token_counting = book, metrics, token_counting
        self._calls = CallMemory(RECENT_CALLS_MAX)
        self._bounds = Bounds(retention_days, metrics)
        self._lock = threading.Lock()  # guards _content, which the threads of spans and logs share
        self._content = PendingContent(PENDING_CONTENT_BYTES_MAX, RECENT_CALLS_S, LATE_CONTENT_PATIENCE_S)
        self._unpriced = Unpriced()
        self._unpriced_told: Counter[tuple[str, str]] = Counter()

    def prepare(self, signal: str, entries: Sequence[Entry]) -> list[Prepared]:
        """Turn entries of one signal into rows: one batch per table and project."""
        steps = {"traces": self._spans, "logs": self._logs, "metrics": self._metric_points, "scores": self._scores}
        prepared: list[Prepared] = []
        for project, group in groupby(sorted(entries, key=_project), key=_project):
            members = tuple(group)
            with turn():
                batch = pa.concat_batches([e.batch for e in members])
            rows = steps[signal](batch, project, members[0].received_at_ns)
            prepared += [replace(p, project=project, entries=members) for p in rows if p.rows.num_rows]
        return prepared

    def overdue(self) -> list[LateContent]:
        """Content from logs whose span was already stored, or has not come; each is told once."""
        with self._lock:
            return self._content.overdue()

    def forget(self, trace_ids: Collection[str]) -> None:
        """Forget content of these traces that has not found its span."""
        with self._lock:
            self._content.forget(trace_ids)

    def _spans(self, batch: pa.RecordBatch, project: str, received_at_ns: int) -> list[Prepared]:
        with self._timed("normalize"):
            normal = normalize_spans(batch, project=project, ingested_at_ns=received_at_ns)
        with self._timed("bounds"):
            spans = self._bounds.apply(normal.spans, "spans", project, received_at_ns)
            scores = self._bounds.apply(normal.scores, "scores", project, received_at_ns)
        with self._timed("join_content"), self._lock:
            spans = self._content.join(spans)
        if self._token_counting:
            with self._timed("count_tokens"):
                spans = count_tokens(spans, normal)
        with self._timed("count_once"):
            spans = count_once(spans, normal, self._calls)
        with self._timed("price"):
            spans = price(spans, normal, self._book, self._unpriced)
        self._count(spans)
        return [Prepared("spans", spans), Prepared("scores", scores)]

    def _logs(self, batch: pa.RecordBatch, project: str, received_at_ns: int) -> list[Prepared]:
        with self._timed("normalize"):
            normal = normalize_logs(batch, project=project, ingested_at_ns=received_at_ns)
        with self._timed("bounds"):
            logs = self._bounds.apply(normal.logs, "logs", project, received_at_ns)
            scores = self._bounds.apply(normal.scores, "scores", project, received_at_ns)
            content = self._bounds.apply(normal.content, "content", project, received_at_ns)
        with self._lock:
            self._content.put(content)
        return [Prepared("logs", logs), Prepared("scores", scores)]

    def _metric_points(self, batch: pa.RecordBatch, project: str, received_at_ns: int) -> list[Prepared]:
        with self._timed("normalize"):
            points = normalize_metric_points(batch, project=project, ingested_at_ns=received_at_ns)
        with self._timed("bounds"):
            points = self._bounds.apply(points, "metric_points", project, received_at_ns)
        return [Prepared("metric_points", points)]

    def _scores(self, batch: pa.RecordBatch, project: str, received_at_ns: int) -> list[Prepared]:  # noqa: ARG002
        return [Prepared("scores", batch)]

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        with turn():
            began = time.perf_counter()
            yield
        self._metrics.counter("haechi_stage_seconds_total", stage).inc(time.perf_counter() - began)

    def _count(self, spans: pa.RecordBatch) -> None:
        for model, calls in self._unpriced.counts().items():
            self._metrics.counter("haechi_unpriced_requests_total", *model).inc(calls - self._unpriced_told[model])
            self._unpriced_told[model] = calls
        repeated = spans.filter(pc.equal(spans.column("usage_source"), "repeated")).column("dialect")
        for item in pc.value_counts(repeated).to_pylist():
            self._metrics.counter("haechi_repeated_usage_total", item["values"]).inc(item["counts"])
