"""What runs of OpenAI's assistants say: a run is a call of a model, its thread the conversation.

A run that is not streamed has no usage when it is created; it comes with the run fetched later.
"""

from typing import Any, Final

from haechi._content import Content, field, message, text_part
from haechi._endpoints import Kwargs
from haechi.instrument._openai_facts import count, parameters, usage_facts
from haechi.instrument._openai_finished import first, is_finished
from haechi.instrument._openai_media import input_facts
from haechi.spans import Facts
from haechi_schemas import attributes as names

_RUN: Final = (
    (names.RESPONSE_ID, "id"),
    (names.RESPONSE_MODEL, "model"),
    (names.RESPONSE_STATUS, "status"),
    (names.AGENT_ID, "assistant_id"),
    (names.CONVERSATION_ID, "thread_id"),
)
_FAILED: Final = frozenset({"failed", "expired"})
_PREAMBLE: Final = frozenset({"thread.created", "thread.run.created", "thread.run.queued", "thread.run.in_progress"})


def asked(kwargs: Kwargs, content: Content) -> Facts:
    """Return the parameters of a run; its messages are in the thread, which we do not read."""
    facts = parameters(kwargs)
    wanted = {names.AGENT_ID: kwargs.get("assistant_id"), names.CONVERSATION_ID: kwargs.get("thread_id")}
    facts |= {name: value for name, value in wanted.items() if isinstance(value, str)}
    instructions = kwargs.get("instructions")
    if content.on and isinstance(instructions, str):
        facts[names.SYSTEM_INSTRUCTIONS] = content.json([text_part(instructions)])
    said = [text for one in _messages(kwargs) if (text := field(one, "content"))]
    return facts | input_facts([text for text in said if isinstance(text, str)], content)


def _messages(kwargs: Kwargs) -> list[Any]:
    given = kwargs.get("additional_messages") or field(kwargs.get("thread"), "messages")
    return given if isinstance(given, list) else []


def told(run: Any, content: Content) -> Facts:
    """Return what a run says."""
    del content
    facts: Facts = {name: value for name, key in _RUN if isinstance(value := field(run, key), str)}
    status = facts.get(names.RESPONSE_STATUS)
    if (usage := field(run, "usage")) is not None:
        facts |= usage_facts(usage)
        count(facts, names.USAGE_CACHE_READ_TOKENS, field(usage, "prompt_token_details"), "cached_tokens")
    if status in _FAILED:
        facts[names.ERROR_TYPE] = str(field(field(run, "last_error"), "code") or status)
    if is_finished(status):
        first(facts.get(names.RESPONSE_ID))
    if isinstance(status, str) and status not in {"queued", "in_progress"}:
        facts[names.RESPONSE_FINISH_REASONS] = [status]
    return facts


class RunReader:
    """Reads a streamed run: events of the run, and of the messages that it writes."""

    __slots__ = ("_content", "_run", "_texts")

    def __init__(self, content: Content, _hide_usage: bool) -> None:
        self._content = content
        self._run: Any = None
        self._texts: list[str] = []

    def preamble(self, event: Any) -> bool:
        """Tell whether an event says only that an answer will come."""
        return event.event in _PREAMBLE

    def read(self, event: Any) -> bool:
        """Take an event in."""
        kind = event.event
        if kind.startswith("thread.run.") and not kind.startswith("thread.run.step."):
            self._run = event.data
        elif kind == "thread.message.completed" and self._content.on:
            parts = (field(field(part, "text"), "value") for part in event.data.content)
            self._texts.extend(text for text in parts if text)
        return True

    def facts(self) -> Facts:
        """Return what the run says as far as it has come."""
        facts = told(self._run, self._content) if self._run is not None else {}
        if self._texts:
            answer = message("assistant", [text_part(text) for text in self._texts], "")
            facts[names.OUTPUT_MESSAGES] = self._content.json([answer])
        return facts
