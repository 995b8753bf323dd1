"""What OpenTelemetry's SDK needs from us: processors that queue, readers that collect, providers that use them.

Guarantee: nothing here sends or waits in the application's threads. Importing this module imports the SDK, so
`haechi._providers` does it when the first span begins, not before.
"""

import math
from collections.abc import Mapping
from sys import getsizeof
from typing import Any, Final

from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    MeterProvider,
    ObservableCounter,
    TraceBasedExemplarFilter,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, SynchronousMultiSpanProcessor, TracerProvider

from haechi._config import Config
from haechi._context_processor import ContextProcessor
from haechi._export import Pipeline
from haechi._lane import Lane
from haechi._metrics import SCOPE
from haechi._tally import Tally

SPAN_BYTES: Final = 2_048
"""A span's memory beside the values of its attributes, measured. Less: the queue is larger than it says."""
_DELTA: Final = AggregationTemporality.DELTA
_TEMPORALITY: Final[Mapping[str, dict[type, AggregationTemporality]]] = {
    "cumulative": {},
    "delta": {Counter: _DELTA, Histogram: _DELTA, ObservableCounter: _DELTA},
    "lowmemory": {Counter: _DELTA, Histogram: _DELTA},
}


def span_bytes(span: ReadableSpan) -> int:
    """Return about how many bytes of memory a finished span takes."""
    total = SPAN_BYTES + values_bytes(span._attributes)  # noqa: SLF001  the public property wraps them twice
    for event in span._events:  # noqa: SLF001  the public property copies them
        total += SPAN_BYTES + values_bytes(event.attributes)
    return total


def values_bytes(attributes: Mapping[str, object] | None) -> int:
    """Return the memory of an item's attribute values, in bytes."""
    plain: Mapping[str, object] | None = getattr(attributes, "_dict", attributes)  # three times as quick
    return sum(map(getsizeof, plain.values())) if plain else 0


class SpanQueue(SpanProcessor):
    """Puts finished spans into the pipeline's queues. Shut down by the pipeline, not by the provider it is added to."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._lanes: tuple[Lane[Any], ...] = tuple(lane for lane in pipeline.lanes if lane.signal == "traces")

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span that is sampled."""
        context = span.context
        if context is not None and context.trace_flags & 1:
            self.take(span, span_bytes(span))

    def take(self, span: ReadableSpan, size: int) -> None:
        """Queue a span of ``size`` bytes."""
        for lane in self._lanes:
            self._pipeline.put(lane, span, size)

    def shutdown(self) -> None:
        """Send what waits; the pipeline goes on, other providers may use it."""
        self._pipeline.flush(self._pipeline.exit_s)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits; return whether all of it was sent."""
        return self._pipeline.flush(timeout_millis / 1000)


class _Metrics(MetricExporter):
    """Hands collected metrics to the pipeline's wire; runs in its thread."""

    def __init__(self, pipeline: Pipeline, exporter: str, temporality: str) -> None:
        super().__init__(preferred_temporality=_TEMPORALITY[temporality])
        self._pipeline = pipeline
        self._exporter = exporter

    def export(self, metrics_data: MetricsData, *_: Any, **__: Any) -> MetricExportResult:
        """Send; what fails is carried by the next collection."""
        sent = self._pipeline.send_metrics(self._exporter, metrics_data)
        return MetricExportResult.SUCCESS if sent else MetricExportResult.FAILURE

    def shutdown(self, *_: Any, **__: Any) -> None:
        """Nothing is held here."""

    def force_flush(self, *_: Any) -> bool:
        """Nothing is held here."""
        return True


def tracer_provider(resource: Resource, processors: SynchronousMultiSpanProcessor) -> TracerProvider:
    """Make a provider; ends with the pipeline, so it needs no exit handler."""
    return TracerProvider(
        resource=resource,
        active_span_processor=processors,
        shutdown_on_exit=False,
        meter_provider=NoOpMeterProvider(),  # before 1.41 the SDK counts its own spans, for two metrics of no use here
    )


def span_processors(pipeline: Pipeline) -> SynchronousMultiSpanProcessor:
    """Make the processors of our own provider."""
    processors = SynchronousMultiSpanProcessor()  # type: ignore[no-untyped-call]
    processors.add_span_processor(ContextProcessor())
    processors.add_span_processor(SpanQueue(pipeline))
    return processors


def meter_provider(resource: Resource, pipeline: Pipeline, config: Config, tally: Tally | None = None) -> MeterProvider:
    """Make a provider whose readers are asked by the pipeline's thread, as is ``tally``, if it counts as they do."""
    readers = [
        PeriodicExportingMetricReader(_Metrics(pipeline, name, config.temporality), export_interval_millis=math.inf)
        for name in config.metrics
    ]
    made = MeterProvider(metric_readers=readers, resource=resource, shutdown_on_exit=False)

    def tell() -> None:
        counted = tally.collect(SCOPE, resource) if tally is not None and tally.exported else None
        if counted is not None:
            for name in config.metrics:
                pipeline.send_metrics(name, counted)

    if tally is not None:
        kept = getattr(getattr(made, "_sdk_config", None), "exemplar_filter", None)
        tally.exported = isinstance(kept, TraceBasedExemplarFilter)
    pipeline.collect_with([*(reader.collect for reader in readers), tell])
    return made
