"""The client's own helpers around chat: `stream()` and `parse()`, where they are in each version."""

import asyncio
import json
from typing import Any

import openai
import pytest
from opentelemetry.trace import StatusCode
from pydantic import BaseModel
from tests.instrumentation.expectations import attributes
from tests.instrumentation.openai_clients import AZURE, OPENAI, Client
from tests.standin import Standin, expected

from haechi import testing
from haechi_schemas import attributes as names

Json = dict[str, Any]
clients = pytest.mark.parametrize("client", [OPENAI, AZURE], ids=lambda client: client.name)
ways = pytest.mark.parametrize("asynchronous", [False, True], ids=["plain", "async"])


class City(BaseModel):  # noqa: D101  what a program would write
    answer: str


def completions(made: Any) -> Any:
    """Where `parse` and `stream` are: in older versions among what is being tried out."""
    return made.chat.completions if hasattr(type(made.chat.completions), "parse") else made.beta.chat.completions


def parsed(client: Client, standin: Standin, body: Json, *, asynchronous: bool) -> Any:
    if not asynchronous:
        with client.made(standin) as made:
            return completions(made).parse(**body)

    async def ask() -> Any:
        async with client.made_async(standin) as made:
            return await completions(made).parse(**body)

    return asyncio.run(ask())


def streamed(client: Client, standin: Standin, body: Json, *, asynchronous: bool, events_max: int = 1_000) -> list[str]:
    """The kinds of the events of a stream that is left after some."""
    kinds: list[str] = []
    if not asynchronous:
        with client.made(standin) as made, completions(made).stream(**body) as stream:
            for event in stream:
                kinds.append(event.type)
                if len(kinds) == events_max:
                    break
        return kinds

    async def ask() -> None:
        async with client.made_async(standin) as made, completions(made).stream(**body) as stream:
            async for event in stream:
                kinds.append(event.type)
                if len(kinds) == events_max:
                    break

    asyncio.run(ask())
    return kinds


@clients
@ways
def test_a_parsed_answer_is_a_call(client: Client, asynchronous: bool, standin: Standin) -> None:
    """The application gets its own class; the span has the answer's text and the kind of output."""
    with testing.capture() as captured:
        answer = parsed(client, standin, client.body("chat", response_format=City), asynchronous=asynchronous)
    assert answer.choices[0].message.parsed == City(answer="Seoul")
    (span,) = captured.spans
    facts = attributes(span)
    told = expected(f"{client.vendor}.structured", model=client.model)
    assert facts[names.OUTPUT_TYPE] == "json"
    assert facts[names.USAGE_INPUT_TOKENS] == told.input_tokens
    assert facts[names.OUTPUT_MESSAGES][0]["parts"] == [{"type": "text", "content": json.dumps({"answer": "Seoul"})}]


@ways
def test_an_answer_that_cannot_be_parsed_was_paid_for(asynchronous: bool, standin: Standin) -> None:
    """The client raises for an answer cut short; its tokens and its cost are on the span all the same."""
    with testing.capture() as captured, pytest.raises(openai.LengthFinishReasonError):
        parsed(OPENAI, standin, OPENAI.body("length", response_format=City), asynchronous=asynchronous)
    (span,) = captured.spans
    facts = attributes(span)
    usage = OPENAI.usage_facts(OPENAI.told("length"))
    assert {name: facts.get(name) for name in usage} == usage
    assert facts[names.ERROR_TYPE] == "LengthFinishReasonError"
    assert facts[names.RESPONSE_FINISH_REASONS] == ["length"]
    assert span.status.status_code is StatusCode.ERROR


@clients
@ways
def test_a_streamed_helper_is_one_call(client: Client, asynchronous: bool, standin: Standin) -> None:
    """The helper's events are what they are without us, and its call has the usage and its times."""
    body = client.body("korean")
    alone = streamed(client, standin, body, asynchronous=asynchronous)
    with testing.capture() as captured:
        assert streamed(client, standin, body, asynchronous=asynchronous) == alone
    (span,) = captured.spans
    facts = attributes(span)
    usage = client.usage_facts(client.told("korean"))
    assert {name: facts.get(name) for name in usage} == usage
    assert facts[names.STREAM_OUTCOME] == "complete"
    assert facts[names.RESPONSE_TIME_TO_FIRST_CHUNK] > 0


@ways
def test_a_streamed_helper_that_is_left_ends_with_its_block(asynchronous: bool, standin: Standin) -> None:
    """The span ends with the helper's block, not when somebody collects what is left of it."""
    with testing.capture() as captured:
        streamed(OPENAI, standin, OPENAI.body("korean"), asynchronous=asynchronous, events_max=5)
        ends = [attributes(span)[names.STREAM_OUTCOME] for span in captured.spans]
    assert ends == ["closed"]


@ways
def test_raw_parsing_is_a_call(asynchronous: bool, standin: Standin) -> None:
    """`with_raw_response.parse` is one, too."""
    body = OPENAI.body("chat", response_format=City)
    with testing.capture() as captured:
        if asynchronous:

            async def ask() -> Any:
                async with OPENAI.made_async(standin) as made:
                    raw = await completions(made).with_raw_response.parse(**body)
                    answer = raw.parse()
                    return await answer if asyncio.iscoroutine(answer) else answer

            answer = asyncio.run(ask())
        else:
            with OPENAI.made(standin) as made:
                answer = completions(made).with_raw_response.parse(**body).parse()
    assert answer.choices[0].message.parsed == City(answer="Seoul")
    assert len(captured.spans) == 1
