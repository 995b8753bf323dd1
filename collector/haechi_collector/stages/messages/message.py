"""One message of any provider → ``{"role", "parts", "name"?, "finish_reason"?}``."""

from typing import Any, Final

from haechi_collector import limits
from haechi_collector.stages.messages.parts import Part, rest, text_part, to_part, to_parts, tool_call

Message = dict[str, Any]

_ROLES: Final = {
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "function": "tool",
    "developer": "system",
    "HumanMessage": "user",
    "AIMessage": "assistant",
    "AIMessageChunk": "assistant",
    "SystemMessage": "system",
    "ToolMessage": "tool",
    "FunctionMessage": "tool",
    "HumanMessageChunk": "user",
}
_ITEM_ROLES: Final = {
    "function_call": "assistant",
    "custom_tool_call": "assistant",
    "reasoning": "assistant",
    "web_search_call": "assistant",
    "file_search_call": "assistant",
    "function_call_output": "tool",
    "custom_tool_call_output": "tool",
}
"""Items of OpenAI's Responses API that stand among messages and have no role."""

_USED: Final = {"role", "type", "content", "parts", "tool_calls", "function_call", "tool_call_id", "name"} | {
    "finish_reason",
    "stop_reason",
    "reasoning_content",
    "reasoning",
    "refusal",
}


def role_of(word: str) -> str:
    """Return the convention's role for a provider's word, the word itself if it is another."""
    return _ROLES.get(word, word)


def to_messages(value: Any, role: str = "user", depth: int = 0) -> list[Message] | None:
    """Return the messages of a list (also of lists), of one message or of a bare text; None if it holds none."""
    if isinstance(value, str):
        return [{"role": role, "parts": [text_part(value)]}] if value else None
    if isinstance(value, dict):
        message = to_message(value)
        return None if message is None else [message]
    if not isinstance(value, list) or not value or depth > limits.CONTENT_DEPTH_MAX:
        return None
    messages: list[Message] = []
    for item in value:
        found = to_messages(item, role, depth + 1)
        if found is None:
            return None
        messages += found
    return messages


def to_message(item: dict[str, Any]) -> Message | None:
    """Return one message, None if the object is none."""
    item = _unwrapped(item)
    kind, role = item.get("type"), item.get("role")
    if not isinstance(role, str):
        if not isinstance(kind, str):
            return None
        if kind in _ITEM_ROLES:
            return {"role": _ITEM_ROLES[kind], "parts": [to_part(item)]}
        if kind not in _ROLES and kind not in {"system", "user", "assistant", "tool"}:
            return None
        role = kind
    role = role_of(role)
    message: Message = {"role": role, "parts": _parts(item, role)}
    if isinstance(item.get("name"), str):
        message["name"] = item["name"]
    reason = item.get("finish_reason", item.get("stop_reason"))
    if isinstance(reason, str):
        message["finish_reason"] = reason
    return message | rest(item, _USED | set(message))


def _unwrapped(item: dict[str, Any]) -> dict[str, Any]:
    """Take LangChain's serialized messages out of their wrapping."""
    kwargs, path, data = item.get("kwargs"), item.get("id"), item.get("data")
    if isinstance(kwargs, dict) and isinstance(path, list) and path and isinstance(path[-1], str):
        return {**kwargs, "role": path[-1]} if path[-1] in _ROLES else {}
    if isinstance(data, dict) and "content" in data and "role" not in item:
        return {**data, "role": item.get("type")}
    message = item.get("message")
    if isinstance(message, dict) and ("role" in message or "kwargs" in message) and "role" not in item:
        return {**message, "finish_reason": item.get("finish_reason", message.get("finish_reason"))}
    return item


def _parts(item: dict[str, Any], role: str) -> list[Part]:
    content = item.get("parts") if isinstance(item.get("parts"), list) else item.get("content")
    thoughts = (item.get(key) for key in ("reasoning_content", "reasoning"))
    parts: list[Part] = [{"type": "reasoning", "content": t} for t in thoughts if isinstance(t, str) and t]
    if role == "tool" and not _holds_responses(content):
        identity = item.get("tool_call_id", item.get("id"))
        parts.append({"type": "tool_call_response", "id": identity, "response": content})
    else:
        parts += to_parts(content)
    if isinstance(item.get("refusal"), str) and item["refusal"]:
        parts.append(text_part(item["refusal"]))
    return _with_calls(parts, item)


def _holds_responses(content: Any) -> bool:
    return isinstance(content, list) and any(isinstance(c, dict) and _is_response(c) for c in content)


def _is_response(part: Part) -> bool:
    if isinstance(part.get("type"), str):
        return part["type"] in {"tool_result", "tool-result", "tool_call_response"}
    return "toolResult" in part or "functionResponse" in part


def _with_calls(parts: list[Part], item: dict[str, Any]) -> list[Part]:
    """Add the tool calls that stand beside the content, but for those that stand in it too."""
    calls = item.get("tool_calls")
    known = {p.get("id") for p in parts if p.get("type") == "tool_call" and isinstance(p.get("id"), str)}
    if isinstance(calls, list):
        parts += (c for c in map(tool_call, calls) if not isinstance(c.get("id"), str) or c["id"] not in known)
    if isinstance(item.get("function_call"), dict):
        parts.append(tool_call(item["function_call"]))
    return parts
