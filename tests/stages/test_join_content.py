"""Content from log records reaches its span, whichever comes first."""

from typing import Any

import pyarrow as pa
import pytest

from haechi_collector.stages.join_content import LateContent, PendingContent

SPANS = pa.schema(
    [
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("input_messages", pa.string()),
        ("input_tokens", pa.uint64()),
    ]
)
QUESTION = '[{"role":"user","parts":[{"type":"text","content":"해치가 뭐야?"}]}]'
ANSWER = '[{"role":"assistant","parts":[{"type":"text","content":"참과 거짓을 가리는 짐승"}]}]'


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Tell the time in seconds."""
        return self.now


def spans(*rows: tuple[str, str, str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [{"trace_id": t, "span_id": s, "input_messages": m, "input_tokens": 0} for t, s, m in rows], schema=SPANS
    )


def content(**values: Any) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"trace_id": "t", "span_id": "s", **values}])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pending(clock: Clock) -> PendingContent:
    return PendingContent(bytes_max=10_000, age_s_max=60, patience_s=2, clock=clock)


def test_a_span_takes_what_came_before_it(pending: PendingContent) -> None:
    """Only the span of these ids takes it, and only into a column that is empty."""
    pending.put(content(input_messages=QUESTION, input_tokens=3))

    joined = pending.join(spans(("t", "s", ""), ("t", "other", ""), ("u", "s", "")))

    assert joined.column("input_messages").to_pylist() == [QUESTION, "", ""]
    assert joined.column("input_tokens").to_pylist() == [3, 0, 0]
    assert pending.join(spans(("t", "s", "its own"))).column("input_messages").to_pylist() == ["its own"]
    assert pending.overdue() == []


def test_content_without_a_span_is_handed_out_once_after_its_patience(pending: PendingContent, clock: Clock) -> None:
    """The stored row is updated; a span that still comes takes the content all the same."""
    pending.put(content(input_messages=QUESTION))
    assert pending.overdue() == []
    clock.now = 2.5

    assert pending.overdue() == [LateContent("t", "s", {"input_messages": QUESTION})]
    assert pending.overdue() == []
    assert pending.join(spans(("t", "s", ""))).column("input_messages").to_pylist() == [QUESTION]


def test_messages_that_come_one_by_one_are_joined_in_order(pending: PendingContent, clock: Clock) -> None:
    """A second record after the join makes the whole list overdue, not its last part only."""
    pending.put(content(input_messages=QUESTION))
    pending.join(spans(("t", "s", "")))
    pending.put(content(input_messages=ANSWER))
    clock.now = 3

    assert pending.overdue() == [LateContent("t", "s", {"input_messages": f"{QUESTION[:-1]},{ANSWER[1:]}"})]


def test_the_bounds_in_bytes_and_age_hold_and_drops_are_counted(pending: PendingContent, clock: Clock) -> None:
    """The oldest goes first; content that reached a span is no loss."""
    for n in range(20):
        pending.put(pa.RecordBatch.from_pylist([{"trace_id": "t", "span_id": str(n), "input_messages": "x" * 1000}]))
    assert pending.dropped == 12
    clock.now = 61
    assert pending.overdue() == []
    assert pending.dropped == 20


def test_records_without_ids_or_content_are_let_go(pending: PendingContent, clock: Clock) -> None:
    """Empty values say nothing, and a record without a span belongs to none."""
    pending.put(content(input_messages="", input_tokens=0))
    pending.put(pa.RecordBatch.from_pylist([{"trace_id": "", "span_id": "", "input_messages": QUESTION}]))
    clock.now = 5
    assert pending.overdue() == []


def test_a_deleted_trace_is_forgotten(clock: Clock) -> None:
    """What waits of it finds no span any more; other traces keep theirs."""
    pending = PendingContent(10_000, 900, 2, clock)
    pending.put(content(input_messages=QUESTION))
    pending.put(pa.RecordBatch.from_pylist([{"trace_id": "u", "span_id": "s", "input_messages": ANSWER}]))
    pending.forget({"t"})
    assert pending.join(spans(("t", "s", ""), ("u", "s", "")))["input_messages"].to_pylist() == ["", ANSWER]
