"""The real OpenAI client, uninstrumented, accepts everything that the stand-in says in OpenAI's name."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from tests.standin import Standin, expected, openai_assistants, openai_media

TOOL: Any = {
    "type": "function",
    "function": {
        "name": "lookup",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}}},
    },
}


@pytest.fixture(scope="module")
def shared(standing: Standin) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{standing.url}/v1", api_key="sk-standin", max_retries=0) as client:
        yield client


@pytest.fixture
def client(shared: openai.OpenAI, standin: Standin) -> openai.OpenAI:  # noqa: ARG001  which forgets what it served
    return shared


def said(text: str) -> Any:
    return [{"role": "user", "content": text}]


def ask(client: openai.OpenAI, text: str, **more: Any) -> Any:
    return client.chat.completions.create(model="gpt-4o-mini", messages=said(text), **more)


@pytest.mark.parametrize("scenario", ["chat", "korean", "length"])
def test_a_completion_says_what_is_expected(client: openai.OpenAI, scenario: str) -> None:
    """Text, finish reason, models and every token kind of a plain completion are those of `expected`."""
    told = expected(f"openai.{scenario}")
    got = ask(client, f"Where? [{scenario}]")
    assert (got.choices[0].message.content, got.choices[0].finish_reason) == (told.text, told.finish_reason)
    assert (got.model, got.id) == ("gpt-4o-mini-2024-07-18", "chatcmpl-standin000001")
    usage = got.usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (told.input_tokens, told.output_tokens)
    assert usage.prompt_tokens_details.cached_tokens == told.cache_read_tokens
    assert usage.completion_tokens_details.reasoning_tokens == told.reasoning_tokens


@pytest.mark.parametrize("scenario", ["chat", "korean", "length", "long"])
def test_a_stream_says_what_a_completion_says(client: openai.OpenAI, scenario: str) -> None:
    """The deltas add up to the text, and the last chunk alone brings the usage that was asked for."""
    told = expected(f"openai.{scenario}")
    chunks = list(ask(client, f"[{scenario}]", stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks[:-1]) == told.text
    assert len(chunks) == len(told.fragments) + 3  # the role, the words, the finish reason, the usage
    assert chunks[-2].choices[0].finish_reason == told.finish_reason
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert (chunks[-1].choices, chunks[-1].usage.total_tokens) == ([], told.total_tokens)


def test_a_stream_has_no_usage_unless_asked(client: openai.OpenAI) -> None:
    """Without `include_usage` no chunk speaks of usage and the last one has the finish reason."""
    chunks = list(ask(client, "hi", stream=True))
    assert not any(chunk.usage or "usage" in chunk.model_fields_set for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_tool_call_fits_the_tool_offered(client: openai.OpenAI) -> None:
    """The first tool of the request is called, with arguments that satisfy its schema."""
    (call,) = ask(client, "[tool]", tools=[TOOL]).choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("lookup", {"query": "Seoul", "limit": 7})


def test_streamed_tool_calls_come_in_fragments(client: openai.OpenAI) -> None:
    """Two parallel calls arrive by index, and their fragments add up to JSON."""
    arguments = ["", ""]
    for chunk in ask(client, "[tools]", tools=[TOOL], stream=True):
        for part in chunk.choices[0].delta.tool_calls or ():
            arguments[part.index] += part.function.arguments
    assert [json.loads(each) for each in arguments] == [{"query": "Seoul", "limit": 7}] * 2


def test_a_tool_result_is_followed_by_the_closing_answer(client: openai.OpenAI) -> None:
    """The same marker asks for a tool first and, with the tool's result behind it, for the answer."""
    call = ask(client, "[tool]", tools=[TOOL]).choices[0].message
    result = {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "21.5"}
    messages = [*said("[tool]"), call.model_dump(exclude_none=True), result]
    got = client.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=[TOOL])
    assert got.choices[0].message.content == expected("openai.tool_answer").text


def test_a_refusal_has_no_content(client: openai.OpenAI) -> None:
    """A refusal comes in its own field, plain and streamed."""
    text = expected("openai.refusal").text
    message = ask(client, "[refusal]").choices[0].message
    assert (message.content, message.refusal) == (None, text)
    assert "".join(c.choices[0].delta.refusal or "" for c in ask(client, "[refusal]", stream=True)) == text


def test_several_choices_and_logprobs(client: openai.OpenAI) -> None:
    """`n` and `logprobs` are honoured, plain and streamed."""
    got = ask(client, "hi", n=3, logprobs=True)
    assert [choice.index for choice in got.choices] == [0, 1, 2]
    assert "".join(token.token for token in got.choices[2].logprobs.content) == expected("openai.chat").text
    chunks = list(ask(client, "hi", n=2, logprobs=True, stream=True))
    assert {choice.index for chunk in chunks for choice in chunk.choices} == {0, 1}
    assert any(choice.logprobs for chunk in chunks for choice in chunk.choices)


def test_structured_output_fits_its_schema(client: openai.OpenAI) -> None:
    """The client's `parse` gets an instance of the model asked for."""
    from pydantic import BaseModel

    class City(BaseModel):
        name: str
        people: int

    got = client.chat.completions.parse(model="gpt-4o-mini", messages=said("Where?"), response_format=City)
    assert got.choices[0].message.parsed == City(name="Seoul", people=7)
    with client.chat.completions.stream(model="gpt-4o-mini", messages=said("?"), response_format=City) as stream:
        assert stream.until_done().get_final_completion().choices[0].message.parsed == City(name="Seoul", people=7)


ERRORS = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
}


@pytest.mark.parametrize("status", ERRORS)
@pytest.mark.parametrize("streamed", [False, True])
def test_errors_are_told_as_openai_tells_them(client: openai.OpenAI, status: int, streamed: bool) -> None:
    """Each status raises the client's own class with its message and request id."""
    with pytest.raises(ERRORS[status]) as raised:
        ask(client, f"[error_{status}]", stream=streamed)
    assert raised.value.request_id == "req_standin000001"
    assert raised.value.body["message"]


def test_a_retry_succeeds(standin: Standin, client: openai.OpenAI) -> None:
    """`[retry]` answers the first attempt with 429 and the second with the answer."""
    assert ask(client.with_options(max_retries=2), "[retry]").choices[0].finish_reason == "stop"
    assert len(standin.requests) == 2


def test_a_stream_is_cut(client: openai.OpenAI) -> None:
    """The connection closes after half of the events."""
    stream, seen = ask(client, "[cut]", stream=True), []
    with pytest.raises((openai.APIConnectionError, httpx.RemoteProtocolError)):  # the latter: older versions
        seen.extend(iter(stream))
    assert len(seen) == (len(expected("openai.chat").fragments) + 3) // 2


def test_a_stream_fails_midway(client: openai.OpenAI) -> None:
    """An error event ends the stream."""
    with pytest.raises(openai.APIError, match="server had an error"):
        list(ask(client, "[fail]", stream=True))


def test_slow_chunks_come_one_by_one(client: openai.OpenAI) -> None:
    """A slow stream can be left in its middle, and the next call is served."""
    with ask(client, "[slow:1]", stream=True) as stream:
        assert next(stream).choices[0].delta.role == "assistant"
    assert ask(client, "[slow:1]").choices[0].message.content == expected("openai.chat").text


async def _ask_async(standin: Standin) -> tuple[Any, list[Any]]:
    async with openai.AsyncOpenAI(base_url=f"{standin.url}/v1", api_key="k") as client:
        plain = await client.chat.completions.create(model="gpt-4o-mini", messages=said("[korean]"))
        stream = await client.chat.completions.create(model="gpt-4o-mini", messages=said("[korean]"), stream=True)
        return plain, [chunk async for chunk in stream]


def test_the_async_client_is_served_alike(standin: Standin) -> None:
    """Plain and streamed, in Korean."""
    import asyncio

    plain, chunks = asyncio.run(_ask_async(standin))
    text = expected("openai.korean").text
    assert plain.choices[0].message.content == text
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == text


def test_requests_are_kept_byte_for_byte(standin: Standin, client: openai.OpenAI) -> None:
    """What was sent can be asserted: method, path, headers, body, and the head as it came."""
    ask(client, "안녕")
    sent = standin.last
    assert (sent.method, sent.path) == ("POST", "/v1/chat/completions")
    assert sent.headers["authorization"] == "Bearer sk-standin"
    assert "안녕".encode() in sent.body
    assert sent.head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")


def test_azure_answers_under_the_deployment(standin: Standin) -> None:
    """The model is the deployment's, and a stream begins with a chunk without choices."""
    azure = openai.AzureOpenAI(azure_endpoint=standin.url, api_key="k", api_version="2024-10-21")
    with azure as client:
        got = client.chat.completions.create(model="my-deployment", messages=said("hi"))
        chunks = list(client.chat.completions.create(model="my-deployment", messages=said("hi"), stream=True))
        assert client.embeddings.create(model="embeds", input="hi").usage.total_tokens == openai_media.EMBEDDING_TOKENS
    assert (got.model, got.usage.prompt_tokens) == ("gpt-4o-mini-2024-07-18", expected("azure.chat").input_tokens)
    assert (chunks[0].choices, chunks[0].model) == ([], "")
    assert standin.requests[0].path == "/openai/deployments/my-deployment/chat/completions"


# ---- responses


def respond(client: openai.OpenAI, text: Any, **more: Any) -> Any:
    return client.responses.create(model="gpt-5-mini", input=text, **more)


@pytest.mark.parametrize("scenario", ["chat", "korean", "length", "reasoning"])
def test_a_response_says_what_is_expected(client: openai.OpenAI, scenario: str) -> None:
    """Text, status, model and every token kind, plain and at the end of a stream."""
    told = expected(f"openai_responses.{scenario}")
    for got in (respond(client, f"[{scenario}]"), list(respond(client, f"[{scenario}]", stream=True))[-1].response):
        assert (got.output_text, got.status, got.model) == (told.text, told.finish_reason, "gpt-5-mini-2025-08-07")
        assert (got.usage.input_tokens, got.usage.output_tokens) == (told.input_tokens, told.output_tokens)
        assert got.usage.input_tokens_details.cached_tokens == told.cache_read_tokens
        assert got.usage.output_tokens_details.reasoning_tokens == told.reasoning_tokens


@pytest.mark.parametrize("scenario", ["chat", "tool", "tools", "refusal", "reasoning"])
def test_the_responses_helper_accepts_the_stream(client: openai.OpenAI, scenario: str) -> None:
    """The client's own accumulator ends with the response that the stream carried."""
    with client.responses.stream(model="gpt-5-mini", input=f"[{scenario}]") as stream:
        types = [event.type for event in stream]
        final = stream.get_final_response()
    assert types[:2] == ["response.created", "response.in_progress"]
    assert types[-1] == "response.completed"
    told = expected(f"openai_responses.{scenario}")
    assert final.output_text == ("" if scenario == "refusal" else told.text)
    assert len([item for item in final.output if item.type == "function_call"]) == len(told.tool_calls)


def test_a_function_output_is_followed_by_the_closing_answer(client: openai.OpenAI) -> None:
    """The items of one response, with the output behind them, are the next request's input."""
    tool: Any = {"type": "function", "name": "lookup", "parameters": TOOL["function"]["parameters"], "strict": False}
    (call,) = respond(client, "[tool]", tools=[tool]).output
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "21.5"}
    conversation = [*said("[tool]"), call.model_dump(exclude_none=True), result]
    assert respond(client, conversation, tools=[tool]).output_text == expected("openai_responses.tool_answer").text


def test_a_response_fails_without_an_exception(client: openai.OpenAI) -> None:
    """A stream that fails midway says so in its last event."""
    types = [event.type for event in respond(client, "[fail]", stream=True)]
    assert types[-2:] == ["error", "response.failed"]


def test_a_response_is_refused(client: openai.OpenAI) -> None:
    """Errors of the route are the client's own classes."""
    with pytest.raises(openai.RateLimitError):
        respond(client, "[error_429]")


def test_a_response_is_parsed(client: openai.OpenAI) -> None:
    """Structured output through `responses.parse`."""
    from pydantic import BaseModel

    class City(BaseModel):
        name: str

    assert client.responses.parse(model="gpt-5-mini", input="?", text_format=City).output_parsed == City(name="Seoul")


# ---- the other routes


def test_embeddings_agree_in_both_codings(client: openai.OpenAI) -> None:
    """The client decodes base64, its default, to the floats that it gets when asking for floats."""
    packed = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"], dimensions=8)
    plain = client.embeddings.create(
        model="text-embedding-3-small", input=["a", "b"], dimensions=8, encoding_format="float"
    )
    vectors = [openai_media.vector(n, 8) for n in range(2)]
    assert [item.embedding for item in packed.data] == [item.embedding for item in plain.data] == vectors
    assert packed.usage.prompt_tokens == openai_media.EMBEDDING_TOKENS


def test_images(client: openai.OpenAI) -> None:
    """Generated images carry their token usage, plain and streamed."""
    got = client.images.generate(model="gpt-image-1", prompt="a tiger", n=2)
    assert len(got.data or ()) == 2
    assert got.usage
    assert got.usage.output_tokens == openai_media.IMAGE_OUTPUT_TOKENS
    events = list(client.images.generate(model="gpt-image-1", prompt="a tiger", stream=True))
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the client's own word on translations
def test_audio(client: openai.OpenAI) -> None:
    """Transcription (plain, streamed), translation and speech."""
    sound = ("a.mp3", b"ID3")
    got: Any = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=sound)
    assert (got.text, got.usage.output_tokens) == (openai_media.TRANSCRIPT, openai_media.TRANSCRIPTION_OUTPUT_TOKENS)
    events: Any = list(client.audio.transcriptions.create(model="gpt-4o-transcribe", file=sound, stream=True))
    assert events[-1].usage.input_tokens == openai_media.TRANSCRIPTION_INPUT_TOKENS
    translated: Any = client.audio.translations.create(model="whisper-1", file=sound)
    assert translated.text == openai_media.TRANSLATION
    assert client.audio.speech.create(model="tts-1", voice="alloy", input="hi").read() == openai_media.SPEECH


def test_moderations_completions_and_models(client: openai.OpenAI) -> None:
    """The smaller routes answer in their own shapes."""
    assert not client.moderations.create(model="omni-moderation-latest", input="hi").results[0].flagged
    assert client.models.list().data[0].id == openai_media.MODELS[0]
    told = expected("openai.chat")
    got = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="hi")
    assert (got.choices[0].text, got.usage and got.usage.prompt_tokens) == (told.text, told.input_tokens)
    options: Any = {"include_usage": True}
    chunks = list(
        client.completions.create(model="gpt-3.5-turbo-instruct", prompt="hi", stream=True, stream_options=options)
    )
    assert "".join(c.choices[0].text for c in chunks if c.choices) == told.text
    assert chunks[-1].usage
    assert chunks[-1].usage.total_tokens == told.total_tokens


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the client's own word on assistants
def test_assistants(client: openai.OpenAI) -> None:
    """A thread's first words decide what its runs do: answer, ask for a tool and go on, or stream."""
    beta = client.beta
    helper = beta.assistants.create(model="gpt-4o-mini")
    thread = beta.threads.create(messages=said("[tool]"))
    run = beta.threads.runs.create(thread.id, assistant_id=helper.id)
    assert run.status == "requires_action"
    assert run.required_action
    call = run.required_action.submit_tool_outputs.tool_calls[0]
    done = beta.threads.runs.submit_tool_outputs(
        run.id, thread_id=thread.id, tool_outputs=[{"tool_call_id": call.id, "output": "21.5"}]
    )
    assert done.status == "completed"
    assert done.usage
    assert done.usage.prompt_tokens == expected("openai.tool_answer").input_tokens
    with beta.threads.runs.stream(thread_id=beta.threads.create().id, assistant_id=helper.id) as stream:
        assert "".join(stream.text_deltas) == expected("openai.chat").text
    polled = beta.threads.create_and_run_poll(assistant_id=helper.id, thread={"messages": said("hi")})
    assert polled.status == "completed"
    (answer,) = beta.threads.messages.list(polled.thread_id).data
    assert answer.role == "assistant"
    assert openai_assistants.CREATED == answer.created_at
