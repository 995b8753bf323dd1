"""What Cohere's protocol says in its first version, which its clients still ship.

Source: Cohere's API reference, v1/chat.
"""

from collections.abc import Mapping
from typing import Any, Final

from haechi._content import Content, Message, field, message, text_part, tool_call_part
from haechi.instrument import _cohere_facts as cohere
from haechi.spans import Facts
from haechi_schemas import attributes as names

_ROLES: Final = {"CHATBOT": "assistant"}


def v1_asked(kwargs: Mapping[str, Any], content: Content) -> Facts:
    """Return the history, message, preamble, documents and tools of a chat request."""
    history = kwargs.get("chat_history")
    said = [_said(each) for each in history] if isinstance(history, list | tuple) else []
    said.append(message("user", [text_part(str(kwargs.get("message") or ""))]))
    facts: Facts = {names.INPUT_MESSAGES: content.json(said)}
    if isinstance(preamble := kwargs.get("preamble"), str):
        facts[names.SYSTEM_INSTRUCTIONS] = content.json([text_part(preamble)])
    if isinstance(documents := kwargs.get("documents"), list | tuple) and documents:
        facts[names.RETRIEVAL_DOCUMENTS] = content.json(cohere.documents_given(documents))
    if isinstance(tools := kwargs.get("tools"), list | tuple) and tools:
        facts[names.TOOL_DEFINITIONS] = content.json([_tool(tool) for tool in tools])
    return facts


def v1_answered(response: Any, content: Content) -> Facts:
    """Return what a whole answer of a chat says."""
    facts = cohere.usage_facts(field(response, "meta"))
    reason = str(field(response, "finish_reason") or "")
    if response_id := field(response, "response_id") or field(response, "generation_id"):
        facts[names.RESPONSE_ID] = response_id
    if reason:
        facts[names.RESPONSE_FINISH_REASONS] = [reason]
    if content.on:
        calls = [tool_call_part(None, call.name, call.parameters) for call in field(response, "tool_calls") or ()]
        parts = [*([text_part(text)] if (text := field(response, "text")) else []), *calls]
        facts[names.OUTPUT_MESSAGES] = content.json([message("assistant", parts, reason)])
    return facts


def _said(said: Any) -> Message:
    role = str(field(said, "role") or "user")
    return message(_ROLES.get(role, role.lower()), [text_part(str(field(said, "message") or ""))])


def _tool(tool: Any) -> dict[str, Any]:
    return {
        "type": "function",
        "name": field(tool, "name"),
        "description": field(tool, "description"),
        "parameters": field(tool, "parameter_definitions"),
    }


class V1Reader:
    """Reads the events of a streamed chat; the last one has the whole answer."""

    __slots__ = ("_content", "_end", "_text")

    def __init__(self, content: Content) -> None:
        self._content = content
        self._end: Any = None
        self._text: list[str] = []

    def preamble(self, event: Any) -> bool:
        """Tell whether an event says only that something will come."""
        return bool(event.event_type == "stream-start")

    def read(self, event: Any) -> bool:
        """Take an event in."""
        if event.event_type == "stream-end":
            self._end = field(event, "response")
        elif self._content.on and event.event_type == "text-generation":
            self._text.append(field(event, "text") or "")
        return True

    def facts(self) -> Facts:
        """Return what the answer says as far as it has come."""
        if self._end is not None:
            return v1_answered(self._end, self._content)
        if not self._content.on:
            return {}
        told = message("assistant", [text_part("".join(self._text))], "")
        return {names.OUTPUT_MESSAGES: self._content.json([told])}
