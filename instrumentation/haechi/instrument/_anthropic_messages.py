"""Messages, answers and tools of Anthropic's protocol in the convention's message shape. Used where content is on.

Thoughts that the provider has hidden, images and files are told by their kind and size. Calls of tools that run at the
provider's (web search, code execution, MCP) are parts of their own, and the sources that a text cites stay with it.

Source: Anthropic's Messages API.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from haechi._content import (
    Content,
    Message,
    Part,
    blob_part,
    decoded,
    field,
    message,
    reasoning_part,
    text_part,
    tool_call_part,
    tool_response_part,
    uri_part,
)
from haechi.spans import Facts
from haechi_schemas import attributes as names


def asked(body: Mapping[str, Any], content: Content) -> Facts:
    """Return the messages, instructions and tools of a request, where content is wanted."""
    if not content.on:
        return {}
    facts: Facts = {names.INPUT_MESSAGES: content.json([said(one) for one in body.get("messages") or ()])}
    if system := body.get("system"):
        facts[names.SYSTEM_INSTRUCTIONS] = content.json(parts(system))
    tools = body.get("tools")
    if isinstance(tools, Iterable) and tools:
        facts[names.TOOL_DEFINITIONS] = content.json([_tool(tool) for tool in tools])
    return facts


def said(source: Any) -> Message:
    """Return a message of the conversation; one of tools' answers alone has the role ``tool``."""
    made = parts(field(source, "content"))
    answers = bool(made) and all(part["type"] == "tool_call_response" for part in made)
    return message("tool" if answers else str(field(source, "role") or "user"), made)


def parts(body: Any) -> list[Part]:
    """Return what a message holds: a text, or blocks."""
    if isinstance(body, str):
        return [text_part(body)]
    return [_part(block) for block in body] if isinstance(body, Iterable) else []


def _part(block: Any) -> Part:
    kind = str(field(block, "type"))
    make = _PARTS.get(kind)
    return make(block) if make is not None else _at_the_provider(kind, block)


def _text(block: Any) -> Part:
    part = text_part(field(block, "text") or "")
    if citations := field(block, "citations"):
        part["citations"] = citations
    return part


def _result(body: Any) -> Any:
    return body if isinstance(body, str) else parts(body)


def _file(kind: str, source: Any) -> Part:
    match field(source, "type"):
        case "base64":
            return blob_part(kind, field(source, "media_type"), field(source, "data"))
        case "url":
            return uri_part(kind, str(field(source, "url") or ""))
        case "file":
            return {"type": "file", "modality": kind, "file_id": field(source, "file_id")}
        case "text":
            return {"type": kind, "content": field(source, "data")}
        case _:
            return {"type": kind, "content": parts(field(source, "content"))}


def _at_the_provider(kind: str, block: Any) -> Part:
    """A tool that runs at the provider's, called or answered; or a kind that is not known here."""
    if kind in {"server_tool_use", "mcp_tool_use"}:
        call = {"type": kind, "arguments": decoded(field(block, "input"))}
        return {
            "type": "server_tool_call",
            "id": field(block, "id"),
            "name": field(block, "name"),
            "server_tool_call": call,
        }
    if kind.endswith("_tool_result"):
        answer = {"type": kind, "content": field(block, "content")}
        return {
            "type": "server_tool_call_response",
            "id": field(block, "tool_use_id"),
            "server_tool_call_response": answer,
        }
    return {"type": kind}


def _tool(tool: Any) -> dict[str, Any]:
    if field(tool, "input_schema") is None:  # a tool of the provider's
        return {"type": field(tool, "type"), "name": field(tool, "name")}
    return {
        "type": "function",
        "name": field(tool, "name"),
        "description": field(tool, "description"),
        "parameters": field(tool, "input_schema"),
    }


_PARTS: Final[Mapping[str, Callable[[Any], Part]]] = {
    "text": _text,
    "thinking": lambda block: reasoning_part(field(block, "thinking") or ""),
    "redacted_thinking": lambda block: {"type": "redacted_reasoning", "size": len(field(block, "data") or "")},
    "tool_use": lambda block: tool_call_part(field(block, "id"), field(block, "name"), field(block, "input")),
    "tool_result": lambda block: tool_response_part(field(block, "tool_use_id"), _result(field(block, "content"))),
    "image": lambda block: _file("image", field(block, "source")),
    "document": lambda block: _file("document", field(block, "source")),
    "search_result": lambda block: {
        "type": "search_result",
        "source": field(block, "source"),
        "content": parts(field(block, "content")),
    },
}
"""Kinds of blocks that the convention has a part for, or that hold what a person may want to see."""
