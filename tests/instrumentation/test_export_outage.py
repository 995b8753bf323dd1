"""Ten thousand calls while the collector is dead, slow, or answers errors: bounded, counted, and said once."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.instrumentation import programs
from tests.instrumentation.receiver import Receiver

CALLS = 10_000
PROGRAM = f"""
    import json, resource
    import haechi
    from haechi import _providers
    from opentelemetry import trace

    haechi.init("calls")
    tracer = trace.get_tracer("calls")

    def call(number):
        span = tracer.start_span("chat gpt-4o-mini", attributes={{
            "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini", "n": number,
            "gen_ai.input.messages": f"{{number}} " + "안녕" * CONTENT}})
        span.set_attribute("gen_ai.usage.input_tokens", number)
        span.end()

    call(0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(1, {CALLS}):
        call(number)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    lane = _providers._state.own.pipeline().lanes[0]
    print(json.dumps({{"accepted": lane.accepted, "dropped": lane.dropped, "delivered": lane.delivered,
                      "waiting": len(lane), "refused": lane.refused, "grown_mib": grown / 1024}}))
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def calls(folder: Path, endpoint: str, characters: int, exit_s: float = 2.5) -> tuple[dict[str, Any], list[str]]:
    """Make the calls; return what the program counted before its end, and its lines on standard error."""
    text = PROGRAM.replace("CONTENT", str(characters // 2))
    ended = programs.python(
        folder, text, HAECHI_ENDPOINT=endpoint, OTEL_METRICS_EXPORTER="none", HAECHI_EXIT_S=str(exit_s)
    )
    assert ended.status == 0
    return json.loads(ended.out), ended.err.splitlines()


def dropped(lines: list[str]) -> int:
    """The count in the one line that was said."""
    (line,) = lines
    found = re.match(r"telemetry dropped: (\d+) spans?, not sent to ", line)
    assert found, line
    return int(found[1])


@pytest.mark.parametrize("characters", [2_000, 100_000], ids=["2 KB", "100 KB"])
def test_a_dead_collector(characters: int, tmp_path: Path, receiver: Receiver) -> None:
    """Nobody listens: every call is counted as dropped, in one line that says why; memory is bounded."""
    receiver.__exit__(None, None, None)
    counted, lines = calls(tmp_path, receiver.endpoint, characters)
    assert counted["accepted"] == counted["waiting"]
    assert counted["accepted"] + counted["dropped"] == CALLS
    assert dropped(lines) == CALLS
    assert lines[0].endswith("Connection refused")
    assert counted["grown_mib"] < 100


def test_a_slow_collector(tmp_path: Path, receiver: Receiver) -> None:
    """It takes a fifth of a second for every request: what arrived and what is said to be dropped make ten thousand."""
    receiver.pause_s = 0.2
    counted, lines = calls(tmp_path, receiver.endpoint, 2_000, exit_s=60)
    assert counted["grown_mib"] < 100
    assert len({span.span_id for span in receiver.spans}) == len(receiver.spans)
    assert len(receiver.spans) + dropped(lines) == CALLS


def test_a_collector_that_never_answers(tmp_path: Path, receiver: Receiver) -> None:
    """The program ends at its bound, and says that everything was dropped."""
    receiver.pause_s = 300
    counted, lines = calls(tmp_path, receiver.endpoint, 2_000)
    assert counted["accepted"] == counted["waiting"]
    assert dropped(lines) == CALLS


@pytest.mark.parametrize(("status", "again"), [(500, False), (503, True)])
def test_a_collector_that_answers_errors(status: int, again: bool, tmp_path: Path, receiver: Receiver) -> None:
    """Final errors give batches up at once, others keep them; each lost span is counted once, the reason is said."""
    receiver.status, receiver.headers = status, {"Retry-After": "1"}
    counted, lines = calls(tmp_path, receiver.endpoint, 2_000)
    assert dropped(lines) == CALLS
    assert f"it answered {status}" in lines[0]
    assert again or receiver.refused == math.ceil(counted["accepted"] / 512)
    assert counted["grown_mib"] < 100


def test_a_collector_that_comes_back(tmp_path: Path, receiver: Receiver) -> None:
    """Errors at first, then none: what arrived, and what was said to be dropped, make ten thousand."""
    receiver.status, receiver.headers = 503, {"Retry-After": "0.1"}
    answer = receiver.answer

    def recovering(*arguments: Any) -> None:
        if receiver.refused >= 3:
            receiver.status = 200
        answer(*arguments)

    receiver.answer = recovering  # type: ignore[method-assign]  # this one instance
    _, lines = calls(tmp_path, receiver.endpoint, 2_000, exit_s=60)
    assert len({span.span_id for span in receiver.spans}) == len(receiver.spans)
    said = sum(int(count) for line in lines for count in re.findall(r"dropped: (\d+) spans?", line))
    assert len(receiver.spans) + said == CALLS
    assert len(lines) <= 1
