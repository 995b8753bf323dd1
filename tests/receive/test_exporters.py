"""The OTLP exporters that applications use, against both doors."""

import itertools
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from tests.receive.recording import Doors

from haechi_collector.errors import Rejected
from haechi_collector.sink import Accepted, Encoding, Outcome, Signal

NODE = Path(__file__).parent / "node"
NAME = "sent " + "x" * 2000


def send_span(exporter: Any) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    provider.get_tracer("python").start_span(NAME).end()
    provider.shutdown()


def send_log(exporter: Any) -> None:
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    provider.get_logger("python").emit(LogRecord(severity_text=NAME, body=NAME))
    provider.shutdown()


def send_metric(exporter: Any) -> None:
    provider = MeterProvider([PeriodicExportingMetricReader(exporter)], shutdown_on_exit=False)
    provider.get_meter("python").create_counter("sent", description=NAME).add(1)
    provider.shutdown()


SEND: dict[Signal, Callable[[Any], None]] = {
    Signal.TRACES: send_span,
    Signal.LOGS: send_log,
    Signal.METRICS: send_metric,
}
GRPC: dict[Signal, Any] = {Signal.TRACES: GrpcSpans, Signal.LOGS: GrpcLogs, Signal.METRICS: GrpcMetrics}
HTTP: dict[Signal, Any] = {Signal.TRACES: HttpSpans, Signal.LOGS: HttpLogs, Signal.METRICS: HttpMetrics}


def received(doors: Doors) -> list[tuple[Signal, Encoding, str]]:
    return [(signal, encoding, item_name(signal, request)) for signal, encoding, request in doors.sink.requests]


def item_name(signal: Signal, request: Any) -> str:
    match signal:
        case Signal.TRACES:
            name = request.resource_spans[0].scope_spans[0].spans[0].name
        case Signal.LOGS:
            name = request.resource_logs[0].scope_logs[0].log_records[0].severity_text
        case Signal.METRICS:
            metric = request.resource_metrics[0].scope_metrics[0].metrics[0]
            name = metric.description or metric.name
    return str(name)


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("compression", list(grpc.Compression))
def test_python_grpc(doors: Doors, signal: Signal, compression: grpc.Compression) -> None:
    """The Python SDK's gRPC exporter delivers each signal once."""
    SEND[signal](GRPC[signal](endpoint=doors.target, insecure=True, compression=compression))
    assert received(doors) == [(signal, Encoding.PROTOBUF, NAME)]


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("compression", list(Compression))
def test_python_http(doors: Doors, signal: Signal, compression: Compression) -> None:
    """The Python SDK's HTTP exporter delivers each signal once."""
    SEND[signal](HTTP[signal](endpoint=f"{doors.url}/v1/{signal}", compression=compression))
    assert received(doors) == [(signal, Encoding.PROTOBUF, NAME)]


@pytest.mark.parametrize("signal", Signal)
def test_python_grpc_comes_back(doors: Doors, signal: Signal) -> None:
    """The exporter obeys RetryInfo and delivers once there is room."""
    doors.sink.answers += [Rejected("full", 0.1), Rejected("full", 0.1), Accepted()]
    SEND[signal](GRPC[signal](endpoint=doors.target, insecure=True))
    assert received(doors) == [(signal, Encoding.PROTOBUF, NAME)]
    assert outcomes(doors) == [Outcome.REJECTED, Outcome.REJECTED, Outcome.ACCEPTED]


@pytest.mark.parametrize("signal", Signal)
def test_python_http_comes_back(doors: Doors, signal: Signal) -> None:
    """The exporter obeys 503 and delivers once there is room, also after a failure of ours."""
    doors.sink.answers += [ZeroDivisionError("ours"), Accepted()]
    SEND[signal](HTTP[signal](endpoint=f"{doors.url}/v1/{signal}"))
    assert received(doors) == [(signal, Encoding.PROTOBUF, NAME)]
    assert outcomes(doors) == [Outcome.FAILED, Outcome.ACCEPTED]


def outcomes(doors: Doors) -> list[Outcome]:
    return [outcome for _, _, outcome, _ in doors.observations.seen]


@pytest.fixture(scope="session")
def node_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exporters of the Node SDK, installed once into a directory of the test session."""
    project = tmp_path_factory.mktemp("node")
    for file in ("package.json", "export.mjs"):
        (project / file).write_text((NODE / file).read_text())
    command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run([*command, "--prefer-offline"], cwd=project, check=True, capture_output=True, timeout=100)
    return project


def test_node(doors: Doors, node_project: Path) -> None:
    """Every exporter of the Node SDK delivers each signal once: gRPC, HTTP with protobuf or JSON; gzip or not."""
    command = ["node", "export.mjs", str(doors.grpc_port), str(doors.http_port)]
    printed = subprocess.run(command, cwd=node_project, check=True, capture_output=True, timeout=60).stdout
    results = [json.loads(line) for line in printed.splitlines()]
    combinations = list(itertools.product(("grpc", "proto", "json"), ("none", "gzip"), Signal))
    assert results == [
        {"exporter": kind, "compression": compression, "signal": signal, "error": None}
        for kind, compression, signal in combinations
    ]
    assert [(s, e, name.split()[:2]) for s, e, name in received(doors)] == [
        (signal, Encoding.JSON if kind == "json" else Encoding.PROTOBUF, [kind, compression])
        for kind, compression, signal in combinations
    ]
