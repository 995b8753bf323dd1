"""What Google's generateContent protocol says, of the Gemini API and of Vertex AI.

Token rule there: thoughts lie beside the candidates' tokens and tool-use prompts beside the prompt's, while cached
tokens are part of the prompt's. Here the output includes thoughts and the input includes tool-use prompts.

Source: the REST reference of ``models.generateContent``, ``UsageMetadata``.
"""

from collections.abc import Callable, Iterable, Mapping
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
from haechi.spans import Facts
from haechi_schemas import attributes as names

_PARAMETERS: Final = {
    "temperature": names.REQUEST_TEMPERATURE,
    "top_p": names.REQUEST_TOP_P,
    "top_k": names.REQUEST_TOP_K,
    "max_output_tokens": names.REQUEST_MAX_TOKENS,
    "seed": names.REQUEST_SEED,
    "frequency_penalty": names.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": names.REQUEST_PRESENCE_PENALTY,
}


def parameters(config: Any) -> Facts:
    """Return the parameters of a request, from its config, an object or a mapping or None."""
    if config is None:
        return {}
    facts: Facts = {}
    for name, canonical in _PARAMETERS.items():
        value = field(config, name)
        if isinstance(value, int | float):
            facts[canonical] = value
    if stop := field(config, "stop_sequences"):
        facts[names.REQUEST_STOP_SEQUENCES] = list(stop)
    choices = field(config, "candidate_count")
    if isinstance(choices, int) and choices != 1:
        facts[names.REQUEST_CHOICE_COUNT] = choices
    if level := field(field(config, "thinking_config"), "thinking_level"):
        facts[names.REQUEST_REASONING_EFFORT] = word(level).lower()
    if kind := _output_type(config):
        facts[names.OUTPUT_TYPE] = kind
    return facts


def _output_type(config: Any) -> str | None:
    modalities = {word(modality).upper() for modality in field(config, "response_modalities") or ()}
    if "IMAGE" in modalities:
        return "image"
    if "AUDIO" in modalities:
        return "speech"
    return "json" if field(config, "response_mime_type") == "application/json" else None


def asked(contents: Any, config: Any, content: Content) -> Facts:
    """Return the contents, system instruction and tools of a request, where content is wanted."""
    if not content.on:
        return {}
    facts: Facts = {names.INPUT_MESSAGES: content.json(messages(contents))}
    if system := field(config, "system_instruction"):
        parts = [part for said in messages(system) for part in said["parts"]]
        facts[names.SYSTEM_INSTRUCTIONS] = content.json(parts)
    if tools := field(config, "tools"):
        facts[names.TOOL_DEFINITIONS] = content.json([made for tool in tools for made in _tools(tool)])
    return facts


def answered(response: Any, content: Content) -> Facts:
    """Return what a whole answer says."""
    reader = GenerateReader(content)
    reader.read(response)
    return reader.facts()


def usage_facts(usage: Any) -> Facts:
    """Return token counts, thoughts and tool-use prompts included."""
    facts: Facts = {}
    prompt, answer = field(usage, "prompt_token_count"), field(usage, "candidates_token_count")
    thoughts, cached = field(usage, "thoughts_token_count"), field(usage, "cached_content_token_count")
    if isinstance(prompt, int):
        facts[names.USAGE_INPUT_TOKENS] = prompt + (field(usage, "tool_use_prompt_token_count") or 0)
    if isinstance(answer, int) or isinstance(thoughts, int):
        facts[names.USAGE_OUTPUT_TOKENS] = (answer or 0) + (thoughts or 0)
    if isinstance(thoughts, int):
        facts[names.USAGE_REASONING_TOKENS] = thoughts
    if isinstance(cached, int):
        facts[names.USAGE_CACHE_READ_TOKENS] = cached
    for name, details in (
        (names.USAGE_AUDIO_INPUT_TOKENS, "prompt_tokens_details"),
        (names.USAGE_AUDIO_OUTPUT_TOKENS, "candidates_tokens_details"),
    ):
        if audio := _of_modality("AUDIO", field(usage, details)):
            facts[name] = audio
    return facts


def _of_modality(modality: str, details: Any) -> int:
    return sum(field(each, "token_count") or 0 for each in details or () if field(each, "modality") == modality)


def word(value: Any) -> str:
    """Return the text of an enumeration's member, which the client takes as text too."""
    return str(getattr(value, "value", value))


# --- messages ---------------------------------------------------------------------------------------------------


def messages(contents: Any) -> list[Message]:
    """Return contents in the convention's shape: one text, part or content, or a list that mixes them."""
    made: list[Message] = []
    loose: list[Part] = []  # parts outside any content: the client puts neighbours into one
    for item in contents if isinstance(contents, list | tuple) else [contents]:
        parts = field(item, "parts")
        if parts is None:
            loose.append(_part(item))
            continue
        if loose:
            made.append(message("user", loose))
            loose = []
        made.append(_said(field(item, "role"), [_part(part) for part in parts]))
    if loose:
        made.append(message("user", loose))
    return made


def _said(role: Any, parts: list[Part]) -> Message:
    if any(part["type"] == "tool_call_response" for part in parts):
        return message("tool", parts)
    return message({"model": "assistant", None: "user"}.get(role, str(role)), parts)


def _part(part: Any) -> Part:
    if isinstance(part, str):
        return text_part(part)
    for name, make in _PARTS.items():
        value = field(part, name)
        if value is not None:
            return make(value, part)
    return {"type": type(part).__name__}


def _text(text: Any, part: Any) -> Part:
    return reasoning_part(text) if field(part, "thought") else text_part(text)


def _modality(mime_type: Any) -> str:
    return str(mime_type or "file").partition("/")[0]


_PARTS: Final[Mapping[str, Callable[[Any, Any], Part]]] = {
    "text": _text,
    "function_call": lambda call, _: tool_call_part(field(call, "id"), field(call, "name"), field(call, "args")),
    "function_response": lambda told, _: tool_response_part(
        field(told, "id") or field(told, "name"), field(told, "response")
    ),
    "inline_data": lambda blob, _: blob_part(
        _modality(field(blob, "mime_type")), field(blob, "mime_type"), field(blob, "data")
    ),
    "file_data": lambda file, _: uri_part(_modality(field(file, "mime_type")), str(field(file, "file_uri"))),
    "executable_code": lambda code, _: {"type": "executable_code", "code": field(code, "code")},
    "code_execution_result": lambda result, _: {"type": "code_execution_result", "output": field(result, "output")},
    "uri": lambda uri, file: uri_part(_modality(field(file, "mime_type")), str(uri)),
}
"""The field that a part has → what it becomes; a text last of all carries a flag that says that it is a thought."""


def _tools(tool: Any) -> Iterable[dict[str, Any]]:
    declared = field(tool, "function_declarations")
    if declared:
        return [_function(function) for function in declared]
    if callable(tool):
        return [{"type": "function", "name": getattr(tool, "__name__", ""), "description": tool.__doc__}]
    fields = tool if isinstance(tool, Mapping) else getattr(tool, "__dict__", {})
    return [{"type": name} for name, value in fields.items() if value is not None]


def _function(function: Any) -> dict[str, Any]:
    return {
        "type": "function",
        "name": field(function, "name"),
        "description": field(function, "description"),
        "parameters": field(function, "parameters") or field(function, "parameters_json_schema"),
    }


# --- answers ------------------------------------------------------------------------------------------------------


class GenerateReader:
    """Reads an answer, whole or chunk by chunk; each chunk's usage is that of the answer so far."""

    __slots__ = ("_blocked", "_content", "_first", "_parts", "_reasons", "_usage")

    def __init__(self, content: Content) -> None:
        self._content = content
        self._first: Any = None
        self._usage: Any = None
        self._blocked: Any = None
        self._reasons: dict[int, Any] = {}  # by the candidate's index
        self._parts: dict[int, list[Any]] = {}

    def read(self, chunk: Any) -> bool:
        """Take a chunk in."""
        if self._first is None:
            self._first = chunk
        if chunk.usage_metadata is not None:
            self._usage = chunk.usage_metadata
        if chunk.prompt_feedback is not None:
            self._blocked = chunk.prompt_feedback.block_reason
        for candidate in chunk.candidates or ():
            index = candidate.index or 0
            if candidate.finish_reason is not None:
                self._reasons[index] = candidate.finish_reason
            if self._content.on and candidate.content is not None:
                self._parts.setdefault(index, []).extend(candidate.content.parts or ())
        return True

    def facts(self) -> Facts:
        """Return what the answer says as far as it has come."""
        facts = usage_facts(self._usage) if self._usage is not None else {}
        if model := getattr(self._first, "model_version", None):
            facts[names.RESPONSE_MODEL] = model
        if response_id := getattr(self._first, "response_id", None):
            facts[names.RESPONSE_ID] = response_id
        reasons = [word(self._reasons[index]) for index in sorted(self._reasons)]
        if self._blocked is not None and not reasons:
            reasons = [word(self._blocked)]
        if reasons:
            facts[names.RESPONSE_FINISH_REASONS] = reasons
        if self._content.on:
            facts[names.OUTPUT_MESSAGES] = self._content.json(self._messages())
        return facts

    def _messages(self) -> list[Message]:
        return [
            message("assistant", _merged(self._parts.get(index, ())), word(self._reasons.get(index, "")))
            for index in sorted(self._parts.keys() | self._reasons.keys())
        ]


def _merged(parts: Iterable[Any]) -> list[Part]:
    """Return parts with neighbouring texts of one kind in one, as a stream has cut them."""
    merged: list[Part] = []
    for part in map(_part, parts):
        kind = part["type"]
        if merged and kind in {"text", "reasoning"} and merged[-1]["type"] == kind:
            merged[-1]["content"] += part["content"]
        elif part.get("content") != "":  # a last chunk often has an empty text, beside its finish reason
            merged.append(part)
    return merged
