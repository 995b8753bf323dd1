"""Google, Bedrock, Cohere and Ollama: their real clients accept what the stand-in says."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.config
import botocore.exceptions
import cohere
import ollama
import pytest
import urllib3
from google import genai
from google.genai import types
from tests.standin import Standin, expected
from tests.standin.cohere import UNBILLED_INPUT_TOKENS, UNBILLED_OUTPUT_TOKENS
from tests.standin.facts import CACHE_WRITE_1H_TOKENS, VENDORS
from tests.standin.ollama import ANSWER_NS
from tests.standin.openai_media import EMBEDDING_TOKENS

GEMINI = "gemini-2.5-flash"


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"21.5 in {city}"


# ---- Google


def opened(client: genai.Client) -> Iterator[genai.Client]:
    yield client
    if hasattr(client, "close"):  # which older versions lack
        client.close()


@pytest.fixture
def gemini(standin: Standin) -> Iterator[genai.Client]:
    yield from opened(genai.Client(api_key="k", http_options=types.HttpOptions(base_url=standin.url)))


@pytest.fixture
def vertex(standin: Standin) -> Iterator[genai.Client]:
    import google.auth.credentials

    token: Any = google.auth.credentials.AnonymousCredentials()  # type: ignore[no-untyped-call]
    token.token = "t"
    options = types.HttpOptions(base_url=standin.url)
    yield from opened(genai.Client(vertexai=True, project="p", location="l", credentials=token, http_options=options))


@pytest.mark.parametrize("scenario", ["chat", "korean", "length", "reasoning"])
@pytest.mark.parametrize("kind", ["gemini", "vertex"])
def test_google_says_what_is_expected(request: pytest.FixtureRequest, kind: str, scenario: str) -> None:
    """Text, finish reason, model and every token kind, plain and at the end of a stream."""
    client: genai.Client = request.getfixturevalue(kind)
    told = expected(f"google.{scenario}")
    plain = client.models.generate_content(model=GEMINI, contents=f"[{scenario}]")
    chunks = list(client.models.generate_content_stream(model=GEMINI, contents=f"[{scenario}]"))
    assert plain.text == told.text
    assert "".join(chunk.text or "" for chunk in chunks) == told.text
    for got in (plain, chunks[-1]):
        usage: Any = got.usage_metadata
        counts = (usage.prompt_token_count, usage.candidates_token_count + usage.thoughts_token_count)
        assert counts == (told.input_tokens, told.output_tokens)
        assert usage.cached_content_token_count == told.cache_read_tokens
        assert usage.thoughts_token_count == told.reasoning_tokens
        assert got.candidates
        assert got.candidates[0].finish_reason
        assert (got.candidates[0].finish_reason.value, got.model_version) == (told.finish_reason, GEMINI)


def test_google_calls_functions(standin: Standin, gemini: genai.Client) -> None:
    """The client calls a Python function by itself, sends its result, and gets the closing answer."""
    config = types.GenerateContentConfig(tools=[get_weather])
    got = gemini.models.generate_content(model=GEMINI, contents="[tool]", config=config)
    assert got.text == expected("google.tool_answer").text
    assert len(standin.requests) == 2
    assert "21.5 in Seoul" in standin.last.body.decode()


def test_google_fills_a_schema(gemini: genai.Client) -> None:
    """Structured output is parsed by the client."""
    from pydantic import BaseModel

    class City(BaseModel):
        name: str

    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=City)
    assert gemini.models.generate_content(model=GEMINI, contents="?", config=config).parsed == City(name="Seoul")


@pytest.mark.filterwarnings("ignore:The generate_images method is deprecated")  # the client's own word
def test_google_embeds_counts_and_paints(gemini: genai.Client, vertex: genai.Client) -> None:
    """Embeddings on both paths, token counts and images."""
    from google.genai import errors

    got = gemini.models.embed_content(model="gemini-embedding-001", contents=["a", "b"])
    assert len(got.embeddings or ()) == 2
    other: Any = vertex.models.embed_content(model="text-embedding-005", contents=["a"])
    assert other.embeddings[0].statistics.token_count == EMBEDDING_TOKENS
    told = expected("google.chat").input_tokens
    assert gemini.models.count_tokens(model=GEMINI, contents="hi").total_tokens == told
    pictures = vertex.models.generate_images(model="imagen-4.0-generate-001", prompt="a tiger")
    assert len(pictures.generated_images or ()) == 1
    for status, kind in ((400, errors.ClientError), (429, errors.ClientError), (500, errors.ServerError)):
        with pytest.raises(kind) as raised:
            gemini.models.generate_content(model=GEMINI, contents=f"[error_{status}]")
        assert raised.value.code == status


def test_googles_stream_is_cut_or_fails(gemini: genai.Client) -> None:
    """A closed connection and an error in the stream raise."""
    from google.genai import errors

    with pytest.raises(errors.APIError):
        list(gemini.models.generate_content_stream(model=GEMINI, contents="[fail]"))
    with pytest.raises(Exception, match="peer closed connection"):
        list(gemini.models.generate_content_stream(model=GEMINI, contents="[cut]"))


async def _google_async(client: genai.Client) -> tuple[str | None, str]:
    plain = await client.aio.models.generate_content(model=GEMINI, contents="[korean]")
    stream = await client.aio.models.generate_content_stream(model=GEMINI, contents="[korean]")
    text = "".join([chunk.text or "" async for chunk in stream])
    if hasattr(client.aio, "aclose"):
        await client.aio.aclose()
    return plain.text, text


@pytest.mark.filterwarnings(
    "ignore:Inheritance class AiohttpClientSession"
)  # the client's own, where aiohttp is installed
def test_googles_async_client_is_served_alike(gemini: genai.Client) -> None:
    """Plain and streamed, in Korean."""
    assert asyncio.run(_google_async(gemini)) == (expected("google.korean").text,) * 2


# ---- Bedrock

CLAUDE = VENDORS["bedrock"].model


@pytest.fixture(scope="module")
def bedrock(standing: Standin) -> Iterator[Any]:
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=standing.url,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=botocore.config.Config(retries={"total_max_attempts": 1, "mode": "standard"}),
    )
    yield client
    client.close()


def turns(text: str) -> Any:
    return [{"role": "user", "content": [{"text": text}]}]


@pytest.mark.parametrize("scenario", ["chat", "korean", "length", "reasoning"])
def test_converse_says_what_is_expected(bedrock: Any, scenario: str) -> None:
    """Text, stop reason and every token kind, plain and streamed; cached tokens are beside the input's."""
    told = expected(f"bedrock.{scenario}")
    plain = bedrock.converse(modelId=CLAUDE, messages=turns(f"[{scenario}]"))
    events = list(bedrock.converse_stream(modelId=CLAUDE, messages=turns(f"[{scenario}]"))["stream"])
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    assert "".join(part.get("text", "") for part in plain["output"]["message"]["content"]) == told.text
    assert "".join(delta.get("text", "") for delta in deltas) == told.text
    assert plain["stopReason"] == events[-2]["messageStop"]["stopReason"] == told.finish_reason
    for usage in (plain["usage"], events[-1]["metadata"]["usage"]):
        cached = usage["cacheReadInputTokens"] + usage["cacheWriteInputTokens"]
        assert (usage["inputTokens"] + cached, usage["outputTokens"]) == (told.input_tokens, told.output_tokens)
        assert usage["totalTokens"] == told.total_tokens
        assert usage["cacheDetails"][1] == {"ttl": "1h", "inputTokens": CACHE_WRITE_1H_TOKENS}


def test_converse_calls_tools(bedrock: Any) -> None:
    """Tool input is whole or in fragments; its result brings the closing answer."""
    schema = {"json": {"type": "object", "properties": {"city": {"type": "string"}}}}
    tools = {"tools": [{"toolSpec": {"name": "lookup", "inputSchema": schema}}]}
    plain = bedrock.converse(modelId=CLAUDE, messages=turns("[tool]"), toolConfig=tools)
    call = plain["output"]["message"]["content"][0]["toolUse"]
    assert (call["name"], call["input"], plain["stopReason"]) == ("lookup", {"city": "Seoul"}, "tool_use")
    events = bedrock.converse_stream(modelId=CLAUDE, messages=turns("[tool]"), toolConfig=tools)["stream"]
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    assert json.loads("".join(delta["toolUse"]["input"] for delta in deltas)) == {"city": "Seoul"}
    result = {"toolResult": {"toolUseId": call["toolUseId"], "content": [{"text": "21.5"}]}}
    talk = [*turns("[tool]"), plain["output"]["message"], {"role": "user", "content": [result]}]
    final = bedrock.converse(modelId=CLAUDE, messages=talk, toolConfig=tools)
    assert final["output"]["message"]["content"] == [{"text": expected("bedrock.tool_answer").text}]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
    ],
)
def test_bedrock_errors_are_its_own(bedrock: Any, status: int, kind: str) -> None:
    """Each status raises the client's modelled exception."""
    with pytest.raises(getattr(bedrock.exceptions, kind)) as raised:
        bedrock.converse(modelId=CLAUDE, messages=turns(f"[error_{status}]"))
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_bedrock_streams_fail_and_are_cut(bedrock: Any) -> None:
    """An exception frame raises `EventStreamError`; a closed connection raises too."""
    stream = bedrock.converse_stream(modelId=CLAUDE, messages=turns("[fail]"))["stream"]
    with contextlib.closing(stream), pytest.raises(botocore.exceptions.EventStreamError, match="failed midway"):
        list(stream)
    stream = bedrock.converse_stream(modelId=CLAUDE, messages=turns("[cut]"))["stream"]
    with contextlib.closing(stream), pytest.raises(urllib3.exceptions.ProtocolError):  # passed on as it is
        list(stream)


BODIES: dict[str, Any] = {
    "bedrock": {"anthropic_version": "bedrock-2023-05-31", "messages": [{"role": "user", "content": "hi"}]},
    "bedrock_nova": {"messages": turns("hi")},
    "bedrock_titan": {"inputText": "hi"},
    "bedrock_llama": {"prompt": "hi"},
    "bedrock_cohere": {"message": "hi"},
    "bedrock_mistral": {"prompt": "hi"},
}


@pytest.mark.parametrize("vendor", BODIES)
def test_invoked_models_speak_their_own_language(bedrock: Any, vendor: str) -> None:
    """The body has the text; the headers, and the stream's last chunk, have the counts."""
    told = expected("anthropic.chat" if vendor == "bedrock" else f"{vendor}.chat")
    asked = {"modelId": VENDORS[vendor].model, "body": json.dumps(BODIES[vendor])}
    got = bedrock.invoke_model(**asked)
    counted = got["ResponseMetadata"]["HTTPHeaders"]
    uncached = told.input_tokens - told.cache_read_tokens - told.cache_write_tokens
    assert counted["x-amzn-bedrock-input-token-count"] == str(uncached)
    assert told.text in got["body"].read().decode()
    chunks = [json.loads(each["chunk"]["bytes"]) for each in bedrock.invoke_model_with_response_stream(**asked)["body"]]
    metrics = chunks[-1]["amazon-bedrock-invocationMetrics"]
    assert (metrics["inputTokenCount"], metrics["outputTokenCount"]) == (uncached, told.output_tokens)


def test_bedrock_embeds(bedrock: Any) -> None:
    """Titan's body has the count, Cohere's header has it."""
    got = bedrock.invoke_model(modelId="amazon.titan-embed-text-v2:0", body=json.dumps({"inputText": "hi"}))
    assert json.loads(got["body"].read())["inputTextTokenCount"] == EMBEDDING_TOKENS
    got = bedrock.invoke_model(modelId="cohere.embed-multilingual-v3", body=json.dumps({"texts": ["a", "b"]}))
    assert len(json.loads(got["body"].read())["embeddings"]) == 2


# ---- Cohere

WEATHER: Any = {
    "type": "function",
    "function": {"name": "lookup", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
COMMAND = VENDORS["cohere"].model


@pytest.fixture
def command(standin: Standin) -> Iterator[cohere.ClientV2]:
    with cohere.ClientV2(api_key="k", base_url=standin.url) as client:
        yield client


@pytest.mark.parametrize("scenario", ["chat", "korean", "length"])
def test_cohere_says_what_is_expected(command: cohere.ClientV2, scenario: str) -> None:
    """Text, finish reason and both kinds of usage, plain and streamed."""
    told = expected(f"cohere.{scenario}")
    messages: Any = [{"role": "user", "content": f"[{scenario}]"}]
    got: Any = command.chat(model=COMMAND, messages=messages)
    events: Any = list(command.chat_stream(model=COMMAND, messages=messages))
    texts = [event.delta.message.content.text for event in events if event.type == "content-delta"]
    assert got.message.content[0].text == "".join(texts) == told.text
    for reason, usage in ((got.finish_reason, got.usage), (events[-1].delta.finish_reason, events[-1].delta.usage)):
        assert reason == told.finish_reason
        billed, seen = usage.billed_units, usage.tokens
        assert (billed.input_tokens, billed.output_tokens) == (told.input_tokens, told.output_tokens)
        assert seen.input_tokens == told.input_tokens + UNBILLED_INPUT_TOKENS
        assert seen.output_tokens == told.output_tokens + UNBILLED_OUTPUT_TOKENS


def test_cohere_calls_tools(command: cohere.ClientV2) -> None:
    """Whole, and in fragments."""
    messages: Any = [{"role": "user", "content": "[tool]"}]
    got: Any = command.chat(model=COMMAND, messages=messages, tools=[WEATHER])
    assert got.message.tool_calls[0].function.arguments == '{"city": "Seoul"}'
    events: Any = list(command.chat_stream(model=COMMAND, messages=messages, tools=[WEATHER]))
    parts = [e.delta.message.tool_calls.function.arguments for e in events if e.type == "tool-call-delta"]
    assert "".join(parts) == '{"city": "Seoul"}'


def test_cohere_embeds_reranks_and_refuses(command: cohere.ClientV2) -> None:
    """The smaller routes, and an error of the client's own class."""
    got: Any = command.embed(
        model="embed-v4.0", texts=["a", "b"], input_type="search_document", embedding_types=["float"]
    )
    assert (len(got.embeddings.float_), got.meta.billed_units.input_tokens) == (2, EMBEDDING_TOKENS)
    ranked = command.rerank(model="rerank-v3.5", query="q", documents=["a", "b", "c"], top_n=2)
    assert [result.index for result in ranked.results] == [0, 1]
    for status, kind in ((400, cohere.BadRequestError), (401, cohere.UnauthorizedError)):
        with pytest.raises(kind):
            command.chat(model=COMMAND, messages=[cohere.UserChatMessageV2(content=f"[error_{status}]")])


def test_coheres_first_api(standin: Standin) -> None:
    """The older client's chat, plain and streamed, its tools and embeddings."""
    told = expected("cohere.chat")
    tool: Any = {"name": "lookup", "description": "d", "parameter_definitions": {"city": {"type": "str"}}}
    with cohere.Client(api_key="k", base_url=standin.url) as client:
        got: Any = client.chat(model=COMMAND, message="hi")
        events: Any = list(client.chat_stream(model=COMMAND, message="hi"))
        called: Any = client.chat(model=COMMAND, message="[tool]", tools=[tool])
        vectors: Any = client.embed(model="embed-english-v3.0", texts=["a"], input_type="search_query")
        ranked = client.rerank(model="rerank-v3.5", query="q", documents=["a", "b"])
    assert got.text == events[-1].response.text == told.text
    assert got.meta.billed_units.input_tokens == told.input_tokens
    assert (called.tool_calls[0].name, called.tool_calls[0].parameters) == ("lookup", {"city": "Seoul"})
    assert (len(vectors.embeddings), len(ranked.results)) == (1, 2)


# ---- Ollama


@pytest.fixture
def llama(standin: Standin) -> Iterator[Any]:
    client = ollama.Client(host=standin.url)
    yield client
    client._client.close()  # which has no other way to be closed in its older versions


@pytest.mark.parametrize("scenario", ["chat", "korean", "length", "reasoning"])
def test_ollama_says_what_is_expected(llama: Any, scenario: str) -> None:
    """Chat and generate, plain and streamed: text, thinking, counts and durations."""
    told = expected(f"ollama.{scenario}")
    messages = [{"role": "user", "content": f"[{scenario}]"}]
    chat = llama.chat("llama3.2", messages)
    chats = list(llama.chat("llama3.2", messages, stream=True))
    made = llama.generate("llama3.2", f"[{scenario}]")
    makes = list(llama.generate("llama3.2", f"[{scenario}]", stream=True))
    assert chat.message.content == "".join(part.message.content for part in chats) == told.text
    assert made.response == "".join(part.response for part in makes) == told.text
    assert (chat.message.thinking or "") == "".join(part.message.thinking or "" for part in chats) == told.reasoning
    for got in (chat, chats[-1], made, makes[-1]):
        assert (got.prompt_eval_count, got.eval_count) == (told.input_tokens, told.output_tokens)
        assert (got.done_reason, got.eval_duration) == (told.finish_reason, ANSWER_NS)


def test_ollama_calls_tools_embeds_and_fails(llama: Any) -> None:
    """Tool calls, embeddings, and errors before and within a stream."""
    got = llama.chat("llama3.2", [{"role": "user", "content": "[tool]"}], tools=[get_weather])
    assert got.message.tool_calls[0].function.arguments == {"city": "Seoul"}
    vectors = llama.embed("nomic-embed-text", ["a", "b"])
    assert (len(vectors.embeddings), vectors.prompt_eval_count) == (2, EMBEDDING_TOKENS)
    with pytest.raises(ollama.ResponseError) as raised:
        llama.generate("no-such-model", "[error_404]")
    assert raised.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="unexpectedly stopped"):
        list(llama.generate("llama3.2", "[fail]", stream=True))
