"""The collector's own metrics: names defined once, typed, each with what to do when it looks wrong.

`docs/metrics.md` is made from `DEFINITIONS`; a test holds the two together.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

logger = logging.getLogger("haechi")


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric: its name as scraped, labels, meaning, and the remedy when it looks wrong."""

    name: str
    kind: type[Counter] | type[Gauge] | type[Histogram]
    labels: tuple[str, ...]
    help: str
    remedy: str


_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

DEFINITIONS: Final = (
    Definition(
        "haechi_requests_total",
        Counter,
        ("transport", "signal", "outcome"),
        "OTLP requests answered, by outcome.",
        "Many `rejected`: the journal or memory is full; look at haechi_journal_bytes and haechi_store_up.",
    ),
    Definition(
        "haechi_request_bytes_total",
        Counter,
        ("transport", "signal"),
        "Bytes of request bodies as they came over the wire.",
        "None; it sizes the network.",
    ),
    Definition(
        "haechi_request_seconds",
        Histogram,
        ("transport", "signal"),
        "Time from the whole body to the answer, in seconds.",
        "Above 0.1 s: the disk of the data directory is slow to fsync, or the CPU is short.",
    ),
    Definition(
        "haechi_key_requests_total",
        Counter,
        ("key", "outcome"),
        "Requests with a known API key, by its id: admitted, expired, forbidden, over_quota.",
        "`over_quota`: the key's quota is used up; `haechi keys list` shows it.",
    ),
    Definition(
        "haechi_key_bytes_total",
        Counter,
        ("key",),
        "Bytes of OTLP bodies after decompression, by the id of the API key.",
        "None; it is what the quota of bytes per day counts.",
    ),
    Definition(
        "haechi_denied_requests_total",
        Counter,
        ("reason",),
        "Requests without a valid API key: missing, unknown.",
        "`unknown` grows: an application has a revoked key, or somebody guesses.",
    ),
    Definition(
        "haechi_bytes_in_flight",
        Gauge,
        (),
        "Bytes of request bodies in memory, not yet acknowledged.",
        "Near bytes_in_flight_max, or of one client near half of it, requests are refused with a retryable answer.",
    ),
    Definition(
        "haechi_memory_bytes",
        Gauge,
        (),
        "Memory of the collector's process.",
        "Above 80 % of memory_bytes_max requests are refused with a retryable answer.",
    ),
    Definition(
        "haechi_accepted_rows_total",
        Counter,
        ("signal",),
        "Rows acknowledged: spans, log records, metric points.",
        "None; together with stored, queued and dead it balances.",
    ),
    Definition(
        "haechi_refused_rows_total",
        Counter,
        ("signal",),
        "Rows refused one by one with partial_success.",
        "An emitter sends broken ids; the answer names the rule.",
    ),
    Definition(
        "haechi_duplicate_requests_total",
        Counter,
        ("signal",),
        "Requests that were sent again unchanged and answered as before, without storing them again.",
        "Senders did not get their acknowledgement in time; look at their network, and at haechi_request_seconds.",
    ),
    Definition(
        "haechi_stored_rows_total",
        Counter,
        ("signal",),
        "Rows that ClickHouse confirmed.",
        "Falls behind accepted: the store is slow or down.",
    ),
    Definition(
        "haechi_dead_rows_total",
        Counter,
        ("signal",),
        "Rows set aside in dead_letters because ClickHouse refused their content.",
        "SELECT reason, count() FROM dead_letters GROUP BY 1",
    ),
    Definition(
        "haechi_ledger_rows",
        Gauge,
        ("signal", "state"),
        "Rows since the journal was made; state is accepted, stored, queued or dead, all taken at one moment.",
        "accepted = stored + queued + dead, summed over collectors, always; `haechi doctor` says whether it holds.",
    ),
    Definition(
        "haechi_journal_rows",
        Gauge,
        ("signal",),
        "Rows in the journal: accepted and not yet stored.",
        "Grows: see haechi_store_up and haechi_insert_seconds.",
    ),
    Definition(
        "haechi_journal_bytes",
        Gauge,
        (),
        "Bytes of the entries in the journal.",
        "Near journal_bytes_max new requests are refused with a retryable answer.",
    ),
    Definition(
        "haechi_stage_seconds_total",
        Counter,
        ("stage",),
        "Time spent in each step of the way on, in seconds.",
        "Shows which step a slow collector spends its time in.",
    ),
    Definition(
        "haechi_insert_seconds",
        Histogram,
        ("table",),
        "Time of one insert into ClickHouse, in seconds.",
        "Above 1 s: ClickHouse merges too much or lacks memory.",
    ),
    Definition(
        "haechi_insert_retries_total",
        Counter,
        ("signal",),
        "Blocks that had to be tried again.",
        "`haechi journal` shows which, since when, and the last error.",
    ),
    Definition(
        "haechi_store_up",
        Gauge,
        (),
        "1 while ClickHouse answers, else 0.",
        "haechi doctor says what is wrong.",
    ),
    Definition(
        "haechi_unpriced_requests_total",
        Counter,
        ("provider", "model"),
        "Model calls with usage but without a price; their cost_usd is NULL.",
        "Add the model to the file named by the setting `prices`, then run haechi reprice.",
    ),
    Definition(
        "haechi_repeated_usage_total",
        Counter,
        ("dialect",),
        "Spans whose usage another span already carries; their token columns stay 0.",
        "None; it explains why a span shows no tokens.",
    ),
    Definition(
        "haechi_corrected_times_total",
        Counter,
        ("table", "reason"),
        "Rows whose time no partition could bear, stored under the time they came: "
        "missing, too_old, in_future, scattered.",
        "A clock or an instrumentation is wrong: SELECT service_name, attributes_string['haechi.original_time'] "
        "FROM spans WHERE mapContains(attributes_string, 'haechi.time_corrected')",
    ),
    Definition(
        "haechi_overflow_values_total",
        Counter,
        ("column",),
        "Values beyond the daily bound; the column says `(other)`, the value is in attributes_string.",
        "An instrumentation puts ids into that column: make it use an attribute.",
    ),
    Definition(
        "haechi_dropped_rows_total",
        Counter,
        ("table", "reason"),
        "Rows that left with their day because of retention: age (`retention_days`) or size (`retention_bytes_max`).",
        "Many by `size`: the disk is too small for `retention_days` at this rate; haechi retention shows the rate.",
    ),
    Definition(
        "haechi_table_bytes",
        Gauge,
        ("table",),
        "Bytes of a table on disk, compressed, as retention last saw it.",
        "Near `retention_bytes_max` the oldest days are about to leave.",
    ),
    Definition(
        "haechi_web_up",
        Gauge,
        (),
        "1 while the process of the web port works, else 0.",
        "The log says why it ended; it is started again by itself.",
    ),
    Definition(
        "haechi_web_restarts_total",
        Counter,
        (),
        "How often the process of the web port died and was started again.",
        "Grows: read the log for its last words; a query may have taken all memory.",
    ),
    Definition(
        "haechi_web_requests_total",
        Counter,
        ("route", "status"),
        "Requests of the web port, by route as docs/api.md writes it (`page`, `other`) and status (2xx, 4xx, 5xx).",
        "`5xx` grows: the store or the collector's process does not answer; /readyz names it.",
    ),
    Definition(
        "haechi_web_request_seconds",
        Histogram,
        ("route",),
        "Time from the head of a request to the end of its answer, in seconds.",
        "Slow routes read too much: shorter windows, more filters.",
    ),
    Definition(
        "haechi_queries_total",
        Counter,
        ("outcome",),
        "Statements that the web port sent to the store: answered, refused (by ClickHouse), failed (no answer), "
        "left (by the one who asked).",
        "`failed`: the store is down. `refused`: a question costs more than it may, or SQL is wrong.",
    ),
    Definition(
        "haechi_query_seconds",
        Histogram,
        (),
        "Time of one such statement until its answer was read, in seconds.",
        "Above 1 s: windows are wide, or the store lacks CPU or memory.",
    ),
    Definition(
        "haechi_page_clients",
        Gauge,
        (),
        "Open pages that are connected.",
        "Near 200 further ones are refused.",
    ),
    Definition(
        "haechi_late_content_total",
        Counter,
        ("outcome",),
        "Spans that prompts and answers from log records were written into after the fact: updated, failed.",
        "`failed`: ClickHouse refused, the log line beside it has the code; the content is in the table logs.",
    ),
)


GATE: Final = frozenset({"haechi_key_requests_total", "haechi_key_bytes_total", "haechi_denied_requests_total"})
"""What the gate counts, in each process that has one."""

WEB: Final = frozenset(
    {
        "haechi_web_requests_total",
        "haechi_web_request_seconds",
        "haechi_queries_total",
        "haechi_query_seconds",
        "haechi_page_clients",
    }
)
"""What the web process alone counts."""


class Metrics:
    """The metrics of one process in a registry of their own.

    Args:
        names: those that it counts; by default all but the web process's.
    """

    def __init__(self, names: frozenset[str] | None = None) -> None:
        self.registry = CollectorRegistry()
        self._metrics: dict[str, Counter | Gauge | Histogram] = {}
        for d in DEFINITIONS:
            if d.name in WEB if names is None else d.name not in names:
                continue
            options = {"buckets": _SECONDS} if d.kind is Histogram else {}
            self._metrics[d.name] = d.kind(d.name, d.help, d.labels, registry=self.registry, **options)  # type: ignore[arg-type]

    def tell(self, name: str, tell: Callable[[], Iterable[tuple[tuple[str, ...], float]]]) -> None:
        """Let a gauge's samples be told all at once, when it is scraped: label values and value of each."""
        self.registry.unregister(self._metrics[name])
        definition = next(d for d in DEFINITIONS if d.name == name)
        self.registry.register(_Told(definition, tell))

    def counter(self, name: str, *labels: str) -> Counter:
        """Return the counter of that full name, for those label values."""
        metric = self._metrics[name]
        assert isinstance(metric, Counter)  # noqa: S101  a name of ours
        return metric.labels(*labels) if labels else metric

    def gauge(self, name: str, *labels: str) -> Gauge:
        """Return the gauge of that full name, for those label values."""
        metric = self._metrics[name]
        assert isinstance(metric, Gauge)  # noqa: S101  a name of ours
        return metric.labels(*labels) if labels else metric

    def histogram(self, name: str, *labels: str) -> Histogram:
        """Return the histogram of that full name, for those label values."""
        metric = self._metrics[name]
        assert isinstance(metric, Histogram)  # noqa: S101  a name of ours
        return metric.labels(*labels) if labels else metric

    def observe(self, transport: str, signal: str, outcome: str, seconds: float, size: int) -> None:
        """Count one answered request (the receivers' observer)."""
        self.counter("haechi_requests_total", transport, signal, outcome).inc()
        self.counter("haechi_request_bytes_total", transport, signal).inc(size)
        self.histogram("haechi_request_seconds", transport, signal).observe(seconds)

    def observe_query(self, outcome: str, seconds: float) -> None:
        """Count one statement of the web port (the reader's observer)."""
        self.counter("haechi_queries_total", outcome).inc()
        self.histogram("haechi_query_seconds").observe(seconds)


class _Told(Collector):
    """A gauge whose samples belong together."""

    def __init__(self, definition: Definition, tell: Callable[[], Iterable[tuple[tuple[str, ...], float]]]) -> None:
        self._definition, self._tell = definition, tell

    def collect(self) -> Iterator[Metric]:
        """Ask for the samples."""
        d = self._definition
        family = GaugeMetricFamily(d.name, d.help, labels=d.labels)
        for labels, value in self._tell():
            family.add_metric(labels, value)
        yield family
