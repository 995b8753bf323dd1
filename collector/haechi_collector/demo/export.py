"""Plans turned into telemetry by the ordinary OpenTelemetry SDK and its OTLP/HTTP exporters.

Guarantee: spans carry the planned times and deterministic ids; `close` sends everything that was emitted. An endpoint
that is down costs data, never an exception: that is the SDK's own behaviour.

One provider per (service, version, environment), because a resource belongs to a provider.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import requests
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import SpanKind, Status, StatusCode
from requests.adapters import HTTPAdapter

from haechi_collector.access import tls_context
from haechi_collector.config import ClientAccess
from haechi_collector.demo.judge import Verdict
from haechi_collector.demo.plan import APPLICATION, SpanPlan, TracePlan
from haechi_collector.demo.traffic import NS_PER_S, Release
from haechi_schemas import attributes as names

SCOPE: Final = "haechi.demo"
QUEUE_SPANS_MAX: Final = 8192
"""Spans that wait in one provider. `TracePlan`s are flushed well before."""

_KINDS: Final = {"client": SpanKind.CLIENT, "server": SpanKind.SERVER, "internal": SpanKind.INTERNAL}
_METRIC_KEYS: Final = (
    names.OPERATION_NAME,
    names.PROVIDER_NAME,
    names.REQUEST_MODEL,
    names.RESPONSE_MODEL,
    names.ERROR_TYPE,
)


class SeededIds(IdGenerator):
    """Ids of a seeded generator: the same seed gives the same ids."""

    def __init__(self, seed: int) -> None:
        self._draw = Random(seed)  # noqa: S311  sample data, no secret

    def generate_span_id(self) -> int:
        """Draw 64 bits, not zero."""
        return self._draw.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        """Draw 128 bits, not zero."""
        return self._draw.getrandbits(128) or 1


@dataclass(frozen=True, slots=True)
class Target:
    """An OTLP/HTTP endpoint, ``http://127.0.0.1:4318``, and what it asks for."""

    endpoint: str
    access: ClientAccess = ClientAccess()

    def exporter(self, signal: str) -> dict[str, Any]:
        """Return what an exporter of the SDK is made with."""
        show = self.access
        made: dict[str, Any] = {"endpoint": f"{self.endpoint.rstrip('/')}/v1/{signal}", "timeout": 5}
        if show.key:
            made["headers"] = {"authorization": f"Bearer {show.key}"}
        if show.ca or show.client_cert:
            made["session"] = requests.Session()
            made["session"].trust_env = False  # or REQUESTS_CA_BUNDLE would take the place of what was asked for
            made["session"].mount("https://", _Trusting(show))
        return made


class _Trusting(HTTPAdapter):
    """Makes the connections of a session trust and show what ``access`` says, as the other commands do."""

    def __init__(self, access: ClientAccess) -> None:
        self._access = access
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=tls_context(self._access))


class Service:
    """The SDK of one deployed service: traces, metrics, logs."""

    def __init__(self, target: Target, resource: Resource, ids: IdGenerator) -> None:
        self._tracers = TracerProvider(resource=resource, id_generator=ids, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(**target.exporter("traces"))
        self._tracers.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=QUEUE_SPANS_MAX, schedule_delay_millis=1000)
        )
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(**target.exporter("metrics")), 10_000)
        self._meters = MeterProvider([reader], resource, shutdown_on_exit=False)
        self._loggers = LoggerProvider(resource, shutdown_on_exit=False)
        logs = OTLPLogExporter(**target.exporter("logs"))
        self._loggers.add_log_record_processor(BatchLogRecordProcessor(logs, schedule_delay_millis=1000))
        self.tracer = self._tracers.get_tracer(SCOPE)
        self.logger = self._loggers.get_logger(SCOPE)
        meter = self._meters.get_meter(SCOPE)
        self.duration = meter.create_histogram("gen_ai.client.operation.duration", "s", "Duration of an operation.")
        self.tokens = meter.create_histogram("gen_ai.client.token.usage", "{token}", "Tokens used by an operation.")

    def flush(self) -> None:
        """Send what waits."""
        self._tracers.force_flush()
        self._loggers.force_flush()
        self._meters.force_flush()

    def close(self) -> None:
        """Send what waits and stop."""
        self._tracers.shutdown()
        self._loggers.shutdown()
        self._meters.shutdown()


class Exporter:
    """Emits plans. Not for several threads at once."""

    def __init__(self, target: Target, seed: int) -> None:
        self._target = target
        self._ids = SeededIds(seed)
        self._services: dict[tuple[str, Release], Service] = {}  # services times releases: six at most

    def emit(self, plan: TracePlan) -> int:
        """Emit one trace with its metrics and logs; the number of its spans."""
        return sum(1 for _ in self._spans(plan, plan.root, trace.set_span_in_context(trace.INVALID_SPAN)))

    def _spans(self, plan: TracePlan, span_plan: SpanPlan, parent: Context) -> Iterator[None]:
        service = self._service(span_plan.service, plan.release)
        span = service.tracer.start_span(
            span_plan.name,
            context=parent,
            kind=_KINDS[span_plan.kind],
            attributes=span_plan.attributes,
            start_time=span_plan.start_ns,
        )
        context = trace.set_span_in_context(span, parent)
        for child in span_plan.children:
            yield from self._spans(plan, child, context)
        if span_plan.error:
            kind = str(span_plan.attributes[names.ERROR_TYPE])
            exception = {"exception.type": kind, "exception.message": span_plan.error}
            span.add_event("exception", exception, timestamp=span_plan.end_ns)
            span.set_status(Status(StatusCode.ERROR, span_plan.error))
        span.end(span_plan.end_ns)
        _measure(service, span_plan)
        _log(service, plan, span_plan, context)
        yield

    def _service(self, name: str, release: Release) -> Service:
        if (name, release) not in self._services:
            resource = Resource(
                {
                    "service.name": name,
                    "service.version": release.version,
                    "deployment.environment.name": release.environment,
                    "telemetry.sdk.language": "python",
                }
            )
            self._services[name, release] = Service(self._target, resource, self._ids)
        return self._services[name, release]

    def flush(self) -> None:
        """Send what waits."""
        for service in self._services.values():
            service.flush()

    def close(self) -> None:
        """Send what waits and stop."""
        for service in self._services.values():
            service.close()


def _measure(service: Service, plan: SpanPlan) -> None:
    if names.PROVIDER_NAME not in plan.attributes:
        return
    labels = {str(key): str(plan.attributes[key]) for key in _METRIC_KEYS if key in plan.attributes}
    service.duration.record((plan.end_ns - plan.start_ns) / NS_PER_S, labels)
    for kind, key in (("input", names.USAGE_INPUT_TOKENS), ("output", names.USAGE_OUTPUT_TOKENS)):
        tokens = plan.attributes.get(key)
        if isinstance(tokens, int):
            service.tokens.record(tokens, {**labels, "gen_ai.token.type": kind})


def _log(service: Service, plan: TracePlan, span_plan: SpanPlan, context: Context) -> None:
    if span_plan.error and span_plan is not plan.root:
        service.logger.emit(
            LogRecord(
                timestamp=span_plan.end_ns,
                context=context,
                severity_number=SeverityNumber.ERROR,
                severity_text="ERROR",
                body=span_plan.error,
                attributes={names.ERROR_TYPE: str(span_plan.attributes[names.ERROR_TYPE])},
            )
        )
    answered = span_plan.service == APPLICATION and span_plan is plan.root.children[-1]
    if answered:
        for verdict in plan.verdicts:
            service.logger.emit(_score(verdict, span_plan.end_ns, context))


def _score(verdict: Verdict, time_ns: int, context: Context) -> LogRecord:
    told = {
        names.EVALUATION_NAME: verdict.name,
        names.EVALUATION_SCORE_LABEL: verdict.label,
        names.EVALUATION_EXPLANATION: verdict.explanation,
        names.SCORE_SOURCE: verdict.source,
        names.SCORE_EVALUATOR: verdict.evaluator,
    }
    return LogRecord(
        timestamp=time_ns,
        context=context,
        severity_number=SeverityNumber.INFO,
        event_name=names.EVENT_EVALUATION_RESULT,
        attributes={names.EVALUATION_SCORE_VALUE: verdict.value, **{k: v for k, v in told.items() if v}},
    )
