"""Pydantic AI's own word on a model call, for models whose client is not observed: tests' models, local ones."""

from typing import Any, Final

from haechi._content import (
    Content,
    Message,
    Part,
    blob_part,
    message,
    reasoning_part,
    text_part,
    tool_call_part,
    tool_response_part,
    uri_part,
)
from haechi.instrument import _deferred
from haechi.instrument._steps import Called
from haechi.spans import Facts, Request
from haechi_schemas import attributes as names

_SETTINGS: Final = {
    "frequency_penalty": names.REQUEST_FREQUENCY_PENALTY,
    "max_tokens": names.REQUEST_MAX_TOKENS,
    "presence_penalty": names.REQUEST_PRESENCE_PENALTY,
    "seed": names.REQUEST_SEED,
    "temperature": names.REQUEST_TEMPERATURE,
    "top_p": names.REQUEST_TOP_P,
}
_USAGE: Final = {
    "input_tokens": names.USAGE_INPUT_TOKENS,
    "output_tokens": names.USAGE_OUTPUT_TOKENS,
    "cache_read_tokens": names.USAGE_CACHE_READ_TOKENS,
    "cache_write_tokens": names.USAGE_CACHE_WRITE_TOKENS,
}
_RESPONSE: Final = (
    (names.RESPONSE_MODEL, "model_name"),
    (names.RESPONSE_ID, "provider_response_id"),
)
_PROVIDERS: Final = {"google-gla": "gcp.gemini", "google-vertex": "gcp.vertex_ai", "mistral": "mistral_ai"}


class Chat:
    """``Model.request`` and ``request_stream``."""

    operations = _deferred.INFERENCE
    cumulative = True  # the whole answer is asked for when the stream ends
    within = staticmethod(_deferred.here)

    def request(self, called: Called, content: Content) -> Request:
        """Return what was asked."""
        model, settings = called.instance, called.argument(2, "model_settings") or {}
        facts: Facts = {
            name: value for key, name in _SETTINGS.items() if isinstance(value := settings.get(key), int | float)
        }
        if content.on:
            asked = called.argument(1, "messages")
            facts[names.INPUT_MESSAGES] = content.json([told for one in asked for told in _said(one)])
            tools = getattr(called.argument(3, "model_request_parameters"), "function_tools", ())
            if tools:
                facts[names.TOOL_DEFINITIONS] = content.json([_tool(tool) for tool in tools])
        provider = str(model.system)
        return Request("chat", _PROVIDERS.get(provider, provider), str(model.model_name), facts)

    def answer(self, called: Called, result: Any, items: list[Any], content: Content) -> Facts:
        """Return what was answered, by a ``ModelResponse``."""
        del called, items
        usage = getattr(result, "usage", None)
        facts: Facts = {
            name: value for key, name in _USAGE.items() if isinstance(value := getattr(usage, key, None), int) and value
        }
        facts |= {name: value for name, key in _RESPONSE if isinstance(value := getattr(result, key, None), str)}
        reason = getattr(result, "finish_reason", None)
        if isinstance(reason, str):
            facts[names.RESPONSE_FINISH_REASONS] = [reason]
        if content.on and result is not None:
            answer = message("assistant", [part for one in result.parts for part in _parts(one)], reason or "")
            facts[names.OUTPUT_MESSAGES] = content.json([answer])
        return facts


def _said(one: Any) -> list[Message]:
    """Return a ``ModelRequest`` or ``ModelResponse`` in the convention's shape; a request may hold several roles."""
    if one.kind == "response":
        return [message("assistant", [told for part in one.parts for told in _parts(part)])]
    system = getattr(one, "instructions", None)
    first = [message("system", [text_part(system)])] if isinstance(system, str) and system else []
    return [*first, *(message(_ROLES.get(part.part_kind, "user"), _parts(part)) for part in one.parts)]


_ROLES: Final = {"system-prompt": "system", "tool-return": "tool"}


def _parts(part: Any) -> list[Part]:
    kind = part.part_kind
    if kind == "thinking":
        return [reasoning_part(str(part.content))]
    if kind == "tool-call":
        return [tool_call_part(part.tool_call_id, part.tool_name, part.args)]
    if kind == "tool-return" or (kind == "retry-prompt" and part.tool_name):
        return [tool_response_part(part.tool_call_id, part.content)]
    held = getattr(part, "content", None)
    if isinstance(held, str):
        return [text_part(held)]
    return [_piece(piece) for piece in held] if isinstance(held, list | tuple) else [{"type": kind}]


def _piece(piece: Any) -> Part:
    """Return a piece of what a user says: text, an address, or bytes, of which the size is told."""
    if isinstance(piece, str):
        return text_part(piece)
    modality = str(getattr(piece, "kind", "file")).removesuffix("-url")
    if isinstance(url := getattr(piece, "url", None), str):
        return uri_part(modality, url)
    return blob_part(modality, getattr(piece, "media_type", None), getattr(piece, "data", None))


def _tool(tool: Any) -> dict[str, Any]:
    schema = tool.parameters_json_schema
    return {"type": "function", "name": tool.name, "description": tool.description, "parameters": schema}
