"""Load whose every row is known by name: who was sent, who was acknowledged.

A request's number makes its rows and their ids; a request is sent, unchanged, until it is acknowledged, as the
OpenTelemetry SDKs do (they wait longer between tries). Half of the senders speak gRPC, half HTTP.
"""

import http.client
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from tests.faults.processes import Collector

ANSWER_S = 10.0
SCORES_EVERY = 16
PAUSE_S = (0.05, 0.25)
"""How long a sender waits before it sends again."""

_SERVICES = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
}
_PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.ABORTED,
}


class Unanswered(Exception):
    """No acknowledgement: the request is to be sent again."""


class Surprise(Exception):
    """An answer that would make a client drop its data."""


@dataclass(frozen=True)
class Request:
    """One request: the signal, its rows' ids, and the OTLP body."""

    signal: str
    ids: tuple[str, ...]
    scores: tuple[str, ...]
    body: bytes


def span_ids(number: int, rows: int) -> list[str]:
    """Return the ids of a request's rows: 16 hexadecimal digits each."""
    return [f"{number + 1:08x}{row:08x}" for row in range(rows)]


def traces(number: int, rows: int, attributes: int = 0) -> Request:
    """Return a request of spans; one in `SCORES_EVERY` carries a judgement, which becomes a row of scores."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    ids, now = span_ids(number, rows), time.time_ns()
    filling = [_text(f"filling.{n}", "x" * 60) for n in range(attributes)]
    for row, span_id in enumerate(ids):
        span = scope.spans.add(trace_id=(number + 1).to_bytes(16, "big"), span_id=bytes.fromhex(span_id))
        span.name, span.start_time_unix_nano, span.end_time_unix_nano = "fault", now - 1000 - row, now
        span.attributes.append(_text("proof", span_id))
        span.attributes.extend(filling)
        if not row % SCORES_EVERY:
            span.attributes.append(_text("gen_ai.evaluation.name", "kept"))
    return Request("traces", tuple(ids), tuple(ids[::SCORES_EVERY]), request.SerializeToString())


def logs(number: int, rows: int) -> Request:
    """Return a request of log records."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    ids, now = span_ids(number, rows), time.time_ns()
    for proof in ids:
        record = scope.log_records.add(time_unix_nano=now, body=AnyValue(string_value="fault"))
        record.attributes.append(_text("proof", proof))
    return Request("logs", tuple(ids), (), request.SerializeToString())


def metrics(number: int, rows: int) -> Request:
    """Return a request of points of one gauge."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="fault")
    ids, now = span_ids(number, rows), time.time_ns()
    for proof in ids:
        point = metric.gauge.data_points.add(time_unix_nano=now, as_double=1.0)
        point.attributes.append(_text("proof", proof))
    return Request("metrics", tuple(ids), (), request.SerializeToString())


def mixed(number: int, rows: int) -> Request:
    """Return spans, and log records or points in one of six requests each."""
    return {4: logs, 5: metrics}.get(number % 6, traces)(number, rows)


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


class Door(Protocol):
    """A way to send a request."""

    def send(self, request: Request) -> None:
        """Return when the request is acknowledged whole.

        Raises:
            Unanswered: it is to be sent again.
            Surprise: it was refused for good, or in part.
        """

    def close(self) -> None:
        """Close the connection."""


class GrpcDoor:
    """One channel; a new one after each failure, as the Python SDK does."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._open()

    def _open(self) -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        self._channel = grpc.insecure_channel(self._address, options=options)
        self._calls = {s: self._channel.unary_unary(f"/{name}/Export") for s, name in _SERVICES.items()}

    def send(self, request: Request) -> None:
        """Send one request."""
        try:
            answer = self._calls[request.signal](request.body, timeout=ANSWER_S)
        except grpc.RpcError as error:
            self._channel.close()
            self._open()
            kind = Unanswered if error.code() in _PASSING else Surprise
            raise kind(f"{error.code()}: {error.details()}") from None
        if answer:
            raise Surprise(f"partial success: {answer!r}")

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


class HttpDoor:
    """One keep-alive connection; a new one after each failure."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=ANSWER_S)

    def send(self, request: Request) -> None:
        """Send one request."""
        headers = {"content-type": "application/x-protobuf"}
        try:
            self._connection.request("POST", f"/v1/{request.signal}", request.body, headers)
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unanswered(repr(error)) from None
        if response.status in {429, 502, 503, 504}:
            raise Unanswered(f"{response.status}: {answer!r}")
        if response.status != 200 or answer:
            raise Surprise(f"{response.status}: {answer!r}")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@dataclass
class Tally:
    """What was sent and what was acknowledged, by signal: sets of ids. ``scores`` come with spans."""

    sent: dict[str, set[str]] = field(default_factory=lambda: {s: set() for s in (*_SERVICES, "scores")})
    acknowledged: dict[str, set[str]] = field(default_factory=lambda: {s: set() for s in (*_SERVICES, "scores")})
    surprises: list[str] = field(default_factory=list)

    def note(self, ids: dict[str, set[str]], request: Request) -> None:
        """Add a request to one of the two."""
        ids[request.signal].update(request.ids)
        ids["scores"].update(request.scores)

    @property
    def rows(self) -> int:
        """Acknowledged spans, log records and points."""
        return sum(len(self.acknowledged[s]) for s in _SERVICES)


class Load:
    """Sends requests from several threads until it is told to stop, or to a number of them.

    Args:
        collector: where to.
        make: request of a number.
        senders: threads.
        pause_s: between two requests of a sender; it keeps the load within what a small machine takes.
        seed: of the waits between tries.
        first: number of the first request.
        tally: where to note what is sent, if another load's.
    """

    def __init__(
        self,
        collector: Collector,
        make: Callable[[int], Request] = lambda number: mixed(number, 32),
        *,
        senders: int = 4,
        pause_s: float = 0.02,
        seed: int = 1,
        first: int = 0,
        tally: Tally | None = None,
    ) -> None:
        self._collector, self._make, self._pause_s = collector, make, pause_s
        self._lock = threading.Lock()  # guards the counts and _numbers
        self._numbers: Iterator[int] = itertools.count(first)
        self._ending = threading.Event()
        self._giving_up = threading.Event()
        self._random = random.Random(seed)
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(senders)]
        self.tally = tally or Tally()
        self.acknowledged = 0
        self.refusals = 0
        self.refusals_in_a_row = 0

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def send(self, requests: int) -> None:
        """Send so many requests, each until it is acknowledged, and return."""
        first = next(self._numbers)
        self._numbers = iter(range(first, first + requests))
        threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(len(self._threads))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._numbers = itertools.count(first + requests)

    def stop(self, *, give_up: bool = False) -> Tally:
        """Begin no new request; wait until each that was begun is acknowledged, or give those up."""
        self._ending.set()
        if give_up:
            self._giving_up.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), f"a request is not acknowledged: {self.tally.surprises}"
        return self.tally

    def _run(self, sender: int) -> None:
        address = self._collector.grpc if sender % 2 else self._collector.http
        door: Door = GrpcDoor(address) if sender % 2 else HttpDoor(address)
        while not self._ending.is_set():
            with self._lock:
                number = next(self._numbers, None)
            if number is None:
                break
            request = self._make(number)
            with self._lock:
                self.tally.note(self.tally.sent, request)
            self._deliver(door, request)
            time.sleep(self._pause_s)
        door.close()

    def _deliver(self, door: Door, request: Request) -> None:
        while not self._giving_up.is_set():
            try:
                door.send(request)
            except Unanswered:
                self.refusals += 1
                self.refusals_in_a_row += 1
                time.sleep(self._random.uniform(*PAUSE_S))
            except Surprise as surprise:
                self.tally.surprises.append(str(surprise))
                return
            else:
                with self._lock:
                    self.tally.note(self.tally.acknowledged, request)
                    self.acknowledged += 1
                    self.refusals_in_a_row = 0
                return
