"""`haechi.score`: a judgement reaches its trace, in memory and in a real collector's table."""

import logging
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry._logs import LogRecord
from tests.e2e.conftest import collector, wait_until

import haechi
from haechi import _misuse
from haechi.testing import Captured, capture

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


@pytest.fixture
def captured() -> Iterator[Captured]:
    with capture(content="off") as recorded:
        yield recorded


def sent(captured: Captured) -> LogRecord:
    (log,) = captured.logs
    assert log.event_name == "gen_ai.evaluation.result"
    return log


def test_the_current_trace_is_judged(captured: Captured) -> None:
    """In the span that is current, under the convention's names."""
    with haechi.span("answer") as block:
        haechi.score("quality", 0.75, "good", comment="잘했어요", source="judge", evaluator="gpt-4o", id="review-1")
    log = sent(captured)
    assert (f"{log.trace_id:032x}", f"{log.span_id:016x}") == (block.trace_id, block.span_id)
    assert dict(log.attributes or {}) == {
        "gen_ai.evaluation.name": "quality",
        "gen_ai.evaluation.score.value": 0.75,
        "gen_ai.evaluation.score.label": "good",
        "gen_ai.evaluation.explanation": "잘했어요",
        "haechi.score.source": "judge",
        "haechi.score.evaluator": "gpt-4o",
        "haechi.score.id": "review-1",
    }


def test_a_given_trace_is_judged_as_a_whole_or_in_one_span(captured: Captured) -> None:
    """Whatever is current; a boolean is a number."""
    with haechi.span("feedback route"):
        haechi.score("thumbs_up", True, trace_id=TRACE)
        haechi.score("thumbs_up", False, trace_id=TRACE.upper(), span_id=SPAN)
    whole, part = captured.logs
    assert (f"{whole.trace_id:032x}", whole.span_id, (whole.attributes or {})["gen_ai.evaluation.score.value"]) == (
        TRACE,
        0,
        1.0,
    )
    assert (f"{part.trace_id:032x}", f"{part.span_id:016x}") == (TRACE, SPAN)


def test_a_page_can_be_handed_the_trace(captured: Captured) -> None:
    """What `current_trace_id` gave inside, `score` takes later."""
    with haechi.span("answer") as block:
        given = haechi.current_trace_id()
    haechi.score("thumbs_up", 1, trace_id=given)
    assert f"{sent(captured).trace_id:032x}" == block.trace_id


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "", "value": 1}, "name is empty"),
        ({"name": "x"}, "score 'x' has neither a value nor a label"),
        ({"name": "x", "value": math.nan}, "value=nan: expected a finite number"),
        ({"name": "x", "value": 1, "source": "me"}, "source='me': expected one of check, client, human, judge"),
        ({"name": "x", "value": 1, "trace_id": "12"}, "trace_id='12': expected 32 hexadecimal digits"),
        ({"name": "x", "value": 1, "trace_id": "0" * 32}, "expected 32 hexadecimal digits"),
        ({"name": "x", "value": 1, "trace_id": TRACE, "span_id": "g" * 16}, "expected 16 hexadecimal digits"),
        ({"name": "x", "value": 1, "trace_id": None}, "no trace is current; give the trace_id"),
        ({"name": "x", "value": "high", "trace_id": TRACE}, "value='high': expected a finite number"),
    ],
)
def test_what_cannot_be_sent_is_said_and_raises_nothing(
    captured: Captured, caplog: pytest.LogCaptureFixture, arguments: dict[str, object], said: str
) -> None:
    """In one line of the log that names the argument."""
    _misuse._said.clear()
    with caplog.at_level(logging.WARNING, "haechi"):
        haechi.score(**arguments)  # type: ignore[arg-type]  # that is the test
    assert captured.logs == []
    (record,) = caplog.records
    assert record.getMessage().startswith("haechi.score: ")
    assert said in record.getMessage()
    assert (record.exc_info, record.levelname) == (None, "WARNING")


def test_without_init_nothing_happens(caplog: pytest.LogCaptureFixture) -> None:
    """Not even a complaint about arguments."""
    haechi.score("", trace_id="wrong")
    assert haechi.current_trace_id() is None
    assert caplog.records == []


def test_the_logs_of_the_sdk_are_imported_at_the_first_score_only() -> None:
    """Few applications score; the rest need not pay."""
    program = (
        "import sys, haechi; print('opentelemetry.sdk._logs' in sys.modules, 'opentelemetry._logs' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


PROGRAM = """
import sys, haechi
haechi.init("shop", endpoint=sys.argv[1])
about = haechi.context(
    user="u1", session="s1", prompt="answer", prompt_version=3,
    experiment="e", variant="b", tags=["t"], plan="paid", n=2,
)
with about, haechi.span("answer") as block:
    trace_id = haechi.current_trace_id()
    haechi.score("quality", 0.75, "good", comment="because", source="judge", evaluator="gpt-4o")
haechi.score("thumbs_up", 0, trace_id=trace_id, source="human", id="click-1")
assert haechi.flush(20)
haechi.score("thumbs_up", 1, trace_id=trace_id, source="human", id="click-1")
print(trace_id, block.span_id)
"""


def test_scores_reach_the_table(tmp_path: Path) -> None:
    """A program scores, and SQL finds it: with its trace, by its id the last word on it, and who it was about."""
    with collector(tmp_path / "data") as running:
        command = [sys.executable, "-c", PROGRAM, f"http://{running.http}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        trace_id, span_id = done.stdout.split()
        query = f"FROM haechi.scores WHERE trace_id = '{trace_id}'"
        wait_until(lambda: running.sql(f"SELECT count() {query}") == "3\n")
        columns = "span_id, value, label, source, evaluator, explanation"
        assert running.rows(f"SELECT {columns} {query} AND name = 'quality'") == [
            {
                "span_id": span_id,
                "value": 0.75,
                "label": "good",
                "source": "judge",
                "evaluator": "gpt-4o",
                "explanation": "because",
            }
        ]
        last = "ORDER BY ingested_at DESC, timestamp DESC LIMIT 1 BY project, id"
        assert running.rows(f"SELECT id, value, source {query} AND name = 'thumbs_up' {last}") == [
            {"id": "click-1", "value": 1.0, "source": "human"}
        ]
        columns = (
            "name, service_name, user_id, session_id, prompt_name, prompt_version, experiment, variant,"
            " attributes_string['haechi.tags'] AS tags, attributes_string['haechi.metadata.plan'] AS plan,"
            " attributes_number['haechi.metadata.n'] AS n"
        )
        (span,) = running.rows(f"SELECT {columns} FROM haechi.spans WHERE trace_id = '{trace_id}'")
        assert " ".join(map(str, span.values())) == 'answer shop u1 s1 answer 3 e b ["t"] paid 2'
    assert done.stderr == ""
