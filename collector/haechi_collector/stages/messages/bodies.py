"""Request and response bodies of any provider → messages, system instructions, tool definitions.

`to_request` knows OpenAI (chat, responses, embeddings, completions), Anthropic, Google, Bedrock, Vercel, LangChain;
`to_response` the answers of the same. ``whole`` says that nothing else stood in the body, so that the original need
not be kept beside.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from haechi_collector import limits
from haechi_collector.stages.messages.message import Message, to_message, to_messages
from haechi_collector.stages.messages.parts import Part, is_part, text_part, to_parts


@dataclass(frozen=True, slots=True)
class Request:
    """What a request body said."""

    messages: list[Message] = field(default_factory=list)
    system: list[Part] = field(default_factory=list)
    tools: list[Any] = field(default_factory=list)
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """What a response body said: messages with their finish reason."""

    messages: list[Message]
    whole: bool = False


_MESSAGES: Final = ("messages", "input", "contents", "prompt", "inputs", "instances")
_BODY_FIELDS: Final = frozenset({"usage", "model", "stop_sequence", "stop_details", "container", "diagnostics"})
_SYSTEM: Final = ("system", "instructions", "systemInstruction", "system_instruction")


def to_request(value: Any) -> Request | None:
    """Return what a request body or a list of messages says; None if it holds no message."""
    if not isinstance(value, dict):
        messages = _bare_texts(value) or to_messages(value)
        return None if messages is None else Request(messages, whole=True)
    own = to_message(value)
    if own is not None:
        return Request([own], whole=True)
    key = next((k for k in _MESSAGES if value.get(k)), "")
    messages = (_bare_texts(value.get(key)) or to_messages(value.get(key)) or []) if key else []
    system_key = next((k for k in _SYSTEM if value.get(k)), "")
    system = to_parts(value.get(system_key)) if system_key else []
    tools = value.get("tools")
    if not isinstance(tools, list):
        tools = []
    if not messages and not system and not tools:
        return None
    others = set(value) - {system_key, "tools", *([key] if messages else [])}
    return Request(messages, system, tools, whole=not any(value[k] for k in others))


def _bare_texts(value: Any) -> list[Message] | None:
    """Read the inputs of an embedding: a list of texts, each a message."""
    if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        return [{"role": "user", "parts": [text_part(v)]} for v in value]
    return None


def to_response(value: Any, depth: int = 0) -> Response | None:
    """Return what a response body, a message or a bare text says; None if it holds no message."""
    if depth > limits.CONTENT_DEPTH_MAX:
        return None
    if isinstance(value, str):
        messages = to_messages(value, "assistant")
        return None if messages is None else Response(messages, whole=True)
    if isinstance(value, list):
        return _list(value, depth)
    if not isinstance(value, dict):
        return None
    for key, read in _ANSWERS.items():
        if value.get(key):
            found = read(value, depth)
            if found:
                return Response(found)
    return _message(value)


def _message(value: dict[str, Any]) -> Response | None:
    """Read a message; Anthropic's is the body itself, with usage and model beside the content."""
    message = to_message(value if "role" in value or "content" not in value else {**value, "role": "assistant"})
    if message is None:
        return None
    body_fields = message.keys() & _BODY_FIELDS
    return Response([{k: v for k, v in message.items() if k not in body_fields}], whole=not body_fields)


def _list(value: list[Any], depth: int) -> Response | None:
    if value and all(is_part(item) for item in value):
        return Response([{"role": "assistant", "parts": to_parts(value)}], whole=True)
    messages = [m for item in value for m in _inner(item, depth)]
    return Response(messages, whole=True) if messages else None


def _inner(value: Any, depth: int) -> list[Message]:
    response = to_response(value, depth + 1)
    return response.messages if response is not None else []


def _choices(body: dict[str, Any], depth: int) -> list[Message]:
    choices = body["choices"]
    return [m for c in choices for m in _choice(c, depth)] if isinstance(choices, list) else []


def _choice(choice: Any, depth: int) -> list[Message]:
    if not isinstance(choice, dict):
        return []
    inner = next((choice[k] for k in ("message", "delta", "content", "text") if choice.get(k) is not None), None)
    if isinstance(inner, dict) and not isinstance(inner.get("role"), str):
        inner = {**inner, "role": "assistant"}
    reason = next((choice[k] for k in ("finish_reason", "finishReason") if isinstance(choice.get(k), str)), None)
    return _finished(_inner(inner, depth), reason)


def _candidates(body: dict[str, Any], depth: int) -> list[Message]:
    candidates = body["candidates"]
    return [m for c in candidates for m in _choice(c, depth)] if isinstance(candidates, list) else []


def _finished(messages: list[Message], reason: Any) -> list[Message]:
    """Write the finish reason on the last message, if it has none of its own."""
    if messages and isinstance(reason, str) and "finish_reason" not in messages[-1]:
        messages[-1]["finish_reason"] = reason
    return messages


def _generations(body: dict[str, Any], depth: int) -> list[Message]:
    """Read LangChain's result: generations of each input."""
    found: list[Message] = []
    for generation in _flat(body["generations"]):
        info = generation.get("generation_info")
        reason = info.get("finish_reason") if isinstance(info, dict) else None
        inner = generation.get("message", generation.get("text"))
        found += _finished(_inner(inner, depth), reason)
    return found


def _flat(value: Any) -> list[dict[str, Any]]:
    items = value if isinstance(value, list) else []
    nested = [i for item in items for i in (item if isinstance(item, list) else [item])]
    return [i for i in nested if isinstance(i, dict)]


def _output(body: dict[str, Any], depth: int) -> list[Message]:
    """Read the Responses API (a list of items), Bedrock (``output.message``) and wrappers of either."""
    output = body["output"]
    if isinstance(output, dict) and isinstance(output.get("message"), dict):
        output = output["message"]
    status = body.get("status")
    incomplete = body.get("incomplete_details")
    reason = incomplete.get("reason") if isinstance(incomplete, dict) else status
    messages = _merged(_inner(output, depth)) if isinstance(output, list) else _inner(output, depth)
    return _finished(messages, body.get("stopReason", _responses_reason(messages, reason)))


def _responses_reason(messages: list[Message], reason: Any) -> Any:
    calls = any(p.get("type") == "tool_call" for m in messages for p in m["parts"])
    return "tool_call" if calls and reason == "completed" else reason


def _merged(messages: list[Message]) -> list[Message]:
    """Join the items of one answer, which stand as messages of their own, into one message."""
    if len(messages) > 1 and all(m["role"] == "assistant" for m in messages):
        parts = [p for m in messages for p in m["parts"]]
        return [{**messages[-1], "parts": parts}]
    return messages


def _wrapped(key: str) -> Any:
    def read(body: dict[str, Any], depth: int) -> list[Message]:
        return _inner(body[key], depth)

    return read


_ANSWERS: Final[dict[str, Any]] = {
    "choices": _choices,
    "candidates": _candidates,
    "generations": _generations,
    "output": _output,
    "message": _wrapped("message"),
    "messages": _wrapped("messages"),
    "outputs": _wrapped("outputs"),
    "output_text": _wrapped("output_text"),
}
