"""What the answers of Mistral's client say: OpenAI's protocol, read from objects that take long to miss a field.

A chunk's text is a string, or a list of pieces where a model thinks; tool calls come whole, in one chunk.
"""

from typing import Any

from haechi._content import Content, Message, field, message, reasoning_part, text_part, tool_call_part
from haechi.instrument import _openai_messages as messages
from haechi.spans import Facts
from haechi_schemas import attributes as names


def answered(response: Any, content: Content) -> Facts:
    """Return what a whole answer says."""
    facts = response_facts(response)
    if reasons := [str(choice.finish_reason) for choice in response.choices if choice.finish_reason]:
        facts[names.RESPONSE_FINISH_REASONS] = reasons
    if content.on:
        facts[names.OUTPUT_MESSAGES] = content.json([messages.choice(choice) for choice in response.choices])
    return facts


def response_facts(response: Any) -> Facts:
    """Return id, model and usage, of an answer or of one chunk of it."""
    facts: Facts = {names.RESPONSE_ID: response.id, names.RESPONSE_MODEL: response.model}
    return facts | usage_facts(response.usage) if response.usage else facts


def usage_facts(usage: Any) -> Facts:
    """Return token counts; cached tokens are part of the prompt's."""
    facts: Facts = {
        names.USAGE_INPUT_TOKENS: usage.prompt_tokens or 0,
        names.USAGE_OUTPUT_TOKENS: usage.completion_tokens or 0,
    }
    details = (vars(usage) | (usage.model_extra or {})).get("prompt_tokens_details")  # no version declares it yet
    if isinstance(cached := field(details, "cached_tokens"), int):
        facts[names.USAGE_CACHE_READ_TOKENS] = cached
    return facts


class EventReader:
    """Reads a stream of events, each with a chunk of the answer in ``data``."""

    __slots__ = ("_choices", "_content", "_first", "_usage")

    def __init__(self, content: Content) -> None:
        self._content = content
        self._first: Any = None
        self._usage: Any = None
        self._choices: dict[int, _Growing] = {}

    def read(self, event: Any) -> bool:
        """Take an event in."""
        chunk = event.data
        if self._first is None:
            self._first = chunk
        if chunk.usage:
            self._usage = chunk.usage
        for choice in chunk.choices:
            growing = self._choices.get(choice.index)
            if growing is None:
                growing = self._choices[choice.index] = _Growing()
            if choice.finish_reason:
                growing.finish_reason = choice.finish_reason
            if self._content.on:
                growing.grow(choice.delta)
        return True

    def facts(self) -> Facts:
        """Return what the answer says as far as it has come."""
        if self._first is None:
            return {}
        facts = response_facts(self._first)
        if self._usage is not None:
            facts |= usage_facts(self._usage)
        growing = [self._choices[index] for index in sorted(self._choices)]
        if reasons := [choice.finish_reason for choice in growing if choice.finish_reason]:
            facts[names.RESPONSE_FINISH_REASONS] = reasons
        if self._content.on:
            facts[names.OUTPUT_MESSAGES] = self._content.json([choice.message() for choice in growing])
        return facts


class _Growing:
    """One choice of a streamed answer."""

    __slots__ = ("calls", "finish_reason", "text", "thought")

    def __init__(self) -> None:
        self.finish_reason = ""
        self.text: list[str] = []
        self.thought: list[str] = []
        self.calls: list[Any] = []

    def grow(self, delta: Any) -> None:
        """Take what one chunk adds."""
        text = delta.content
        if isinstance(text, str):
            self.text.append(text)
        elif isinstance(text, list):
            for piece in text:
                self._grow_piece(piece)
        if delta.tool_calls:
            self.calls.extend(delta.tool_calls)

    def _grow_piece(self, piece: Any) -> None:
        thinking = field(piece, "thinking")
        if thinking is None:
            self.text.append(field(piece, "text") or "")
        else:
            self.thought.extend(field(each, "text") or "" for each in thinking)

    def message(self) -> Message:
        """Return the message as far as it has come."""
        thought, text = "".join(self.thought), "".join(self.text)
        parts = [reasoning_part(thought)] if thought else []
        if text:
            parts.append(text_part(text))
        for call in self.calls:
            function = field(call, "function")
            parts.append(tool_call_part(field(call, "id"), field(function, "name"), field(function, "arguments")))
        return message("assistant", parts, str(self.finish_reason))
