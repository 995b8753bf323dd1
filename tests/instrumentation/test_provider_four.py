"""Google, Mistral, Cohere and Ollama: what every client has in common, held against the real ones."""

import asyncio
import gc
import json
import threading
from collections.abc import Callable
from contextlib import aclosing, closing
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from tests.instrumentation.four_clients import CLIENTS, FUNCTION, WARNINGS, FourClients
from tests.standin import Facts, Standin, ToolCall, expected
from tests.standin.ollama import ANSWER_NS, LOAD_NS, PROMPT_NS

import haechi
from haechi import testing
from haechi.pricing import PriceBook, Usage
from haechi_schemas import attributes as names

ASKED = {
    "chat": "Where is Seoul?",
    "korean": "서울은 어디입니까? [korean]",
    "tool": "날씨? [tool]",
    "length": "[length]",
}
BOOK = PriceBook.load()
pytestmark = [pytest.mark.filterwarnings(warning) for warning in WARNINGS]


def plain(client: FourClients, text: str, *, tool: bool = False) -> list[Any]:
    with client.opened() as opened:
        return [client.ask(opened, text, tool=tool)]


def streamed(client: FourClients, text: str, *, tool: bool = False) -> list[Any]:
    with client.opened() as opened:
        return list(client.stream(opened, text, tool=tool))


def plain_async(client: FourClients, text: str, *, tool: bool = False) -> list[Any]:
    async def ask() -> Any:
        async with client.opened_async() as opened:
            return await client.ask_async(opened, text, tool=tool)

    return [asyncio.run(ask())]


def streamed_async(client: FourClients, text: str, *, tool: bool = False) -> list[Any]:
    async def ask() -> list[Any]:
        async with client.opened_async() as opened:
            return [chunk async for chunk in await client.stream_async(opened, text, tool=tool)]

    return asyncio.run(ask())


Way = Callable[..., list[Any]]
WAYS: tuple[Way, ...] = (plain, streamed, plain_async, streamed_async)
STREAMS: tuple[Way, ...] = (streamed, streamed_async)


@pytest.fixture(params=CLIENTS, ids=lambda kind: kind.__name__)
def client(request: pytest.FixtureRequest, standin: Standin) -> FourClients:
    made: FourClients = request.param(standin.url)
    return made


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def way(request: pytest.FixtureRequest) -> Way:
    made: Way = request.param
    return made


def known(span: ReadableSpan) -> dict[str, Any]:
    """Return a span's attributes, content decoded."""
    content = (names.INPUT_MESSAGES, names.OUTPUT_MESSAGES, names.TOOL_DEFINITIONS)
    attributes = dict(span.attributes or {})
    return attributes | {name: json.loads(str(attributes[name])) for name in content if name in attributes}


def told(client: FourClients, scenario: str) -> Facts:
    offered = ({"name": FUNCTION["name"], "schema": FUNCTION["parameters"]},)
    return expected(f"{client.vendor}.{scenario}", tools=offered)


def asked_facts(client: FourClients, standin: Standin, scenario: str) -> dict[str, Any]:
    facts: dict[str, Any] = {
        names.OPERATION_NAME: client.operation,
        names.PROVIDER_NAME: client.provider,
        names.REQUEST_MODEL: told(client, scenario).response_model,
        names.SERVER_ADDRESS: "127.0.0.1",
        names.SERVER_PORT: standin.port,
        names.INPUT_MESSAGES: [{"role": "user", "parts": [{"type": "text", "content": ASKED[scenario]}]}],
    }
    if scenario == "tool":
        facts[names.TOOL_DEFINITIONS] = [{"type": "function", **client.function}]
    return facts | client.parameters


def call_part(client: FourClients, call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_call", "id": client.call_id(1), "name": call.name, "arguments": call.arguments}


def answered_facts(client: FourClients, scenario: str) -> dict[str, Any]:
    facts = told(client, scenario)
    plan = [{"type": "reasoning", "content": client.plan}] if facts.tool_calls and hasattr(client, "plan") else []
    text = [{"type": "text", "content": facts.text}] if facts.text else []
    parts = [*plan, *text, *(call_part(client, call) for call in facts.tool_calls)]
    said: dict[str, Any] = {
        names.RESPONSE_MODEL: facts.response_model,
        names.RESPONSE_ID: client.response_id(1),
        names.RESPONSE_FINISH_REASONS: (facts.finish_reason,),
        names.OUTPUT_MESSAGES: [{"role": "assistant", "parts": parts, "finish_reason": facts.finish_reason}],
        **usage(client, facts),
    }
    if client.vendor == "ollama":
        durations = (names.OLLAMA_LOAD_DURATION, names.OLLAMA_PROMPT_DURATION, names.OLLAMA_ANSWER_DURATION)
        said |= dict(zip(durations, (LOAD_NS / 1e9, PROMPT_NS / 1e9, ANSWER_NS / 1e9), strict=True))
    if client.vendor == "cohere":
        del said[names.RESPONSE_MODEL]  # its answers name none
    return {name: value for name, value in said.items() if value is not None}


def usage(client: FourClients, facts: Facts) -> dict[str, Any]:
    counts: dict[str, Any] = {
        names.USAGE_INPUT_TOKENS: facts.input_tokens,
        names.USAGE_OUTPUT_TOKENS: facts.output_tokens,
    }
    if facts.cache_read_tokens:
        counts[names.USAGE_CACHE_READ_TOKENS] = facts.cache_read_tokens
    if facts.reasoning_tokens:
        counts[names.USAGE_REASONING_TOKENS] = facts.reasoning_tokens
    if client.vendor != "ollama":  # nobody sells a local model
        counts[names.COST_USD] = price(client, facts)
    return counts


def price(client: FourClients, facts: Facts) -> float:
    rates = BOOK.resolve(client.provider, facts.response_model, datetime(2026, 1, 1, tzinfo=UTC))
    assert rates is not None
    spent = Usage(
        input_tokens=facts.input_tokens,
        output_tokens=facts.output_tokens,
        cache_read_tokens=facts.cache_read_tokens,
        reasoning_tokens=facts.reasoning_tokens,
    )
    return float(rates.cost(spent).cost)


@pytest.mark.parametrize("scenario", ASKED)
def test_a_call_is_one_span_with_every_fact(client: FourClients, standin: Standin, way: Way, scenario: str) -> None:
    """Its attributes are exactly what was asked and answered, and for a stream when, how often and how it ended."""
    with testing.capture() as captured:
        chunks = way(client, ASKED[scenario], tool=scenario == "tool")
    (span,) = captured.spans
    facts = asked_facts(client, standin, scenario) | answered_facts(client, scenario)
    got = known(span)
    if way in STREAMS:
        facts |= {names.REQUEST_STREAM: True, names.STREAM_OUTCOME: "complete", names.RESPONSE_CHUNK_COUNT: len(chunks)}
        first_s = got.pop(names.RESPONSE_TIME_TO_FIRST_CHUNK)
        assert 0 < first_s <= ((span.end_time or 0) - (span.start_time or 0)) / 1e9
    assert got == facts
    assert (span.name, span.kind) == (f"{client.operation} {facts[names.REQUEST_MODEL]}", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_an_error_is_told_and_passes(client: FourClients, standin: Standin, way: Way, status: int) -> None:
    """The application gets the client's own error; the span has its class, its status and what was asked."""
    with testing.capture() as captured, pytest.raises(Exception, match=r".") as raised:
        way(client, f"[error_{status}]")
    assert type(raised.value).__name__ == client.error[status]
    assert len(standin.requests) == len(captured.spans) == 1
    got = known(captured.spans[0])
    assert (got[names.ERROR_TYPE], got[names.HTTP_STATUS_CODE]) == (client.error[status], status)
    assert captured.spans[0].status.status_code is StatusCode.ERROR
    assert (got[names.SERVER_PORT], names.USAGE_INPUT_TOKENS in got) == (standin.port, False)


@pytest.mark.parametrize("read", STREAMS, ids=lambda way: way.__name__)
def test_a_cut_stream_is_an_error(client: FourClients, read: Way) -> None:
    """A connection that is lost midway fails the call with the client's own error and keeps what had arrived."""
    with testing.capture() as captured, pytest.raises(Exception, match=r".") as raised:
        read(client, "[cut][korean]")
    (span,) = captured.spans
    got = known(span)
    assert (got[names.ERROR_TYPE], got[names.STREAM_OUTCOME]) == (type(raised.value).__qualname__, "error")
    assert got[names.RESPONSE_CHUNK_COUNT] > 1
    text = got[names.OUTPUT_MESSAGES][0]["parts"][0]["content"]
    assert text
    assert told(client, "korean").text.startswith(text)


def test_an_abandoned_stream_is_finished(client: FourClients) -> None:
    """A stream that is dropped after its first chunk ends its span, without error and without usage."""
    with testing.capture() as captured, client.opened() as opened:
        stream = client.stream(opened, "[long]")
        next(iter(stream))
        del stream
        gc.collect()
        (span,) = captured.spans
    got = known(span)
    assert (got[names.STREAM_OUTCOME], got[names.RESPONSE_CHUNK_COUNT]) == ("abandoned", 1)
    assert (span.status.status_code, names.USAGE_OUTPUT_TOKENS in got) == (StatusCode.UNSET, False)


def test_a_stream_that_is_closed_early_is_finished(client: FourClients) -> None:
    """By ``with`` or ``close``, as its client has it; the span ends there and keeps what had come."""
    with testing.capture() as captured, client.opened() as opened:
        stream = client.stream(opened, "[long]")
        with stream if client.vendor == "mistral" else closing(stream):
            next(iter(stream))
        (span,) = captured.spans
    assert known(span)[names.RESPONSE_CHUNK_COUNT] == 1
    assert known(span)[names.STREAM_OUTCOME] in {"closed", "abandoned"}  # Google's client drops the one below


def test_an_asynchronous_stream_that_is_closed_early_is_finished(client: FourClients) -> None:
    """By ``async with`` or ``aclose``."""

    async def read_one() -> None:
        async with client.opened_async() as opened:
            stream = await client.stream_async(opened, "[long]")
            async with stream if client.vendor == "mistral" else aclosing(stream):
                await anext(aiter(stream))

    with testing.capture() as captured:
        asyncio.run(read_one())
        (span,) = captured.spans
    assert known(span)[names.RESPONSE_CHUNK_COUNT] == 1
    assert known(span)[names.STREAM_OUTCOME] in {"closed", "abandoned"}


def test_an_abandoned_asynchronous_stream_is_finished(client: FourClients) -> None:
    """The same of a stream that is read in a task."""

    async def drop() -> None:
        async with client.opened_async() as opened:
            async for _ in await client.stream_async(opened, "[long]"):
                break

    with testing.capture() as captured:
        asyncio.run(drop())
        gc.collect()
        (span,) = captured.spans
    assert known(span)[names.RESPONSE_CHUNK_COUNT] == 1
    assert known(span)[names.STREAM_OUTCOME] in {"abandoned", "closed"}


def test_a_stream_may_be_read_in_another_thread(client: FourClients) -> None:
    """The span lies under the one that was current where the stream was made, with the attributes from there."""
    with testing.capture() as captured, client.opened() as opened:
        tracer = captured.tracer_provider.get_tracer("application")
        with tracer.start_as_current_span("request") as parent, haechi.context(user="kim"):
            stream = client.stream(opened, "[korean]")
        thread = threading.Thread(target=list, args=(stream,))
        thread.start()
        thread.join()
    (span,) = captured.llm()
    assert span.parent is not None
    assert span.parent.span_id == parent.get_span_context().span_id
    assert (known(span)[names.USER_ID], known(span)[names.STREAM_OUTCOME]) == ("kim", "complete")


def test_content_off_leaves_no_text(client: FourClients, way: Way) -> None:
    """Nothing of the question, the answer or the tool is anywhere in the span; the counts are."""
    with testing.capture(content="off") as captured:
        way(client, ASKED["tool"], tool=True)
    written = json.dumps(dict(captured.spans[0].attributes or {}), ensure_ascii=False)
    assert not any(text in written for text in ("날씨", "weather", "Seoul"))
    assert known(captured.spans[0])[names.USAGE_OUTPUT_TOKENS] == told(client, "tool").output_tokens


def test_the_application_notices_nothing(client: FourClients, standin: Standin, way: Way) -> None:
    """The server receives the same bytes and the application the same values, with and without us."""
    without = way(client, ASKED["korean"])
    with testing.capture():
        with_us = way(client, ASKED["korean"])
    first, second = standin.requests
    assert (first.body, first.head) == (second.body, second.head)
    assert [told_by(chunk) for chunk in with_us] == [told_by(chunk) for chunk in without]
    assert [type(chunk) for chunk in with_us] == [type(chunk) for chunk in without]


def told_by(chunk: Any) -> str:
    """Return what a chunk says, but for the number of the response."""
    return str(chunk.model_dump_json(exclude={"sdk_http_response"})).replace("standin000002", "standin000001")


def test_calls_are_measured(client: FourClients) -> None:
    """The convention's metrics have the call's duration, tokens and time to first chunk."""
    with testing.capture() as captured:
        streamed(client, ASKED["chat"])
    facts = told(client, "chat")
    sums = {(m.name, m.attributes.get(names.TOKEN_TYPE)): m.sum for m in captured.metrics}
    assert sums[("gen_ai.client.token.usage", "output")] == facts.output_tokens
    assert sums[("gen_ai.client.token.usage", "input")] == facts.input_tokens
    assert 0 < sums[("gen_ai.client.operation.time_to_first_chunk", None)]
    assert 0 < sums[("gen_ai.client.operation.duration", None)]
