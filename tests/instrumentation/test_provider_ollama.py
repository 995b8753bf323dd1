"""Ollama's client: texts continued, embeddings, thoughts, the package's own functions, its generators."""

import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ollama
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from tests.instrumentation.four_clients import WARNINGS, Ollama
from tests.standin import Standin, expected
from tests.standin.ollama import EMBEDDING_DIMENSIONS
from tests.standin.openai_media import EMBEDDING_TOKENS

from haechi import testing
from haechi_schemas import attributes as names

MODEL = "llama3.2"
ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.filterwarnings(warning) for warning in WARNINGS]


@pytest.fixture
def client(standin: Standin) -> Iterator[Any]:
    with Ollama(standin.url).opened() as opened:
        yield opened


def told(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def said(span: ReadableSpan, name: str) -> Any:
    return json.loads(str(told(span)[name]))


def test_a_text_that_is_continued_is_a_text_completion(client: Any) -> None:
    """``generate``, whole and streamed: prompt, system, pictures by their size, answer, tokens, durations."""
    facts = expected("ollama.korean")
    asked = {"model": MODEL, "prompt": "[korean]", "system": "짧게", "images": [b"12345"]}
    with testing.capture() as captured:
        client.generate(**asked)
        list(client.generate(**asked, stream=True))
    for span in captured.spans:
        assert span.name == f"text_completion {MODEL}"
        text, picture = said(span, names.INPUT_MESSAGES)[0]["parts"]
        assert (text["content"], picture["type"], picture["modality"]) == ("[korean]", "blob", "image")
        assert said(span, names.SYSTEM_INSTRUCTIONS) == [{"type": "text", "content": "짧게"}]
        assert said(span, names.OUTPUT_MESSAGES)[0]["parts"] == [{"type": "text", "content": facts.text}]
        assert told(span)[names.USAGE_INPUT_TOKENS] == facts.input_tokens
        assert told(span)[names.OLLAMA_ANSWER_DURATION] > 0


def test_a_local_model_has_no_price(client: Any) -> None:
    """Not even zero: nobody has said what the machine costs."""
    with testing.capture() as captured:
        client.chat("deepseek-r1", [{"role": "user", "content": "hi"}])
    assert told(captured.spans[0])[names.USAGE_INPUT_TOKENS] > 0
    assert names.COST_USD not in told(captured.spans[0])


def test_thoughts_are_parts_of_their_own(client: Any) -> None:
    """Whole or streamed, what the model thinks comes before what it says, as far as the client knows thoughts."""
    facts = expected("ollama.reasoning")
    messages = [{"role": "user", "content": "[reasoning]"}]
    with testing.capture() as captured:
        known = getattr(client.chat(MODEL, messages).message, "thinking", None)
        list(client.chat(MODEL, messages, stream=True))
    thought = [{"type": "reasoning", "content": facts.reasoning}] if known else []
    for span in captured.spans:
        parts = said(span, names.OUTPUT_MESSAGES)[0]["parts"]
        assert parts == [*thought, {"type": "text", "content": facts.text}]


def test_embeddings_have_their_size_and_tokens(client: Any) -> None:
    """``embed`` and the older ``embeddings``, which counts no tokens."""
    with testing.capture() as captured:
        client.embed("nomic-embed-text", ["서울", "b"])
        client.embeddings("nomic-embed-text", "서울")
    new, old = captured.spans
    assert (new.name, told(new)[names.USAGE_INPUT_TOKENS]) == ("embeddings nomic-embed-text", EMBEDDING_TOKENS)
    assert [m["parts"][0]["content"] for m in said(new, names.INPUT_MESSAGES)] == ["서울", "b"]
    assert said(old, names.INPUT_MESSAGES)[0]["parts"][0]["content"] == "서울"
    assert {told(span)[names.EMBEDDINGS_DIMENSION_COUNT] for span in captured.spans} == {EMBEDDING_DIMENSIONS}


def test_every_kind_of_message_is_told(client: Any) -> None:
    """Pictures by their size, calls of tools and their answers, the form of the answer."""
    call = {"function": {"name": "look", "arguments": {"at": "서울"}}}
    messages: Any = [
        {"role": "user", "content": "보라", "images": [b"12345"]},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "맑음"},
    ]
    with testing.capture() as captured:
        client.chat(MODEL, messages, format="json", options={"seed": 7, "top_k": 40})
    (span,) = captured.spans
    user, assistant, tool = said(span, names.INPUT_MESSAGES)
    assert user["parts"] == [
        {"type": "text", "content": "보라"},
        {"type": "blob", "modality": "image", "mime_type": None, "size": 8},
    ]
    assert assistant["parts"] == [{"type": "tool_call", "id": None, "name": "look", "arguments": {"at": "서울"}}]
    assert tool["parts"][0]["response"] == "맑음"
    facts = told(span)
    assert (facts[names.OUTPUT_TYPE], facts[names.REQUEST_SEED], facts[names.REQUEST_TOP_K]) == ("json", 7, 40)


def test_a_stream_stays_a_generator(client: Any) -> None:
    """It is of the generator's class, takes ``next`` and ``send``, and can be closed."""
    with testing.capture() as captured:
        stream = client.chat(MODEL, [{"role": "user", "content": "[korean]"}], stream=True)
        assert inspect.isgenerator(stream)
        assert next(stream).message.content + stream.send(None).message.content
        stream.close()
        assert list(stream) == []
        (span,) = captured.spans
    assert told(span)[names.STREAM_OUTCOME] == "closed"


def test_an_error_in_the_stream_is_told(client: Any) -> None:
    """It has no HTTP status, and what had come is kept."""
    with testing.capture() as captured, pytest.raises(ollama.ResponseError):
        list(client.chat(MODEL, [{"role": "user", "content": "[fail][korean]"}], stream=True))
    (span,) = captured.spans
    assert (told(span)[names.ERROR_TYPE], span.status.status_code) == ("ResponseError", StatusCode.ERROR)
    assert names.HTTP_STATUS_CODE not in told(span)
    assert expected("ollama.korean").text.startswith(said(span, names.OUTPUT_MESSAGES)[0]["parts"][0]["content"])


def test_what_asks_no_model_is_no_span(client: Any) -> None:
    """The list of models is not a call of one."""
    with testing.capture() as captured:
        client.list()
    assert captured.spans == []


def test_the_packages_functions_are_observed(standin: Standin) -> None:
    """``ollama.chat`` is, also where the application imported it before anything was observed."""
    script = f"""
import os, warnings
warnings.simplefilter("ignore")
os.environ["OLLAMA_HOST"] = "{standin.url}"
from ollama import chat
from haechi import testing
with testing.capture() as captured:
    chat("{MODEL}", [dict(role="user", content="hi")])
print([span.name for span in captured.spans])
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == str([f"chat {MODEL}"])
