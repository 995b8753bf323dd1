"""Mistral's client: fill-in-the-middle, embeddings, agents, thoughts, its own spans."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from tests.instrumentation.four_clients import FUNCTION, WARNINGS, MistralClient
from tests.standin import Standin, expected
from tests.standin.openai_media import EMBEDDING_TOKENS

from haechi import testing
from haechi_schemas import attributes as names

with suppress(ImportError):
    from mistralai import models
with suppress(ImportError):
    from mistralai.client import models  # since 2.0

MODEL = "mistral-small-latest"
ROOT = Path(__file__).parents[2]
THINKS = ["reasoning"] if hasattr(models, "ThinkChunk") else []  # the oldest client knows no thoughts
pytestmark = [pytest.mark.filterwarnings(warning) for warning in WARNINGS]


@pytest.fixture
def client(standin: Standin) -> Iterator[Any]:
    with MistralClient(standin.url).opened() as opened:
        yield opened


def told(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def said(span: ReadableSpan, name: str) -> Any:
    return json.loads(str(told(span)[name]))


@pytest.mark.parametrize("scenario", ["korean", *THINKS])
def test_thoughts_are_parts_of_their_own(client: Any, scenario: str) -> None:
    """An answer has the same parts whole and streamed, thoughts first where the model has some."""
    facts = expected(f"mistral.{scenario}")
    asked = {"model": MODEL, "messages": [{"role": "user", "content": f"[{scenario}]"}]}
    with testing.capture() as captured:
        client.chat.complete(**asked)
        with client.chat.stream(**asked) as stream:
            list(stream)
    thought = [{"type": "reasoning", "content": facts.reasoning}] if facts.reasoning else []
    parts = [*thought, {"type": "text", "content": facts.text}]
    assert [said(span, names.OUTPUT_MESSAGES)[0]["parts"] for span in captured.spans] == [parts, parts]


def test_every_kind_of_message_is_told(client: Any) -> None:
    """System, pictures by their address, calls of tools and their answers."""
    call = {"id": "abcdefghi", "function": {"name": FUNCTION["name"], "arguments": '{"city": "서울"}'}}
    picture = {"type": "image_url", "image_url": "https://example.com/a.png"}
    messages: Any = [
        {"role": "system", "content": "짧게"},
        {"role": "user", "content": [{"type": "text", "text": "보라"}, picture]},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "맑음", "tool_call_id": "abcdefghi", "name": FUNCTION["name"]},
    ]
    with testing.capture() as captured:
        client.chat.complete(model=MODEL, messages=messages, stop=["END"], n=1)
    (span,) = captured.spans
    assert [message["parts"] for message in said(span, names.INPUT_MESSAGES)] == [
        [{"type": "text", "content": "짧게"}],
        [
            {"type": "text", "content": "보라"},
            {"type": "uri", "modality": "image", "uri": "https://example.com/a.png"},
        ],
        [{"type": "tool_call", "id": "abcdefghi", "name": FUNCTION["name"], "arguments": {"city": "서울"}}],
        [{"type": "tool_call_response", "id": "abcdefghi", "response": "맑음"}],
    ]
    assert told(span)[names.REQUEST_STOP_SEQUENCES] == ("END",)


def test_what_stands_between_is_a_text_completion(client: Any) -> None:
    """Fill-in-the-middle, whole and streamed, has the prompt and the suffix, and its tokens."""
    with testing.capture() as captured:
        client.fim.complete(model="codestral-latest", prompt="def f(", suffix="return 1")
        list(client.fim.stream(model="codestral-latest", prompt="def f(", suffix="return 1"))
    for span in captured.spans:
        assert span.name == "text_completion codestral-latest"
        parts = [{"type": "text", "content": "def f("}, {"type": "text", "content": "return 1"}]
        assert said(span, names.INPUT_MESSAGES) == [{"role": "user", "parts": parts}]
        assert told(span)[names.USAGE_OUTPUT_TOKENS] == expected("mistral.chat").output_tokens
        assert told(span)[names.COST_USD] > 0


def test_an_agents_call_tells_the_agent_and_the_model_that_answered(client: Any) -> None:
    """An agent is asked by its id; tokens and model come with the answer."""
    said_by_user: Any = [{"role": "user", "content": "[korean]"}]
    with testing.capture() as captured:
        client.agents.complete(agent_id="ag:1", messages=said_by_user)
        list(client.agents.stream(agent_id="ag:1", messages=said_by_user))
    for span in captured.spans:
        assert (span.name, told(span)[names.AGENT_ID]) == ("chat", "ag:1")
        assert told(span)[names.RESPONSE_MODEL]
        assert told(span)[names.USAGE_INPUT_TOKENS] == expected("mistral.korean").input_tokens


def test_embeddings_have_their_size_and_tokens(client: Any) -> None:
    """One span for all texts of a call."""
    with testing.capture() as captured:
        got = client.embeddings.create(model="mistral-embed", inputs=["서울", "b"])
    (span,) = captured.spans
    assert span.name == "embeddings mistral-embed"
    assert told(span)[names.EMBEDDINGS_DIMENSION_COUNT] == len(got.data[0].embedding)
    assert told(span)[names.USAGE_INPUT_TOKENS] == EMBEDDING_TOKENS
    assert [m["parts"][0]["content"] for m in said(span, names.INPUT_MESSAGES)] == ["서울", "b"]
    assert told(span)[names.COST_USD] > 0


def test_the_server_of_one_call_may_be_another(standin: Standin) -> None:
    """The address is the one that was asked, not the client's."""
    messages: Any = [{"role": "user", "content": "hi"}]
    other = MistralClient("http://localhost:1").opened()
    with testing.capture() as captured, other as opened:
        opened.chat.complete(model=MODEL, messages=messages, server_url=f"{standin.url}/mistral")
    assert told(captured.spans[0])[names.SERVER_PORT] == standin.port


def test_the_clients_own_spans_are_left_out(standin: Standin) -> None:
    """With the client's own telemetry turned on, a call is one span, ours, and the request carries its context."""
    script = f"""
import os, warnings
warnings.simplefilter("ignore")
os.environ["MISTRAL_SDK_TELEMETRY"] = "global"
from opentelemetry import trace
from haechi import testing
with testing.capture() as captured:
    trace.set_tracer_provider(captured.tracer_provider)
    from tests.instrumentation.four_clients import MistralClient
    mistral = MistralClient("{standin.url}")
    with mistral.opened() as opened:
        mistral.ask(opened, "hi")
        list(mistral.stream(opened, "hi"))
print([span.name for span in captured.spans])
print(format(captured.spans[0].context.span_id, "016x"))
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    spans, span_id = done.stdout.splitlines()
    assert spans == str([f"chat {MODEL}"] * 2)
    carried = standin.requests[0].headers.get("traceparent", f"-{span_id}-")  # the oldest makes no spans
    assert f"-{span_id}-" in carried
