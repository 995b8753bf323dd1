"""A collector that writes down what it is sent, and answers as a test wants: well, slowly, with an error."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue


@dataclass(frozen=True)
class Sent:
    """One span as it arrived."""

    name: str
    span_id: bytes
    trace_id: bytes
    parent_id: bytes
    attributes: dict[str, Any]
    resource: dict[str, Any]


@dataclass
class Receiver:
    """Serves OTLP over HTTP on a free port of the loopback. A context manager.

    Attributes:
        status: what it answers; ``headers`` go with it.
        pause_s: how long it takes to answer.
        bytes_max: larger bodies get a 413.
        opened: undoes the compression of bodies.
        spans: what arrived with a good answer; ``refused`` counts requests that got another one.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    bytes_max: int = 1 << 30
    opened: Callable[[bytes], bytes] = bytes
    spans: list[Sent] = field(default_factory=list)
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    logs: list[ExportLogsServiceRequest] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], int]] = field(default_factory=list)
    refused: int = 0
    port: int = 0

    def __enter__(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.answer(self, body)

            def handle(self) -> None:
                with suppress(ConnectionError):  # a client that ended in the middle
                    super().handle()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer one request, and keep what it brought if the answer is a good one."""
        self.requests.append((handler.path, dict(handler.headers.items()), len(body)))
        status = self.status if len(body) <= self.bytes_max else 413
        time.sleep(self.pause_s)
        if status == 200:
            self._keep(handler.path, self.opened(body))
        else:
            self.refused += 1
        try:
            handler.send_response(status)
            for name, value in {"Content-Length": "0", **self.headers}.items():
                handler.send_header(name, value)
            handler.end_headers()
        except OSError:
            handler.close_connection = True  # the client did not wait

    def _keep(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                resource = values(group.resource.attributes)
                self.spans += [
                    Sent(s.name, s.span_id, s.trace_id, s.parent_span_id, values(s.attributes), resource)
                    for scope in group.scope_spans
                    for s in scope.spans
                ]
        elif path == "/v1/metrics":
            self.metrics.append(ExportMetricsServiceRequest.FromString(body))
        elif path == "/v1/logs":
            self.logs.append(ExportLogsServiceRequest.FromString(body))

    def names(self) -> Counter[str]:
        """How often each span's name arrived."""
        return Counter(span.name for span in self.spans)

    def wait_for(self, spans: int, seconds: float = 10) -> None:
        """Wait until so many spans have arrived."""
        deadline = time.monotonic() + seconds
        while len(self.spans) < spans and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.spans) >= spans, self.names()


def values(attributes: Any) -> dict[str, Any]:
    """OTLP's attributes as a dict."""
    return {pair.key: _value(pair) for pair in attributes}


def _value(pair: KeyValue) -> Any:
    kind = pair.value.WhichOneof("value")
    return getattr(pair.value, kind) if kind else None
