"""Messages that stand in events, of a span or as log records: ``gen_ai.user.message``, ``gen_ai.choice`` and the like.

Semantic conventions 1.28 to 1.36 (log events), Strands (span events with Bedrock content), Semantic Kernel (a JSON
body), Google ADK (Google content), 1.26 and 1.27 (``gen_ai.content.prompt``, ``gen_ai.content.completion``).
"""

from dataclasses import dataclass, field
from typing import Any, Final

from haechi_collector.stages.messages.bodies import to_request, to_response
from haechi_collector.stages.messages.message import Message, to_message
from haechi_collector.stages.messages.parts import parsed
from haechi_collector.stages.messages.values import NOTHING, parse_document

_ROLES: Final = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_CHOICE: Final = "gen_ai.choice"
_AZURE: Final = "gen_ai.event.content"
_DETAILS: Final = "gen_ai.client.inference.operation.details"
_PROMPT: Final = {
    "gen_ai.content.prompt": ("gen_ai.prompt", _AZURE),
    "gen_ai.content.completion": ("gen_ai.completion", _AZURE),
}
MESSAGE_EVENTS: Final = frozenset({*_ROLES, _CHOICE, _DETAILS, *_PROMPT})
"""Names of the events that carry content."""


@dataclass(slots=True)
class Conversation:
    """What the events of one call say, in their order."""

    input: list[Message] = field(default_factory=list)
    output: list[Message] = field(default_factory=list)
    system: list[Any] = field(default_factory=list)
    tools: list[Any] = field(default_factory=list)


def add_event(conversation: Conversation, name: str, body: Any) -> None:
    """Add one event: its name, and its body or attributes. What cannot be read adds nothing."""
    body = _body(body)
    if name in _ROLES:
        _add_input(conversation, _ROLES[name], body)
    elif name == _CHOICE:
        _add_choice(conversation, body)
    elif name == _DETAILS and isinstance(body, dict):
        _add_details(conversation, body)
    elif name in _PROMPT and isinstance(body, dict):
        _add_prompt(conversation, name, body)


def _body(body: Any) -> Any:
    """Return the object of a body; Azure's libraries write all of it as JSON into one attribute."""
    body = parse_document(body) if isinstance(body, str) else body
    inner = parsed(body.get(_AZURE)) if isinstance(body, dict) else None
    if isinstance(inner, dict) and "prompt" not in inner:
        return {**{k: v for k, v in body.items() if k != _AZURE}, **inner}
    return body


def _add_input(conversation: Conversation, role: str, body: Any) -> None:
    fields = body if isinstance(body, dict) else {"content": body}
    content = parsed(fields.get("content", fields.get(_AZURE)))
    if isinstance(content, dict) and "role" not in fields and isinstance(content.get("parts"), list):
        fields = {**fields, "role": content.get("role")}
    message = to_message({**fields, "role": fields.get("role") or role, "content": content})
    if message is not None:
        message.pop(_AZURE, None)
        conversation.input.append(message)


def _add_choice(conversation: Conversation, body: Any) -> None:
    if not isinstance(body, dict):
        return
    inner = parsed(body.get("message", body.get("content")))
    inner = inner if isinstance(inner, dict) else {"content": inner}
    message = to_message({**inner, "role": inner.get("role") or "assistant", "tool_calls": _calls(inner, body)})
    if message is None:
        return
    if isinstance(body.get("finish_reason"), str):
        message["finish_reason"] = body["finish_reason"]
    conversation.output.append(message)


def _calls(inner: dict[str, Any], body: dict[str, Any]) -> Any:
    return inner.get("tool_calls", body.get("tool_calls"))


def _add_details(conversation: Conversation, body: dict[str, Any]) -> None:
    request = to_request(parsed(body.get("gen_ai.input.messages")))
    response = to_response(parsed(body.get("gen_ai.output.messages")))
    conversation.input += request.messages if request is not None else []
    conversation.output += response.messages if response is not None else []
    for target, key in (
        (conversation.system, "gen_ai.system_instructions"),
        (conversation.tools, "gen_ai.tool.definitions"),
    ):
        value = parsed(body.get(key))
        target.extend(value if isinstance(value, list) else [])


def _add_prompt(conversation: Conversation, name: str, body: dict[str, Any]) -> None:
    value = next((parsed(body[k]) for k in _PROMPT[name] if k in body), NOTHING)
    if name == "gen_ai.content.prompt":
        request = to_request(value)
        conversation.input += request.messages if request is not None else []
    else:
        response = to_response(value)
        conversation.output += response.messages if response is not None else []
