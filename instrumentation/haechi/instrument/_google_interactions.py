"""What Google's Interactions protocol says: steps in, steps out, usage.

Token rule there, as of generateContent: thoughts lie beside the output's tokens and tool use beside the input's, while
cached tokens are part of the input's. A long answer may come in several parts, each with a usage of its own.

Source: the reference of ``interactions.create``, ``Usage``.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from haechi._content import (
    Content,
    Message,
    Part,
    blob_part,
    field,
    message,
    reasoning_part,
    text_part,
    tool_call_part,
    tool_response_part,
    uri_part,
)
from haechi.instrument import _google_facts as google
from haechi.spans import Facts
from haechi_schemas import attributes as names

_COUNTS: Final = (
    ("total_input_tokens", (names.USAGE_INPUT_TOKENS,)),
    ("total_tool_use_tokens", (names.USAGE_INPUT_TOKENS,)),
    ("total_output_tokens", (names.USAGE_OUTPUT_TOKENS,)),
    ("total_thought_tokens", (names.USAGE_OUTPUT_TOKENS, names.USAGE_REASONING_TOKENS)),
    ("total_cached_tokens", (names.USAGE_CACHE_READ_TOKENS,)),
)


def parameters(body: Mapping[str, Any]) -> Facts:
    """Return the parameters of a request."""
    config = body.get("generation_config")
    facts = google.parameters(config)
    if level := field(config, "thinking_level"):
        facts[names.REQUEST_REASONING_EFFORT] = google.word(level).lower()
    if field(body.get("response_format"), "type") == "text" and field(body.get("response_format"), "schema"):
        facts[names.OUTPUT_TYPE] = "json"
    if isinstance(previous := body.get("previous_interaction_id"), str):
        facts[names.REQUEST_PREVIOUS_RESPONSE_ID] = previous
    return facts


def asked(body: Mapping[str, Any], content: Content) -> Facts:
    """Return the input, system instruction and tools of a request, where content is wanted."""
    if not content.on:
        return {}
    facts: Facts = {names.INPUT_MESSAGES: content.json(_said(body.get("input")))}
    if isinstance(system := body.get("system_instruction"), str):
        facts[names.SYSTEM_INSTRUCTIONS] = content.json([text_part(system)])
    if isinstance(tools := body.get("tools"), list | tuple) and tools:
        facts[names.TOOL_DEFINITIONS] = content.json([_tool(tool) for tool in tools])
    return facts


def answered(interaction: Any, content: Content) -> Facts:
    """Return what a whole answer says."""
    facts = _head_facts(interaction) | usage_facts([field(interaction, "usage")])
    if content.on:
        parts = [part for step in field(interaction, "steps") or () for part in _parts(step)]
        facts[names.OUTPUT_MESSAGES] = content.json([message("assistant", parts, _status(interaction))])
    return facts


def usage_facts(usages: list[Any]) -> Facts:
    """Return token counts, those of all parts of an answer together."""
    counts: Counter[str] = Counter()
    for key, counted_as in _COUNTS:
        for usage in usages:
            if isinstance(tokens := field(usage, key), int):
                for name in counted_as:
                    counts[name] += tokens
    return dict(counts)


def _head_facts(interaction: Any) -> Facts:
    facts: Facts = {}
    for name, key in ((names.RESPONSE_ID, "id"), (names.RESPONSE_MODEL, "model")):
        if value := field(interaction, key):
            facts[name] = google.word(value)
    if status := _status(interaction):
        facts[names.RESPONSE_FINISH_REASONS] = [status]
    return facts


def _status(interaction: Any) -> str:
    """Return how an answer ended, '' where it has not."""
    status = google.word(field(interaction, "status") or "")
    return "" if status == "in_progress" else status


# --- steps ------------------------------------------------------------------------------------------------------


def _said(given: Any) -> list[Message]:
    """Return an input in the convention's shape: a text, contents of the user's, or the steps so far."""
    if isinstance(given, str):
        return [message("user", [text_part(given)])]
    made: list[Message] = []
    for item in given if isinstance(given, list | tuple) else [given]:
        role = _ROLES.get(str(field(item, "type")), "user")
        if made and made[-1]["role"] == role:
            made[-1]["parts"] = [*made[-1]["parts"], *_parts(item)]
        else:
            made.append(message(role, _parts(item)))
    return made


_ROLES: Final = dict.fromkeys(("model_output", "thought", "function_call"), "assistant") | {"function_result": "tool"}


def _parts(step: Any) -> list[Part]:
    """Return what a step, or one content outside of any, holds."""
    kind = str(field(step, "type"))
    match kind:
        case "user_input" | "model_output":
            return [_content(each) for each in field(step, "content") or ()]
        case "thought":
            summary = "".join(field(each, "text") or "" for each in field(step, "summary") or ())
            return [reasoning_part(summary)] if summary else []
        case "function_call":
            return [tool_call_part(field(step, "id"), field(step, "name"), field(step, "arguments"))]
        case "function_result":
            return [tool_response_part(field(step, "call_id"), field(step, "result"))]
        case _:
            return [_content(step)]


def _content(content: Any) -> Part:
    kind = str(field(content, "type"))
    if kind == "text":
        return text_part(field(content, "text") or "")
    if uri := field(content, "uri"):
        return uri_part(kind, str(uri))
    if data := field(content, "data"):
        return blob_part(kind, field(content, "mime_type"), data)
    return {"type": kind}


def _tool(tool: Any) -> dict[str, Any]:
    told = {name: field(tool, name) for name in ("type", "name", "description", "parameters")}
    return {name: value for name, value in told.items() if value is not None}


# --- streams ------------------------------------------------------------------------------------------------------


class InteractionReader:
    """Reads the events of a streamed interaction."""

    __slots__ = ("_content", "_error", "_head", "_steps", "_texts", "_usages")

    def __init__(self, content: Content) -> None:
        self._content = content
        self._head: Any = None
        self._error: Any = None
        self._usages: list[Any] = []
        self._steps: list[Any] = []
        self._texts: list[list[str]] = []  # of each step, as far as it has come

    def preamble(self, event: Any) -> bool:
        """Tell whether an event says only that something will come."""
        return event.event_type in {"interaction.created", "interaction.status_update", "step.start"}

    def read(self, event: Any) -> bool:
        """Take an event in."""
        if grow := _EVENTS.get(event.event_type):
            grow(self, event)
        return True

    def _began(self, event: Any) -> None:
        self._head = event.interaction

    def _ended(self, event: Any) -> None:
        self._head = event.interaction
        self._usages.append(event.interaction.usage)

    def _failed(self, event: Any) -> None:
        self._error = event.error

    def _step(self, event: Any) -> None:
        if self._content.on:
            self._steps.append(event.step)
            self._texts.append([])

    def _delta(self, event: Any) -> None:
        if not self._texts:
            return
        delta = event.delta
        text = getattr(delta, "text", None) or getattr(delta, "arguments", None)
        if text is None:
            text = getattr(getattr(delta, "content", None), "text", None)  # a thought's
        if text:
            self._texts[-1].append(text)

    def facts(self) -> Facts:
        """Return what the answer says as far as it has come."""
        facts = _head_facts(self._head) | usage_facts(self._usages)
        if self._error is not None:
            facts[names.ERROR_TYPE] = str(field(self._error, "code") or "error")
        if self._content.on:
            parts = [
                part
                for step, texts in zip(self._steps, self._texts, strict=True)
                for part in _grown(step, "".join(texts))
            ]
            facts[names.OUTPUT_MESSAGES] = self._content.json([message("assistant", parts, _status(self._head))])
        return facts


def _grown(step: Any, text: str) -> list[Part]:
    """Return a step with what has come since it began."""
    match field(step, "type"):
        case "model_output":
            return [*_parts(step), *([text_part(text)] if text else [])]
        case "thought":
            return [reasoning_part(text)] if text else _parts(step)
        case "function_call" if text:
            return [tool_call_part(field(step, "id"), field(step, "name"), text)]
        case _:
            return _parts(step)


_EVENTS: Final[Mapping[str, Callable[[InteractionReader, Any], None]]] = {
    "interaction.created": InteractionReader._began,  # noqa: SLF001  this module's own
    "interaction.completed": InteractionReader._ended,  # noqa: SLF001
    "step.start": InteractionReader._step,  # noqa: SLF001
    "step.delta": InteractionReader._delta,  # noqa: SLF001
    "error": InteractionReader._failed,  # noqa: SLF001
}
