"""Content spread over attributes, one per field: ``gen_ai.prompt.0.role``, ``llm.input_messages.0.message.content``.

Each layout says which keys of a family it understands (a pattern of what follows the family's name) and how the
fields of one index become a message, a tool or a document. Keys that no pattern matches are left alone.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from haechi_collector import limits
from haechi_collector.stages.messages.message import Message, role_of, to_message
from haechi_collector.stages.messages.parts import Part, parsed, tool_call

Tree = dict[str, Any]
_N: Final = r"\d{1,6}"


@dataclass(frozen=True, slots=True)
class Layout:
    """How a family of keys is laid out: the rest of each key, and what becomes of the fields of one index."""

    pattern: re.Pattern[str]
    make: Callable[[Tree], Any]


def assemble(layout: Layout, fields: list[tuple[str, Any]]) -> list[Any]:
    """Return what the fields ``(rest of the key, value)`` of one span hold, in the order of their index."""
    tree: Tree = {}
    for rest, value in fields:
        _put(tree, rest.split("."), value)
    items = (layout.make(item) for item in _listed(tree) if isinstance(item, dict))
    return [item for item in items if item]


def understands(layout: Layout, rest: str) -> bool:
    """Say whether a key is one of the layout's, its indices within bounds."""
    if layout.pattern.fullmatch(rest) is None:
        return False
    return all(int(p) <= limits.MESSAGE_INDEX_MAX for p in rest.split(".") if p.isdigit())


def _put(tree: Tree, path: list[str], value: Any) -> None:
    for step in path[:-1]:
        tree = tree.setdefault(step, {})
    tree[path[-1]] = value


def _listed(tree: Any) -> list[Any]:
    """Return the branches with a number as name, by number; a gap or a start at 1 does not matter."""
    if not isinstance(tree, dict):
        return []
    return [tree[k] for k in sorted((k for k in tree if k.isdigit()), key=int)]


def _message(fields: Tree) -> Message | None:
    """``role``, ``content``, ``finish_reason``, ``tool_call_id``, ``tool_calls.M.{id,name,arguments}``."""
    calls = [tool_call(c) for c in _listed(fields.get("tool_calls"))]
    content = fields.get("content")
    message = to_message({**fields, "content": parsed_parts(content), "tool_calls": None, "role": _role(fields, calls)})
    return None if message is None else {**message, "parts": message["parts"] + calls}


def _role(fields: Tree, calls: list[Part]) -> str:
    role = fields.get("role")
    if isinstance(role, str) and role:
        return role
    return "assistant" if calls or "finish_reason" in fields else "user"


def parsed_parts(content: Any) -> Any:
    """Return the parts of a content that is a JSON list of parts, as multi-modal content is written; else itself."""
    inner = parsed(content)
    is_parts = isinstance(inner, list) and inner and all(isinstance(i, dict) and "type" in i for i in inner)
    return inner if is_parts else content


def _openinference_message(fields: Tree) -> Message | None:
    message = fields.get("message")
    if not isinstance(message, dict):
        return None
    contents = [_openinference_part(c) for c in _listed(message.get("contents"))]
    calls = [c.get("tool_call", {}) for c in _listed(message.get("tool_calls"))]
    content = message.get("content")
    texts = {p.get("text") for p in contents}
    body = [*([content] if content and content not in texts else []), *contents]
    role = role_of(_role(message, calls))
    whole: Any = body[0] if len(body) == 1 else body
    if role == "tool":
        whole = contents or content
    return to_message({**message, "role": role, "content": whole, "contents": None, "tool_calls": calls})


def _openinference_part(fields: Tree) -> Tree:
    call, inner = fields.get("tool_call"), fields.get("message_content")
    if isinstance(call, dict):
        return {**tool_call(call)}
    if not isinstance(inner, dict):
        return {"type": "value"}
    part = {"type": "text" if "text" in inner else "image", **inner}
    image = inner.get("image")
    if isinstance(image, dict) and isinstance(image.get("image"), dict):
        part = {"type": "image_url", "image_url": image["image"].get("url")}
    return part


def _function(fields: Tree) -> Tree:
    return {"type": "function", **fields, **({"parameters": parsed(p)} if (p := fields.get("parameters")) else {})}


def _schema(fields: Tree) -> Any:
    tool = fields.get("tool")
    return parsed(tool.get("json_schema")) if isinstance(tool, dict) else None


def _document(fields: Tree) -> Tree:
    document = fields.get("document")
    return document if isinstance(document, dict) else {}


_CALL: Final = rf"tool_calls\.{_N}\.tool_call\.(id|function\.(name|arguments))"
_CONTENTS: Final = (
    rf"contents\.{_N}\.(message_content\.(type|text|image\.image\.url)|tool_call\.(id|function\.(name|arguments)))"
)
LAYOUTS: Final = {
    "message_keys": Layout(
        re.compile(
            rf"{_N}\.(role|content|name|finish_reason|tool_call_id|tool_calls\.{_N}\.(id|name|arguments|type)"
            r"|function_call\.(name|arguments))"
        ),
        _message,
    ),
    "openinference_keys": Layout(
        re.compile(rf"{_N}\.message\.(role|content|name|tool_call_id|finish_reason|{_CALL}|{_CONTENTS})"),
        _openinference_message,
    ),
    "function_keys": Layout(re.compile(rf"{_N}\.(name|description|parameters|strict)"), _function),
    "schema_keys": Layout(re.compile(rf"{_N}\.tool\.json_schema"), _schema),
    "document_keys": Layout(re.compile(rf"{_N}\.document\.(id|content|score|metadata)"), _document),
}
"""By name of the shape."""
