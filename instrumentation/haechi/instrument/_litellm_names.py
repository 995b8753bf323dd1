"""LiteLLM's words for providers and models, as the conventions have them."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

UNKNOWN: Final = "litellm"
"""The provider of a call until LiteLLM says which it is; the price book then goes by the model alone."""

_PROVIDERS: Final[Mapping[str, str]] = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "azure_text": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "bedrock_mantle": "aws.bedrock",
    "cohere_chat": "cohere",
    "gemini": "gcp.gemini",
    "hosted_vllm": "vllm",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "ollama_chat": "ollama",
    "text-completion-openai": "openai",
    "vertex_ai": "gcp.vertex_ai",
    "vertex_ai_beta": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}


def provider(word: Any) -> str:
    """Return the provider that LiteLLM calls by a word (a string, or its own enumeration's member)."""
    text = str(getattr(word, "value", word))
    return _PROVIDERS.get(text, text)


def provider_and_model(module: ModuleType, model: str, said: Any) -> tuple[str, str]:
    """Return who is asked for which model, as LiteLLM will resolve it. It is not asked itself: it prints.

    Args:
        module: ``litellm``.
        model: as the application names it, ``gpt-4o`` or ``groq/llama-3.3-70b-versatile``.
        said: the application's ``custom_llm_provider``.
    """
    if isinstance(said, str) and said:
        return provider(said), model.removeprefix(f"{said}/")
    vendor, slash, rest = model.partition("/")
    if slash and vendor in {str(getattr(word, "value", word)) for word in module.provider_list}:
        return provider(vendor), rest
    known = module.model_cost.get(model)
    return provider(known.get("litellm_provider", UNKNOWN)) if known else UNKNOWN, model
