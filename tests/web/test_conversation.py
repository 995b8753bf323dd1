"""Messages, documents and spans as markup: all of it shown, none of it read as markup."""

import re
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi_collector.web.conversation import FOLD_CHARS, conversation, documents, json_of, text_of
from haechi_collector.web.language import Translator

EN, KO = Translator("en"), Translator("ko")
HOSTILE = "<script>alert('x')</script>&<img src=x onerror=alert(1)>"


def message(*parts: Any, role: str = "user", **more: Any) -> dict[str, Any]:
    return {"role": role, "parts": list(parts), **more}


def text(content: str) -> dict[str, str]:
    return {"type": "text", "content": content}


def words_of(html: str) -> str:
    """What somebody reads."""
    return re.sub(r"<[^>]*>", "", html)


@pytest.mark.parametrize(
    "part",
    [
        text(HOSTILE),
        {"type": "reasoning", "content": HOSTILE},
        {"type": "tool_call", "name": HOSTILE, "id": HOSTILE, "arguments": {HOSTILE: HOSTILE}},
        {"type": "tool_call_response", "id": HOSTILE, "response": HOSTILE},
        {"type": HOSTILE, HOSTILE: [HOSTILE]},
        HOSTILE,
    ],
    ids=["text", "reasoning", "tool call", "tool result", "unknown", "bare"],
)
def test_nothing_that_was_sent_is_read_as_markup(part: Any) -> None:
    """A text with tags in it is shown with its tags, wherever it stands."""
    shown = conversation([message(part, role=HOSTILE, span_id=HOSTILE, finish_reason=HOSTILE)], EN)
    assert "<script" not in shown
    assert "<img" not in shown
    assert "&lt;script&gt;" in shown


@given(st.text(max_size=300))
def test_every_text_is_shown_whole(content: str) -> None:
    """What is between the tags is the text, character by character."""
    shown = words_of(text_of(content, EN))
    read = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&#x27;", "'")
    assert read.replace("&amp;", "&") == content


def test_a_long_text_is_folded_and_whole() -> None:
    """Beyond the limit a text can be unfolded; up to it, it just stands there."""
    assert "<details" not in text_of("가" * FOLD_CHARS, KO)
    folded = text_of("가" * (FOLD_CHARS + 1), KO)
    assert folded.startswith("<details")
    assert "가" * (FOLD_CHARS + 1) in folded
    assert "모두 보기" in folded


def test_roles_are_told_in_the_reader_s_language() -> None:
    """A role of the convention has a word; another one is shown as it was sent."""
    roles = ["system", "user", "assistant", "tool", "critic"]
    shown = words_of(conversation([message(role=role) for role in roles], KO))
    assert shown == "시스템사용자어시스턴트도구critic"


def test_a_tool_call_shows_its_name_and_arguments() -> None:
    """Arguments that are JSON in a text are shown as JSON."""
    call = {"type": "tool_call", "name": "get_weather", "arguments": '{"city":"서울"}'}
    shown = words_of(conversation([message(call, role="assistant")], EN))
    assert "Calls get_weather" in shown
    assert "&quot;city&quot;: &quot;서울&quot;" in shown


def test_documents_are_listed_one_by_one() -> None:
    """A JSON list of documents becomes a list; content, id and score have their places; a bare text is one document."""
    listed = orjson.dumps(
        [{"id": "kb-1", "score": 0.93, "content": "환불은 14일"}, {"title": "x", "n": 1}, "plain"]
    ).decode()
    shown = documents([{"span_id": "a", "text": listed}, {"span_id": "b", "text": "just text"}], EN)
    assert shown.count("<li>") == 4
    assert "id kb-1 · score 0.93" in shown
    for said in ("환불은 14일", "plain", "just text"):
        assert said in shown


@pytest.mark.parametrize("value", [None, 0, True, "", "plain", '"quoted"', [1], {"a": None}])
def test_any_json_is_shown(value: Any) -> None:
    """Whatever a tool answered has a way to be shown."""
    assert json_of(value, EN).startswith("<div")
