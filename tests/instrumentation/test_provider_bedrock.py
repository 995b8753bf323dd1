"""Bedrock's runtime through botocore: every fact of a call is in its one span, and the application notices nothing."""

import asyncio
import gc
import json
import threading
from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.eventstream import EventStream
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from tests.instrumentation.expectations import answer, attributes, cost_usd, counts, everything
from tests.standin import Standin, expected
from tests.standin.facts import CACHE_WRITE_1H_TOKENS, TEXTS, VENDORS
from tests.standin.openai_media import EMBEDDING_TOKENS

from haechi import testing
from haechi_schemas import attributes as names

MODEL = VENDORS["bedrock"].model
SYSTEM = "Answer briefly. 짧게 답하세요."
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"toolSpec": {"name": "get_weather", "description": "The weather", "inputSchema": {"json": SCHEMA}}}
ASYNC = find_spec("aiobotocore") is not None
"""aiobotocore wants a botocore of its own, so that only some environments have it."""
ACCESS: dict[str, Any] = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:botocore")


def question(text: str, model: str = MODEL, **more: Any) -> Any:
    asked: dict[str, Any] = {"modelId": model, "system": [{"text": SYSTEM}], "toolConfig": {"tools": [TOOL]}}
    asked["inferenceConfig"] = {"maxTokens": 64, "temperature": 0.5, "topP": 0.9, "stopSequences": ["끝"]}
    asked["additionalModelRequestFields"] = {"top_k": 7}
    return {**asked, "messages": [{"role": "user", "content": [{"text": f"{text} 서울은?"}]}], **more}


@pytest.fixture(scope="module")
def runtime(standing: Standin) -> Any:
    """The client. Made before we are on, as applications do."""
    config = Config(retries={"max_attempts": 1, "mode": "standard"})
    return boto3.client("bedrock-runtime", endpoint_url=standing.url, config=config, **ACCESS)


Way = Callable[[Any, Any], Any]
"""A way to make the call: returns what the application sees of it."""


def _converse(runtime: Any, asked: Any) -> Any:
    return runtime.converse(**asked)


def _converse_stream(runtime: Any, asked: Any) -> Any:
    result = runtime.converse_stream(**asked)
    assert isinstance(result["stream"], EventStream)
    with closing(result["stream"]) as stream:  # one that fails leaves its connection open
        return result["ResponseMetadata"]["HTTPStatusCode"], list(stream)


def _aio(runtime: Any) -> Any:
    from aiobotocore.session import get_session

    config = Config(retries={"max_attempts": 1, "mode": "standard"})
    return get_session().create_client(
        "bedrock-runtime", endpoint_url=runtime.meta.endpoint_url, config=config, **ACCESS
    )


async def _async_converse(runtime: Any, asked: Any) -> Any:
    async with _aio(runtime) as made:
        return await made.converse(**asked)


async def _async_stream(runtime: Any, asked: Any) -> Any:
    async with _aio(runtime) as made:
        result = await made.converse_stream(**asked)
        with closing(result["stream"]) as stream:
            return result["ResponseMetadata"]["HTTPStatusCode"], [event async for event in stream]


def _run(way: Callable[[Any, Any], Any]) -> Way:
    return lambda runtime, asked: asyncio.run(way(runtime, asked))


WHOLE: dict[str, Way] = {"converse": _converse, **({"async": _run(_async_converse)} if ASYNC else {})}
STREAMED: dict[str, Way] = {"stream": _converse_stream, **({"async_stream": _run(_async_stream)} if ASYNC else {})}
WAYS = WHOLE | STREAMED


def said(scenario: str, runtime: Any, standin: Standin) -> dict[str, Any]:
    """What every span of such a call says. An older client does not pass on how long the cache is kept."""
    told = expected(f"bedrock.{scenario}", tools=({"name": "get_weather", "schema": SCHEMA},))
    hour = CACHE_WRITE_1H_TOKENS if "CacheDetail" in runtime.meta.service_model.shape_names else 0
    tokens = counts(told, hour)
    return {
        names.OPERATION_NAME: "chat",
        names.PROVIDER_NAME: "aws.bedrock",
        names.REQUEST_MODEL: MODEL,
        names.REQUEST_MAX_TOKENS: 64,
        names.REQUEST_TEMPERATURE: 0.5,
        names.REQUEST_TOP_P: 0.9,
        names.REQUEST_TOP_K: 7,
        names.REQUEST_STOP_SEQUENCES: ["끝"],
        names.SERVER_ADDRESS: "127.0.0.1",
        names.SERVER_PORT: standin.port,
        names.AWS_REQUEST_ID: "aws-standin000001",
        names.RESPONSE_FINISH_REASONS: [told.finish_reason],
        names.INPUT_MESSAGES: [{"role": "user", "parts": [{"type": "text", "content": f"[{scenario}] 서울은?"}]}],
        names.SYSTEM_INSTRUCTIONS: [{"type": "text", "content": SYSTEM}],
        names.TOOL_DEFINITIONS: [
            {"type": "function", "name": "get_weather", "description": "The weather", "parameters": SCHEMA}
        ],
        names.OUTPUT_MESSAGES: answer(told, ["tooluse_standin0000010", "tooluse_standin0000011"]),
        names.COST_USD: cost_usd("aws.bedrock", (MODEL,), tokens),
        **tokens,
    }


def finished(captured: testing.Captured) -> list[ReadableSpan]:
    """The spans; those of streams that were dropped in a cycle of objects end when it is found."""
    return captured.spans or (gc.collect(), captured.spans)[1]


def observed(way: Way, runtime: Any, asked: Any, **settings: Any) -> ReadableSpan:
    """The one span of one call."""
    with testing.capture(**settings) as captured:
        way(runtime, asked)
        (span,) = finished(captured)
    return span


@pytest.mark.parametrize("scenario", ["chat", "korean", "tools", "reasoning", "length"])
@pytest.mark.parametrize("way", WHOLE)
def test_a_whole_answer_is_told(standin: Standin, runtime: Any, way: str, scenario: str) -> None:
    """Every attribute, and no other."""
    found = attributes(observed(WAYS[way], runtime, question(f"[{scenario}]")))
    assert said(scenario, runtime, standin) == found


@pytest.mark.parametrize("scenario", ["chat", "korean", "tools", "reasoning"])
@pytest.mark.parametrize("way", STREAMED)
def test_a_streamed_answer_is_told(standin: Standin, runtime: Any, way: str, scenario: str) -> None:
    """Every attribute, the same as of a whole answer but for what makes it a stream."""
    span = observed(WAYS[way], runtime, question(f"[{scenario}]"))
    found = attributes(span)
    assert span.end_time
    assert span.start_time
    assert 0 < found.pop(names.RESPONSE_TIME_TO_FIRST_CHUNK) <= (span.end_time - span.start_time) / 1e9
    events = _converse_stream(runtime, question(f"[{scenario}]"))[1]
    streamed = {
        names.REQUEST_STREAM: True,
        names.STREAM_OUTCOME: "complete",
        names.RESPONSE_CHUNK_COUNT: len(events),
    }
    assert said(scenario, runtime, standin) | streamed == found


@pytest.mark.parametrize("scenario", ["chat", "tools", "error_429", "cut", "fail"])
@pytest.mark.parametrize("way", WAYS)
def test_the_application_notices_nothing(standin: Standin, runtime: Any, way: str, scenario: str) -> None:
    """The same answers, events and errors, and the same paths and bodies sent, with us and without."""

    def seen() -> tuple[str, list[tuple[str, bytes]]]:
        standin.reset()
        try:
            result = WAYS[way](runtime, question(f"[{scenario}]"))
        except Exception as error:  # noqa: BLE001  whatever the application gets
            result = (type(error).__qualname__, str(error))
        return repr(result), [(request.path, request.body) for request in standin.requests]

    without = seen()
    with testing.capture() as captured:
        assert without == seen()
        assert len(finished(captured)) == 1


@pytest.mark.parametrize("way", WAYS)
def test_with_content_off_no_text_is_kept(standin: Standin, runtime: Any, way: str) -> None:
    """Neither of the question, the instructions, the tools nor of the answer."""
    assert not standin.requests
    span = observed(WAYS[way], runtime, question("[korean]"), content="off")
    for text in ("서울은?", "짧게", "weather", TEXTS["korean"][:4]):
        assert text not in everything(span)
    assert attributes(span)[names.USAGE_INPUT_TOKENS] == expected("bedrock.korean").input_tokens


ERRORS = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    429: "ThrottlingException",
    500: "InternalServerException",
}


@pytest.mark.parametrize("status", ERRORS)
@pytest.mark.parametrize("way", WAYS)
def test_an_error_is_told(standin: Standin, runtime: Any, way: str, status: int) -> None:
    """AWS's own word for it, its status, its request id; no tokens and no cost."""
    with testing.capture() as captured:
        with pytest.raises(ClientError) as raised:
            WAYS[way](runtime, question(f"[error_{status}]"))
        (span,) = captured.spans
    found = attributes(span)
    assert (found[names.ERROR_TYPE], found[names.HTTP_STATUS_CODE]) == (ERRORS[status], status)
    assert found[names.AWS_REQUEST_ID] == f"aws-standin{len(standin.requests):06}"
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, str(raised.value))
    assert not {*counts(expected("bedrock.chat"), 1), names.COST_USD} & found.keys()


@pytest.mark.parametrize("way", STREAMED)
def test_a_stream_that_fails_is_told_as_far_as_it_came(standin: Standin, runtime: Any, way: str) -> None:
    """The error's own word, and the text so far; what it took was never told."""
    with testing.capture() as captured:
        with pytest.raises(ClientError):
            WAYS[way](runtime, question("[fail]"))
        (span,) = captured.spans
    found = attributes(span)
    assert found[names.ERROR_TYPE] == "modelStreamErrorException"
    assert (found[names.STREAM_OUTCOME], found[names.AWS_REQUEST_ID]) == ("error", "aws-standin000001")
    text = found[names.OUTPUT_MESSAGES][0]["parts"][0]["content"]
    assert text
    assert TEXTS["chat"].startswith(text)
    assert names.USAGE_INPUT_TOKENS not in found
    assert len(standin.requests) == 1


def _left(runtime: Any) -> None:
    next(event for event in runtime.converse_stream(**question("hi"))["stream"] if "contentBlockDelta" in event)


def _closed(runtime: Any) -> None:
    stream = runtime.converse_stream(**question("hi"))["stream"]
    next(event for event in stream if "contentBlockDelta" in event)
    stream.close()


async def _async_closed(runtime: Any) -> None:
    async with _aio(runtime) as made:
        stream = (await made.converse_stream(**question("hi")))["stream"]
        async for event in stream:
            if "contentBlockDelta" in event:
                break
        stream.close()


LEAVING: list[tuple[Callable[[Any], None], str]] = [
    (_left, "abandoned"),
    (_closed, "closed"),
    *([(lambda runtime: asyncio.run(_async_closed(runtime)), "closed")] if ASYNC else []),
]


@pytest.mark.parametrize(("leave", "outcome"), LEAVING)
def test_a_stream_that_is_left_is_told_too(
    standin: Standin, runtime: Any, leave: Callable[[Any], None], outcome: str
) -> None:
    """One span, with the chunks that were read."""
    assert not standin.requests
    with testing.capture() as captured:
        leave(runtime)
        (span,) = finished(captured)
    found = attributes(span)
    assert (found[names.STREAM_OUTCOME], found[names.RESPONSE_CHUNK_COUNT]) == (outcome, 2)
    assert found[names.RESPONSE_TIME_TO_FIRST_CHUNK] > 0


def test_a_stream_may_be_read_in_another_thread(standin: Standin, runtime: Any) -> None:
    """Where it is read changes nothing."""
    with testing.capture() as captured:
        stream = runtime.converse_stream(**question("[chat]"))["stream"]
        reader = threading.Thread(target=lambda: list(stream))
        reader.start()
        reader.join()
        (span,) = captured.spans
    assert said("chat", runtime, standin).items() <= attributes(span).items()


PROFILE = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{MODEL}"


@pytest.mark.parametrize("model", [f"us.{MODEL}", PROFILE, f"arn:aws:bedrock:us-east-1::foundation-model/{MODEL}"])
def test_profiles_and_arns_have_the_price_of_their_model(standin: Standin, runtime: Any, model: str) -> None:
    """The model is named as it was asked for, the guardrail by its id."""
    assert not standin.requests
    guardrail = {"guardrailIdentifier": "gr-1", "guardrailVersion": "1"}
    found = attributes(observed(_converse, runtime, question("[chat]", model, guardrailConfig=guardrail)))
    assert (found[names.REQUEST_MODEL], found[names.AWS_GUARDRAIL_ID]) == (model, "gr-1")
    assert found[names.COST_USD] > 0


def test_the_conversation_is_told_part_by_part(standin: Standin, runtime: Any) -> None:
    """Images by their size, tools' answers, thoughts; marks of the cache are no content."""
    assert not standin.requests
    call = {"toolUse": {"toolUseId": "t1", "name": "get_weather", "input": {"city": "서울"}}}
    answers = {"toolResult": {"toolUseId": "t1", "content": [{"json": {"sky": "맑음"}}, {"text": "ok"}]}}
    thought = {"reasoningContent": {"reasoningText": {"text": "음", "signature": "s"}}}
    image = {"image": {"format": "png", "source": {"bytes": b"1234"}}}
    turns = [
        {"role": "user", "content": [{"text": "hi"}, image]},
        {"role": "assistant", "content": [thought, call]},
        {"role": "user", "content": [answers]},
    ]
    found = attributes(observed(_converse, runtime, question("", messages=turns)))
    told = [{"sky": "맑음"}, {"type": "text", "content": "ok"}]
    assert [message["parts"] for message in found[names.INPUT_MESSAGES]] == [
        [{"type": "text", "content": "hi"}, {"type": "blob", "modality": "image", "mime_type": "png", "size": 4}],
        [
            {"type": "reasoning", "content": "음"},
            {"type": "tool_call", "id": "t1", "name": "get_weather", "arguments": {"city": "서울"}},
        ],
        [{"type": "tool_call_response", "id": "t1", "response": told}],
    ]
    assert found[names.INPUT_MESSAGES][2]["role"] == "tool"


def test_other_services_of_aws_are_not_observed(standin: Standin) -> None:
    """Nothing but Bedrock's runtime makes a span."""
    other = boto3.client("dynamodb", endpoint_url=standin.url, config=Config(retries={"max_attempts": 1}), **ACCESS)
    with testing.capture() as captured, pytest.raises(ClientError):
        other.list_tables()
    assert captured.spans == []


# ---- InvokeModel: each family of models speaks its own language


NOVA = {"messages": [{"role": "user", "content": [{"text": "hi"}]}], "inferenceConfig": {"maxTokens": 64}}
CLAUDE = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]}
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "anthropic": ("chat", CLAUDE),
    "bedrock_nova": ("chat", NOVA),
    "bedrock_titan": ("text_completion", {"inputText": "hi", "textGenerationConfig": {"maxTokenCount": 64}}),
    "bedrock_llama": ("text_completion", {"prompt": "hi", "max_gen_len": 64}),
    "bedrock_cohere": ("chat", {"message": "hi", "max_tokens": 64}),
    "bedrock_mistral": ("text_completion", {"prompt": "hi", "max_tokens": 64}),
}


def _model(vendor: str) -> str:
    return MODEL if vendor == "anthropic" else VENDORS[vendor].model


def _invoked(vendor: str) -> dict[str, Any]:
    """What every span of such a call says."""
    told = expected(f"{vendor}.chat", model=_model(vendor))
    return {
        names.OPERATION_NAME: BODIES[vendor][0],
        names.PROVIDER_NAME: "aws.bedrock",
        names.REQUEST_MODEL: _model(vendor),
        names.REQUEST_MAX_TOKENS: 64,
        names.AWS_REQUEST_ID: "aws-standin000001",
        names.RESPONSE_FINISH_REASONS: [told.finish_reason],
        names.INPUT_MESSAGES: [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}],
        names.OUTPUT_MESSAGES: answer(told, []),
        **counts(told, CACHE_WRITE_1H_TOKENS if vendor == "anthropic" else 0),
    }


def _priced(vendor: str, found: dict[str, Any]) -> None:
    """The cost is the price book's, which knows none of Cohere's models on Bedrock."""
    if vendor == "bedrock_cohere":
        assert names.COST_USD not in found
        return
    tokens = {name: found[name] for name in counts(expected(f"{vendor}.chat"), 1) if name in found}
    models = tuple(found[name] for name in (names.RESPONSE_MODEL, names.REQUEST_MODEL) if name in found)
    assert found[names.COST_USD] == cost_usd("aws.bedrock", models, tokens)


def _read(body: StreamingBody) -> bytes:
    return bytes(body.read())


def _by_pieces(body: StreamingBody) -> bytes:
    return b"".join(body.iter_chunks(64))


def _by_lines(body: StreamingBody) -> bytes:
    return b"\n".join(body.iter_lines())


def _by_itself(body: StreamingBody) -> bytes:
    return b"".join(body)


def _within(body: StreamingBody) -> bytes:
    with body as raw:
        return bytes(raw.read())


def _into(body: StreamingBody) -> bytes:
    buffer, found = bytearray(100), b""
    while count := body.readinto(buffer):
        found += bytes(buffer[:count])
    return found


READINGS = [_read, _by_pieces, _by_lines, _by_itself, _within, _into]


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("vendor", BODIES)
def test_an_invoked_model_is_told_however_its_body_is_read(
    standin: Standin, runtime: Any, vendor: str, reading: Callable[[StreamingBody], bytes]
) -> None:
    """The application reads what was sent, from botocore's own object; the span has every fact."""
    asked = {"modelId": _model(vendor), "body": json.dumps(BODIES[vendor][1])}
    standin.reset()
    without = reading(runtime.invoke_model(**asked)["body"])
    standin.reset()
    with testing.capture() as captured:
        body = runtime.invoke_model(**asked)["body"]
        assert type(body) is StreamingBody
        assert reading(body) == without
        (span,) = captured.spans
    found = attributes(span)
    assert _invoked(vendor).items() <= found.items()
    _priced(vendor, found)


@pytest.mark.parametrize("vendor", BODIES)
def test_an_invoked_stream_is_told(standin: Standin, runtime: Any, vendor: str) -> None:
    """The same facts, from the stream's events and Bedrock's own count at its end."""
    asked = {"modelId": _model(vendor), "body": json.dumps(BODIES[vendor][1]).encode()}
    without = list(runtime.invoke_model_with_response_stream(**asked)["body"])
    standin.reset()
    with testing.capture() as captured:
        events = list(runtime.invoke_model_with_response_stream(**asked)["body"])
        (span,) = captured.spans
    found = attributes(span)
    assert len(events) == len(without) == found[names.RESPONSE_CHUNK_COUNT]
    assert (found[names.REQUEST_STREAM], found[names.STREAM_OUTCOME]) == (True, "complete")
    assert found[names.RESPONSE_TIME_TO_FIRST_CHUNK] > 0
    assert _invoked(vendor).items() <= found.items()
    _priced(vendor, found)


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("amazon.titan-embed-text-v2:0", {"inputText": "서울", "dimensions": 8}),
        ("cohere.embed-multilingual-v3", {"texts": ["서울"], "input_type": "search_query"}),
    ],
)
def test_embeddings_are_told(standin: Standin, runtime: Any, model: str, body: dict[str, Any]) -> None:
    """Their operation and their tokens, which only a header tells for Cohere's."""
    assert not standin.requests
    with testing.capture() as captured:
        json.load(runtime.invoke_model(modelId=model, body=json.dumps(body))["body"])
        (span,) = captured.spans
    found = attributes(span)
    assert (span.name, found[names.USAGE_INPUT_TOKENS]) == (f"embeddings {model}", EMBEDDING_TOKENS)
    assert found.get(names.EMBEDDINGS_DIMENSION_COUNT) == body.get("dimensions")
    assert not {names.USAGE_OUTPUT_TOKENS, names.INPUT_MESSAGES} & found.keys()


def test_a_body_that_is_never_read_is_told_by_its_headers(standin: Standin, runtime: Any) -> None:
    """Dropped or closed: one span, with the tokens."""
    told = expected("bedrock_titan.chat")
    asked = {"modelId": told.response_model, "body": json.dumps(BODIES["bedrock_titan"][1])}
    with testing.capture() as captured:
        runtime.invoke_model(**asked)["body"].close()
        runtime.invoke_model(**asked)
        closed, dropped = finished(captured)
    for span in (closed, dropped):
        assert counts(told).items() <= attributes(span).items()
    assert len(standin.requests) == 2


def test_a_body_that_is_cut_is_told_as_an_error(standin: Standin, runtime: Any) -> None:
    """The application's error is the span's."""
    body = {"prompt": "[cut]"}
    with testing.capture() as captured:
        response = runtime.invoke_model(modelId=_model("bedrock_llama"), body=json.dumps(body))
        with pytest.raises(Exception, match=r".+"):
            response["body"].read()
        (span,) = finished(captured)
    assert span.status.status_code is StatusCode.ERROR
    assert len(standin.requests) == 1


async def _async_invoke(runtime: Any, asked: Any) -> Any:
    async with _aio(runtime) as made:
        response = await made.invoke_model(**asked)
        async with response["body"] as stream:
            within = await stream.read()
        response = await made.invoke_model(**asked)
        pieces = b"".join([piece async for piece in response["body"].iter_chunks(64)])
        response = await made.invoke_model(**asked)
        whole = await response["body"].read()
        response = await made.invoke_model_with_response_stream(**asked)
        return [within, pieces, whole], len([event async for event in response["body"]])


if ASYNC:

    @pytest.mark.parametrize("vendor", BODIES)
    def test_bodies_of_the_asynchronous_client_are_told_alike(standin: Standin, runtime: Any, vendor: str) -> None:
        """However they are read, the application gets the same."""
        asked = {"modelId": _model(vendor), "body": json.dumps(BODIES[vendor][1])}
        without = asyncio.run(_async_invoke(runtime, asked))
        standin.reset()
        with testing.capture() as captured:
            assert asyncio.run(_async_invoke(runtime, asked)) == without
            spans = captured.spans
        for number, span in enumerate(spans, 1):
            told = _invoked(vendor) | {names.AWS_REQUEST_ID: f"aws-standin{number:06}"}
            assert told.items() <= attributes(span).items()
        assert len(spans) == 4
