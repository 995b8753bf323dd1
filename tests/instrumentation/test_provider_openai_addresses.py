"""Who answers, told by the address that a client is pointed at."""

from dataclasses import replace

import openai
import pytest
from tests.instrumentation.expectations import attributes, book
from tests.instrumentation.openai_clients import OPENAI, plain
from tests.standin import Standin

from haechi import _config, _runtime, testing
from haechi.instrument._providers import server_at
from haechi_schemas import attributes as names

PLACES = {
    "https://api.openai.com/v1": "openai",
    "https://eu.api.openai.com/v1": "openai",
    "https://my.openai.azure.com/openai/v1": "azure.ai.openai",
    "https://my.cognitiveservices.azure.com/openai": "azure.ai.openai",
    "https://my.services.ai.azure.com/models": "azure.ai.inference",
    "https://api.groq.com/openai/v1": "groq",
    "https://api.together.xyz/v1": "together_ai",
    "https://api.fireworks.ai/inference/v1": "fireworks_ai",
    "https://api.deepseek.com": "deepseek",
    "https://api.x.ai/v1": "x_ai",
    "https://api.perplexity.ai": "perplexity",
    "https://openrouter.ai/api/v1": "openrouter",
    "https://api.mistral.ai/v1": "mistral_ai",
    "https://api.cohere.ai/compatibility/v1": "cohere",
    "https://api.anthropic.com/v1/": "anthropic",
    "https://generativelanguage.googleapis.com/v1beta/openai/": "gcp.gemini",
    "https://us-central1-aiplatform.googleapis.com/v1/projects/p": "gcp.vertex_ai",
    "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1": "aws.bedrock",
    "https://api.moonshot.ai/v1": "moonshot_ai",
    "https://api.cerebras.ai/v1": "cerebras",
    "https://api.upstage.ai/v1": "upstage",
    "https://clovastudio.stream.ntruss.com/v1/openai": "naver.clova",
    "http://localhost:11434/v1": "ollama",
    "http://localhost:1234/v1": "lm_studio",
    "http://localhost:30000/v1": "sglang",
    "http://localhost:8000/v1": "openai",
    "https://notopenrouter.ai/v1": "openai",
}
SOLD = {  # a model that each of these sells, with its price in the book
    "openai": "gpt-4o-mini",
    "azure.ai.openai": "gpt-4o-mini",
    "groq": "llama-3.3-70b-versatile",
    "together_ai": "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "fireworks_ai": "accounts/fireworks/models/gpt-oss-120b",
    "deepseek": "deepseek-chat",
    "x_ai": "grok-3-mini",
    "perplexity": "sonar",
    "openrouter": "openai/gpt-4o-mini",
    "mistral_ai": "mistral-small-latest",
    "cohere": "command-r-08-2024",
    "anthropic": "claude-sonnet-4-5",
    "gcp.gemini": "gemini-2.5-flash",
    "gcp.vertex_ai": "gemini-2.5-flash",
    "aws.bedrock": "anthropic.claude-3-5-sonnet-20240620-v1:0",
    "moonshot_ai": "kimi-k2-0905-preview",
    "cerebras": "gpt-oss-120b",
}


@pytest.mark.parametrize(("url", "provider"), PLACES.items())
def test_an_address_tells_who_answers(url: str, provider: str) -> None:
    """A host's end, or what usually listens on a port, names the provider; else it is the client's own."""
    assert server_at(url, "openai").provider == provider


@pytest.mark.parametrize(("provider", "model"), SOLD.items())
def test_a_provider_is_found_in_the_price_book(provider: str, model: str) -> None:
    """The names that addresses lead to are names that calls are priced by."""
    assert provider in PLACES.values()
    assert book().schedule(provider, model) is not None


def test_own_hosts_are_named_by_a_setting(monkeypatch: pytest.MonkeyPatch, standin: Standin) -> None:
    """`HAECHI_PROVIDERS` says who answers at hosts of one's own, with or without a port."""
    monkeypatch.setenv("HAECHI_PROVIDERS", f"127.0.0.1:{standin.port}=vllm, llm.internal=SGLang")
    config = _config.read()
    with testing.capture() as captured:
        runtime = _runtime.current()
        assert runtime is not None
        _runtime.use(replace(runtime, config=replace(runtime.config, providers=config.providers)))
        plain(OPENAI, standin, OPENAI.body("chat"))
        assert server_at("http://llm.internal:9000/v1", "openai").provider == "sglang"
    assert attributes(captured.spans[0])[names.PROVIDER_NAME] == "vllm"


def test_a_setting_that_names_nobody_is_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """What does not fit is named in one warning, and no host is one's own."""
    monkeypatch.setenv("HAECHI_PROVIDERS", "llm.internal")
    assert _config.read().providers == ()
    assert "HAECHI_PROVIDERS='llm.internal': expected host=provider" in caplog.text


def test_a_client_that_moves_is_followed(standin: Standin) -> None:
    """A base URL that is changed later counts from the next call on."""
    with testing.capture() as captured, openai.OpenAI(base_url=f"{standin.url}/v1", api_key="x") as made:
        made.chat.completions.create(**OPENAI.body("chat"))
        made.base_url = f"http://localhost:{standin.port}/v1"
        made.chat.completions.create(**OPENAI.body("chat"))
    hosts = [attributes(span)[names.SERVER_ADDRESS] for span in captured.spans]
    assert hosts == ["127.0.0.1", "localhost"]
