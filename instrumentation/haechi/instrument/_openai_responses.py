"""What OpenAI's responses protocol says: requests, answers and every event of their streams.

Token rule: as in the chat protocol, cached tokens are part of the input, reasoning tokens of the output. A response
that goes on in the background has no usage yet; it comes with the answer to ``retrieve`` (see `_openai_background`).
"""

from typing import Any, Final

from haechi._content import Content, Message, field, message, text_part
from haechi._endpoints import Kwargs
from haechi.instrument import _openai_conversations as conversations
from haechi.instrument import _openai_items as items
from haechi.instrument._openai_facts import count, count_some, listed, output_type, parameters
from haechi.instrument._openai_finished import first, is_finished
from haechi.instrument._openai_messages import tool
from haechi.spans import Facts
from haechi_schemas import attributes as names


def asked(kwargs: Kwargs, content: Content) -> Facts:
    """Return the parameters of a request, its conversation and prompt, and where it is wanted its content."""
    facts = {**parameters(kwargs), **conversations.asked(kwargs)}
    effort = field(kwargs.get("reasoning"), "effort")
    if isinstance(effort, str):
        facts[names.REQUEST_REASONING_EFFORT] = effort
    form = field(kwargs.get("text"), "format") or kwargs.get("text_format")
    if (kind := output_type(form or None)) is not None:  # a client's NOT_GIVEN is false
        facts[names.OUTPUT_TYPE] = kind
    facts |= _prompt(kwargs.get("prompt"))
    return facts | _content(kwargs, content) if content.on else facts


def _prompt(prompt: Any) -> Facts:
    """Return which of the prompts that the provider keeps is used."""
    wanted = {names.PROMPT_NAME: field(prompt, "id"), names.PROMPT_VERSION: field(prompt, "version")}
    return {name: value for name, value in wanted.items() if isinstance(value, str)}


def _content(kwargs: Kwargs, content: Content) -> Facts:
    facts: Facts = {}
    text = kwargs.get("input")
    said = [message("user", [text_part(text)])] if isinstance(text, str) else items.messages(listed(kwargs, "input"))
    if said:
        facts[names.INPUT_MESSAGES] = content.json(said)
    instructions = kwargs.get("instructions")
    if isinstance(instructions, str) and instructions:
        facts[names.SYSTEM_INSTRUCTIONS] = content.json([text_part(instructions)])
    if tools := listed(kwargs, "tools"):
        facts[names.TOOL_DEFINITIONS] = content.json([tool(one) for one in tools])
    return facts


_RESPONSE: Final = (
    (names.RESPONSE_ID, "id"),
    (names.RESPONSE_MODEL, "model"),
    (names.RESPONSE_STATUS, "status"),
    (names.OPENAI_RESPONSE_SERVICE_TIER, "service_tier"),
)


def told(response: Any, content: Content) -> Facts:
    """Return what a response says. One that failed carries its error's code as the error's type."""
    facts: Facts = {name: value for name, key in _RESPONSE if isinstance(value := field(response, key), str)}
    conversations.answered(facts.get(names.RESPONSE_ID), field(response, "previous_response_id"))
    status = facts.get(names.RESPONSE_STATUS)
    if is_finished(status):
        if field(response, "background") is True:
            first(facts.get(names.RESPONSE_ID))
        reason = field(field(response, "incomplete_details"), "reason")
        facts[names.RESPONSE_FINISH_REASONS] = [reason if isinstance(reason, str) else str(status)]
    if status == "failed":
        facts[names.ERROR_TYPE] = str(field(field(response, "error"), "code") or "failed")
    if (usage := field(response, "usage")) is not None:
        facts |= usage_facts(usage)
    if content.on and (output := field(response, "output")):
        reasons = facts.get(names.RESPONSE_FINISH_REASONS)
        answer = message("assistant", items.parts(output), str(reasons[0]) if isinstance(reasons, list) else "")
        facts[names.OUTPUT_MESSAGES] = content.json([answer])
    return facts


def usage_facts(usage: Any) -> Facts:
    """Return token counts, in the names that the responses protocol, images and sound share."""
    facts: Facts = {}
    count(facts, names.USAGE_INPUT_TOKENS, usage, "input_tokens")
    count(facts, names.USAGE_OUTPUT_TOKENS, usage, "output_tokens")
    if (details := field(usage, "input_tokens_details") or field(usage, "input_token_details")) is not None:
        count(facts, names.USAGE_CACHE_READ_TOKENS, details, "cached_tokens")
        count_some(facts, names.USAGE_CACHE_WRITE_TOKENS, details, "cache_write_tokens")
        count_some(facts, names.USAGE_AUDIO_INPUT_TOKENS, details, "audio_tokens")
    if (details := field(usage, "output_tokens_details")) is not None:
        count(facts, names.USAGE_REASONING_TOKENS, details, "reasoning_tokens")
        count_some(facts, names.USAGE_AUDIO_OUTPUT_TOKENS, details, "audio_tokens")
    return facts


_PREAMBLE: Final = frozenset({"response.created", "response.queued", "response.in_progress"})
_TEXT: Final = frozenset({"response.output_text.delta", "response.refusal.delta"})


class ResponseReader:
    """Reads a streamed response. Its first and last events carry the response as it stands."""

    __slots__ = ("_content", "_error", "_response", "_text")

    def __init__(self, content: Content, _hide_usage: bool) -> None:
        self._content = content
        self._response: Any = None
        self._error: Any = None
        self._text: list[str] = []

    def preamble(self, event: Any) -> bool:
        """Tell whether an event says only that an answer will come."""
        return event.type in _PREAMBLE

    def read(self, event: Any) -> bool:
        """Take an event in."""
        kind = event.type
        if kind in _TEXT:
            if self._content.on:
                self._text.append(event.delta)
        elif (response := getattr(event, "response", None)) is not None:
            self._response = response
        elif kind == "error":
            self._error = event
        return True

    def facts(self) -> Facts:
        """Return what the answer says as far as it has come."""
        facts = told(self._response, self._content) if self._response is not None else {}
        if self._error is not None:
            facts[names.ERROR_TYPE] = str(field(self._error, "code") or "error")
        if self._text and names.OUTPUT_MESSAGES not in facts:
            facts[names.OUTPUT_MESSAGES] = self._content.json([_unfinished(self._text)])
        return facts


def _unfinished(text: list[str]) -> Message:
    return message("assistant", [text_part("".join(text))], "")
