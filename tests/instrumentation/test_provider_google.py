"""Google's Gen AI client: Vertex AI, embeddings, images, chats, functions that it calls by itself, kinds of content."""

import asyncio
import inspect
import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest
from google import genai
from google.auth.credentials import AnonymousCredentials
from google.genai import types
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from tests.instrumentation.four_clients import WARNINGS, Google
from tests.standin import Standin, expected
from tests.standin.google import EMBEDDING_DIMENSIONS
from tests.standin.openai_media import EMBEDDING_TOKENS

from haechi import testing
from haechi_schemas import attributes as names

MODEL = "gemini-2.5-flash"
WORKFLOW = "invoke_workflow automatic_function_calling"
pytestmark = [pytest.mark.filterwarnings(warning) for warning in WARNINGS]


@pytest.fixture
def client(standin: Standin) -> Iterator[genai.Client]:
    with Google(standin.url).opened() as opened:
        yield opened


@pytest.fixture
def vertex(standin: Standin) -> genai.Client:
    credentials: Any = AnonymousCredentials()  # type: ignore[no-untyped-call]  # it has no types
    credentials.token = "t"
    options = types.HttpOptions(base_url=standin.url)
    return genai.Client(vertexai=True, project="p", location="l", credentials=credentials, http_options=options)


def told(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def said(span: ReadableSpan, name: str) -> Any:
    return json.loads(str(told(span)[name]))


def get_weather(city: str) -> str:
    """Tell the weather."""
    return f"맑음, {city}"


def test_vertex_is_a_provider_of_its_own(vertex: genai.Client) -> None:
    """The same call through Vertex AI names it, and costs what its model costs."""
    with testing.capture() as captured:
        vertex.models.generate_content(model=MODEL, contents="[korean]")
    (span,) = captured.spans
    assert told(span)[names.PROVIDER_NAME] == "gcp.vertex_ai"
    assert told(span)[names.USAGE_OUTPUT_TOKENS] == expected("google.korean").output_tokens
    assert told(span)[names.COST_USD] > 0


def test_thoughts_are_reasoning_and_part_of_the_output(client: genai.Client) -> None:
    """A thought is a part of its own, whole or streamed, and its tokens are counted once more as reasoning."""
    facts = expected("google.reasoning")
    with testing.capture() as captured:
        client.models.generate_content(model=MODEL, contents="[reasoning]")
        list(client.models.generate_content_stream(model=MODEL, contents="[reasoning]"))
    for span in captured.spans:
        (message,) = said(span, names.OUTPUT_MESSAGES)
        assert message["parts"] == [
            {"type": "reasoning", "content": facts.reasoning},
            {"type": "text", "content": facts.text},
        ]
        assert told(span)[names.USAGE_OUTPUT_TOKENS] == facts.output_tokens
        assert told(span)[names.USAGE_REASONING_TOKENS] == facts.reasoning_tokens


def test_embeddings_have_their_size_and_tokens(client: genai.Client, vertex: genai.Client) -> None:
    """Of the Gemini API by what is asked, of Vertex AI with the tokens of each text."""
    with testing.capture() as captured:
        client.models.embed_content(model="gemini-embedding-001", contents=["서울", "b"])
        vertex.models.embed_content(model="text-embedding-005", contents=["a"])
    gemini, other = captured.spans
    assert gemini.name == "embeddings gemini-embedding-001"
    assert said(gemini, names.INPUT_MESSAGES)[0]["parts"][0] == {"type": "text", "content": "서울"}
    assert told(other)[names.USAGE_INPUT_TOKENS] == EMBEDDING_TOKENS
    assert {told(span)[names.EMBEDDINGS_DIMENSION_COUNT] for span in captured.spans} == {EMBEDDING_DIMENSIONS}


@pytest.mark.filterwarnings("ignore:The generate_images method is deprecated")  # the client's own word
def test_images_are_asked_for_by_number(vertex: genai.Client) -> None:
    """A picture's span says what is wanted, of which model, and how many."""
    with testing.capture() as captured:
        config = types.GenerateImagesConfig(number_of_images=2)
        vertex.models.generate_images(model="imagen-4.0-generate-001", prompt="호랑이", config=config)
    (span,) = captured.spans
    assert (told(span)[names.OUTPUT_TYPE], told(span)[names.REQUEST_CHOICE_COUNT]) == ("image", 2)
    assert said(span, names.INPUT_MESSAGES)[0]["parts"] == [{"type": "text", "content": "호랑이"}]


Config = types.GenerateContentConfig


def ask(google: Google, config: Config) -> None:
    with google.opened() as client:
        client.models.generate_content(model=MODEL, contents="[tool]", config=config)


def stream(google: Google, config: Config) -> None:
    with google.opened() as client:
        list(client.models.generate_content_stream(model=MODEL, contents="[tool]", config=config))


def chat(google: Google, config: Config) -> None:
    with google.opened() as client:
        client.chats.create(model=MODEL, config=config).send_message("[tool]")


def stream_chat(google: Google, config: Config) -> None:
    with google.opened() as client:
        list(client.chats.create(model=MODEL, config=config).send_message_stream("[tool]"))


async def ask_async(google: Google, config: Config) -> None:
    async with google.opened_async() as client:
        await client.models.generate_content(model=MODEL, contents="[tool]", config=config)


async def stream_async(google: Google, config: Config) -> None:
    async with google.opened_async() as client:
        async for _ in await client.models.generate_content_stream(model=MODEL, contents="[tool]", config=config):
            pass


async def chat_async(google: Google, config: Config) -> None:
    async with google.opened_async() as client:
        await client.chats.create(model=MODEL, config=config).send_message("[tool]")


async def stream_chat_async(google: Google, config: Config) -> None:
    async with google.opened_async() as client:
        async for _ in await client.chats.create(model=MODEL, config=config).send_message_stream("[tool]"):
            pass


WAYS = (ask, stream, chat, stream_chat, ask_async, stream_async, chat_async, stream_chat_async)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_rounds_of_functions_lie_in_one_trace(standin: Standin, way: Callable[[Google, Config], Any]) -> None:
    """Each request is a span with its own tokens, the function one beside them, all under one workflow."""
    with testing.capture() as captured:
        made = way(Google(standin.url), Config(tools=[get_weather]))
        if inspect.iscoroutine(made):
            asyncio.run(made)
    workflow = captured.one(WORKFLOW)
    first, second = captured.llm()
    tool = captured.one("execute_tool get_weather")
    under = [span.parent.span_id if span.parent else 0 for span in (first, tool, second)]
    assert under == [workflow.context.span_id] * 3
    assert said(tool, names.TOOL_CALL_ARGUMENTS) == {"city": "Seoul"}
    assert said(tool, names.TOOL_CALL_RESULT) == "맑음, Seoul"
    tokens = [told(span)[names.USAGE_INPUT_TOKENS] for span in (first, second)]
    assert tokens == [expected("google.tool").input_tokens, expected("google.tool_answer").input_tokens]
    assert said(second, names.INPUT_MESSAGES)[-1]["role"] == "tool"


def test_a_function_that_fails_is_told(client: genai.Client) -> None:
    """The client tells the model of the error and goes on; the function's span has it."""

    def get_weather(city: str) -> str:
        """Tell the weather."""
        raise LookupError(city)

    with testing.capture() as captured:
        client.models.generate_content(model=MODEL, contents="[tool]", config=Config(tools=[get_weather]))
    span = captured.one("execute_tool get_weather")
    assert span.status.status_code is StatusCode.ERROR
    assert "LookupError" in str((span.events[0].attributes or {})["exception.stacktrace"])
    assert captured.one(WORKFLOW).status.status_code is StatusCode.UNSET


def test_functions_that_are_only_declared_make_no_workflow(client: genai.Client) -> None:
    """Where the application calls its functions by itself there is one span, and its tool's definition."""
    declared = types.Tool(function_declarations=[types.FunctionDeclaration(name="look", description="Looks")])
    searching = types.Tool(google_search=types.GoogleSearch())
    with testing.capture() as captured:
        client.models.generate_content(model=MODEL, contents="[tool]", config=Config(tools=[declared, searching]))
    (span,) = captured.spans
    assert [tool.get("name") or tool["type"] for tool in said(span, names.TOOL_DEFINITIONS)] == [
        "look",
        "google_search",
    ]


def test_a_chat_is_one_span_for_each_message(client: genai.Client) -> None:
    """The second message's span has the conversation so far."""
    with testing.capture() as captured:
        conversation = client.chats.create(model=MODEL)
        conversation.send_message("[korean]")
        list(conversation.send_message_stream("그리고?"))
    _, second = captured.spans
    roles = [message["role"] for message in said(second, names.INPUT_MESSAGES)]
    assert roles == ["user", "assistant", "user"]


def test_a_stream_stays_a_generator(client: genai.Client) -> None:
    """It can be closed as before, and nothing is asked before it is read."""
    with testing.capture() as captured:
        unread = client.models.generate_content_stream(model=MODEL, contents="[long]")
        assert inspect.isgenerator(unread)
        unread.close()
        assert captured.spans == []
        read = client.models.generate_content_stream(model=MODEL, contents="[long]")
        next(read)
        read.close()
        (span,) = captured.spans
    assert told(span)[names.RESPONSE_CHUNK_COUNT] == 1


def test_an_error_in_the_stream_is_told(client: genai.Client) -> None:
    """The span has the status of the error that the application gets; the oldest client raises none."""
    status = None
    with testing.capture() as captured:
        try:
            list(client.models.generate_content_stream(model=MODEL, contents="[fail]"))
        except genai.errors.APIError as error:
            status = error.code
    assert told(captured.spans[0]).get(names.HTTP_STATUS_CODE) == status


def test_every_kind_of_content_is_told(client: genai.Client) -> None:
    """Texts, media by kind and size or address, calls and their answers, the system's instruction, the parameters."""
    call = types.Part.from_function_call(name="look", args={"at": "서울"})
    answer = types.Part.from_function_response(name="look", response={"seen": 1})
    picture = types.Part.from_bytes(data=b"12345", mime_type="image/png")
    contents: Any = [
        types.Content(role="user", parts=[types.Part.from_text(text="보라"), picture]),
        types.Content(role="model", parts=[call]),
        types.Content(role="user", parts=[answer]),
        "loose",
        types.Part.from_uri(file_uri="gs://bucket/sound.mp3", mime_type="audio/mp3"),
    ]
    config = Config(
        system_instruction="짧게", seed=7, top_k=40, stop_sequences=["END"], response_mime_type="application/json"
    )
    with testing.capture() as captured:
        client.models.generate_content(model=f"models/{MODEL}", contents=contents, config=config)
    (span,) = captured.spans
    assert said(span, names.INPUT_MESSAGES) == [
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "보라"},
                {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 5},
            ],
        },
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": None, "name": "look", "arguments": {"at": "서울"}}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "look", "response": {"seen": 1}}]},
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "loose"},
                {"type": "uri", "modality": "audio", "uri": "gs://bucket/sound.mp3"},
            ],
        },
    ]
    assert said(span, names.SYSTEM_INSTRUCTIONS) == [{"type": "text", "content": "짧게"}]
    facts = told(span)
    asked = (facts[names.REQUEST_SEED], facts[names.REQUEST_TOP_K], facts[names.REQUEST_STOP_SEQUENCES])
    assert asked == (7, 40, ("END",))
    assert (facts[names.REQUEST_MODEL], facts[names.OUTPUT_TYPE]) == (f"models/{MODEL}", "json")
    assert facts[names.COST_USD] > 0


class TestInteractions:
    """The client's newer interface, which the oldest does not have."""

    __test__ = find_spec("google.genai._gaos") is not None

    @pytest.mark.parametrize("scenario", ["chat", "korean", "reasoning", "tool", "length"])
    @pytest.mark.parametrize("streamed", [False, True])
    def test_an_interaction_is_one_span(self, client: Any, standin: Standin, scenario: str, streamed: bool) -> None:
        """Everything that is asked and answered, whole and streamed; thoughts are part of the output."""
        facts = expected(f"google.{scenario}")
        asked = {"input": f"[{scenario}]", "system_instruction": "짧게", "generation_config": {"temperature": 0.2}}
        with testing.capture() as captured:
            got = client.interactions.create(model=MODEL, stream=streamed, previous_interaction_id="v0", **asked)
            chunks = list(got) if streamed else []
        (span,) = captured.spans
        call = facts.tool_calls[0] if facts.tool_calls else None
        parts = [
            *([{"type": "reasoning", "content": facts.reasoning}] if facts.reasoning else []),
            *([{"type": "text", "content": facts.text}] if facts.text else []),
            *([call_part("fc-standin0000010", call.name, call.arguments)] if call else []),
        ]
        status = {"tool": "requires_action", "length": "incomplete"}.get(scenario, "completed")
        assert said(span, names.OUTPUT_MESSAGES) == [{"role": "assistant", "parts": parts, "finish_reason": status}]
        assert said(span, names.INPUT_MESSAGES)[0]["parts"] == [{"type": "text", "content": asked["input"]}]
        known = told(span)
        assert known[names.RESPONSE_FINISH_REASONS] == (status,)
        assert (known[names.RESPONSE_ID], known[names.RESPONSE_MODEL]) == ("v1_standin000001", MODEL)
        assert (known[names.USAGE_INPUT_TOKENS], known[names.USAGE_OUTPUT_TOKENS]) == (
            facts.input_tokens,
            facts.output_tokens,
        )
        assert known[names.USAGE_REASONING_TOKENS] == facts.reasoning_tokens
        assert known[names.USAGE_CACHE_READ_TOKENS] == facts.cache_read_tokens
        assert (known[names.REQUEST_TEMPERATURE], known[names.REQUEST_PREVIOUS_RESPONSE_ID]) == (0.2, "v0")
        assert (known[names.PROVIDER_NAME], known[names.SERVER_PORT]) == ("gcp.gemini", standin.port)
        assert known[names.COST_USD] > 0
        assert known.get(names.RESPONSE_CHUNK_COUNT, 0) == len(chunks)
        assert (names.RESPONSE_TIME_TO_FIRST_CHUNK in known) is streamed

    def test_an_asynchronous_interaction_is_observed(self, standin: Standin) -> None:
        """Whole and streamed."""

        async def ask() -> None:
            async with Google(standin.url).opened_async() as client:
                await client.interactions.create(model=MODEL, input="[korean]")
                async for _ in await client.interactions.create(model=MODEL, input="[korean]", stream=True):
                    pass

        with testing.capture() as captured:
            asyncio.run(ask())
        texts = [said(span, names.OUTPUT_MESSAGES)[0]["parts"][0]["content"] for span in captured.spans]
        assert texts == [expected("google.korean").text] * 2

    def test_steps_are_messages(self, client: Any) -> None:
        """The conversation that is given back is told by who said what."""
        steps = [
            {"type": "user_input", "content": [{"type": "text", "text": "날씨?"}]},
            {"type": "function_call", "id": "f1", "name": "look", "arguments": {"at": "서울"}},
            {"type": "function_result", "call_id": "f1", "name": "look", "result": "맑음"},
        ]
        tool = {"type": "function", "name": "look", "description": "Looks", "parameters": {"type": "object"}}
        with testing.capture() as captured:
            client.interactions.create(model=MODEL, input=steps, tools=[tool])
        (span,) = captured.spans
        assert said(span, names.INPUT_MESSAGES) == [
            {"role": "user", "parts": [{"type": "text", "content": "날씨?"}]},
            {"role": "assistant", "parts": [call_part("f1", "look", {"at": "서울"})]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "f1", "response": "맑음"}]},
        ]
        assert said(span, names.TOOL_DEFINITIONS) == [tool]

    @pytest.mark.parametrize("status", [400, 429])
    def test_an_error_is_told_and_passes(self, client: Any, status: int) -> None:
        """The span has the status and the class of the error that the application gets."""
        with testing.capture() as captured, pytest.raises(Exception, match=r".") as raised:
            client.interactions.create(model=MODEL, input=f"[error_{status}]")
        known = told(captured.spans[0])
        assert (known[names.HTTP_STATUS_CODE], known[names.ERROR_TYPE]) == (status, type(raised.value).__qualname__)

    def test_an_error_in_the_stream_is_told(self, client: Any) -> None:
        """An event that says that the answer failed makes the span one that failed."""
        with testing.capture() as captured:
            list(client.interactions.create(model=MODEL, input="[fail]", stream=True))
        (span,) = captured.spans
        assert (told(span)[names.ERROR_TYPE], span.status.status_code) == ("internal", StatusCode.ERROR)


def call_part(call_id: str, name: str, arguments: object) -> dict[str, Any]:
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}
