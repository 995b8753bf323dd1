"""From the names that spans carry to the names of a price list.

Guarantee: a provider that the price list does not know stays unknown, whatever its models are called (a local
``deepseek-r1`` is not billed as DeepSeek's). Only where the span names no provider, or names the framework or
gateway that made the call, is the provider inferred from the model.

Source: the ``gen_ai.provider.name`` values of the OpenTelemetry GenAI conventions, the values that libraries
emit instead of them, and the model ids of the providers' own documentation.
"""

import re
from typing import Final

NAME_CHARS_MAX: Final = 256
"""Longer model names are not looked up; no provider has one."""

_PROVIDERS: Final = {
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure_ai": "azure",
    "azure_openai": "azure",
    "azure-openai": "azure",
    "amazon": "aws",
    "amazon_bedrock": "aws",
    "amazon-bedrock": "aws",
    "aws.bedrock": "aws",
    "aws_bedrock": "aws",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "fireworks_ai": "fireworks",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gcp.vertex.agent": "google",
    "gemini": "google",
    "google-gla": "google",
    "google-vertex": "google",
    "google_genai": "google",
    "google_vertexai": "google",
    "vertex_ai": "google",
    "vertexai": "google",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "moonshot_ai": "moonshotai",
    "together_ai": "together",
    "togetherai": "together",
    "x_ai": "x-ai",
    "xai": "x-ai",
}

_CALLERS: Final = frozenset(
    {"", "_other", "unknown", "langchain", "litellm", "litellm_proxy", "llamaindex", "llama_index"}
    | {"microsoft.agent_framework", "pydantic_ai", "semantic_kernel", "strands-agents"}
)
"""Frameworks and gateways that emit their own name as the provider."""

_OPENAI_ONLY: Final = ("text-embedding-3-", "text-embedding-ada-", "chatgpt-", "ft:")
_BEDROCK_ID: Final = re.compile(
    r"(?:[a-z-]{2,6}\.)?(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai|qwen|stability|writer)\."
)
_BEDROCK_ARN_KINDS: Final = frozenset({"foundation-model", "inference-profile"})
"""Resources billed by the token; provisioned and custom models are billed by the hour."""


def provider_id(provider: str) -> str | None:
    """Return the price list's id of a provider as a span names it; None: infer it from the model."""
    name = provider.strip().lower()
    return None if name in _CALLERS else _PROVIDERS.get(name, name)


def model_names(model: str) -> tuple[str, ...]:
    """Return the spellings under which a price list may know a model, most literal first, in lower case."""
    name = model.strip().lower()
    if not name or len(name) > NAME_CHARS_MAX:
        return ()
    if name.startswith("arn:"):
        return _bedrock_arn(name)
    names = [name]
    if "models/" in name:  # Google: models/…, publishers/google/models/…, projects/…/models/…
        names.append(name.rpartition("models/")[2])
    if name.startswith("gpt-35-"):  # Azure may not use a dot in a deployment's name
        names.append(name.replace("gpt-35-", "gpt-3.5-", 1))
    if "@" in name:  # Vertex AI: model@version
        names.extend((name.replace("@", "-", 1), name.partition("@")[0]))
    return tuple(names)


def vendor_of(name: str) -> str | None:
    """Return the provider that alone has models of such a name, beside those that the price list itself tells."""
    if _BEDROCK_ID.match(name):
        return "aws"
    return "openai" if name.startswith(_OPENAI_ONLY) else None


def vendor_and_model(model: str) -> tuple[str, str] | None:
    """Split ``openai/gpt-4o`` as gateways write it; None when there is no vendor before a slash."""
    vendor, slash, rest = model.strip().lower().partition("/")
    return (vendor, rest) if vendor and slash and rest and not vendor.startswith("arn:") else None


def _bedrock_arn(arn: str) -> tuple[str, ...]:
    resource = arn.rpartition(":bedrock:")[2].split(":", 2)[-1]
    kind, _, name = resource.partition("/")
    return (name,) if kind in _BEDROCK_ARN_KINDS and name else ()
