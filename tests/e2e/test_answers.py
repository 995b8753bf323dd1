"""The whole way in: one broken span does not cost its neighbours, and hostile requests cost nobody anything."""

import subprocess
import sys
from pathlib import Path

import grpc
import httpx2
import psutil
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tests.e2e.conftest import Running, collector, wait_until

ROOT = Path(__file__).parent.parent.parent
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def request(spans: int, broken: dict[int, bytes]) -> bytes:
    """A request whose spans have good ids but those named."""
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for n in range(spans):
        scope.spans.add(trace_id=broken.get(n, (n + 1).to_bytes(16)), span_id=(n + 1).to_bytes(8), name=f"span {n}")
    return message.SerializeToString()


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_a_broken_span_is_refused_and_the_others_are_kept(transport: str, tmp_path: Path) -> None:
    """Of 512 spans the one with a 17-byte trace id is counted and named; the other 511 are stored."""
    with collector(tmp_path) as running:
        answer = ExportTraceServiceResponse.FromString(send(running, transport, request(512, {7: bytes(16) + b"x"})))
        wait_until(lambda: int(running.sql("SELECT count() FROM spans")) == 511)

        assert answer.partial_success.rejected_spans == 1
        assert "trace_id" in answer.partial_success.error_message
        assert running.sql("SELECT count() FROM spans WHERE name = 'span 7'").strip() == "0"
        assert running.metric("haechi_refused_rows_total") == 1


def send(running: Running, transport: str, body: bytes) -> bytes:
    if transport == "grpc":
        with grpc.insecure_channel(running.grpc) as channel:
            answer: bytes = channel.unary_unary(EXPORT)(body, timeout=30)
            return answer
    answered = httpx2.post(
        f"http://{running.http}/v1/traces",
        content=body,
        headers={"content-type": "application/x-protobuf"},
        trust_env=False,
    )
    assert answered.status_code == 200
    return answered.content


@pytest.mark.parametrize("nanoseconds", [0, 1, 2**63 - 1, 2**64 - 1], ids=["zero", "1970", "2262", "2554"])
def test_any_time_is_stored(nanoseconds: int, tmp_path: Path) -> None:
    """Timestamps at the ends of the range do not stop a block, nor its neighbours."""
    message = ExportTraceServiceRequest.FromString(request(3, {}))
    span = message.resource_spans[0].scope_spans[0].spans[1]
    span.start_time_unix_nano = nanoseconds
    span.end_time_unix_nano = 5
    with collector(tmp_path) as running:
        send(running, "http", message.SerializeToString())
        wait_until(lambda: int(running.sql("SELECT count() FROM spans")) == 3)
        assert running.metric("haechi_dead_rows_total") == 0


def test_history_is_priced_again(tmp_path: Path) -> None:
    """A call of an unknown model gets its cost once a price file knows it, and the run leaves an audit row."""
    body = (
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%032x","spanId":"%016x","name":"n",'
        b'"startTimeUnixNano":"%d","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},'
        b'{"key":"gen_ai.provider.name","value":{"stringValue":"acme"}},'
        b'{"key":"gen_ai.request.model","value":{"stringValue":"acme-1"}},'
        b'{"key":"gen_ai.usage.input_tokens","value":{"intValue":"2000000"}}]}]}]}]}'
    ) % (1, 1, int(psutil.boot_time()) * 10**9)
    prices = tmp_path / "prices.toml"
    prices.write_text(
        '[[price]]\nprovider = "acme"\nmodel = "acme-1"\ninput_per_million = 1.5\noutput_per_million = 2\n'
    )
    data = tmp_path / "data"
    with collector(data) as running:
        httpx2.post(
            f"http://{running.http}/v1/traces",
            content=body,
            headers={"content-type": "application/json"},
            trust_env=False,
        )
        wait_until(lambda: running.sql("SELECT cost_usd FROM spans").strip() == "\\N")
    command = [sys.executable, "-m", "haechi_collector", "reprice", f"--data-dir={data}", f"--prices={prices}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "1 of 1 calls changed" in done.stdout) == (0, True), done.stderr
    with collector(data) as again:
        assert again.sql("SELECT cost_usd, cost_source FROM spans").split() == ["3", "price_book"]
        assert again.sql("SELECT rows_changed, cost_after FROM price_audit").split() == ["1", "3"]


@pytest.mark.timeout(300)
def test_mutated_requests_never_break_a_door() -> None:
    """A short run of `make fuzz`: no crash, no 500, no UNKNOWN, flat memory."""
    command = [sys.executable, str(ROOT / "bench" / "fuzz.py"), "--requests", "1500"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
