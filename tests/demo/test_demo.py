"""The demo through the real SDK into a real receiver."""

import signal
import subprocess
import sys
from typing import Any

import pytest

from haechi_collector.demo.command import run_demo, seconds
from haechi_collector.demo.run import send
from haechi_collector.demo.traffic import NS_PER_S
from haechi_collector.errors import SettingError
from haechi_schemas import attributes as names

START_NS = 1_795_000_000 * NS_PER_S


class JumpingClock:
    """Time that passes only while somebody waits; stops after so many waits."""

    def __init__(self, waits: int = 10**9) -> None:
        self.now = START_NS
        self.waits = waits

    def now_ns(self) -> int:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += max(0, round(seconds * NS_PER_S))
        self.waits -= 1
        return self.waits < 0


def test_what_is_emitted_arrives_with_its_times_and_resources(sink: Any) -> None:
    """Every span once; parents in the same trace; several services, versions and environments."""
    sent = send(sink.url, 2.0, 7, JumpingClock(), duration_s=30, backfill_s=60)
    spans = sink.spans()
    assert len(spans) == sent.spans > 300
    ids = {(span.trace_id, span.span_id) for _, span in spans}
    assert len(ids) == len(spans)
    assert {(s.trace_id, s.parent_span_id) for _, s in spans if s.parent_span_id} <= ids
    assert sum(not span.parent_span_id for _, span in spans) == sent.traces
    assert {r["service.name"] for r, _ in spans} == {"support-bot", "doc-search"}
    assert {r["deployment.environment.name"] for r, _ in spans} == {"production", "staging"}
    assert len({r["service.version"] for r, _ in spans}) == 3
    assert min(span.start_time_unix_nano for _, span in spans) < START_NS - 55 * NS_PER_S
    assert max(span.end_time_unix_nano for _, span in spans) <= START_NS + 30 * NS_PER_S


def test_live_traffic_keeps_its_rate() -> None:
    """The mean over a day is the rate that was asked for."""
    from haechi_collector.demo.run import _times

    times = list(_times(JumpingClock(), 0.05, 86_400.0, 0.0))
    assert abs(len(times) / 86_400 - 0.05) < 0.002
    assert times == sorted(times)


def test_the_same_seed_sends_the_same_bytes(sink: Any) -> None:
    """Ids, times and attributes."""
    send(sink.url, 2.0, 5, JumpingClock(), duration_s=10)
    first = sorted(span.SerializeToString(deterministic=True) for _, span in sink.spans())
    sink.traces.clear()
    send(sink.url, 2.0, 5, JumpingClock(), duration_s=10)
    assert first == sorted(span.SerializeToString(deterministic=True) for _, span in sink.spans())


def test_metrics_and_logs_come_along(sink: Any) -> None:
    """The convention's histograms, errors as logs, thumbs as evaluation events, joined to their span."""
    send(sink.url, 2.0, 7, JumpingClock(), duration_s=200)
    metrics = {
        metric.name
        for request in sink.metrics
        for block in request.resource_metrics
        for scope in block.scope_metrics
        for metric in scope.metrics
    }
    assert metrics == {"gen_ai.client.operation.duration", "gen_ai.client.token.usage"}
    records = [
        record
        for request in sink.logs
        for block in request.resource_logs
        for scope in block.scope_logs
        for record in scope.log_records
    ]
    ids = {(span.trace_id, span.span_id) for _, span in sink.spans()}
    assert all((record.trace_id, record.span_id) in ids for record in records)
    assert {record.event_name for record in records} == {"", names.EVENT_EVALUATION_RESULT}


def test_errors_carry_status_type_and_exception(sink: Any) -> None:
    """As the SDK writes them."""
    send(sink.url, 2.0, 7, JumpingClock(), duration_s=300)
    failed = [span for _, span in sink.spans() if span.status.code == 2]
    assert failed
    for span in failed:
        keys = {pair.key for pair in span.attributes}
        assert names.ERROR_TYPE in keys
        assert [event.name for event in span.events] == ["exception"]


def test_it_stops_when_told_and_sends_what_it_has(sink: Any) -> None:
    """In the middle of the back-fill too."""
    sent = send(sink.url, 2.0, 7, JumpingClock(waits=20), backfill_s=600)
    assert sent.traces == 20
    assert len(sink.spans()) == sent.spans


def test_sigterm_ends_it_cleanly(sink: Any) -> None:
    """Exit status 0, everything flushed, one line of what was emitted."""
    command = [
        sys.executable,
        "-m",
        "haechi_collector.demo",
        "--endpoint",
        sink.url,
        "--rate",
        "20",
        "--backfill",
        "30s",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        while not sink.traces:
            assert child.poll() is None
            signal.sigtimedwait([], 0.05)
        child.send_signal(signal.SIGTERM)
        output, _ = child.communicate(timeout=30)
    assert child.returncode == 0
    emitted = int(output.split()[3])
    assert output.startswith("emitted ")
    assert len(sink.spans()) == emitted


@pytest.mark.parametrize(("text", "value"), [("90", 90.0), ("90s", 90.0), ("15m", 900.0), ("1h", 3600.0), ("0", 0.0)])
def test_durations_are_read(text: str, value: float) -> None:
    """With and without a unit."""
    assert seconds(text) == value


@pytest.mark.parametrize(
    "options",
    [
        (0.0, 7, "0", 1.0),
        (-1.0, 7, "0", 1.0),
        (1.0, 7, "1d", 1.0),
        (1.0, 7, "", 1.0),
        (1.0, 7, "-5s", 1.0),
        (1.0, 7, "infs", 1.0),
        (1.0, 7, "0", -1.0),
        (501.0, 7, "0", 1.0),
    ],
)
def test_wrong_options_are_setting_errors(options: tuple[float, int, str, float]) -> None:
    """Before anything is sent."""
    with pytest.raises(SettingError):
        run_demo("http://127.0.0.1:1", *options)
