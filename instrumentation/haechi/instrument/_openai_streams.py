"""Reads streamed answers of OpenAI's chat protocol, chunk by chunk.

Cost: a few attribute reads per chunk while content is off; with it, one list append more.
"""

from typing import Any

from haechi._content import Content, Message, field, message, reasoning_part, text_part, tool_call_part
from haechi.instrument._openai_facts import response_facts, usage_facts
from haechi.spans import Facts
from haechi_schemas import attributes as names


class ChatReader:
    """Reads a streamed chat answer.

    ``hide_usage``: the usage was asked for by us, so that its chunk, which has no choices, is not the application's.
    """

    __slots__ = ("_choices", "_content", "_first", "_groq", "_hide_usage", "_usage")

    def __init__(self, content: Content, hide_usage: bool) -> None:
        self._content = content
        self._hide_usage = hide_usage
        self._first: Any = None
        self._usage: Any = None
        self._groq: Any = None
        self._choices: dict[int, Growing] = {}

    def read(self, chunk: Any) -> bool:
        """Take a chunk in; the one with usage alone is hidden where it was asked for by us."""
        choices = chunk.choices
        if self._first is None and chunk.id:  # Azure's first chunk has no id: it judges the prompt
            self._first = chunk
        if getattr(chunk, "usage", None) is not None:
            self._usage = chunk
            if self._hide_usage and not choices:
                return False
        for choice in choices or ():
            growing = self._choices.get(choice.index)
            if growing is None:
                growing = self._choices[choice.index] = Growing()
            if choice.finish_reason is not None:
                growing.finish_reason = choice.finish_reason
                self._groq = getattr(chunk, "x_groq", None)
            if self._content.on:
                self._grow(growing, choice)
        return True

    def preamble(self, chunk: Any) -> bool:
        """Tell whether a chunk has no choices: Azure's first one judges the prompt."""
        return not chunk.choices

    def _grow(self, growing: "Growing", choice: Any) -> None:
        growing.grow(choice.delta)

    def facts(self) -> Facts:
        """Return what the answer says as far as it has come."""
        facts = response_facts(self._first) if self._first is not None else {}
        if self._usage is not None:
            facts |= response_facts(self._usage)
        elif (usage := field(self._groq, "usage")) is not None:
            facts |= usage_facts(usage)
        growing = [self._choices[index] for index in sorted(self._choices)]
        reasons = [choice.finish_reason for choice in growing if choice.finish_reason]
        if reasons:
            facts[names.RESPONSE_FINISH_REASONS] = reasons
        if self._content.on and growing:
            facts[names.OUTPUT_MESSAGES] = self._content.json([choice.message() for choice in growing])
        return facts


class Growing:
    """One choice of a streamed answer."""

    __slots__ = ("_at", "_calls", "_thought", "finish_reason", "text")

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self.text: list[str] = []
        self._thought: list[str] = []
        self._calls: list[_GrowingCall] = []
        self._at: dict[Any, _GrowingCall] = {}

    def grow(self, delta: Any) -> None:
        """Take what one chunk adds."""
        if delta is None:
            return
        if text := delta.content:
            self.text.append(str(text))
        if calls := getattr(delta, "tool_calls", None):
            for call in calls:
                self._grow_call(call)
        if not (text or calls) or getattr(delta, "model_extra", None):
            self._grow_otherwise(delta)

    def _grow_otherwise(self, delta: Any) -> None:
        """Take what most chunks do not have. To ask a client's object for what it lacks costs a microsecond each."""
        if refusal := getattr(delta, "refusal", None):
            self.text.append(str(refusal))
        if thought := getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None):
            self._thought.append(str(thought))
        if sound := getattr(delta, "audio", None):
            self.text.append(field(sound, "transcript") or "")

    def _grow_call(self, part: Any) -> None:
        """Take a part of a call. Its place tells whose it is; some servers give every call the place 0."""
        call = self._at.get(part.index)
        if call is None or (part.id and call.id and part.id != call.id):
            call = self._at[part.index] = _GrowingCall()
            self._calls.append(call)
        call.id = call.id or part.id
        if (function := getattr(part, "function", None)) is not None:
            call.name = call.name or function.name
            call.arguments.append(function.arguments or "")

    def message(self) -> Message:
        """Return the message as far as it has come."""
        thought = [reasoning_part("".join(self._thought))] if self._thought else []
        text = [text_part("".join(self.text))] if self.text else []
        calls = [tool_call_part(call.id, call.name, "".join(call.arguments)) for call in self._calls]
        return message("assistant", [*thought, *text, *calls], self.finish_reason or "")


class _GrowingCall:
    """One call of a tool in a streamed answer."""

    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id: str | None = None
        self.name: str | None = None
        self.arguments: list[str] = []
