"""Cohere's client: reranking, embeddings, documents, raw responses, and the first version of its API."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import cohere
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from tests.instrumentation.four_clients import WARNINGS
from tests.standin import Standin, expected
from tests.standin.cohere import EMBEDDING_DIMENSIONS, SEARCH_UNITS, TOOL_PLAN
from tests.standin.openai_media import EMBEDDING_TOKENS

from haechi import testing
from haechi.testing import Captured
from haechi_schemas import attributes as names

MODEL = "command-r-08-2024"
pytestmark = [pytest.mark.filterwarnings(warning) for warning in WARNINGS]


@pytest.fixture
def captured() -> Iterator[Captured]:
    with testing.capture() as capturing:
        yield capturing


@pytest.fixture
def client(standin: Standin, captured: Captured) -> Iterator[Any]:
    del captured  # before the client, which keeps its methods as they are when it is made
    with cohere.ClientV2("k", base_url=standin.url) as opened:
        yield opened


@pytest.fixture
def first(standin: Standin, captured: Captured) -> Iterator[Any]:
    del captured
    with cohere.Client("k", base_url=standin.url) as opened:
        yield opened


def told(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def said(span: ReadableSpan, name: str) -> Any:
    return json.loads(str(told(span)[name]))


def test_a_reranking_is_a_retrieval(client: Any, captured: Captured) -> None:
    """Query, the documents that were chosen with their scores, and what is billed."""
    client.rerank(model="rerank-v3.5", query="수도는?", documents=["서울", "부산", "대구"], top_n=2)
    (span,) = captured.spans
    assert (span.name, told(span)[names.OPERATION_NAME]) == ("retrieval rerank-v3.5", "retrieval")
    assert told(span)[names.RETRIEVAL_QUERY_TEXT] == "수도는?"
    assert said(span, names.RETRIEVAL_DOCUMENTS) == [
        {"id": "0", "content": "서울", "score": 0.9},
        {"id": "1", "content": "부산", "score": 0.8},
    ]
    assert told(span)[names.USAGE_SEARCH_UNITS] == SEARCH_UNITS


def test_embeddings_have_their_size_and_tokens(client: Any, captured: Captured) -> None:
    """One span for all texts of a call."""
    asked = {"model": "embed-v4.0", "input_type": "search_document", "embedding_types": ["float"]}
    client.embed(texts=["서울", "b"], **asked)
    (span,) = captured.spans
    assert (span.name, told(span)[names.USAGE_INPUT_TOKENS]) == ("embeddings embed-v4.0", EMBEDDING_TOKENS)
    assert told(span)[names.EMBEDDINGS_DIMENSION_COUNT] == EMBEDDING_DIMENSIONS
    assert [m["parts"][0]["content"] for m in said(span, names.INPUT_MESSAGES)] == ["서울", "b"]


def test_documents_of_a_chat_are_its_context(client: Any, captured: Captured) -> None:
    """What the answer is to be grounded in is recorded as retrieved documents, texts or fields."""
    documents = ["서울은 수도다", {"id": "d7", "data": {"title": "부산", "text": "항구"}}]
    client.chat(model=MODEL, messages=[{"role": "user", "content": "?"}], documents=documents)
    assert said(captured.spans[0], names.RETRIEVAL_DOCUMENTS) == [
        {"id": "0", "content": "서울은 수도다"},
        {"id": "d7", "content": {"title": "부산", "text": "항구"}},
    ]


def test_every_kind_of_message_is_told(client: Any, captured: Captured) -> None:
    """System, texts and pictures, plans, calls of tools and their answers."""
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": "서울"}'}}
    messages = [
        {"role": "system", "content": "짧게"},
        {"role": "user", "content": [{"type": "text", "text": "보라"}]},
        {"role": "assistant", "tool_plan": "I look.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "맑음"},
    ]
    client.chat(model=MODEL, messages=messages, stop_sequences=["END"], response_format={"type": "json_object"})
    (span,) = captured.spans
    assert [message["parts"] for message in said(span, names.INPUT_MESSAGES)] == [
        [{"type": "text", "content": "짧게"}],
        [{"type": "text", "content": "보라"}],
        [
            {"type": "reasoning", "content": "I look."},
            {"type": "tool_call", "id": "c1", "name": "look", "arguments": {"at": "서울"}},
        ],
        [{"type": "tool_call_response", "id": "c1", "response": "맑음"}],
    ]
    assert (told(span)[names.REQUEST_STOP_SEQUENCES], told(span)[names.OUTPUT_TYPE]) == (("END",), "json")


def test_a_raw_response_is_observed(client: Any, captured: Captured) -> None:
    """The application gets the headers beside the answer, the span what the answer says."""
    raw = client.with_raw_response.chat(model=MODEL, messages=[{"role": "user", "content": "[korean]"}])
    (span,) = captured.spans
    assert raw.headers["content-type"] == "application/json"
    assert told(span)[names.RESPONSE_ID] == raw.data.id
    assert told(span)[names.USAGE_OUTPUT_TOKENS] == expected("cohere.korean").output_tokens


def test_a_stream_that_fails_says_so(client: Any, captured: Captured) -> None:
    """The client raises nothing; the finish reason is the provider's word for it."""
    list(client.chat_stream(model=MODEL, messages=[{"role": "user", "content": "[fail]"}]))
    assert told(captured.spans[0])[names.RESPONSE_FINISH_REASONS] == ("ERROR",)


@pytest.mark.parametrize("streamed", [False, True])
def test_the_first_version_is_observed(first: Any, captured: Captured, streamed: bool) -> None:
    """Message, history, preamble, documents, answer and tokens of the older API."""
    asked = {
        "model": MODEL,
        "message": "[korean]",
        "chat_history": [{"role": "USER", "message": "hi"}, {"role": "CHATBOT", "message": "yes"}],
        "preamble": "짧게",
        "documents": [{"title": "서울", "text": "수도"}],
    }
    facts = expected("cohere.korean")
    if streamed:
        list(first.chat_stream(**asked))
    else:
        first.chat(**asked)
    (span,) = captured.spans
    roles = [(message["role"], message["parts"][0]["content"]) for message in said(span, names.INPUT_MESSAGES)]
    assert roles == [("user", "hi"), ("assistant", "yes"), ("user", "[korean]")]
    assert said(span, names.SYSTEM_INSTRUCTIONS) == [{"type": "text", "content": "짧게"}]
    assert said(span, names.RETRIEVAL_DOCUMENTS) == [{"id": "0", "content": "수도"}]
    assert said(span, names.OUTPUT_MESSAGES)[0]["parts"] == [{"type": "text", "content": facts.text}]
    counts = (told(span)[names.USAGE_INPUT_TOKENS], told(span)[names.USAGE_OUTPUT_TOKENS])
    assert counts == (facts.input_tokens, facts.output_tokens)
    assert told(span)[names.RESPONSE_FINISH_REASONS] == (facts.finish_reason,)


def test_the_first_version_calls_tools_and_may_be_abandoned(first: Any, captured: Captured) -> None:
    """A call of a tool is a part of the answer; a stream that is dropped keeps what had come."""
    definition = {"city": {"type": "str", "description": "Where", "required": True}}
    tool = {"name": "look", "description": "Looks", "parameter_definitions": definition}
    first.chat(model=MODEL, message="[tool]", tools=[tool])
    stream = first.chat_stream(model=MODEL, message="[korean]")
    for event in stream:
        if event.event_type == "text-generation":
            break
    del stream
    called, dropped = captured.spans
    (part,) = said(called, names.OUTPUT_MESSAGES)[0]["parts"]
    assert (part["type"], part["name"], part["arguments"]) == ("tool_call", "look", {"city": "Seoul"})
    assert said(called, names.TOOL_DEFINITIONS)[0]["parameters"] == definition
    (left,) = said(dropped, names.OUTPUT_MESSAGES)[0]["parts"]
    assert expected("cohere.korean").text.startswith(left["content"])
    assert told(dropped)[names.STREAM_OUTCOME] == "abandoned"


def test_the_first_version_embeds_and_reranks(first: Any, captured: Captured) -> None:
    """The client sends long lists in batches, each a span."""
    first.embed(model="embed-english-v3.0", texts=["a", "b"], input_type="search_query")
    first.rerank(model="rerank-v3.5", query="q", documents=[{"text": "x"}, {"text": "y"}], top_n=1)
    embedded, ranked = captured.spans
    assert told(embedded)[names.USAGE_INPUT_TOKENS] == EMBEDDING_TOKENS
    assert said(ranked, names.RETRIEVAL_DOCUMENTS) == [{"id": "0", "content": "x", "score": 0.9}]


def test_an_asynchronous_client_of_the_first_version_is_observed(standin: Standin, captured: Captured) -> None:
    """Its chat and its stream give a span each."""

    async def ask() -> None:
        async with cohere.AsyncClient("k", base_url=standin.url) as client:
            await client.chat(model=MODEL, message="[korean]")
            async for _ in client.chat_stream(model=MODEL, message="[korean]"):
                pass

    asyncio.run(ask())
    tokens = [told(span)[names.USAGE_OUTPUT_TOKENS] for span in captured.spans]
    assert tokens == [expected("cohere.korean").output_tokens] * 2


def test_a_plan_is_reasoning(client: Any, captured: Captured) -> None:
    """What the model says it will do comes before the calls that it asks for, and is a thought."""
    client.chat(model=MODEL, messages=[{"role": "user", "content": "[tool]"}])
    parts = said(captured.spans[0], names.OUTPUT_MESSAGES)[0]["parts"]
    assert [part["type"] for part in parts] == ["reasoning", "tool_call"]
    assert parts[0]["content"] == TOOL_PLAN
