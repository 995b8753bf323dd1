"""Our own providers: made when the first span begins, made again in a forked child.

Guarantee: nothing of OpenTelemetry's SDK is imported before the first span, score or `add_span_processor`. After a
fork the child's resource tells of the child, and its metrics begin at zero, so that nothing is counted by two
processes. What was added to our provider stays added.
"""

import atexit
from threading import RLock
from typing import TYPE_CHECKING

from haechi import _guard
from haechi._config import Config
from haechi._resource import resource

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import SpanProcessor, SynchronousMultiSpanProcessor, TracerProvider
    from opentelemetry.trace import Tracer

    from haechi._export import Pipeline
    from haechi._light import LightTracer
    from haechi._metrics import Metrics


class Own:
    """The providers of one `haechi.init`."""

    def __init__(self, config: Config, measured: "Metrics | None" = None) -> None:
        self.config = config
        self._measured = measured
        self._lock = RLock()  # scope: making each of the four below once
        self.tracers: TracerProvider | None = None
        self._meters: MeterProvider | None = None
        self._loggers: LoggerProvider | None = None
        self._pipeline: Pipeline | None = None
        self._processors: SynchronousMultiSpanProcessor | None = None
        self.alone = True  # nobody but us sees the spans of our provider
        atexit.register(self._at_exit)

    def after_fork(self) -> None:
        """Make the providers again when next needed; the pipeline begins again by itself."""
        self._lock = RLock()
        self.tracers = self._meters = self._loggers = None

    def pipeline(self) -> "Pipeline":
        """Return the pipeline."""
        with self._lock:
            if self._pipeline is None:
                from haechi._export import Pipeline  # noqa: PLC0415  with the first span

                self._pipeline = Pipeline(self.config, self._measured.settle if self._measured is not None else None)
            return self._pipeline

    def processors(self) -> "SynchronousMultiSpanProcessor":
        """Return the processors of our tracer provider."""
        with self._lock:
            if self._processors is None:
                from haechi._sdk import span_processors  # noqa: PLC0415  with the first span

                self._processors = span_processors(self.pipeline())
            return self._processors

    def add_span_processor(self, processor: "SpanProcessor") -> None:
        """Add what somebody else does with the spans of our provider."""
        self.alone = False
        self.processors().add_span_processor(processor)

    def light(self, tracer: "Tracer") -> "LightTracer | None":
        """Return what makes light spans where one of our tracers would, None where they would be others."""
        from haechi._light import light_tracer  # noqa: PLC0415  with the first span
        from haechi._sdk import SpanQueue  # noqa: PLC0415  the same

        return light_tracer(self.make_tracers(), tracer, SpanQueue(self.pipeline()).take)

    def make_tracers(self) -> "TracerProvider":
        """Return our tracer provider."""
        with self._lock:
            if self.tracers is None:
                from haechi._sdk import tracer_provider  # noqa: PLC0415  with the first span

                self.tracers = tracer_provider(resource(self.config), self.processors())
            return self.tracers

    def make_meters(self) -> "MeterProvider":
        """Return our meter provider."""
        with self._lock:
            if self._meters is None:
                from haechi._sdk import meter_provider  # noqa: PLC0415  with the first span

                made = resource(self.config) if self.tracers is None else self.tracers.resource
                tally = self._measured.tally if self._measured is not None else None
                self._meters = meter_provider(made, self.pipeline(), self.config, tally)
            return self._meters

    def make_loggers(self) -> "LoggerProvider":
        """Return our logger provider."""
        with self._lock:
            if self._loggers is None:
                from haechi._sdk_logs import logger_provider  # noqa: PLC0415  with the first score

                self._loggers = logger_provider(resource(self.config), self.pipeline())
            return self._loggers

    def flush(self, timeout_s: float) -> bool:
        """Send what waits; return whether all of it was sent."""
        return self._pipeline is None or self._pipeline.flush(timeout_s)

    def shutdown(self) -> None:
        """Send what waits, within the bounds of the program's end, and stop."""
        atexit.unregister(self._at_exit)
        if self._pipeline is not None:
            self._pipeline.shutdown()

    def _at_exit(self) -> None:
        with _guard.Kept("the end of the program"):
            if self._pipeline is not None:
                self._pipeline.close()
