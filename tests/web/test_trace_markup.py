"""A trace's rows in the waterfall, a span's sections, cells of the lists."""

import re
from typing import Any

from haechi_collector.gate.gate import Caller
from haechi_collector.web.feedback import thumbs
from haechi_collector.web.language import Translator
from haechi_collector.web.listed import marked
from haechi_collector.web.span_view import span_view
from haechi_collector.web.state import State
from haechi_collector.web.waterfall import rows_of
from haechi_collector.web.widgets import delta

EN = Translator("en")


def span(depth: int, **facts: Any) -> dict[str, Any]:
    known = {
        "span_id": f"{depth:016x}",
        "depth": depth,
        "is_orphan": False,
        "is_critical": True,
        "critical_ms": 5.0,
        "name": "chat gpt-4o",
        "offset_ms": 10.0,
        "duration_ms": 200.0,
        "status": "unset",
        "operation": "chat",
        "model": "gpt-4o",
        "ttft_ms": 50.0,
        "cost_usd": "0.0012",
    }
    return {**known, **facts}


def test_rows_tell_who_has_children() -> None:
    """A span whose next one is deeper can be folded; the last one cannot."""
    rows = rows_of([span(0), span(1), span(2), span(1)], EN)
    assert [row["children"] for row in rows] == [True, True, False, False]


def test_a_row_tells_kind_cost_and_first_token() -> None:
    """The colour is the operation's, the first token a share of the bar, the model only where the name lacks it."""
    (row,) = rows_of([span(0)], EN)
    assert (row["color"], row["ttft"], row["note"]) == ("var(--series-1)", 25.0, "$0.00120")
    (other,) = rows_of([span(0, name="answer", operation="", cost_usd=None, ttft_ms=None, status="error")], EN)
    assert (other["color"], other["ttft"], other["note"], other["error"]) == ("var(--series-other)", 0, "gpt-4o", True)


def whole(**facts: Any) -> dict[str, Any]:
    texts = ("input_messages", "output_messages", "system_instructions", "tool_definitions", "retrieved_context")
    nothing = {"parsed": None, "text": "", "chars": 0, "is_cut": False}
    names = ("error_type", "operation", "provider", "request_model", "response_model", "cost_source", "service")
    more = ("service_version", "environment", "prompt", "prompt_version", "experiment", "variant", "user", "session")
    known: dict[str, Any] = dict.fromkeys((*names, *more), "")
    known |= dict.fromkeys(("input_tokens", "output_tokens", "cache_read_tokens"), 0)
    known |= dict.fromkeys((*texts, "events", "links", "status_message"), nothing)
    known |= {"project": "default", "trace_id": "a" * 32, "span_id": "b" * 16}
    known |= {"name": "chat", "status": "unset", "duration_ms": 1.0, "ttft_ms": None, "cost_usd": None}
    known |= {
        "finish_reasons": [],
        "receipt": {"lines": [], "remarks": {}},
        "attributes": [],
        "resource_attributes": [],
    }
    return {**known, "scores": [], **facts}


def test_a_bare_span_has_no_empty_sections() -> None:
    """What there is nothing of is not shown, but everything is there as JSON."""
    assert span_view(whole(), State(), Caller(), EN).count("<summary>") == 1


def test_a_priced_span_shows_its_receipt_to_the_last_digit() -> None:
    """Tokens, rate per million and amount of each bucket."""
    line = {"bucket": "input", "tokens": 1234, "rate_usd": "0.0000025", "amount_usd": "0.003085"}
    shown = span_view(whole(cost_usd="0.003085", receipt={"lines": [line], "remarks": {}}), State(), Caller(), EN)
    for said in ("input", "1,234", "$2.5", "$0.003085"):
        assert said in shown


def test_an_unpriced_span_says_so() -> None:
    """No price is a badge, not an empty cost."""
    assert "unpriced" in span_view(whole(cost_source="unpriced"), State(), Caller(), EN)


def test_only_who_may_send_into_its_project_sees_a_spans_thumbs() -> None:
    """A key that only reads does not, nor an administrator of another project's, whose score would not stand there."""
    shown = [Caller(), Caller("default", None, "k1"), Caller("shop", None, "k2"), Caller("default", may_send=False)]
    seen = ["data-thumb" in span_view(whole(), State(), caller, EN) for caller in shown]
    assert seen == [True, True, False, False]


def test_ones_own_thumb_is_pressed() -> None:
    """Another key's is not one's own."""
    said = {"id": f"page-k1-{'a' * 32}-{'b' * 16}", "label": "thumbs_down"}
    pressed = [
        re.findall(r'aria-pressed="(\w+)"', thumbs(whole(scores=[said]), Caller(key_id=key), EN) or "")
        for key in ("k1", "k2")
    ]
    assert pressed == [["false", "true"], ["false", "false"]]


def test_a_span_leads_to_its_session_and_user() -> None:
    """Ids with slashes and Korean in them keep their way."""
    shown = span_view(whole(user="김/1", session="a b"), State("/traces/1", from_="-7d"), Caller(), EN)
    assert "/user?from=-7d&amp;id=%EA%B9%80/1" in shown
    assert "/session?from=-7d&amp;id=a%20b" in shown


def test_what_was_looked_for_is_marked_in_any_case() -> None:
    """Every occurrence is marked as it stands, and the rest is escaped."""
    assert marked("A <refund> Refund", "refund") == ("<span>A &lt;<mark>refund</mark>&gt; <mark>Refund</mark></span>")
    assert marked("a.b", ".") == "<span>a<mark>.</mark>b</span>"


def test_a_change_is_told_up_to_tenfold() -> None:
    """Green or red from 5 % on where growing is good or bad; nothing where there was hardly anything before."""
    assert delta(0.5, 1) == '<span class="h-delta is-better">+50%</span>'
    assert delta(0.5, -1) == '<span class="h-delta is-worse">+50%</span>'
    assert delta(0.02, 1) == '<span class="h-delta">+2.0%</span>'
    assert delta(184.0, 0) == delta(None, 0) == ""
