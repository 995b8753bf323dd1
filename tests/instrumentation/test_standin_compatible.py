"""Providers that speak OpenAI's language, each with its peculiarities, through the clients that people use for them."""

from typing import Any

import groq
import openai
import pytest
from tests.standin import Standin, expected
from tests.standin.facts import VENDORS
from tests.standin.openai_media import EMBEDDING_TOKENS

try:
    from mistralai.client import Mistral
    from mistralai.client.errors import SDKError
except ImportError:  # of version 1
    from mistralai import Mistral
    from mistralai.models import SDKError

BASES = {
    "together": "/together/v1",
    "fireworks": "/fireworks/inference/v1",
    "vllm": "/vllm/v1",
    "deepseek": "/deepseek",
    "openrouter": "/openrouter/api/v1",
    "perplexity": "/perplexity",
    "xai": "/xai/v1",
    "ollama": "/ollama/v1",
    "groq": "/groq/openai/v1",
    "mistral": "/mistral/v1",
}
HELLO: Any = [{"role": "user", "content": "hi"}]


def usages(chunks: list[Any]) -> list[int]:
    """Which chunks of a stream bring the usage, counted from the end."""
    return [place - len(chunks) for place, chunk in enumerate(chunks) if chunk.usage]


@pytest.mark.parametrize("vendor", BASES)
def test_each_answers_with_its_own_facts(standin: Standin, vendor: str) -> None:
    """Text, model and tokens of a plain answer; the text of a stream."""
    told = expected(f"{vendor}.chat")
    model = VENDORS[vendor].model
    with openai.OpenAI(base_url=standin.url + BASES[vendor], api_key="k", max_retries=0) as client:
        got = client.chat.completions.create(model=model, messages=HELLO)
        chunks = list(client.chat.completions.create(model=model, messages=HELLO, stream=True))
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model=f"{model}--error_429", messages=HELLO)
    assert (got.choices[0].message.content, got.model) == (told.text, told.response_model)
    assert got.usage
    assert (got.usage.prompt_tokens, got.usage.completion_tokens) == (told.input_tokens, told.output_tokens)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == told.text


@pytest.mark.parametrize(
    ("vendor", "unasked", "asked"),
    [
        ("together", [-1], [-1]),
        ("deepseek", [-1], [-1]),
        ("fireworks", [-1], [-1]),
        ("openrouter", [-1], [-1]),
        ("mistral", [-1], [-1]),
        ("vllm", [], [-1]),
        ("ollama", [], [-1]),
        ("groq", [], [-1]),
    ],
)
def test_the_place_of_a_streams_usage(standin: Standin, vendor: str, unasked: list[int], asked: list[int]) -> None:
    """In the last chunk with a choice, or in a further one and only if asked."""
    with openai.OpenAI(base_url=standin.url + BASES[vendor], api_key="k", max_retries=0) as client:
        create: Any = client.chat.completions.create
        plain = list(create(model="m", messages=HELLO, stream=True))
        options = list(create(model="m", messages=HELLO, stream=True, stream_options={"include_usage": True}))
    assert (usages(plain), usages(options)) == (unasked, asked)


@pytest.mark.parametrize("vendor", ["perplexity", "xai"])
def test_usage_in_every_chunk(standin: Standin, vendor: str) -> None:
    """Some repeat the usage in each chunk: a sum of them would be wrong."""
    with openai.OpenAI(base_url=standin.url + BASES[vendor], api_key="k", max_retries=0) as client:
        chunks = list(client.chat.completions.create(model="m", messages=HELLO, stream=True))
    assert [chunk.usage and chunk.usage.prompt_tokens for chunk in chunks] == [
        expected(f"{vendor}.chat").input_tokens
    ] * len(chunks)


def test_thinking_has_each_providers_own_key(standin: Standin) -> None:
    """`reasoning_content` or `reasoning`, plain and streamed."""
    told = expected("deepseek.reasoning")
    for vendor, key in (("deepseek", "reasoning_content"), ("openrouter", "reasoning"), ("vllm", "reasoning_content")):
        with openai.OpenAI(base_url=standin.url + BASES[vendor], api_key="k", max_retries=0) as client:
            got = client.chat.completions.create(model="m--reasoning", messages=HELLO)
            chunks = list(client.chat.completions.create(model="m--reasoning", messages=HELLO, stream=True))
        assert getattr(got.choices[0].message, key) == told.reasoning
        thoughts = [getattr(chunk.choices[0].delta, key, "") for chunk in chunks if chunk.choices]
        assert "".join(thoughts) == told.reasoning


@pytest.mark.parametrize(
    ("base", "vendor"),
    [
        ("http://api.together.xyz/v1", "together"),
        ("http://api.groq.com/openai/v1", "groq"),
        ("http://api.deepseek.com", "deepseek"),
        ("http://api.openai.com/v1", "openai"),
    ],
)
def test_a_provider_is_reached_under_its_own_host(standin: Standin, base: str, vendor: str) -> None:
    """Used as an HTTP proxy the stand-in plays the provider whose base URL the client has."""
    through = openai.DefaultHttpxClient(proxy=standin.url)
    with openai.OpenAI(base_url=base, api_key="k", http_client=through, max_retries=0) as client:
        got = client.chat.completions.create(model="m", messages=HELLO)
    assert got.usage
    assert got.usage.prompt_tokens == expected(f"{vendor}.chat").input_tokens


def test_groqs_own_client(standin: Standin) -> None:
    """Usage stands in the last chunk's `x_groq`, tool calls come whole, errors are its own classes."""
    told = expected("groq.chat")
    with groq.Groq(base_url=standin.url, api_key="k", max_retries=0) as client:
        create: Any = client.chat.completions.create
        got = create(model="llama-3.3-70b-versatile", messages=HELLO)
        chunks = list(create(model="llama-3.3-70b-versatile", messages=HELLO, stream=True))
        calls = list(create(model="m--tool", messages=HELLO, stream=True))
        with pytest.raises(groq.RateLimitError):
            create(model="m--error_429", messages=HELLO)
        with pytest.raises(groq.APIConnectionError):
            create(model="m--cut", messages=HELLO)
    assert (got.choices[0].message.content, got.usage.completion_tokens) == (told.text, told.output_tokens)
    assert got.usage.prompt_tokens_details.cached_tokens == told.cache_read_tokens
    assert chunks[-1].x_groq.usage.prompt_tokens == told.input_tokens
    assert [call.choices[0].delta.tool_calls[0].function.arguments for call in calls[1:2]] == ['{"city": "Seoul"}']


def test_mistrals_own_client(standin: Standin) -> None:
    """Plain, streamed, tools, thinking as parts of the content, embeddings and errors."""
    told = expected("mistral.chat")
    model = "mistral-small-latest"
    with Mistral(api_key="k", server_url=f"{standin.url}/mistral") as client:
        got: Any = client.chat.complete(model=model, messages=HELLO)
        with client.chat.stream(model=model, messages=HELLO) as stream:
            events: Any = [event.data for event in stream]
        called: Any = client.chat.complete(model=f"{model}--tool", messages=HELLO)
        thought: Any = client.chat.complete(model=f"{model}--reasoning", messages=HELLO)
        with client.chat.stream(model=f"{model}--reasoning", messages=HELLO) as stream:
            parts: Any = [event.data.choices[0].delta.content for event in stream]
        filled: Any = client.fim.complete(model="codestral-latest", prompt="def f(")
        agent: Any = client.agents.complete(agent_id="ag", messages=HELLO)
        vectors: Any = client.embeddings.create(model="mistral-embed", inputs=["a", "b"])
        for status in (400, 401, 429, 500):
            with pytest.raises(SDKError) as raised:
                client.chat.complete(model=f"{model}--error_{status}", messages=HELLO)
            assert raised.value.status_code == status
    assert (got.choices[0].message.content, got.usage.prompt_tokens) == (told.text, told.input_tokens)
    assert "".join(event.choices[0].delta.content for event in events) == told.text
    assert events[-1].usage.completion_tokens == told.output_tokens
    assert called.choices[0].message.tool_calls[0].function.name == "get_weather"
    assert thought.choices[0].message.content[0].thinking[0].text == expected("mistral.reasoning").reasoning
    assert filled.choices[0].message.content == agent.choices[0].message.content == told.text
    thoughts = [part.thinking[0].text for content in parts if isinstance(content, list) for part in content]
    assert "".join(thoughts) == expected("mistral.reasoning").reasoning
    assert (len(vectors.data), vectors.usage.prompt_tokens) == (2, EMBEDDING_TOKENS)
