"""Chat through OpenAI's client and those made as it is: every fact of the span, whatever the way of asking."""

import asyncio
import gc
import threading
from typing import Any

import fireworks
import groq
import httpx
import openai
import pytest
import together
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from tests.instrumentation.expectations import answer, attributes, everything
from tests.instrumentation.openai_clients import (
    ASKED,
    AZURE,
    CLIENTS,
    FIREWORKS,
    OPENAI,
    OWN,
    STREAMS,
    WAYS,
    WEATHER,
    Client,
    Way,
    plain,
    streamed,
)
from tests.standin import Standin

import haechi
from haechi import testing
from haechi_schemas import attributes as names

SCENARIOS = ("chat", "tools", "length", "reasoning")
HEAD = {names.OPENAI_RESPONSE_SERVICE_TIER: "default", names.OPENAI_SYSTEM_FINGERPRINT: "fp_standin"}
BREAKS = (openai.APIError, groq.APIError, together.APIError, fireworks.APIError, httpx.TransportError)

each_library = pytest.mark.parametrize("client", OWN, ids=lambda client: client.name)
every_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
every_stream = pytest.mark.parametrize("way", STREAMS, ids=lambda way: way.__name__)


def asked(client: Client, standin: Standin, scenario: str) -> dict[str, Any]:
    """What every span says of the request."""
    facts: dict[str, Any] = {
        names.OPERATION_NAME: "chat",
        names.PROVIDER_NAME: client.provider,
        names.REQUEST_MODEL: client.model,
        names.SERVER_ADDRESS: client.host or "127.0.0.1",
        names.SERVER_PORT: 80 if client.host else standin.port,
        names.INPUT_MESSAGES: [{"role": "user", "parts": [{"type": "text", "content": ASKED[scenario]}]}],
    }
    if scenario in {"tool", "tools"}:
        facts[names.TOOL_DEFINITIONS] = [{"type": "function", **WEATHER["function"]}]  # type: ignore[dict-item]
    return facts


def answered(client: Client, scenario: str) -> dict[str, Any]:
    """What a span says of the whole answer."""
    told = client.told(scenario)
    return {
        names.RESPONSE_ID: "chatcmpl-standin000001",
        names.RESPONSE_MODEL: told.response_model,
        names.RESPONSE_FINISH_REASONS: [told.finish_reason],
        names.OUTPUT_MESSAGES: answer(told, ["call_standin0000010", "call_standin0000011"]),
        **{name: HEAD[name] for name in client.head},
        **client.usage_facts(told),
    }


def ended(span: ReadableSpan) -> dict[str, Any]:
    """The span's facts without those of time, which are checked here."""
    facts = attributes(span)
    first = facts.pop(names.RESPONSE_TIME_TO_FIRST_CHUNK, None)
    assert (first is not None) == (names.RESPONSE_CHUNK_COUNT in facts)
    if first is not None:
        assert span.start_time is not None
        assert span.end_time is not None
        assert 0 < first <= (span.end_time - span.start_time) / 1e9
    return facts


@pytest.mark.parametrize(
    ("client", "scenario"),
    [
        *((client, scenario) for client in CLIENTS for scenario in ("korean", "tool")),
        *((client, scenario) for client in OWN for scenario in SCENARIOS),
        *((client, "reasoning") for client in CLIENTS if client.thinks and client not in OWN),
    ],
    ids=lambda value: getattr(value, "name", value),
)
@every_way
def test_a_call_tells_every_fact(client: Client, way: Way, scenario: str, standin: Standin) -> None:
    """One span per call, with everything that was asked and answered, and what it cost by the price book."""
    with testing.capture() as captured:
        way(client, standin, client.body(scenario, temperature=0.5, max_tokens=99))
    (span,) = captured.spans
    facts = ended(span)
    facts.pop(names.USAGE_REASONING_TOKENS, None) if not client.told(scenario).reasoning_tokens else None
    chunks = facts.pop(names.RESPONSE_CHUNK_COUNT, None)
    stream = {names.REQUEST_STREAM: True, names.STREAM_OUTCOME: "complete"} if way in STREAMS else {}
    assert facts == {
        **asked(client, standin, scenario),
        **answered(client, scenario),
        **stream,
        names.REQUEST_TEMPERATURE: 0.5,
        names.REQUEST_MAX_TOKENS: 99,
    }
    assert (chunks is not None) == (way in STREAMS)
    assert (span.name, span.kind) == (f"chat {client.model}", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_refusal_is_the_answer(way: Way, standin: Standin) -> None:
    """What a model says instead of an answer is recorded as what it said."""
    with testing.capture() as captured:
        way(OPENAI, standin, OPENAI.body("refusal"))
    told = OPENAI.told("refusal")
    assert attributes(captured.spans[0])[names.OUTPUT_MESSAGES] == answer(told, [])


@every_way
def test_every_choice_is_told(way: Way, standin: Standin) -> None:
    """With several choices each has its message and its reason."""
    with testing.capture() as captured:
        way(OPENAI, standin, OPENAI.body("korean", n=2, logprobs=True))
    facts = attributes(captured.spans[0])
    assert facts[names.REQUEST_CHOICE_COUNT] == 2
    assert facts[names.RESPONSE_FINISH_REASONS] == ["stop", "stop"]
    assert facts[names.OUTPUT_MESSAGES] == answer(OPENAI.told("korean"), []) * 2


def test_parameters_are_told(standin: Standin) -> None:
    """Every parameter of the convention is on the span; those that are not given are not."""
    parameters = {
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 7,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "stop": "끝",
        "reasoning_effort": "low",
        "service_tier": "auto",
        "response_format": {"type": "json_object"},
        "max_completion_tokens": 77,
    }
    with testing.capture() as captured:
        plain(OPENAI, standin, OPENAI.body("chat", **parameters))
    facts = attributes(captured.spans[0])
    assert {name: facts[name] for name in facts if ".request." in name or name == names.OUTPUT_TYPE} == {
        names.REQUEST_MODEL: OPENAI.model,
        names.REQUEST_TEMPERATURE: 0.5,
        names.REQUEST_TOP_P: 0.9,
        names.REQUEST_SEED: 7,
        names.REQUEST_FREQUENCY_PENALTY: 0.1,
        names.REQUEST_PRESENCE_PENALTY: 0.2,
        names.REQUEST_STOP_SEQUENCES: ["끝"],
        names.REQUEST_REASONING_EFFORT: "low",
        names.OPENAI_REQUEST_SERVICE_TIER: "auto",
        names.REQUEST_MAX_TOKENS: 77,
        names.OUTPUT_TYPE: "json",
    }


def test_a_conversation_is_told(standin: Standin) -> None:
    """Roles, pictures, sound, files, calls of tools and their results come in the convention's shape."""
    said: list[dict[str, Any]] = [
        {"role": "system", "content": "간단히"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "이것은?"},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                {"type": "file", "file": {"file_id": "file-1"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "21도"},
    ]
    with testing.capture() as captured:
        plain(OPENAI, standin, {"model": OPENAI.model, "messages": iter(said)})
    assert attributes(captured.spans[0])[names.INPUT_MESSAGES] == [
        {"role": "system", "parts": [{"type": "text", "content": "간단히"}]},
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "이것은?"},
                {"type": "uri", "modality": "image", "uri": "https://example.com/a.png"},
                {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 26},
                {"type": "blob", "modality": "audio", "mime_type": "wav", "size": 4},
                {"type": "file", "file_id": "file-1"},
            ],
        },
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "21도"}]},
    ]
    assert standin.last.json()["messages"] == said


ERRORS = {400: "BadRequestError", 401: "AuthenticationError", 429: "RateLimitError", 500: "InternalServerError"}


@pytest.mark.parametrize(
    ("client", "status"),
    [*((OPENAI, status) for status in ERRORS), *((client, 429) for client in OWN[1:])],
    ids=lambda value: getattr(value, "name", value),
)
@every_way
def test_an_error_is_told(client: Client, way: Way, status: int, standin: Standin) -> None:
    """A refused call has the error's type and status, no answer, and is priced at nothing."""
    body = {"model": client.model, "messages": [{"role": "user", "content": f"[error_{status}]"}]}
    with testing.capture() as captured, pytest.raises(Exception, match=f"Error code: {status}"):
        way(client, standin, body)
    (span,) = captured.spans
    facts = attributes(span)
    assert (facts[names.ERROR_TYPE], facts[names.HTTP_STATUS_CODE]) == (ERRORS[status], status)
    assert span.status.status_code is StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]
    assert not {names.OUTPUT_MESSAGES, names.USAGE_INPUT_TOKENS, names.COST_USD} & facts.keys()


@pytest.mark.parametrize(
    ("client", "script"),
    [
        *((client, "[cut]") for client in OWN),
        *(
            (client, "[fail]") for client in OWN if client is not FIREWORKS
        ),  # whose client hands the error on as a chunk
    ],
    ids=lambda value: getattr(value, "name", value),
)
@every_stream
def test_a_stream_that_breaks_tells_what_came(client: Client, way: Way, script: str, standin: Standin) -> None:
    """The words before the break are recorded, with the error that the application gets."""
    body = {"model": client.model, "messages": [{"role": "user", "content": script}]}
    with testing.capture() as captured, pytest.raises(BREAKS) as raised:
        way(client, standin, body)
    (span,) = captured.spans
    facts = ended(span)
    assert facts[names.ERROR_TYPE] == type(raised.value).__qualname__
    assert facts[names.STREAM_OUTCOME] == "error"
    assert facts[names.RESPONSE_CHUNK_COUNT] > 1
    told = facts[names.OUTPUT_MESSAGES][0]["parts"][0]["content"]
    assert told
    assert client.told("chat").text.startswith(told)


@each_library
def test_a_stream_that_is_dropped_is_told(client: Client, standin: Standin) -> None:
    """Of a stream that nobody reads to its end, what was read is told when nobody holds it any more."""
    with testing.capture() as captured, client.made(standin) as made:
        stream = made.chat.completions.create(**client.body("chat"), stream=True)
        chunks = iter(stream)
        next(chunks)
        next(chunks)
        assert captured.spans == []
        stream.response.close()
        del stream, chunks
        gc.collect()
    facts = ended(captured.spans[0])
    assert (facts[names.STREAM_OUTCOME], facts[names.RESPONSE_CHUNK_COUNT]) == ("abandoned", 2)
    assert facts[names.RESPONSE_ID] == "chatcmpl-standin000001"


@each_library
def test_a_stream_that_is_closed_is_told(client: Client, standin: Standin) -> None:
    """Closed by hand or by its block, a stream's call ends there."""
    with testing.capture() as captured, client.made(standin) as made:
        stream = made.chat.completions.create(**client.body("chat"), stream=True)
        next(stream)
        next(stream)
        stream.close()
        with made.chat.completions.create(**client.body("chat"), stream=True) as stream:
            for _ in range(3):
                next(stream)
    ends = [ended(span) for span in captured.spans]
    assert [(end[names.STREAM_OUTCOME], end[names.RESPONSE_CHUNK_COUNT]) for end in ends] == [
        ("closed", 2),
        ("closed", 3),
    ]


def test_a_stream_read_in_another_thread_is_the_same_call(standin: Standin) -> None:
    """The span keeps the parent of the call, wherever its stream is read."""
    read: list[Any] = []
    with testing.capture() as captured, OPENAI.made(standin) as made:
        with haechi.span("outer"):
            stream = made.chat.completions.create(**OPENAI.body("korean"), stream=True)
        thread = threading.Thread(target=lambda: read.extend(stream))
        thread.start()
        thread.join()
    span, outer = captured.one(f"chat {OPENAI.model}"), captured.one("outer")
    assert span.parent is not None
    assert outer.context is not None
    assert span.parent.span_id == outer.context.span_id
    assert ended(span)[names.STREAM_OUTCOME] == "complete"
    assert len(read) == len(OPENAI.told("korean").fragments) + 2


@each_library
@every_way
def test_content_is_off_unless_wanted(client: Client, way: Way, standin: Standin) -> None:
    """With content off no word of the question, the answer or the tools is anywhere in a span."""
    with testing.capture(content="off") as captured:
        way(client, standin, client.body("korean", tools=[WEATHER]))
        way(client, standin, client.body("tool"))
    told = client.told("korean")
    text = "".join(everything(span) for span in captured.spans)
    assert len(captured.spans) == 2
    assert not [word for word in (*told.text.split(), "서울", "날씨", "get_weather", "city") if word in text]


@every_way
def test_content_of_an_error_is_off_too(way: Way, standin: Standin) -> None:
    """A provider's error message is its own words; those of the question are not in the span."""
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "비밀 [error_400]"}]}
    with testing.capture(content="off") as captured, pytest.raises(openai.BadRequestError):
        way(OPENAI, standin, body)
    assert "비밀" not in everything(captured.spans[0])


@pytest.mark.parametrize("client", [OPENAI, AZURE], ids=lambda client: client.name)
def test_without_the_setting_usage_is_not_asked_for(client: Client, standin: Standin) -> None:
    """With `stream_usage` off the request is the application's own, and the span has no usage."""
    with testing.capture(stream_usage=False) as captured:
        streamed(client, standin, client.body("chat"))
    assert "stream_options" not in standin.last.json()
    assert names.USAGE_INPUT_TOKENS not in attributes(captured.spans[0])


def test_metrics_say_the_same(standin: Standin) -> None:
    """Duration, tokens and time to the first chunk are measured by the same facts as the span's."""
    with testing.capture() as captured:
        streamed(OPENAI, standin, OPENAI.body("chat"))
    told = OPENAI.told("chat")
    by_name = {(m.name, m.attributes.get(names.TOKEN_TYPE)): m for m in captured.metrics}
    assert by_name["gen_ai.client.token.usage", "input"].sum == told.input_tokens
    assert by_name["gen_ai.client.token.usage", "output"].sum == told.output_tokens
    assert by_name["gen_ai.client.operation.duration", None].count == 1
    assert by_name["gen_ai.client.operation.time_to_first_chunk", None].count == 1


def test_an_asynchronous_stream_ends_where_it_is_left(standin: Standin) -> None:
    """Closed by its block, by hand, or read in another task: each is one call, with its own end."""

    async def main() -> None:
        async with OPENAI.made_async(standin) as made:

            async def opened() -> Any:
                return await made.chat.completions.create(**OPENAI.body("korean"), stream=True)

            async with await opened() as stream:
                await anext(stream)
            stream = await opened()
            await anext(stream)
            await stream.close()
            with haechi.span("outer"):
                stream = await opened()
            await asyncio.create_task(_read(stream))

    async def _read(stream: Any) -> None:
        async for _ in stream:
            pass

    with testing.capture() as captured:
        asyncio.run(main())
    spans = [span for span in captured.spans if span.name != "outer"]
    assert [ended(span)[names.STREAM_OUTCOME] for span in spans] == ["closed", "closed", "complete"]
    outer = captured.one("outer").context
    assert spans[2].parent is not None
    assert outer is not None
    assert spans[2].parent.span_id == outer.span_id
