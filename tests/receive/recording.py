"""A sink that really decodes, and both doors running in front of it on loopback."""

import concurrent.futures
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from haechi_collector.errors import Undecodable
from haechi_collector.receive.admission import Admission
from haechi_collector.receive.grpc import GrpcReceiver
from haechi_collector.receive.http import http_app
from haechi_collector.receive.http_server import HttpServer, serve_http
from haechi_collector.sink import Accepted, Encoding, Outcome, Sender, Signal

REQUEST_BYTES_MAX = 1024 * 1024
IN_FLIGHT_MAX = 4 * REQUEST_BYTES_MAX

REQUESTS: dict[Signal, Any] = {
    Signal.TRACES: trace_service_pb2.ExportTraceServiceRequest,
    Signal.LOGS: logs_service_pb2.ExportLogsServiceRequest,
    Signal.METRICS: metrics_service_pb2.ExportMetricsServiceRequest,
}
RESPONSES: dict[Signal, Any] = {
    Signal.TRACES: trace_service_pb2.ExportTraceServiceResponse,
    Signal.LOGS: logs_service_pb2.ExportLogsServiceResponse,
    Signal.METRICS: metrics_service_pb2.ExportMetricsServiceResponse,
}
SERVICES = {
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
}


def sample(signal: Signal) -> Any:
    """Return a request of one item named ``sample``."""
    request = REQUESTS[signal]()
    match signal:
        case Signal.TRACES:
            request.resource_spans.add().scope_spans.add().spans.add(name="sample", trace_id=b"t" * 16)
        case Signal.LOGS:
            request.resource_logs.add().scope_logs.add().log_records.add(severity_text="sample")
        case Signal.METRICS:
            request.resource_metrics.add().scope_metrics.add().metrics.add(name="sample")
    return request


def encoded(message: Any, encoding: Encoding) -> bytes:
    """Return a message as bytes of that encoding."""
    if encoding is Encoding.JSON:
        return json_format.MessageToJson(message, indent=None).encode()
    return bytes(message.SerializeToString())


@dataclass
class RecordingSink:
    """Keeps every decoded request; ``answers`` says what the next ones get instead of plain success.

    An exception in ``answers`` is raised, a future is returned as it is, an `Accepted` becomes a done future.
    """

    requests: list[tuple[Signal, Encoding, Any]] = field(default_factory=list)
    senders: list[Sender] = field(default_factory=list)
    answers: deque[Exception | Accepted | concurrent.futures.Future[Accepted]] = field(default_factory=deque)

    def accept(
        self, signal: Signal, encoding: Encoding, body: bytes, sender: Sender
    ) -> concurrent.futures.Future[Accepted]:
        assert body
        answer = self.answers.popleft() if self.answers else Accepted()
        if isinstance(answer, Exception):
            raise answer
        self.requests.append((signal, encoding, self._decoded(signal, encoding, body)))
        self.senders.append(sender)
        if isinstance(answer, concurrent.futures.Future):
            return answer
        future: concurrent.futures.Future[Accepted] = concurrent.futures.Future()
        future.set_result(answer)
        return future

    def _decoded(self, signal: Signal, encoding: Encoding, body: bytes) -> Any:
        try:
            if encoding is Encoding.JSON:
                return json_format.Parse(body, REQUESTS[signal](), ignore_unknown_fields=True)
            return REQUESTS[signal].FromString(body)
        except (DecodeError, json_format.ParseError, UnicodeDecodeError, RecursionError) as error:
            raise Undecodable(f"not {encoding}") from error


@dataclass
class Observations:
    """Every request that the doors reported."""

    seen: list[tuple[str, str, Outcome, int]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def observe(self, transport: str, signal: str, outcome: Outcome, seconds: float, size: int) -> None:
        assert seconds >= 0
        with self._lock:
            self.seen.append((transport, signal, outcome, size))


class Doors:
    """Both doors on free ports of 127.0.0.1."""

    def __init__(self, bytes_max: int = REQUEST_BYTES_MAX, in_flight_max: int = IN_FLIGHT_MAX) -> None:
        self.sink = RecordingSink()
        self.observations = Observations()
        self.admission = Admission(in_flight_max)
        self.grpc = GrpcReceiver(self.sink, "127.0.0.1", 0, self.admission, bytes_max, observer=self.observations)
        app = http_app(self.sink, self.admission, bytes_max, self.observations)
        self.http: HttpServer = serve_http(app, "127.0.0.1", 0)
        self.grpc_port = self.grpc.start()
        self.http_port = self.http.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.grpc_port}"

    def stop(self) -> None:
        self.grpc.stop(1.0)
        self.http.stop(1.0)
