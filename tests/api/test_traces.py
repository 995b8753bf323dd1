"""Search and view of traces in front of a real store."""

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.questions import SECOND, T0_NS, Answering, answering, call, score, span

from haechi_collector.api import models

SLOW = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    with answering(tmp_path_factory.mktemp("traces")) as running:
        yield running


def message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def said(*messages: dict[str, Any]) -> str:
    return orjson.dumps(messages).decode()


def pages(api: Answering, **question: Any) -> list[dict[str, Any]]:
    """All traces of a search, page by page."""
    answer = api.get("traces", **question)
    found = answer["traces"]
    while answer["next_cursor"]:
        assert len(answer["traces"]) == question["limit"]
        answer = api.get("traces", cursor=answer["next_cursor"], **question)
        found += answer["traces"]
    return found


@SLOW
@given(seed=st.integers(0, 10**6), limit=st.integers(1, 20), order=st.sampled_from(["newest", "slowest", "dearest"]))
def test_pages_show_every_trace_once_and_in_order(api: Answering, seed: int, limit: int, order: str) -> None:
    """However many places are shared by several traces."""
    r = random.Random(seed)
    rows = [
        call(
            n,
            trace_id=f"{r.randrange(25):032x}",
            start_time=T0_NS + r.randrange(3) * SECOND,
            duration_ns=r.choice([1, 5, 10**10]),
            cost_usd=r.choice([None, Decimal("0.5"), Decimal("0.000000000001")]),
        )
        for n in range(60)
    ]
    api.fill(rows)
    found = pages(api, limit=limit, order=order)
    by_trace = {t: [row for row in rows if row["trace_id"] == t] for t in {row["trace_id"] for row in rows}}
    places = {
        "newest": lambda spans: min(row["start_time"] for row in spans),
        "slowest": lambda spans: max(row["duration_ns"] for row in spans),
        "dearest": lambda spans: sum(row["cost_usd"] or 0 for row in spans),
    }
    expected = sorted(by_trace, key=lambda t: (places[order](by_trace[t]), t), reverse=True)
    assert [one["trace_id"] for one in found] == expected
    assert sum(one["spans"] for one in found) == 60


def test_what_comes_in_between_pages_shifts_nothing(api: Answering) -> None:
    """The window stands still from the first page on."""
    api.fill([call(n) for n in range(10)])
    first = api.get("traces", limit=4, to="now")
    api.fill([call(n) for n in range(20)])
    second = api.get("traces", limit=4, to="now", cursor=first["next_cursor"])
    assert second["to"] == first["to"]
    assert [int(t["trace_id"], 16) for t in first["traces"] + second["traces"]] == [9, 8, 7, 6, 5, 4, 3, 2]


@pytest.mark.parametrize("cursor", ["x", "bm9uc2Vuc2U", "W10", "eyJhIjoxfQ", "WzEsMiwieCIsInkiLCJ6Il0"])
def test_a_foreign_cursor_is_refused(api: Answering, cursor: str) -> None:
    """As is one of another question."""
    api.fill([call(n) for n in range(3)])
    own = api.get("traces", limit=1)["next_cursor"]
    for refused in (api.ask("traces", cursor=cursor), api.ask("traces", cursor=own, order="slowest")):
        assert (refused.status_code, refused.json()["parameter"]) == (400, "cursor")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ("환불", [1]),
        ("REFUND", [2]),
        (["refund", "policy"], [2]),
        (["refund", "환불"], []),
        ('say "no"', [3]),
        ("line\nbreak", [3]),
        ("ÉTÉ", [3]),
        ("100%_", []),
    ],
)
def test_text_is_found_in_prompts_and_answers(api: Answering, texts: str | list[str], expected: list[int]) -> None:
    """In Korean and English, in any case, with quotes and line breaks; several texts must all be there."""
    api.fill(
        [
            call(1, input_messages=said(message("user", "주문을 환불해 주세요"))),
            call(2, output_messages=said(message("assistant", "Our Refund Policy"))),
            call(3, input_messages=said(message("user", 'say "no" and line\nbreak été'))),
        ]
    )
    assert sorted(int(t["trace_id"], 16) for t in api.get("traces", q=texts)["traces"]) == expected


def test_a_found_trace_is_shown_whole(api: Answering) -> None:
    """Cost and spans are of all its spans, though the filter holds for one; excerpts are what people said."""
    trace = "a" * 32
    asked = said(message("system", "be kind"), message("user", "얼마예요?"))
    api.fill(
        [
            span(1, trace_id=trace, name="ask", service_name="web", duration_ns=2 * SECOND),
            call(2, trace_id=trace, parent_span_id=f"{1:016x}", user_id="ada", input_messages=asked),
            call(3, trace_id=trace, parent_span_id=f"{1:016x}", status_code="error", cost_usd=None),
            call(4),
        ]
    )
    found = api.get("traces", user="ada")["traces"]
    assert len(found) == 1
    told = {k: found[0][k] for k in ("name", "service", "spans", "requests", "errors", "cost_usd", "input_excerpt")}
    assert list(told.values()) == ["ask", "web", 3, 2, 1, "0.000001", "얼마예요?"]


def family(count: int, parent_of: dict[int, int], **columns: Any) -> list[dict[str, Any]]:
    return [
        call(
            n,
            trace_id="b" * 32,
            parent_span_id=f"{parent_of[n]:016x}" if n in parent_of else "",
            start_time=T0_NS + n,
            **columns,
        )
        for n in range(1, count + 1)
    ]


def test_a_trace_is_a_tree_with_sums_and_its_critical_path(api: Answering) -> None:
    """1 waits for 2 (which nobody waited for at its end) and 3; 3 for 4. The path adds up to the duration."""
    ms = 10**6
    times = {1: (0, 100), 2: (5, 40), 3: (30, 95), 4: (50, 90)}
    parents = {2: 1, 3: 1, 4: 3}
    rows = family(4, parents)
    for row, (begin, end) in zip(rows, times.values(), strict=True):
        row |= {"start_time": T0_NS + begin * ms, "duration_ns": (end - begin) * ms}
    api.fill(rows, [score(3, trace_id="b" * 32, name="hallucination", value=1.0, explanation="no such price")])
    trace = api.get("traces/" + "b" * 32 + "?")
    spans = trace["spans"]
    assert [(int(s["span_id"], 16), s["depth"]) for s in spans] == [(1, 0), (2, 1), (3, 1), (4, 2)]
    assert [s["critical_ms"] for s in spans] == [10.0, 25.0, 25.0, 40.0]
    assert sum(s["critical_ms"] for s in spans) == trace["duration_ms"] == 100.0
    assert [s["total_cost_usd"] for s in spans] == ["0.000004", "0.000001", "0.000002", "0.000001"]
    assert [(s["span_id"], s["name"]) for s in trace["scores"]] == [(f"{3:016x}", "hallucination")]


def test_the_conversation_says_each_message_once(api: Answering) -> None:
    """A call repeats what was said before; documents stand beside the answer."""
    first, answer, second = message("user", "안녕"), message("assistant", "네"), message("user", "환불?")
    rows = family(3, {})
    rows[0] |= {"input_messages": said(first), "output_messages": said(answer), "system_instructions": "be kind"}
    rows[1] |= {"input_messages": said(first, answer, second), "retrieved_context": "7 days"}
    rows[1] |= {"output_messages": said({**message("assistant", "7일"), "finish_reason": "stop"})}
    rows[2] |= {"input_messages": "no JSON"}
    api.fill(rows)
    trace = api.get("traces/" + "b" * 32)
    talk = [(m["role"], m["parts"][0]["content"], int(m["span_id"], 16)) for m in trace["conversation"]]
    kind, hi, yes = ("system", "be kind", 1), ("user", "안녕", 1), ("assistant", "네", 1)
    assert talk == [kind, hi, yes, ("user", "환불?", 2), ("assistant", "7일", 2), ("user", "no JSON", 3)]
    assert trace["conversation"][4]["finish_reason"] == "stop"
    assert trace["retrieved_context"] == [{"span_id": f"{2:016x}", "text": "7 days"}]
    assert models.Trace.model_validate(trace)
    assert models.Traces.model_validate(api.get("traces"))


def test_documents_of_a_retrieval_are_shown_whichever_batch_it_came_in(api: Answering) -> None:
    """A call that repeats them adds nothing; one with documents of its own does."""
    rows = family(4, {})
    rows[0] |= {"operation": "retrieval", "retrieved_context": "환불은 7일", "usage_source": "none", "cost_usd": None}
    rows[1] |= {"operation": "rerank", "retrieved_context": "shipping: 2 days"}
    rows[2] |= {"input_messages": said(message("user", "환불?"))}
    rows[3] |= {"retrieved_context": "환불은 7일\n\nshipping: 2 days"}
    api.fill(rows)
    alone = api.get("traces/" + "b" * 32)
    first, second = ({"span_id": f"{n:016x}", "text": rows[n - 1]["retrieved_context"]} for n in (1, 2))
    assert (alone["retrieved_context"], len(alone["conversation"])) == ([first, second], 1)
    rows[2] |= {"retrieved_context": "환불은 7일\n\nown"}
    api.fill(rows)
    third = {"span_id": f"{3:016x}", "text": "환불은 7일\n\nown"}
    assert api.get("traces/" + "b" * 32)["retrieved_context"] == [first, second, third]
    assert api.get("traces/" + "b" * 32)["content_left_out"] is False


@pytest.mark.parametrize("shape", ["chain", "star", "orphans", "circle"])
def test_ten_thousand_spans_are_a_trace(api: Answering, shape: str) -> None:
    """In any shape, each span once."""
    parents = {
        "chain": {n: n - 1 for n in range(2, 10_001)},
        "star": dict.fromkeys(range(2, 10_001), 1),
        "orphans": dict.fromkeys(range(1, 10_001), 99_999),
        "circle": {n: n % 10_000 + 1 for n in range(1, 10_001)},
    }[shape]
    api.fill(family(10_000, parents))
    trace = api.get("traces/" + "b" * 32)
    assert len({s["span_id"] for s in trace["spans"]}) == len(trace["spans"]) == 10_000
    assert trace["total_cost_usd"] == "0.01"


def test_a_key_finds_and_sees_its_own_traces_alone(api: Answering) -> None:
    """Even with another's trace id, or another's cursor."""
    api.fill([call(n, project=["alpha", "beta"][n % 2], trace_id=f"{n // 4:032x}") for n in range(12)])
    assert [t["spans"] for t in api.get("traces", "alpha")["traces"]] == [2, 2, 2]
    assert len(api.get("traces/" + "0" * 32, "beta")["spans"]) == 2
    assert api.ask("traces/" + "0" * 32, "gamma").status_code == 404
    cursor = api.get("traces", "alpha", limit=1)["next_cursor"]
    assert api.get("traces", "gamma", limit=1, cursor=cursor)["traces"] == []


def test_the_longest_question_that_is_taken_is_answered(api: Answering) -> None:
    """Filters, texts and names at their limits, in characters that grow the most on the way to the store."""
    api.fill([call(1)])
    names = [f"attr:{n}" + "\\" * 250 for n in range(5)]
    longest = api.ask("latency", user="\\" * 6_996, group_by=names)
    assert longest.status_code == 200, longest.text
    assert api.get("traces", q="\x01" * 1_000, user="\\" * 6_996)["traces"] == []
    assert api.ask("traces", q="x" * 1_001).json()["parameter"] == "q"


@pytest.mark.parametrize("trace_id", ["0" * 32, "x", "%27", "a" * 65])
def test_a_trace_that_is_not_there(api: Answering, trace_id: str) -> None:
    """Is 404, whatever was asked for."""
    answer = api.ask(f"traces/{trace_id}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
