"""The real Anthropic client, on its own paths, Bedrock's and Vertex's, accepts what the stand-in says."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import httpx2
import pytest
from tests.standin import Standin, expected
from tests.standin.facts import CACHE_WRITE_1H_TOKENS, Facts

TOOL: Any = {
    "name": "lookup",
    "input_schema": {"type": "object", "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}}},
}
HAIKU = "claude-haiku-4-5"


@pytest.fixture(scope="module")
def shared(standing: Standin) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=standing.url, api_key="sk-ant", max_retries=0) as client:
        yield client


@pytest.fixture
def client(shared: anthropic.Anthropic, standin: Standin) -> anthropic.Anthropic:  # noqa: ARG001  which forgets
    return shared


def question(text: str, **more: Any) -> Any:
    return {"model": HAIKU, "max_tokens": 64, "messages": [{"role": "user", "content": text}], **more}


def told_by(usage: Any) -> tuple[int, int, int, int, int]:
    """Input (with what was cached), output, cache read, cache write, thinking."""
    read, write = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    thinking = usage.output_tokens_details.thinking_tokens
    return usage.input_tokens + read + write, usage.output_tokens, read, write, thinking


def counts(told: Facts) -> tuple[int, int, int, int, int]:
    cached = told.cache_read_tokens, told.cache_write_tokens
    return told.input_tokens, told.output_tokens, *cached, told.reasoning_tokens


@pytest.mark.parametrize("scenario", ["chat", "korean", "length", "reasoning", "refusal"])
def test_a_message_says_what_is_expected(client: anthropic.Anthropic, scenario: str) -> None:
    """Text, stop reason, model and every token kind; streamed, the accumulated message says the same."""
    told = expected(f"anthropic.{scenario}")
    plain = client.messages.create(**question(f"[{scenario}]"))
    with client.messages.stream(**question(f"[{scenario}]")) as stream:
        streamed = stream.get_final_message()
    for got in (plain, streamed):
        assert "".join(block.text for block in got.content if block.type == "text") == told.text
        assert "".join(block.thinking for block in got.content if block.type == "thinking") == told.reasoning
        assert (got.stop_reason, got.model) == (told.finish_reason, "claude-haiku-4-5-20251001")
        assert told_by(got.usage) == counts(told)
        assert got.usage.cache_creation
        assert got.usage.cache_creation.ephemeral_1h_input_tokens == CACHE_WRITE_1H_TOKENS


def test_raw_events_come_in_order(client: anthropic.Anthropic) -> None:
    """Starts, deltas and stops; the output tokens stand in the last delta, not in the start."""
    events = list(client.messages.create(**question("hi"), stream=True))
    kinds = [event.type for event in events]
    assert kinds[:3] == ["message_start", "content_block_start", "content_block_delta"]  # the client keeps pings back
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    start, delta = events[0], events[-2]
    assert start.type == "message_start"
    assert delta.type == "message_delta"
    assert (start.message.usage.output_tokens, delta.usage.output_tokens) == (
        1,
        expected("anthropic.chat").output_tokens,
    )


@pytest.mark.parametrize("scenario", ["tool", "tools"])
def test_tools_are_called_and_answered(client: anthropic.Anthropic, scenario: str) -> None:
    """Tool input arrives whole or as partial JSON; a result behind it brings the closing answer."""
    plain = client.messages.create(**question(f"[{scenario}]", tools=[TOOL]))
    with client.messages.stream(**question(f"[{scenario}]", tools=[TOOL])) as stream:
        streamed = stream.get_final_message()
    for got in (plain, streamed):
        assert got.stop_reason == "tool_use"
        inputs = [block.input for block in got.content if block.type == "tool_use"]
        assert inputs == [{"query": "Seoul", "limit": 7}] * len(expected(f"anthropic.{scenario}").tool_calls)
    use: Any = plain.content[0]
    result: Any = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "21.5"}]}
    turns = [*question(f"[{scenario}]")["messages"], {"role": "assistant", "content": plain.content}, result]
    final: Any = client.messages.create(**question("", tools=[TOOL]) | {"messages": turns})
    assert final.content[0].text == expected("anthropic.tool_answer").text


ERRORS = {
    400: anthropic.BadRequestError,
    401: anthropic.AuthenticationError,
    403: anthropic.PermissionDeniedError,
    404: anthropic.NotFoundError,
    429: anthropic.RateLimitError,
    500: anthropic.InternalServerError,
    529: anthropic.InternalServerError,
}


@pytest.mark.parametrize("status", ERRORS)
def test_errors_are_told_as_anthropic_tells_them(client: anthropic.Anthropic, status: int) -> None:
    """Each status raises the client's own class, with its type, message and request id."""
    with pytest.raises(ERRORS[status]) as raised:
        client.messages.create(**question(f"[error_{status}]"))
    body: Any = raised.value.body
    assert (raised.value.request_id, body["type"]) == ("req_standin000001", "error")


def test_a_retry_succeeds(standin: Standin, client: anthropic.Anthropic) -> None:
    """The first attempt is refused with 429 and the second answered."""
    assert client.with_options(max_retries=1).messages.create(**question("[retry]")).stop_reason == "end_turn"
    assert len(standin.requests) == 2


def test_a_stream_is_cut_or_fails(client: anthropic.Anthropic) -> None:
    """A closed connection and an `error` event raise the client's own errors."""
    with pytest.raises((httpx2.RemoteProtocolError, httpx.RemoteProtocolError)):  # which this client passes on as it is
        list(client.messages.create(**question("[cut]"), stream=True))
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        list(client.messages.create(**question("[fail]"), stream=True))


def test_sampling_parameters_are_refused_by_the_newer_api_version(client: anthropic.Anthropic) -> None:
    """`2026-10-21` answers 400 to a temperature; `2023-06-01` takes it."""
    older = {"anthropic-version": "2023-06-01"}
    warm = question("hi", extra_body={"temperature": 1.0})
    assert client.messages.create(**warm, extra_headers=older).stop_reason == "end_turn"
    with pytest.raises(anthropic.BadRequestError, match="temperature: Extra inputs are not permitted"):
        client.messages.create(**warm, extra_headers={"anthropic-version": "2026-10-21"})


def test_a_slow_stream_is_left(client: anthropic.Anthropic) -> None:
    """Leaving a stream in its middle does not disturb the next call."""
    with client.messages.create(**question("[slow:1]"), stream=True) as stream:
        assert next(iter(stream)).type == "message_start"
    assert client.messages.create(**question("hi")).stop_reason == "end_turn"


def test_structured_output(client: anthropic.Anthropic) -> None:
    """The client's `parse` gets an instance of the model asked for."""
    from pydantic import BaseModel

    class City(BaseModel):
        name: str

    assert client.messages.parse(**question("?"), output_format=City).parsed_output == City(name="Seoul")


def test_tokens_are_counted(client: anthropic.Anthropic) -> None:
    """`count_tokens` says what the call would."""
    got = client.messages.count_tokens(model=HAIKU, messages=question("hi")["messages"])
    assert got.input_tokens == expected("anthropic.chat").input_tokens


def test_a_batch_ends_with_a_result_for_each_request(client: anthropic.Anthropic) -> None:
    """Messages and errors by custom id."""
    batch = client.messages.batches.create(
        requests=[
            {"custom_id": "one", "params": question("hi")},
            {"custom_id": "two", "params": question("[error_400]")},
        ]
    )
    assert batch.processing_status == "in_progress"
    assert client.messages.batches.retrieve(batch.id).processing_status == "ended"
    results = {each.custom_id: each.result for each in client.messages.batches.results(batch.id)}
    assert (results["one"].type, results["two"].type) == ("succeeded", "errored")


async def _async(standin: Standin) -> tuple[Any, str]:
    async with anthropic.AsyncAnthropic(base_url=standin.url, api_key="k") as client:
        plain = await client.messages.create(**question("[korean]"))
        async with client.messages.stream(**question("[korean]")) as stream:
            return plain, "".join([text async for text in stream.text_stream])


def test_the_async_client_is_served_alike(standin: Standin) -> None:
    """Plain and streamed, in Korean."""
    plain, text = asyncio.run(_async(standin))
    assert plain.content[0].text == text == expected("anthropic.korean").text


def test_beta_messages_are_served(client: anthropic.Anthropic) -> None:
    """The beta resource uses the same path with a query."""
    assert client.beta.messages.create(**question("hi")).stop_reason == "end_turn"


BEDROCK_MODEL = "us.anthropic.claude-3-5-sonnet-20240620-v1:0"


@pytest.mark.filterwarnings("ignore::DeprecationWarning:botocore")
def test_bedrock_speaks_anthropic(standin: Standin) -> None:
    """`invoke` plain, and its binary stream; the model is in the path."""
    client = anthropic.AnthropicBedrock(
        base_url=standin.url, aws_access_key="a", aws_secret_key="b", aws_region="us-east-1", max_retries=0
    )
    told = expected("anthropic.chat", model=BEDROCK_MODEL)
    with client:
        plain: Any = client.messages.create(**question("hi") | {"model": BEDROCK_MODEL})
        events: Any = list(client.messages.create(**question("hi") | {"model": BEDROCK_MODEL}, stream=True))
        with pytest.raises(anthropic.RateLimitError):
            client.messages.create(**question("[error_429]") | {"model": BEDROCK_MODEL})
        with pytest.raises(anthropic.APIStatusError, match="failed midway"):
            list(client.messages.create(**question("[fail]") | {"model": BEDROCK_MODEL}, stream=True))
    assert (plain.content[0].text, plain.model) == (told.text, "claude-3-5-sonnet-20240620")
    assert told_by(plain.usage) == counts(told)
    assert "".join(event.delta.text for event in events if event.type == "content_block_delta") == told.text
    assert standin.requests[0].path == f"/model/{BEDROCK_MODEL}/invoke"
    assert standin.requests[1].path == f"/model/{BEDROCK_MODEL}/invoke-with-response-stream"


def test_vertex_speaks_anthropic(standin: Standin) -> None:
    """`rawPredict` and `streamRawPredict`; the model is in the path."""
    client = anthropic.AnthropicVertex(
        base_url=f"{standin.url}/v1", project_id="p", region="us-east5", access_token="t", max_retries=0
    )
    asked = question("hi") | {"model": "claude-haiku-4-5@20251001"}
    with client:
        plain: Any = client.messages.create(**asked)
        with client.messages.stream(**asked) as stream:
            assert stream.get_final_text() == expected("anthropic.chat").text
        assert client.messages.count_tokens(model=asked["model"], messages=asked["messages"]).input_tokens
    assert plain.model == "claude-haiku-4-5-20251001"
    assert "model" not in json.loads(standin.requests[0].body)
