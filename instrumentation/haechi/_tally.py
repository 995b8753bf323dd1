"""Histograms that are counted here, in a fraction of the time that the SDK's instruments take.

Guarantee: what is exported is what the SDK's histograms would export of the same measurements: buckets, sums, extremes,
the last sampled measurement in a bucket as its exemplar, cumulative or delta. One thing differs: of a histogram
`SERIES_MAX` sets of attributes are told apart, and the rest is counted under ``otel.metric.overflow``.

Source: OpenTelemetry's specification of the metrics SDK: explicit bucket histograms, exemplars, cardinality limits.
"""

import time
from bisect import bisect_left
from dataclasses import dataclass
from math import inf
from threading import RLock
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import SpanContext
from opentelemetry.util.types import AttributeValue

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import HistogramDataPoint, Metric, MetricsData
    from opentelemetry.sdk.resources import Resource

SERIES_MAX: Final = 2_000
"""Sets of attributes of one histogram, the specification's number. Fewer: what many models are asked becomes one."""

Attributes = tuple[tuple[str, AttributeValue], ...]
_OVERFLOW: Final[Attributes] = (("otel.metric.overflow", True),)


@dataclass(frozen=True, slots=True, eq=False)
class Instrument:
    """A histogram: its name, unit and meaning, and the upper bounds of its buckets. There is one of each."""

    name: str
    unit: str
    description: str
    bounds: tuple[float, ...]


class _Series:
    """What was measured under one set of attributes."""

    __slots__ = ("_attributes", "_bounds", "_counts", "_exemplars", "_least", "_most", "_since_ns", "_sum")

    def __init__(self, bounds: tuple[float, ...], attributes: Attributes) -> None:
        self._bounds = bounds
        self._attributes = attributes
        self._exemplars: dict[int, tuple[float, int, SpanContext]] = {}
        self._begin(time.time_ns())

    def _begin(self, now_ns: int) -> None:
        self._since_ns = now_ns
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum: float = 0
        self._least, self._most = inf, -inf

    def add(self, value: float, sampled: SpanContext | None) -> None:
        """Count a measurement, made in a span that is sampled or in none."""
        bucket = bisect_left(self._bounds, value)
        self._counts[bucket] += 1
        self._sum += value
        self._least = min(self._least, value)
        self._most = max(self._most, value)
        if sampled is not None:
            self._exemplars[bucket] = (value, time.time_ns(), sampled)

    def point(self, now_ns: int, *, delta: bool) -> "HistogramDataPoint | None":
        """Return what is to be exported now, None for a delta of nothing."""
        from opentelemetry.sdk.metrics import Exemplar  # noqa: PLC0415  in our thread, with the rest of the SDK
        from opentelemetry.sdk.metrics.export import HistogramDataPoint  # noqa: PLC0415  the same

        count = sum(self._counts)
        if not count:
            return None
        made = HistogramDataPoint(
            attributes=dict(self._attributes),
            start_time_unix_nano=self._since_ns,
            time_unix_nano=now_ns,
            count=count,
            sum=self._sum,
            bucket_counts=tuple(self._counts),
            explicit_bounds=self._bounds,
            min=self._least,
            max=self._most,
            exemplars=[
                Exemplar({}, value, at_ns, ids.span_id, ids.trace_id)
                for _, (value, at_ns, ids) in sorted(self._exemplars.items())
            ],
        )
        self._exemplars.clear()
        if delta:
            self._begin(now_ns)
        return made


class Tally:
    """Counts measurements and exports them.

    Args:
        delta: whether each export tells of the time since the one before, or of all time.
    """

    def __init__(self, *, delta: bool) -> None:
        self._delta = delta
        self.reset()

    def reset(self) -> None:
        """Begin at nothing, as in a forked child: what the parent has counted is the parent's to export."""
        self._lock = RLock()  # scope: the series, and what is in them
        self._series: dict[Instrument, dict[Attributes, _Series]] = {}
        self.exported = False  # whether somebody collects

    def add(self, instrument: Instrument, attributes: Attributes, value: float, sampled: SpanContext | None) -> None:
        """Count a measurement, made in a span that is sampled or in none."""
        with self._lock:
            known = self._series.setdefault(instrument, {})
            series = known.get(attributes)
            if series is None:
                if len(known) >= SERIES_MAX:
                    attributes = _OVERFLOW
                series = known.setdefault(attributes, _Series(instrument.bounds, attributes))
            series.add(value, sampled)

    def collect(self, scope: str, resource: "Resource") -> "MetricsData | None":
        """Return what is to be exported now, None for nothing."""
        from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics  # noqa: PLC0415  as above
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415  the same

        with self._lock:
            metrics = [made for instrument in self._series if (made := self._metric(instrument)) is not None]
        if not metrics:
            return None
        told = ScopeMetrics(InstrumentationScope(scope), metrics, "")
        return MetricsData([ResourceMetrics(resource, [told], resource.schema_url)])

    def _metric(self, instrument: Instrument) -> "Metric | None":
        from opentelemetry.sdk.metrics.export import AggregationTemporality, Histogram, Metric  # noqa: PLC0415  the same

        now_ns = time.time_ns()
        series = self._series[instrument].values()
        points = [made for one in series if (made := one.point(now_ns, delta=self._delta)) is not None]
        temporality = AggregationTemporality.DELTA if self._delta else AggregationTemporality.CUMULATIVE
        histogram = Histogram(points, temporality)
        return Metric(instrument.name, instrument.description, instrument.unit, histogram) if points else None
