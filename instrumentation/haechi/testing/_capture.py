"""Recording the telemetry of a block in memory.

One difference to `haechi.init`: OpenTelemetry's global providers stay as they are, because they can be set only
once. What other instrumentations record is captured where they are given `Captured.tracer_provider`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider, sampling
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator as AnyIdGenerator
from opentelemetry.util.types import AttributeValue

from haechi import _runtime, _threads, instrument
from haechi._config import Config
from haechi._context_processor import ContextProcessor
from haechi._cost import Prices
from haechi._metrics import Metrics
from haechi._settings import CONTENT_CHARS_MAX
from haechi.testing._deterministic import Clock, IdGenerator
from haechi.testing._memory import MemoryExporter
from haechi_schemas import attributes as names

_RESOURCE: Final = Resource({"service.name": "test"})
_PRICES: Final = Prices()  # read at the first call, once for all blocks: it takes a quarter of a second
_LLM_OPERATIONS: Final = frozenset({"chat", "text_completion", "generate_content", "embeddings"})


@dataclass(frozen=True, slots=True)
class Measured:
    """What one metric says for one set of attributes: how many measurements, and their sum in ``unit``."""

    name: str
    unit: str
    attributes: Mapping[str, AttributeValue]
    count: int
    sum: float


class Captured:
    """What a block recorded; may be read inside the block and after it."""

    def __init__(self, ids: AnyIdGenerator) -> None:
        self.exporter = MemoryExporter()
        self.tracer_provider = TracerProvider(sampling.ALWAYS_ON, _RESOURCE, shutdown_on_exit=False, id_generator=ids)
        self.tracer_provider.add_span_processor(ContextProcessor())
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self._reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self._reader], _RESOURCE, shutdown_on_exit=False)
        self._logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK left it out
        self.logger_provider = LoggerProvider(_RESOURCE, shutdown_on_exit=False)
        self.logger_provider.add_log_record_processor(SimpleLogRecordProcessor(self._logs))
        self._measured: list[Measured] = []

    @property
    def spans(self) -> list[ReadableSpan]:
        """The finished spans, in the order in which they ended."""
        return self.exporter.spans

    @property
    def logs(self) -> list[LogRecord]:
        """The log records: scores, for one."""
        return [log.log_record for log in self._logs.get_finished_logs()]

    @property
    def metrics(self) -> list[Measured]:
        """All measurements since the block began, one item per metric and set of attributes."""
        data = self._reader.get_metrics_data()
        if data is not None:
            self._measured = [
                _measured(metric.name, metric.unit or "", point)
                for resource in data.resource_metrics
                for scope in resource.scope_metrics
                for metric in scope.metrics
                for point in metric.data.data_points
                if isinstance(point, HistogramDataPoint | NumberDataPoint)
            ]
        return self._measured

    def llm(self) -> list[ReadableSpan]:
        """Return the spans of calls of a model."""
        return [s for s in self.spans if (s.attributes or {}).get(names.OPERATION_NAME) in _LLM_OPERATIONS]

    def one(self, name: str) -> ReadableSpan:
        """Return the only span of that name.

        Raises:
            AssertionError: there is none or more than one; the message lists the names that there are.
        """
        found = [span for span in self.spans if span.name == name]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} spans are named {name!r}, of {[span.name for span in self.spans]}")
        return found[0]


@contextmanager
def capture(  # noqa: PLR0913  named, each what it says
    *,
    content: Literal["off", "on", "redacted"] = "on",
    content_chars_max: int = CONTENT_CHARS_MAX,
    cost: bool = True,
    stream_usage: bool = True,
    clock: Callable[[], int] | None = None,
    ids: AnyIdGenerator | None = None,
) -> Iterator[Captured]:
    """Record in memory what is observed inside the block; afterwards everything is as it was.

    Args:
        content: whether prompts and answers are recorded.
        content_chars_max: where texts are cut.
        cost: whether calls are priced.
        stream_usage: whether providers are asked for the usage of streams.
        clock: nanoseconds since the epoch; a `Clock` by default, so that times are the same in every run.
            Give `time.time_ns` to see real ones.
        ids: makes the ids of traces and spans; an `IdGenerator` by default.
    """
    captured = Captured(ids or IdGenerator())
    runtime = _runtime.Runtime(
        Config(content=content, content_chars_max=content_chars_max, cost=cost, stream_usage=stream_usage),
        captured.tracer_provider.get_tracer("haechi"),
        Metrics(captured.meter_provider),
        _PRICES if cost else None,
        clock or Clock(),
        lambda: captured.logger_provider.get_logger("haechi"),
    )
    before = _runtime.use(runtime)
    if before is None:  # otherwise `haechi.init` has installed everything already
        instrument.install()
        _threads.install()
    try:
        yield captured
    finally:
        _runtime.use(before)
        if before is None:
            _threads.uninstall()
            instrument.uninstall()
        _ = captured.metrics  # keeps them: a reader that is shut down has none


def _measured(name: str, unit: str, point: HistogramDataPoint | NumberDataPoint) -> Measured:
    attributes = dict(point.attributes or {})
    if isinstance(point, HistogramDataPoint):
        return Measured(name, unit, attributes, point.count, point.sum)
    return Measured(name, unit, attributes, 1, point.value)
