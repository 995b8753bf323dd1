"""LangChain's objects in the words of the conventions: messages, usage, documents."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from haechi._content import (
    Content,
    Message,
    Part,
    blob_part,
    field,
    message,
    reasoning_part,
    text_part,
    tool_call_part,
    tool_response_part,
    uri_part,
)
from haechi.instrument._retrieval import Document
from haechi.spans import Facts
from haechi_schemas import attributes as names

_PROVIDERS: Final = {
    "amazon_bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "fireworks": "fireworks_ai",
    "google_anthropic_vertex": "gcp.vertex_ai",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "together": "together_ai",
    "xai": "x_ai",
}
_ROLES: Final = {"human": "user", "ai": "assistant", "function": "tool", "remove": "user"}
_USAGE: Final = (
    (names.USAGE_INPUT_TOKENS, "", "input_tokens"),
    (names.USAGE_OUTPUT_TOKENS, "", "output_tokens"),
    (names.USAGE_CACHE_READ_TOKENS, "input_token_details", "cache_read"),
    (names.USAGE_CACHE_WRITE_TOKENS, "input_token_details", "cache_creation"),
    (names.USAGE_AUDIO_INPUT_TOKENS, "input_token_details", "audio"),
    (names.USAGE_REASONING_TOKENS, "output_token_details", "reasoning"),
    (names.USAGE_AUDIO_OUTPUT_TOKENS, "output_token_details", "audio"),
)
_PARAMETERS: Final = (
    ("ls_temperature", names.REQUEST_TEMPERATURE),
    ("ls_max_tokens", names.REQUEST_MAX_TOKENS),
)


def provider_of(said: object) -> str:
    """Return the convention's name of a provider as LangChain says it."""
    name = str(said or "unknown")
    return _PROVIDERS.get(name, name)


def parameters(params: Mapping[str, Any]) -> Facts:
    """Return the parameters of a call, from what LangChain tells tracers of it (``ls_...``)."""
    facts: Facts = {name: params[key] for key, name in _PARAMETERS if isinstance(params.get(key), int | float)}
    if stop := params.get("ls_stop"):
        facts[names.REQUEST_STOP_SEQUENCES] = [str(word) for word in stop]
    return facts


def messages(said: Iterable[Any]) -> list[Message]:
    """Return messages in the convention's shape."""
    return [message_of(one) for one in said]


def message_of(said: Any, finish_reason: str | None = None) -> Message:
    """Return one message in the convention's shape."""
    kind = str(field(said, "type") or "").removesuffix("MessageChunk").lower()
    role = str(getattr(said, "role", "") or _ROLES.get(kind, kind or "user"))
    body = field(said, "content")
    if role == "tool":
        return message(role, [tool_response_part(getattr(said, "tool_call_id", None), body)])
    calls = getattr(said, "tool_calls", None) or ()
    return message(role, [*_parts(body), *(_call(call) for call in calls)], finish_reason)


def _call(call: Mapping[str, Any]) -> Part:
    return tool_call_part(call.get("id"), call.get("name"), call.get("args"))


def _parts(body: Any) -> list[Part]:
    if isinstance(body, str):
        return [text_part(body)] if body else []
    parts = (_part(block) for block in body) if isinstance(body, Iterable) else ()
    return [part for part in parts if part is not None]


def _part(block: Any) -> Part | None:
    kind = "text" if isinstance(block, str) else field(block, "type")
    match kind:
        case "text":
            return text_part(block if isinstance(block, str) else str(field(block, "text") or ""))
        case "reasoning" | "thinking":
            return reasoning_part(str(field(block, kind) or ""))
        case "image_url" | "image" | "audio" | "video" | "file":
            return _medium(kind, block)
        case "tool_use" | "tool_call" | "tool_call_chunk" | "function_call":
            return None  # the message's tool_calls say the same
        case _:
            return {"type": str(kind)}


def _medium(kind: str, block: Any) -> Part:
    address = field(block, "image_url") if kind == "image_url" else field(block, "url")
    if address:
        return uri_part(kind.removesuffix("_url"), address if isinstance(address, str) else str(field(address, "url")))
    return blob_part(kind, field(block, "mime_type"), field(block, "base64") or field(block, "data"))


def usage(said: Any) -> Facts:
    """Return token counts. LangChain's input holds what was cached, its output the reasoning."""
    facts: Facts = {}
    for name, group, key in _USAGE:
        source = field(said, group) if group else said
        value = field(source, key)
        if isinstance(value, int):
            facts[name] = value
    return facts


def answer(said: Sequence[Any], infos: Sequence[Any], content: Content) -> Facts:
    """Return what a model's answer says.

    Args:
        said: its messages, one for each choice.
        infos: what else is known of each choice (``generation_info``), or None.
        content: the content setting.
    """
    facts: Facts = {}
    reasons = [finish_reason(one, info) for one, info in zip(said, infos, strict=True)]
    for one in said[:1]:
        facts |= usage(getattr(one, "usage_metadata", None)) | _response(one)
    if any(reasons):
        facts[names.RESPONSE_FINISH_REASONS] = [why for why in reasons if why]
    if content.on and said:
        told = [message_of(one, why) for one, why in zip(said, reasons, strict=True)]
        facts[names.OUTPUT_MESSAGES] = content.json(told)
    return facts


def finish_reason(said: Any, info: Any = None) -> str:
    """Return why a choice ended, in the provider's own word; '' where it does not say."""
    told = getattr(said, "response_metadata", None)
    found = (field(source, key) for source in (told, info) for key in ("finish_reason", "stop_reason", "done_reason"))
    return next((why for why in found if isinstance(why, str) and why), "")


def _response(said: Any) -> Facts:
    facts: Facts = {}
    told = getattr(said, "response_metadata", None) or {}
    model = told.get("model_name") or told.get("model")
    if isinstance(model, str):
        facts[names.RESPONSE_MODEL] = model
    answer_id = told.get("id") or getattr(said, "id", None)
    if isinstance(answer_id, str) and not answer_id.startswith(("run-", "lc_run-")):  # those are LangChain's own
        facts[names.RESPONSE_ID] = answer_id
    return facts


def documents(found: Any) -> list[Document]:
    """Return the documents that a retriever gives."""
    return [_document(one) for one in found] if isinstance(found, Sequence) else []


def _document(found: Any) -> Document:
    metadata = getattr(found, "metadata", None) or {}
    score = next((metadata[key] for key in ("relevance_score", "score") if key in metadata), None)
    own = getattr(found, "id", None) or metadata.get("id")
    return Document(
        None if own is None else str(own),
        str(getattr(found, "page_content", found)),
        float(score) if isinstance(score, int | float) else None,
    )
