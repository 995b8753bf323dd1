"""Embeddings, images, sound, moderation, completions and runs of assistants: what their spans say."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import openai
import pytest
from tests.instrumentation.expectations import attributes, cost_usd, everything
from tests.standin import Standin, expected
from tests.standin import openai_media as media
from tests.standin.wire import b64

from haechi import testing
from haechi_schemas import attributes as names

Json = dict[str, Any]
SOUND = ("말.mp3", b"abc")


@dataclass(frozen=True)
class Case:
    """One method, what it is called with, and what its span says beside where it went."""

    method: str
    arguments: Json
    operation: str
    says: Json
    tokens: tuple[int, ...] = ()  # input, output
    priced_as: str = ""
    texts: tuple[str, ...] = field(default=())  # of the question and the answer: nowhere while content is off


def text(said: str) -> Json:
    return {"type": "text", "content": said}


def user(*said: str) -> Json:
    return {names.INPUT_MESSAGES: [{"role": "user", "parts": [text(one)]} for one in said]}


def assistant(part: Json, reason: str = "stop") -> Json:
    return {names.OUTPUT_MESSAGES: [{"role": "assistant", "parts": [part], "finish_reason": reason}]}


TOLD = expected("openai.korean", model="gpt-3.5-turbo-instruct")
COMPLETION = {
    names.RESPONSE_MODEL: "gpt-3.5-turbo-instruct:20230824-v2",
    names.RESPONSE_ID: "cmpl-standin000001",
    names.RESPONSE_FINISH_REASONS: ["stop"],
    **user("[korean] 서울"),
    **assistant(text(TOLD.text)),
}
IMAGE = {"type": "blob", "modality": "image", "mime_type": None, "size": len(b64(media.PNG))}
STREAM = {names.REQUEST_STREAM: True, names.STREAM_OUTCOME: "complete"}
CASES = {
    "embeddings": Case(
        "embeddings.create",
        {"model": "text-embedding-3-small", "input": ["서울", "부산"]},
        "embeddings",
        {
            names.RESPONSE_MODEL: "text-embedding-3-small",
            names.EMBEDDINGS_DIMENSION_COUNT: 1536,
            **user("서울", "부산"),
        },
        tokens=(media.EMBEDDING_TOKENS,),
        priced_as="text-embedding-3-small",
        texts=("서울",),
    ),
    "embeddings as told": Case(
        "embeddings.create",
        {"model": "text-embedding-3-small", "input": "서울", "encoding_format": "float", "dimensions": 256},
        "embeddings",
        {
            names.RESPONSE_MODEL: "text-embedding-3-small",
            names.EMBEDDINGS_DIMENSION_COUNT: 256,
            names.REQUEST_ENCODING_FORMATS: ["float"],
            **user("서울"),
        },
        tokens=(media.EMBEDDING_TOKENS,),
        priced_as="text-embedding-3-small",
        texts=("서울",),
    ),
    "image": Case(
        "images.generate",
        {"model": "gpt-image-1", "prompt": "해치"},
        "generate_content",
        {names.OUTPUT_TYPE: "image", **user("해치"), **assistant(IMAGE)},
        tokens=(media.IMAGE_INPUT_TOKENS, media.IMAGE_OUTPUT_TOKENS),
        priced_as="gpt-image-1",
        texts=("해치",),
    ),
    "image edited": Case(
        "images.edit",
        {"model": "gpt-image-1", "prompt": "해치", "image": ("a.png", b"abc")},
        "generate_content",
        {names.OUTPUT_TYPE: "image", **user("해치"), **assistant(IMAGE)},
        tokens=(media.IMAGE_INPUT_TOKENS, media.IMAGE_OUTPUT_TOKENS),
        priced_as="gpt-image-1",
        texts=("해치",),
    ),
    "transcript": Case(
        "audio.transcriptions.create",
        {"model": "gpt-4o-transcribe", "file": SOUND},
        "generate_content",
        {
            names.OUTPUT_TYPE: "text",
            names.USAGE_AUDIO_INPUT_TOKENS: media.TRANSCRIPTION_AUDIO_TOKENS,
            **assistant(text(media.TRANSCRIPT)),
        },
        tokens=(media.TRANSCRIPTION_INPUT_TOKENS, media.TRANSCRIPTION_OUTPUT_TOKENS),
        priced_as="gpt-4o-transcribe",
        texts=("서울",),
    ),
    "transcript as text": Case(
        "audio.transcriptions.create",
        {"model": "whisper-1", "file": SOUND, "response_format": "text"},
        "generate_content",
        {names.OUTPUT_TYPE: "text", **assistant(text(media.TRANSCRIPT + "\n"))},
        texts=("서울",),
    ),
    "translation": Case(
        "audio.translations.create",
        {"model": "whisper-1", "file": SOUND},
        "generate_content",
        {names.OUTPUT_TYPE: "text", **assistant(text(media.TRANSLATION))},
        texts=("Seoul",),
    ),
    "speech": Case(
        "audio.speech.create",
        {"model": "tts-1", "input": "안녕하세요", "voice": "alloy"},
        "generate_content",
        {names.OUTPUT_TYPE: "speech", **user("안녕하세요")},
        texts=("안녕",),
    ),
    "moderation": Case(
        "moderations.create",
        {"model": "omni-moderation-latest", "input": "착한 말"},
        "moderation",
        {names.RESPONSE_ID: "modr-standin000001", names.RESPONSE_MODEL: "omni-moderation-latest", **user("착한 말")},
        texts=("착한",),
    ),
    "completion": Case(
        "completions.create",
        {"model": "gpt-3.5-turbo-instruct", "prompt": "[korean] 서울"},
        "text_completion",
        COMPLETION,
        tokens=(TOLD.input_tokens, TOLD.output_tokens),
        priced_as="gpt-3.5-turbo-instruct",
        texts=("서울",),
    ),
    "completion streamed": Case(
        "completions.create",
        {"model": "gpt-3.5-turbo-instruct", "prompt": "[korean] 서울", "stream": True},
        "text_completion",
        {**COMPLETION, **STREAM},
        tokens=(TOLD.input_tokens, TOLD.output_tokens),
        priced_as="gpt-3.5-turbo-instruct",
        texts=("서울",),
    ),
}


def made(client: Any, method: str) -> Callable[..., Any]:
    for name in method.split("."):
        client = getattr(client, name)
    found: Callable[..., Any] = client
    return found


def call(standin: Standin, method: str, arguments: Json, *, asynchronous: bool) -> Any:
    place = {"base_url": f"{standin.url}/v1", "api_key": "x", "max_retries": 0}
    if not asynchronous:
        with openai.OpenAI(**place) as client:
            result = made(client, method)(**arguments)
            return list(result) if arguments.get("stream") else result

    async def main() -> Any:
        async with openai.AsyncOpenAI(**place) as client:
            result = await made(client, method)(**arguments)
            return [chunk async for chunk in result] if arguments.get("stream") else result

    return asyncio.run(main())


pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # translations, of newer clients
ways = pytest.mark.parametrize("asynchronous", [False, True], ids=["plain", "async"])


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
@ways
def test_a_call_tells_every_fact(case: Case, asynchronous: bool, standin: Standin) -> None:
    """One span per call, with what was asked, answered and used, and what that cost."""
    with testing.capture() as captured:
        call(standin, case.method, case.arguments, asynchronous=asynchronous)
    (span,) = captured.spans
    facts = attributes(span)
    for name in (names.RESPONSE_TIME_TO_FIRST_CHUNK, names.RESPONSE_CHUNK_COUNT):
        assert (facts.pop(name, 0) > 0) == bool(case.arguments.get("stream"))
    usage = dict(zip((names.USAGE_INPUT_TOKENS, names.USAGE_OUTPUT_TOKENS), case.tokens, strict=False))
    cost: Json = {}
    if case.priced_as == "gpt-4o-transcribe":  # sound is priced apart
        cost = {names.COST_USD: facts[names.COST_USD]}
    elif case.priced_as:
        cost = {names.COST_USD: cost_usd("openai", (case.priced_as,), usage)}
    assert facts == {
        names.OPERATION_NAME: case.operation,
        names.PROVIDER_NAME: "openai",
        names.REQUEST_MODEL: case.arguments["model"],
        names.SERVER_ADDRESS: "127.0.0.1",
        names.SERVER_PORT: standin.port,
        **case.says,
        **usage,
        **cost,
    }


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_content_is_off_unless_wanted(case: Case, standin: Standin) -> None:
    """With content off nothing of what was asked or answered is in a span."""
    with testing.capture(content="off") as captured:
        call(standin, case.method, case.arguments, asynchronous=False)
    (span,) = captured.spans
    assert not [word for word in case.texts if word in everything(span)]


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_application_gets_the_same(case: Case, standin: Standin) -> None:
    """What comes back is of the client's own type, and says the same, with us and without."""

    def seen(value: Any) -> Any:
        return (type(value), value.model_dump() if hasattr(value, "model_dump") else getattr(value, "content", value))

    def program() -> Any:
        standin.reset()
        got = call(standin, case.method, case.arguments, asynchronous=False)
        return [seen(one) for one in got] if isinstance(got, list) else seen(got)

    alone = program()
    with testing.capture():
        assert program() == alone


@ways
def test_an_error_is_told(asynchronous: bool, standin: Standin) -> None:
    """A refused call has the error's type and status, whatever was called."""
    refused = [
        ("embeddings.create", {"model": "m", "input": "[error_500]"}),
        ("images.generate", {"model": "m", "prompt": "[error_500]"}),
        ("audio.speech.create", {"model": "m", "input": "[error_500]", "voice": "alloy"}),
        ("moderations.create", {"model": "m", "input": "[error_500]"}),
        ("completions.create", {"model": "m", "prompt": "[error_500]"}),
    ]
    with testing.capture() as captured:
        for method, arguments in refused:
            with pytest.raises(openai.InternalServerError):
                call(standin, method, arguments, asynchronous=asynchronous)
    facts = [attributes(span) for span in captured.spans]
    assert [(f[names.ERROR_TYPE], f[names.HTTP_STATUS_CODE]) for f in facts] == [("InternalServerError", 500)] * 5


def test_streamed_sound_has_its_time_to_the_first_piece(standin: Standin) -> None:
    """Speech that is read as it comes is told when its first bytes came, and ends with its block."""
    with testing.capture() as captured, openai.OpenAI(base_url=f"{standin.url}/v1", api_key="x") as client:
        speech = client.audio.speech.with_streaming_response
        with speech.create(model="tts-1", input="안녕", voice="alloy") as response:
            assert len(b"".join(response.iter_bytes())) > 1_000
    facts = attributes(captured.spans[0])
    assert facts[names.RESPONSE_TIME_TO_FIRST_CHUNK] > 0
    assert facts[names.RESPONSE_CHUNK_COUNT] > 1


@pytest.mark.filterwarnings("ignore:The Assistants API is deprecated:DeprecationWarning")
@ways
def test_a_run_of_an_assistant_is_counted_once(asynchronous: bool, standin: Standin) -> None:
    """Created, polled and fetched again, a run has its tokens on one span, under its thread and its assistant."""
    thread = call(standin, "beta.threads.create", {}, asynchronous=asynchronous)
    arguments = {"thread_id": thread.id, "assistant_id": "asst_1"}
    with testing.capture() as captured:
        streamed = call(standin, "beta.threads.runs.create", {**arguments, "stream": True}, asynchronous=asynchronous)
        run_id = streamed[0].data.id
        for _ in range(3):
            call(
                standin,
                "beta.threads.runs.retrieve",
                {"thread_id": thread.id, "run_id": run_id},
                asynchronous=asynchronous,
            )
    told = expected("openai.chat")
    facts = attributes(captured.spans[0])
    assert facts[names.OPERATION_NAME] == "chat"
    assert (facts[names.CONVERSATION_ID], facts[names.AGENT_ID]) == (thread.id, "asst_1")
    assert (facts[names.USAGE_INPUT_TOKENS], facts[names.USAGE_OUTPUT_TOKENS]) == (
        told.input_tokens,
        told.output_tokens,
    )
    assert facts[names.OUTPUT_MESSAGES][0]["parts"] == [text(told.text)]
