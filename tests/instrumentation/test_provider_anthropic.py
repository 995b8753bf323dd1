"""Anthropic's client: every fact of a call is in its one span, and the application notices nothing."""

import asyncio
import gc
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anthropic
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import StatusCode
from tests.instrumentation import programs
from tests.instrumentation.expectations import answer, attributes, cost_usd, counts, everything
from tests.standin import Standin, expected
from tests.standin.facts import CACHE_WRITE_1H_TOKENS, TEXTS

from haechi import _runtime, testing
from haechi.spans import Call, Request
from haechi.testing import MemoryExporter
from haechi_schemas import attributes as names

MODEL = "claude-haiku-4-5"
ANSWERED = "claude-haiku-4-5-20251001"
SYSTEM = "Answer briefly. 짧게 답하세요."
TOOL: Any = {
    "name": "get_weather",
    "description": "The weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
SHIPS_TRACING = hasattr(anthropic.Anthropic, "open_telemetry")
"""Clients since 2.0 make spans of their own."""

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:botocore")


def question(text: str, model: str = MODEL, **more: Any) -> Any:
    asked = {"model": model, "max_tokens": 64, "stop_sequences": ["끝"], "system": SYSTEM, "tools": [TOOL]}
    return {**asked, "messages": [{"role": "user", "content": f"{text} 서울은?"}], **more}


def client(standin: Standin, **more: Any) -> anthropic.Anthropic:
    plain = anthropic.DefaultHttpxClient(verify=False)  # reading the certificates takes longer than the test
    return anthropic.Anthropic(base_url=standin.url, api_key="k", max_retries=0, http_client=plain, **more)


def async_client(standin: Standin) -> anthropic.AsyncAnthropic:
    plain = anthropic.DefaultAsyncHttpxClient(verify=False)
    return anthropic.AsyncAnthropic(base_url=standin.url, api_key="k", max_retries=0, http_client=plain)


Way = Callable[[Standin, Any], Any]
"""A way to make the call: returns what the application sees of it, as plain values."""


def _create(standin: Standin, asked: Any) -> Any:
    with client(standin) as made:
        return made.messages.create(**asked).model_dump()


def _beta(standin: Standin, asked: Any) -> Any:
    with client(standin) as made:
        return made.beta.messages.create(**asked).model_dump()


def _raw(standin: Standin, asked: Any) -> Any:
    with client(standin) as made:
        response = made.messages.with_raw_response.create(**asked)
        return response.headers["request-id"], response.parse().model_dump()


def _unread(standin: Standin, asked: Any) -> Any:
    with client(standin) as made, made.messages.with_streaming_response.create(**asked) as response:
        return response.read().decode()


def _stream(standin: Standin, asked: Any) -> Any:
    with client(standin) as made:
        stream = made.messages.create(stream=True, **asked)
        assert isinstance(stream, anthropic.Stream)
        assert type(stream) is anthropic.Stream
        return [event.model_dump() for event in stream]


def _step(standin: Standin, asked: Any) -> Any:
    with client(standin) as made:
        stream = made.messages.create(stream=True, **asked)
        seen = []
        with suppress(StopIteration):
            while True:
                seen.append(next(stream).model_dump())
        return seen


def _beta_stream(standin: Standin, asked: Any) -> Any:
    with client(standin) as made:
        return [event.model_dump() for event in made.beta.messages.create(stream=True, **asked)]


def _raw_stream(standin: Standin, asked: Any) -> Any:
    with client(standin) as made:
        response: Any = made.messages.with_raw_response.create(stream=True, **asked)
        return [event.model_dump() for event in response.parse()]


def _helper(standin: Standin, asked: Any) -> Any:
    with client(standin) as made, made.messages.stream(**asked) as stream:
        text = "".join(stream.text_stream)
        return text, stream.get_final_message().model_dump(), stream.request_id


def _beta_helper(standin: Standin, asked: Any) -> Any:
    with client(standin) as made, made.beta.messages.stream(**asked) as stream:
        return [event.model_dump() for event in stream]


async def _async_create(standin: Standin, asked: Any) -> Any:
    async with async_client(standin) as made:
        return (await made.messages.create(**asked)).model_dump()


async def _async_stream(standin: Standin, asked: Any) -> Any:
    async with async_client(standin) as made:
        stream = await made.messages.create(stream=True, **asked)
        assert isinstance(stream, anthropic.AsyncStream)
        return [event.model_dump() async for event in stream]


async def _async_helper(standin: Standin, asked: Any) -> Any:
    async with async_client(standin) as made, made.messages.stream(**asked) as stream:
        return (await stream.get_final_message()).model_dump()


WHOLE: dict[str, Way] = {
    "create": _create,
    "beta": _beta,
    "raw": _raw,
    "unread": _unread,
    "async": lambda standin, asked: asyncio.run(_async_create(standin, asked)),
}
STREAMED: dict[str, Way] = {
    "stream": _stream,
    "step": _step,
    "beta_stream": _beta_stream,
    "raw_stream": _raw_stream,
    "helper": _helper,
    "beta_helper": _beta_helper,
    "async_stream": lambda standin, asked: asyncio.run(_async_stream(standin, asked)),
    "async_helper": lambda standin, asked: asyncio.run(_async_helper(standin, asked)),
}
WAYS = WHOLE | STREAMED


def said(scenario: str, standin: Standin, provider: str = "anthropic", model: str = MODEL) -> dict[str, Any]:
    """What every span of such a call says."""
    told = expected(
        f"anthropic.{scenario}", model=model, tools=({"name": TOOL["name"], "schema": TOOL["input_schema"]},)
    )
    tokens = counts(told, CACHE_WRITE_1H_TOKENS)
    call_ids = ["toolu_standin0000010", "toolu_standin0000011"]
    parameters = TOOL["input_schema"]
    return {
        names.OPERATION_NAME: "chat",
        names.PROVIDER_NAME: provider,
        names.REQUEST_MODEL: model,
        names.REQUEST_MAX_TOKENS: 64,
        names.REQUEST_STOP_SEQUENCES: ["끝"],
        names.SERVER_ADDRESS: "127.0.0.1",
        names.SERVER_PORT: standin.port,
        names.RESPONSE_ID: "msg_standin000001",
        names.RESPONSE_MODEL: told.response_model,
        names.RESPONSE_FINISH_REASONS: [told.finish_reason],
        names.ANTHROPIC_RESPONSE_SERVICE_TIER: "standard",
        names.INPUT_MESSAGES: [
            {"role": "user", "parts": [{"type": "text", "content": f"[{scenario}] 서울은?"}]},
        ],
        names.SYSTEM_INSTRUCTIONS: [{"type": "text", "content": SYSTEM}],
        names.TOOL_DEFINITIONS: [
            {"type": "function", "name": TOOL["name"], "description": TOOL["description"], "parameters": parameters}
        ],
        names.OUTPUT_MESSAGES: answer(told, call_ids),
        names.COST_USD: cost_usd(provider, (told.response_model, model), tokens),
        **tokens,
    }


def observed(standin: Standin, way: Way, asked: Any, **settings: Any) -> ReadableSpan:
    """The one span of one call."""
    with testing.capture(**settings) as captured:
        way(standin, asked)
        (span,) = finished(captured)
    return span


def finished(captured: testing.Captured) -> list[ReadableSpan]:
    """The spans; those of streams that were dropped in a cycle of objects end when it is found."""
    return captured.spans or (gc.collect(), captured.spans)[1]


@pytest.mark.parametrize("scenario", ["chat", "korean", "tools", "reasoning", "length", "refusal"])
@pytest.mark.parametrize("way", WHOLE)
def test_a_whole_answer_is_told(standin: Standin, way: str, scenario: str) -> None:
    """Every attribute, and no other."""
    found = attributes(observed(standin, WAYS[way], question(f"[{scenario}]")))
    found.pop(names.ANTHROPIC_REQUEST_ID, None)
    assert said(scenario, standin) == found


@pytest.mark.parametrize("scenario", ["chat", "korean", "tools", "reasoning"])
@pytest.mark.parametrize("way", STREAMED)
def test_a_streamed_answer_is_told(standin: Standin, way: str, scenario: str) -> None:
    """Every attribute, the same as of a whole answer but for what makes it a stream."""
    span = observed(standin, WAYS[way], question(f"[{scenario}]"))
    found = attributes(span)
    assert span.end_time
    assert span.start_time
    assert 0 < found.pop(names.RESPONSE_TIME_TO_FIRST_CHUNK) <= (span.end_time - span.start_time) / 1e9
    standin.reset()
    assert len(_stream(standin, question(f"[{scenario}]"))) <= found.pop(names.RESPONSE_CHUNK_COUNT)  # pings
    streamed = {names.REQUEST_STREAM: True, names.STREAM_OUTCOME: "complete"}
    assert said(scenario, standin) | streamed == found


@pytest.mark.parametrize("scenario", ["chat", "tools", "error_429", "cut", "fail"])
@pytest.mark.parametrize("way", WAYS)
def test_the_application_notices_nothing(standin: Standin, way: str, scenario: str) -> None:
    """The same objects, events and errors, and the same bytes sent, with us and without."""

    def seen() -> tuple[Any, list[bytes]]:
        standin.reset()
        try:
            result = WAYS[way](standin, question(f"[{scenario}]"))
        except Exception as error:  # noqa: BLE001  whatever the application gets
            result = (type(error), str(error))
        return result, [request.head + request.body for request in standin.requests]

    without = seen()
    with testing.capture() as captured:
        assert without == seen()
        assert len(finished(captured)) == 1


@pytest.mark.parametrize("way", WAYS)
def test_with_content_off_no_text_is_kept(standin: Standin, way: str) -> None:
    """Neither of the question, the instructions, the tools nor of the answer."""
    span = observed(standin, WAYS[way], question("[korean]"), content="off")
    for text in ("서울은?", "짧게", "weather", TEXTS["korean"][:4]):
        assert text not in everything(span)
    assert attributes(span)[names.USAGE_INPUT_TOKENS] == expected("anthropic.korean").input_tokens


ERRORS = {400: "BadRequestError", 401: "AuthenticationError", 429: "RateLimitError", 500: "InternalServerError"}


@pytest.mark.parametrize("status", ERRORS)
@pytest.mark.parametrize("way", ["create", "stream", "helper", "async", "async_stream"])
def test_an_error_is_told(standin: Standin, way: str, status: int) -> None:
    """Its class, its status and its words; no tokens and no cost."""
    with testing.capture() as captured:
        with pytest.raises(getattr(anthropic, ERRORS[status])) as raised:
            WAYS[way](standin, question(f"[error_{status}]"))
        (span,) = captured.spans
    found = attributes(span)
    assert (found[names.ERROR_TYPE], found[names.HTTP_STATUS_CODE]) == (ERRORS[status], status)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, str(raised.value))
    assert [event.name for event in span.events] == ["exception"]
    assert not {*counts(expected("anthropic.chat"), 1), names.COST_USD} & found.keys()


@pytest.mark.parametrize("scenario", ["cut", "fail"])
@pytest.mark.parametrize("way", ["stream", "helper", "async_stream"])
def test_a_stream_that_breaks_off_is_told_as_far_as_it_came(standin: Standin, way: str, scenario: str) -> None:
    """The error, the input's tokens, the text so far; the output's tokens were never told."""
    with testing.capture() as captured:
        with pytest.raises(Exception, match=r".+") as raised:
            WAYS[way](standin, question(f"[{scenario}]"))
        (span,) = captured.spans
    found = attributes(span)
    assert found[names.ERROR_TYPE] == type(raised.value).__qualname__
    assert found[names.STREAM_OUTCOME] == "error"
    assert found[names.USAGE_INPUT_TOKENS] == expected("anthropic.chat").input_tokens
    assert names.USAGE_OUTPUT_TOKENS not in found
    text = found[names.OUTPUT_MESSAGES][0]["parts"][0]["content"]
    assert text
    assert TEXTS["chat"].startswith(text)


def begun(stream: Any) -> None:
    """Read a stream until something of the answer has come."""
    next(event for event in stream if event.type == "content_block_delta")


def _left(standin: Standin) -> None:
    with client(standin) as made:
        begun(made.messages.create(stream=True, **question("hi")))


def _closed(standin: Standin) -> None:
    with client(standin) as made:
        stream = made.messages.create(stream=True, **question("hi"))
        begun(stream)
        stream.close()


def _with(standin: Standin) -> None:
    with client(standin) as made, made.messages.create(stream=True, **question("hi")) as stream:
        begun(stream)


def _left_helper(standin: Standin) -> None:
    with client(standin) as made, made.messages.stream(**question("hi")) as stream:
        begun(stream)


async def _async_with(standin: Standin) -> None:
    async with async_client(standin) as made, await made.messages.create(stream=True, **question("hi")) as stream:
        async for event in stream:
            if event.type == "content_block_delta":
                break


@pytest.mark.parametrize(
    ("leave", "outcome"),
    [
        (_left, "abandoned"),
        (_closed, "closed"),
        (_with, "closed"),
        (_left_helper, "closed"),
        (lambda standin: asyncio.run(_async_with(standin)), "closed"),
    ],
    ids=["left", "closed", "with", "left_helper", "async_with"],
)
def test_a_stream_that_is_left_is_told_too(standin: Standin, leave: Callable[[Standin], None], outcome: str) -> None:
    """One span, with what the first event said."""
    with testing.capture() as captured:
        leave(standin)
        (span,) = finished(captured)
    found = attributes(span)
    assert (found[names.STREAM_OUTCOME], found[names.RESPONSE_CHUNK_COUNT]) == (outcome, 3)
    assert found[names.RESPONSE_TIME_TO_FIRST_CHUNK] > 0
    assert found[names.USAGE_INPUT_TOKENS] == expected("anthropic.chat").input_tokens
    assert span.status.status_code is StatusCode.UNSET


def test_the_first_chunk_is_the_first_of_the_answer(standin: Standin) -> None:
    """That an answer will come is no part of it."""
    with testing.capture() as captured, client(standin) as made:
        with made.messages.create(stream=True, **question("hi")) as stream:
            next(stream)
        (span,) = captured.spans
    found = attributes(span)
    assert names.RESPONSE_TIME_TO_FIRST_CHUNK not in found
    assert found[names.USAGE_INPUT_TOKENS] == expected("anthropic.chat").input_tokens


def test_a_call_inside_an_observed_one_is_part_of_it(
    standin: Standin, theirs: tuple[dict[str, Any], MemoryExporter]
) -> None:
    """A framework's span stands for it: there is none of ours, and none of the client's own."""
    options, exporter = theirs
    with testing.capture() as captured, client(standin, **options) as made:
        runtime = _runtime.current()
        assert runtime is not None
        call = Call(runtime, Request("chat", "anthropic", "outer", {}))
        with call.current():
            made.messages.create(**question("hi"))
        call.stop({})
    assert [span.name for span in captured.spans] == ["chat outer"]
    assert exporter.spans == []


def test_a_stream_may_be_read_in_another_thread(standin: Standin) -> None:
    """Where it is read changes nothing."""
    with testing.capture() as captured, client(standin) as made:
        stream = made.messages.create(stream=True, **question("[chat]"))
        reader = threading.Thread(target=lambda: list(stream))
        reader.start()
        reader.join()
        (span,) = captured.spans
    assert said("chat", standin).items() <= attributes(span).items()


def test_retries_are_part_of_the_call(standin: Standin) -> None:
    """Two requests, one span."""
    with testing.capture() as captured, client(standin).with_options(max_retries=1) as made:
        made.messages.create(**question("[retry]"))
        (span,) = captured.spans
    assert (len(standin.requests), attributes(span)[names.RESPONSE_ID]) == (2, "msg_standin000002")


def test_the_conversation_is_told_part_by_part(standin: Standin) -> None:
    """Images by their size, tools' answers, thoughts, documents, what is not known by its kind."""
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    linked = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    paper = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "한강"}}
    thought = {"type": "thinking", "thinking": "음", "signature": "s"}
    hidden = {"type": "redacted_thinking", "data": "xxxx"}
    call = {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {"city": "서울"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "맑음"}]}
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "hi"}, image, linked, paper]},
        {"role": "assistant", "content": [thought, hidden, call]},
        {"role": "user", "content": [result]},
    ]
    found = attributes(observed(standin, _create, question("", messages=turns)))
    assert found[names.INPUT_MESSAGES] == [
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "hi"},
                {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 4},
                {"type": "uri", "modality": "image", "uri": "https://example.com/a.png"},
                {"type": "document", "content": "한강"},
            ],
        },
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "음"},
                {"type": "redacted_reasoning", "size": 4},
                {"type": "tool_call", "id": "t1", "name": "get_weather", "arguments": {"city": "서울"}},
            ],
        },
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": "t1", "response": [{"type": "text", "content": "맑음"}]}],
        },
    ]


def test_tokens_are_counted_without_being_usage(standin: Standin) -> None:
    """`count_tokens` is a span of its own kind; it costs nothing."""
    with testing.capture() as captured, client(standin) as made:
        made.messages.count_tokens(model=MODEL, messages=question("hi")["messages"])
        (span,) = captured.spans
    found = attributes(span)
    assert (found[names.OPERATION_NAME], found[names.REQUEST_MODEL]) == ("count_tokens", MODEL)
    assert found[names.COUNTED_INPUT_TOKENS] == expected("anthropic.chat").input_tokens
    assert not {names.USAGE_INPUT_TOKENS, names.COST_USD} & found.keys()


def test_a_batch_is_told_by_numbers_of_its_own(standin: Standin) -> None:
    """Asked once, fetched once; what its answers took is no usage of the call that fetches them."""
    asked: Any = [
        {
            "custom_id": "a",
            "params": {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
        },
        {"custom_id": "b", "params": question("[error_400]")},
    ]
    with testing.capture() as captured, client(standin) as made:
        batch = made.messages.batches.create(requests=asked)
        results = [each.result.type for each in made.messages.batches.results(batch.id)]
        created, fetched = map(attributes, captured.spans)
    told = expected("anthropic.chat")
    assert results == ["succeeded", "errored"]
    assert (created[names.OPERATION_NAME], created[names.REQUEST_MODEL], created[names.BATCH_REQUESTS]) == (
        "create_batch",
        MODEL,
        2,
    )
    assert created[names.RESPONSE_ID] == fetched[names.RESPONSE_ID] == batch.id
    assert (fetched[names.BATCH_REQUESTS], fetched[names.BATCH_SUCCEEDED]) == (2, 1)
    assert fetched[names.BATCH_INPUT_TOKENS] == told.input_tokens
    assert fetched[names.BATCH_OUTPUT_TOKENS] == told.output_tokens
    assert names.USAGE_INPUT_TOKENS not in fetched


# ---- those who resell the models


BEDROCK_MODEL = "us.anthropic.claude-3-5-sonnet-20240620-v1:0"
VERTEX_MODEL = "claude-haiku-4-5@20251001"


def bedrock(standin: Standin) -> Any:
    keys = {"aws_access_key": "a", "aws_secret_key": "b", "aws_region": "us-east-1"}
    plain = anthropic.DefaultHttpxClient(verify=False)
    return anthropic.AnthropicBedrock(base_url=standin.url, max_retries=0, http_client=plain, **keys)


def vertex(standin: Standin) -> Any:
    where = {"project_id": "p", "region": "us-east5", "access_token": "t"}
    plain = anthropic.DefaultHttpxClient(verify=False)
    return anthropic.AnthropicVertex(base_url=f"{standin.url}/v1", max_retries=0, http_client=plain, **where)


@pytest.mark.parametrize("scenario", ["chat", "korean", "tool"])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("provider", ["aws.bedrock", "gcp.vertex_ai"])
def test_a_reseller_is_the_provider(standin: Standin, provider: str, streamed: bool, scenario: str) -> None:
    """Provider and price are the reseller's, the model is named as it was asked for."""
    make, model = {"aws.bedrock": (bedrock, BEDROCK_MODEL), "gcp.vertex_ai": (vertex, VERTEX_MODEL)}[provider]
    with testing.capture() as captured, make(standin) as made:
        asked = question(f"[{scenario}]", model)
        if streamed:
            with made.messages.stream(**asked) as stream:
                stream.get_final_message()
        else:
            made.messages.create(**asked)
        (span,) = captured.spans
    assert said(scenario, standin, provider, model).items() <= attributes(span).items()


# ---- the spans that the client makes itself


@pytest.fixture
def theirs() -> tuple[dict[str, Any], MemoryExporter]:
    """A provider that an application gives to its client, where that takes one, and what arrives there."""
    exporter, provider = MemoryExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return ({"open_telemetry": {"tracer_provider": provider}} if SHIPS_TRACING else {}), exporter


@pytest.mark.parametrize("streamed", [False, True])
def test_a_call_has_one_span_where_the_client_makes_spans_too(
    standin: Standin, theirs: tuple[dict[str, Any], MemoryExporter], streamed: bool
) -> None:
    """Ours; and the trace context that the client would send is ours, with the application's own headers."""
    options, exporter = theirs
    with testing.capture() as captured, client(standin, **options) as made:
        made.models.list()  # asks no model: the client's own affair
        own = [span.name for span in exporter.spans]
        more: Any = {"extra_headers": {"x-own": "1"}, **({"stream": True} if streamed else {})}
        result = made.messages.create(**question("hi"), **more)
        list(result)
        (span,) = captured.spans
    assert [s.name for s in exporter.spans] == own == (["anthropic.models.list"] if SHIPS_TRACING else [])
    assert span.context
    trace = f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-01"
    headers = standin.last.headers
    assert headers["x-own"] == "1"
    assert headers.get("traceparent") == (trace if SHIPS_TRACING else None)


PROGRAM = """
    import sys
    import anthropic
    import haechi
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from haechi.testing import MemoryExporter

    url, whose = sys.argv[1:]
    exporter = MemoryExporter()
    if whose == "application":
        trace.set_tracer_provider(TracerProvider())
    if whose != "nobody":
        haechi.init()
        trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
    client = anthropic.Anthropic(base_url=url, api_key="k", max_retries=0)
    asked = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    client.messages.create(**asked)
    list(client.messages.create(**asked, stream=True))
    with client.messages.stream(**asked) as stream:
        stream.get_final_message()
    client.models.list()
    print(sorted(span.name for span in exporter.spans))
"""


def _sent(standin: Standin, tmp_path: Path, whose: str) -> tuple[str, list[bytes]]:
    standin.reset()
    ended = programs.python(
        tmp_path, PROGRAM, standin.url, whose, OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none"
    )
    assert ended.err == ""
    return ended.out.strip(), [request.head for request in standin.requests]


def test_alone_we_send_nothing_that_the_program_does_not_send(standin: Standin, tmp_path: Path) -> None:
    """That the client finds OpenTelemetry is our doing: it makes no spans and sends no context because of it."""
    spans, sent = _sent(standin, tmp_path, "haechi")
    assert spans == str(["chat claude-haiku-4-5"] * 3)
    assert sent == _sent(standin, tmp_path, "nobody")[1]


def test_an_application_with_opentelemetry_keeps_its_context(standin: Standin, tmp_path: Path) -> None:
    """One span per call, through the application's provider; the context goes with every request."""
    spans, sent = _sent(standin, tmp_path, "application")
    others = ["anthropic.models.list"] if SHIPS_TRACING else []
    assert spans == str([*others, *["chat claude-haiku-4-5"] * 3])
    assert [b"traceparent" in head for head in sent] == [SHIPS_TRACING] * 4


# ---- helpers that not every version ships


def _parsed(made: anthropic.Anthropic) -> None:
    from pydantic import BaseModel

    class City(BaseModel):
        name: str

    assert made.messages.parse(**question("hi", tools=[]), output_format=City).parsed_output == City(name="Seoul")


def _runs_tools(made: anthropic.Anthropic) -> None:
    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """The weather of a city."""
        return f"21.5 in {city}"

    said: Any = [{"role": "user", "content": "[tool]"}]
    made.beta.messages.tool_runner(model=MODEL, max_tokens=64, tools=[get_weather], messages=said).until_done()


HELPERS: list[tuple[str, Callable[[anthropic.Anthropic], None], int]] = [
    ("beta", lambda made: made.beta.messages.create(**question("hi")) and None, 1),
    *([("parse", _parsed, 1)] if hasattr(anthropic.resources.Messages, "parse") else []),
    *([("tool_runner", _runs_tools, 2)] if hasattr(anthropic, "beta_tool") else []),
]


@pytest.mark.parametrize(("helper", "requests"), [each[1:] for each in HELPERS], ids=[each[0] for each in HELPERS])
def test_helpers_are_observed_request_by_request(
    standin: Standin, helper: Callable[[anthropic.Anthropic], None], requests: int
) -> None:
    """Each request is a span with its own tokens."""
    with testing.capture() as captured, client(standin) as made:
        helper(made)
    found = [attributes(span) for span in captured.spans]
    assert [each[names.RESPONSE_ID] for each in found] == [f"msg_standin{n + 1:06}" for n in range(requests)]
    assert all(each[names.USAGE_INPUT_TOKENS] > 0 for each in found)
