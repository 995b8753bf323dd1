"""Tokens are counted only where nobody reported them and the count is certain."""

import json
import lzma
from pathlib import Path
from typing import Any

import pytest
from tests.stages.calls import batch, call

from haechi_collector.batch import SPANS
from haechi_collector.stages.count_tokens import count_tokens

TABLE = Path(__file__).parent.parent / "instrumentation" / "data" / "cl100k_base.tiktoken.xz"


@pytest.fixture(autouse=True)
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The table of GPT-4 in tiktoken's cache."""
    file = tmp_path / "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
    file.write_bytes(lzma.decompress(TABLE.read_bytes()))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    return file


def messages(role: str, *texts: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]} for text in texts])


def unreported(**columns: Any) -> dict[str, Any]:
    content = {"input_messages": messages("user", "hello world"), "output_messages": messages("assistant", "hello")}
    return call(**{"usage_source": "none", "response_model": "gpt-4-0613", **content, **columns})


def counted(*calls: dict[str, Any]) -> list[tuple[str, int, int]]:
    spans, extras = batch(list(calls))
    made = count_tokens(spans, extras)
    made.validate(full=True)
    assert made.schema.equals(SPANS)
    columns = [made[name].to_pylist() for name in ("usage_source", "input_tokens", "output_tokens")]
    return list(zip(*columns, strict=True))


def test_a_plain_conversation_is_counted() -> None:
    """2 tokens of text, 1 of the role, 3 per message, 3 for the reply's beginning; the reply's text alone."""
    assert counted(unreported()) == [("counted", 9, 1)]


def test_instructions_count_as_a_system_message() -> None:
    """Their text, their role, and the overhead of a message."""
    parts = json.dumps([{"type": "text", "content": "hello world"}])
    assert counted(unreported(system_instructions=parts)) == [("counted", 15, 1)]


def test_embeddings_and_completions_have_no_overhead() -> None:
    """Only their text is billed."""
    embedding = unreported(operation="embeddings", response_model="text-embedding-3-small", output_messages="")
    assert counted(embedding) == [("counted", 2, 0)]
    assert counted(unreported(operation="text_completion", response_model="davinci-002")) == [("counted", 2, 1)]


def test_rows_are_counted_in_their_places() -> None:
    """Reported usage stays as it was."""
    reported = call(input_messages=messages("user", "hello world"))
    assert counted(reported, unreported(), reported)[1] == ("counted", 9, 1)
    assert counted(reported, unreported(), reported)[0] == ("reported", 0, 0)


@pytest.mark.parametrize(
    "columns",
    [
        {"response_model": "claude-sonnet-4-5"},
        {"response_model": "gpt-4o-mini"},  # its table is not at hand
        {"is_inference": False},
        {"operation": "invoke_agent"},
        {"tool_definitions": '[{"name":"search"}]'},
        {"output_messages": ""},  # the reply was not captured
        {"input_messages": "not JSON"},
        {"input_messages": "{}"},
        {"input_messages": "[1]"},
        {"input_messages": '[{"role":1,"parts":[]}]'},
        {"input_messages": '[{"role":"user","parts":[{"type":"image","uri":"x"}]}]'},
        {"input_messages": '[{"role":"user","parts":[{"type":"text","content":7}]}]'},
        {"input_messages": '[{"role":"user","parts":"x"}]'},
        {"system_instructions": '[{"type":"file","file_id":"x"}]'},
        {"output_messages": '[{"role":"assistant","parts":[{"type":"tool_call","name":"x"}]}]'},
        {"input_messages": messages("user", "a " * 600_000)},
    ],
)
def test_what_cannot_be_told_is_not_counted(columns: dict[str, Any]) -> None:
    """Other tokenizers, tools, images, content that is missing, damaged or too long."""
    assert counted(unreported(**columns)) == [("none", 0, 0)]


def test_a_batch_without_such_rows_is_returned_as_it_came() -> None:
    """Nothing is copied."""
    spans, extras = batch([call()])
    assert count_tokens(spans, extras) is spans
