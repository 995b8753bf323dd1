"""The OpenTelemetry SDK's own exporters, whose acknowledgement was cut: what they send again is stored once."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from tests.faults.cutting_proxy import CuttingProxy
from tests.faults.oracle import imbalance, ledger
from tests.faults.processes import Collector, until

ITEMS = 40
EXPORTERS: dict[str, dict[str, Any]] = {
    "grpc": {"traces": GrpcSpans, "logs": GrpcLogs, "metrics": GrpcMetrics},
    "http": {"traces": HttpSpans, "logs": HttpLogs, "metrics": HttpMetrics},
}


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One collector for the tests of this file."""
    running = Collector(tmp_path_factory.mktemp("duplicates") / "data")
    running.start()
    yield running
    running.clear_away()


def exporter(transport: str, signal: str, port: int) -> Any:
    kind = EXPORTERS[transport][signal]
    if transport == "grpc":
        return kind(endpoint=f"127.0.0.1:{port}", insecure=True)
    return kind(endpoint=f"http://127.0.0.1:{port}/v1/{signal}")


def send(transport: str, signal: str, port: int) -> None:
    """Send items of one signal as an application does, named after the transport."""
    made, name = exporter(transport, signal, port), f"cut over {transport}"
    if signal == "traces":
        spans = TracerProvider(shutdown_on_exit=False)
        spans.add_span_processor(BatchSpanProcessor(made))
        for _ in range(ITEMS):
            spans.get_tracer("app").start_span(name).end()
        spans.shutdown()
    elif signal == "logs":
        logs = LoggerProvider(shutdown_on_exit=False)
        logs.add_log_record_processor(BatchLogRecordProcessor(made))
        for n in range(ITEMS):
            logs.get_logger("app").emit(LogRecord(body=f"{name} {n}", severity_text=name))
        logs.shutdown()
    else:
        metrics = MeterProvider([PeriodicExportingMetricReader(made)], shutdown_on_exit=False)
        counter = metrics.get_meter("app").create_counter(name.replace(" ", "_"))
        for n in range(ITEMS):
            counter.add(1, {"n": str(n)})
        metrics.shutdown()


STORED = {
    "traces": ("span_id", "spans", "name = 'cut over {}'"),
    "logs": ("body", "logs", "severity_text = 'cut over {}'"),
    "metrics": ("attributes_string['n']", "metric_points", "metric_name = 'cut_over_{}'"),
}


@pytest.mark.parametrize("transport", EXPORTERS)
@pytest.mark.parametrize("signal", STORED)
def test_what_is_sent_again_is_stored_once(collector: Collector, transport: str, signal: str) -> None:
    """Two acknowledgements in a row are cut; the exporter sends the same request a third time."""
    address = collector.grpc if transport == "grpc" else collector.http
    proxy = CuttingProxy(address, is_http2=transport == "grpc")
    proxy.arm(2)
    send(transport, signal, proxy.port)
    proxy.stop()
    assert proxy.cut == 2
    until(lambda: not any(states["queued"] for states in ledger(collector).values()), "an empty queue")
    identity, table, mine = STORED[signal]
    store = collector.reader()
    rows = store.query(f"SELECT count(), uniqExact({identity}) FROM {table} WHERE {mine.format(transport)}")
    store.close()
    assert [column[0].as_py() for column in rows.columns] == [ITEMS, ITEMS]
    assert imbalance(ledger(collector)) == {}
