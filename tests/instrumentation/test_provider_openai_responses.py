"""OpenAI's responses: every fact of the span, conversations, and answers in the background."""

import asyncio
import json
from typing import Any

import httpx
import openai
import pytest
from opentelemetry.trace import StatusCode
from pydantic import BaseModel
from tests.instrumentation.expectations import answer, attributes, cost_usd, counts, everything
from tests.standin import Facts, Standin, expected

from haechi import testing
from haechi._content import Content
from haechi.instrument._openai_responses import asked
from haechi_schemas import attributes as names

Json = dict[str, Any]
MODEL = "gpt-5-mini"
BREAKS = (openai.APIConnectionError, httpx.TransportError)  # newer and older clients
ASKED = {
    "chat": "Where is Seoul?",
    "korean": "서울은 어디입니까? [korean]",
    "tool": "날씨? [tool]",
    "length": "[length]",
    "reasoning": "[reasoning]",
}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"type": "function", "name": "get_weather", "description": "날씨", "parameters": SCHEMA, "strict": False}
ways = pytest.mark.parametrize("asynchronous", [False, True], ids=["plain", "async"])
streaming = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


class City(BaseModel):  # noqa: D101  what a program would write
    answer: str


def ask(standin: Standin, *, asynchronous: bool, method: str = "create", **body: Any) -> Any:
    """Make one call; of a stream return the list of its events."""
    place = {"base_url": f"{standin.url}/v1", "api_key": "x", "max_retries": 0}
    if not asynchronous:
        with openai.OpenAI(**place) as made:
            result = getattr(made.responses, method)(**body)
            return list(result) if body.get("stream") else result

    async def main() -> Any:
        async with openai.AsyncOpenAI(**place) as made:
            result = await getattr(made.responses, method)(**body)
            return [event async for event in result] if body.get("stream") else result

    return asyncio.run(main())


def body(scenario: str, **more: Any) -> Json:
    tools = {"tools": [WEATHER]} if scenario == "tool" else {}
    return {"model": MODEL, "input": ASKED[scenario], **tools, **more}


def told(scenario: str) -> Facts:
    return expected(f"openai_responses.{scenario}", tools=({"name": "get_weather", "schema": SCHEMA},))


def usage(facts: Facts) -> Json:
    return {**counts(facts), names.COST_USD: cost_usd("openai", (facts.response_model,), counts(facts))}


@pytest.mark.parametrize("scenario", ASKED)
@streaming
@ways
def test_a_response_tells_every_fact(scenario: str, stream: bool, asynchronous: bool, standin: Standin) -> None:
    """One span per call with everything that was asked and answered."""
    more = {"stream": True} if stream else {}
    with testing.capture() as captured:
        ask(standin, asynchronous=asynchronous, **body(scenario, **more, instructions="간단히", max_output_tokens=99))
    (span,) = captured.spans
    facts, said = attributes(span), told(scenario)
    assert (facts.pop(names.RESPONSE_TIME_TO_FIRST_CHUNK, 0) > 0, facts.pop(names.RESPONSE_CHUNK_COUNT, 0) > 1) == (
        stream,
        stream,
    )
    reason = "max_output_tokens" if scenario == "length" else said.finish_reason
    (message,) = answer(said, ["call_standin0000010"])
    assert facts == {
        names.OPERATION_NAME: "chat",
        names.PROVIDER_NAME: "openai",
        names.REQUEST_MODEL: MODEL,
        names.REQUEST_MAX_TOKENS: 99,
        names.SERVER_ADDRESS: "127.0.0.1",
        names.SERVER_PORT: standin.port,
        names.INPUT_MESSAGES: [{"role": "user", "parts": [{"type": "text", "content": ASKED[scenario]}]}],
        names.SYSTEM_INSTRUCTIONS: [{"type": "text", "content": "간단히"}],
        **({names.TOOL_DEFINITIONS: [{k: WEATHER[k] for k in WEATHER if k != "strict"}]} if scenario == "tool" else {}),
        **({names.REQUEST_STREAM: True, names.STREAM_OUTCOME: "complete"} if stream else {}),
        names.RESPONSE_ID: "resp_standin000001",
        names.RESPONSE_MODEL: said.response_model,
        names.RESPONSE_STATUS: said.finish_reason,
        names.RESPONSE_FINISH_REASONS: [reason],
        names.OPENAI_RESPONSE_SERVICE_TIER: "default",
        names.OUTPUT_MESSAGES: [{**message, "finish_reason": reason}],
        **usage(said),
    }


@streaming
@ways
def test_an_error_is_told(stream: bool, asynchronous: bool, standin: Standin) -> None:
    """A refused call has the error's type and status."""
    more = {"stream": True} if stream else {}
    with testing.capture() as captured, pytest.raises(openai.RateLimitError):
        ask(standin, asynchronous=asynchronous, model=MODEL, input="[error_429]", **more)
    (span,) = captured.spans
    facts = attributes(span)
    assert (facts[names.ERROR_TYPE], facts[names.HTTP_STATUS_CODE]) == ("RateLimitError", 429)


@ways
def test_a_stream_that_says_it_failed_is_an_error(asynchronous: bool, standin: Standin) -> None:
    """The application gets the events of a failure; the span is one that failed, with the provider's code."""
    with testing.capture() as captured:
        ask(standin, asynchronous=asynchronous, model=MODEL, input="[fail]", stream=True)
    (span,) = captured.spans
    assert attributes(span)[names.ERROR_TYPE] == "server_error"
    assert span.status.status_code is StatusCode.ERROR


@ways
def test_a_stream_that_is_cut_tells_what_came(asynchronous: bool, standin: Standin) -> None:
    """The words before the break are recorded, under the response's id."""
    with testing.capture() as captured, pytest.raises(BREAKS):
        ask(standin, asynchronous=asynchronous, model=MODEL, input="[cut]", stream=True)
    facts = attributes(captured.spans[0])
    assert facts[names.STREAM_OUTCOME] == "error"
    assert facts[names.RESPONSE_ID] == "resp_standin000001"
    assert told("chat").text.startswith(facts[names.OUTPUT_MESSAGES][0]["parts"][0]["content"])


@streaming
@ways
def test_the_application_gets_the_same(stream: bool, asynchronous: bool, standin: Standin) -> None:
    """Requests and answers are the same with us and without."""
    more = {"stream": True} if stream else {}

    def program() -> Any:
        standin.reset()
        got = ask(standin, asynchronous=asynchronous, **body("tool", **more))
        dumped = [(type(e), e.model_dump()) for e in (got if stream else [got])]
        return dumped, [(request.head, request.body) for request in standin.requests]

    alone = program()
    with testing.capture():
        assert program() == alone


@ways
def test_a_parsed_response_is_a_call(asynchronous: bool, standin: Standin) -> None:
    """The application gets its own class, and there is one span."""
    with testing.capture() as captured:
        got = ask(standin, asynchronous=asynchronous, method="parse", model=MODEL, input="?", text_format=City)
    assert got.output_parsed == City(answer="Seoul")
    facts = attributes(captured.spans[0])
    assert facts[names.OUTPUT_TYPE] == "json"
    assert facts[names.OUTPUT_MESSAGES][0]["parts"] == [{"type": "text", "content": json.dumps({"answer": "Seoul"})}]


def test_the_streamed_helper_is_one_call(standin: Standin) -> None:
    """`responses.stream()` read to its end, and one that is left."""
    with testing.capture() as captured, openai.OpenAI(base_url=f"{standin.url}/v1", api_key="x") as made:
        with made.responses.stream(model=MODEL, input=ASKED["korean"]) as stream:
            assert stream.get_final_response().output_text == told("korean").text
        with made.responses.stream(model=MODEL, input=ASKED["korean"]) as stream:
            next(iter(stream))
        ends = [attributes(span)[names.STREAM_OUTCOME] for span in captured.spans]
    assert ends == ["complete", "closed"]


def test_the_items_of_a_conversation_are_told(standin: Standin) -> None:
    """Messages, calls, results, thoughts and calls of built-in tools come in the convention's shape."""
    items: list[Any] = [
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "이것은?"}, {"type": "input_image", "file_id": "f1"}],
        },
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "생각"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "21도"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "서울"}},
        {"type": "item_reference", "id": "msg_9"},
    ]
    with testing.capture() as captured:
        ask(standin, asynchronous=False, model=MODEL, input=iter(items))
    search = {"type": "server_tool_call", "id": "ws_1", "name": "web_search"}
    assert attributes(captured.spans[0])[names.INPUT_MESSAGES] == [
        {"role": "user", "parts": [{"type": "text", "content": "이것은?"}, {"type": "file", "file_id": "f1"}]},
        {"role": "assistant", "parts": [{"type": "reasoning", "content": "생각"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "21도"}]},
        {"role": "assistant", "parts": [{**search, "arguments": {"type": "search", "query": "서울"}}]},
        {"role": "assistant", "parts": [{"type": "item_reference", "id": "msg_9"}]},
    ]


def test_a_chain_of_responses_is_one_conversation(standin: Standin) -> None:
    """A response that follows another belongs to the conversation that the chain's first one began."""
    with testing.capture() as captured:
        first = ask(standin, asynchronous=False, **body("chat"))
        second = ask(standin, asynchronous=False, **body("chat", previous_response_id=first.id))
        ask(standin, asynchronous=True, **body("chat", previous_response_id=second.id, stream=True))
        ask(standin, asynchronous=False, **body("chat", previous_response_id="resp_of_yesterday"))
    facts = [attributes(span) for span in captured.spans]
    assert [f.get(names.CONVERSATION_ID) for f in facts] == [None, first.id, first.id, "resp_of_yesterday"]
    assert facts[2][names.REQUEST_PREVIOUS_RESPONSE_ID] == second.id


def test_a_prompt_that_the_provider_keeps_is_named() -> None:
    """Its id and version are the span's prompt, an argument that newer clients alone know."""
    facts = asked({"model": MODEL, "prompt": {"id": "pmpt_1", "version": "3"}}, Content("off", 1))
    assert facts == {names.PROMPT_NAME: "pmpt_1", names.PROMPT_VERSION: "3"}


@ways
def test_an_answer_in_the_background_is_counted_once(asynchronous: bool, standin: Standin) -> None:
    """Its tokens come with the first fetch that finds it finished, and with no other."""
    for _ in range(1 + asynchronous):  # so that its id was not seen before
        ask(standin, asynchronous=False, **body("chat"))
    with testing.capture() as captured:
        got = ask(standin, asynchronous=asynchronous, **body("chat", extra_body={"background": True}))
        waiting, finished, again = (
            ask(standin, asynchronous=asynchronous, method="retrieve", response_id=got.id) for _ in range(3)
        )
    assert [r.status for r in (got, waiting, finished, again)] == ["queued", "in_progress", "completed", "completed"]
    created, fetched = (attributes(span) for span in captured.spans)
    assert created[names.RESPONSE_STATUS] == "queued"
    assert not {names.USAGE_INPUT_TOKENS, names.COST_USD, names.RESPONSE_FINISH_REASONS} & created.keys()
    assert {name: fetched.get(name) for name in usage(told("chat"))} == usage(told("chat"))
    assert fetched[names.RESPONSE_ID] == created[names.RESPONSE_ID]
    assert fetched[names.OPERATION_NAME] == "chat"


def test_content_is_off_unless_wanted(standin: Standin) -> None:
    """With content off no word of the question or the answer is in a span."""
    with testing.capture(content="off") as captured:
        ask(standin, asynchronous=False, **body("korean", instructions="간단히"))
        ask(standin, asynchronous=True, **body("korean", instructions="간단히", stream=True))
    text = "".join(everything(span) for span in captured.spans)
    assert not [word for word in (*told("korean").text.split(), "어디", "간단히") if word in text]


@ways
def test_a_raw_response_tells_every_fact(asynchronous: bool, standin: Standin) -> None:
    """`with_raw_response` of a response and of its stream."""
    place = {"base_url": f"{standin.url}/v1", "api_key": "x"}

    def plain() -> None:
        with openai.OpenAI(**place) as made:
            made.responses.with_raw_response.create(**body("korean"))
            list(made.responses.with_raw_response.create(**body("korean"), stream=True).parse())

    async def main() -> None:
        async with openai.AsyncOpenAI(**place) as made:
            await made.responses.with_raw_response.create(**body("korean"))
            stream = (await made.responses.with_raw_response.create(**body("korean"), stream=True)).parse()
            async for _ in await stream if asyncio.iscoroutine(stream) else stream:
                pass

    with testing.capture() as captured:
        asyncio.run(main()) if asynchronous else plain()
    facts = [attributes(span) for span in captured.spans]
    assert [{name: f.get(name) for name in usage(told("korean"))} for f in facts] == [usage(told("korean"))] * 2
