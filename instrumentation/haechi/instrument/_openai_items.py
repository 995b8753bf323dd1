"""The items of OpenAI's responses protocol, asked and answered, in the convention's message shape."""

from collections.abc import Iterable
from typing import Any, Final

from haechi._content import (
    Message,
    Part,
    blob_part,
    field,
    message,
    reasoning_part,
    tool_call_part,
    tool_response_part,
)
from haechi.instrument._openai_messages import body

_CALLS: Final = {"function_call": "arguments", "custom_tool_call": "input"}
"""Calls of the application's tools, and where their arguments are."""
_SERVER_TOOL_FIELDS: Final = ("action", "queries", "code", "arguments", "operation", "input")
"""Where the built-in tools keep what they were called with."""


def messages(items: Iterable[Any]) -> list[Message]:
    """Return the items of an input as messages."""
    return [_message(item) for item in items]


def parts(items: Iterable[Any]) -> list[Part]:
    """Return the items of an output as the parts of one message."""
    return [part for item in items for part in _parts(item)]


def _message(item: Any) -> Message:
    kind = str(field(item, "type") or "message")
    role = str(field(item, "role") or ("tool" if kind.endswith("_output") else "assistant"))
    return message(role, _parts(item))


def _parts(item: Any) -> list[Part]:
    kind = str(field(item, "type") or "message")
    if kind == "message":
        return body(field(item, "content"))
    if kind == "reasoning":
        return [reasoning_part(text) for part in _thoughts(item) if isinstance(text := field(part, "text"), str)]
    return [_part(item, kind)]


def _part(item: Any, kind: str) -> Part:
    if kind in _CALLS:
        return tool_call_part(field(item, "call_id"), field(item, "name"), field(item, _CALLS[kind]))
    if kind.endswith("_output"):
        return tool_response_part(field(item, "call_id"), field(item, "output"))
    if kind.endswith("_call"):
        return _server_call(item, kind)
    return {"type": kind, "id": field(item, "id")}


def _thoughts(item: Any) -> list[Any]:
    return [*(field(item, "summary") or ()), *(field(item, "content") or ())]


def _server_call(item: Any, kind: str) -> Part:
    """Return a call of a tool that the provider runs itself: search, code, images ..."""
    arguments = next((value for name in _SERVER_TOOL_FIELDS if (value := field(item, name)) is not None), None)
    name = field(item, "name") or kind.removesuffix("_call")
    part = {**tool_call_part(field(item, "id"), name, arguments), "type": "server_tool_call"}
    result = field(item, "result")
    return {**part, "result": blob_part("image", None, result)} if isinstance(result, str) else part
