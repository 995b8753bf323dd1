"""What Bedrock's Converse says, whole and streamed. Amazon's own models speak it in InvokeModel too.

Token rule: ``inputTokens`` leave out what was read from or written to the cache; it is added here.

Source: the Bedrock API reference, Converse and ConverseStream.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
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
    "topP": names.REQUEST_TOP_P,
    "maxTokens": names.REQUEST_MAX_TOKENS,
    "topK": names.REQUEST_TOP_K,
    "top_k": names.REQUEST_TOP_K,
}


def parameters(params: Mapping[str, Any]) -> Facts:
    """Return the parameters of a request."""
    given = {**(params.get("additionalModelRequestFields") or {}), **(params.get("inferenceConfig") or {})}
    facts: Facts = {
        _PARAMETERS[name]: value
        for name in _PARAMETERS.keys() & given.keys()
        if isinstance(value := given[name], int | float)
    }
    if stop := given.get("stopSequences"):
        facts[names.REQUEST_STOP_SEQUENCES] = [str(word) for word in stop]
    guardrail = (params.get("guardrailConfig") or {}).get("guardrailIdentifier")
    if isinstance(guardrail, str):
        facts[names.AWS_GUARDRAIL_ID] = guardrail
    return facts


def asked(params: Mapping[str, Any], content: Content) -> Facts:
    """Return the messages, instructions and tools of a request, where content is wanted."""
    if not content.on:
        return {}
    facts: Facts = {names.INPUT_MESSAGES: content.json([_said(one) for one in params.get("messages") or ()])}
    if system := params.get("system"):
        facts[names.SYSTEM_INSTRUCTIONS] = content.json(_parts(system))
    if tools := (params.get("toolConfig") or {}).get("tools"):
        facts[names.TOOL_DEFINITIONS] = content.json([_tool(tool) for tool in tools if "cachePoint" not in tool])
    return facts


def _said(source: Mapping[str, Any]) -> Message:
    made = _parts(source.get("content") or ())
    answers = bool(made) and all(part["type"] == "tool_call_response" for part in made)
    return message("tool" if answers else str(source.get("role") or "user"), made)


def _parts(blocks: Iterable[Mapping[str, Any]]) -> list[Part]:
    return [_part(block) for block in blocks if "cachePoint" not in block]


def _part(block: Mapping[str, Any]) -> Part:
    kind, value = next(iter(block.items()))
    make = _PARTS.get(kind)
    return make(value) if make is not None else {"type": kind}


def _thought(value: Mapping[str, Any]) -> Part:
    text = field(value.get("reasoningText"), "text")
    hidden = {"type": "redacted_reasoning", "size": len(value.get("redactedContent") or b"")}
    return hidden if text is None else reasoning_part(text)


def _cited(value: Mapping[str, Any]) -> Part:
    text = "".join(one.get("text") or "" for one in value.get("content") or ())
    return {**text_part(text), "citations": value.get("citations")}


def _result(block: Mapping[str, Any]) -> Any:
    return block["json"] if "json" in block else _part(block)


def _file(kind: str, value: Mapping[str, Any]) -> Part:
    source = value.get("source") or {}
    if "s3Location" in source:
        return uri_part(kind, str(source["s3Location"].get("uri") or ""))
    return blob_part(kind, value.get("format"), source.get("bytes") or source.get("text"))


_PARTS: Final[Mapping[str, Callable[[Any], Part]]] = {
    "text": text_part,
    "reasoningContent": _thought,
    "toolUse": lambda value: tool_call_part(value.get("toolUseId"), value.get("name"), value.get("input")),
    "toolResult": lambda value: tool_response_part(
        value.get("toolUseId"), [_result(one) for one in value.get("content") or ()]
    ),
    "guardContent": lambda value: text_part(field(value.get("text"), "text") or ""),
    "citationsContent": _cited,
    **{kind: partial(_file, kind) for kind in ("image", "document", "video", "audio")},
}
"""Kinds of blocks that the convention has a part for."""


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    specification = tool.get("toolSpec")
    if specification is None:  # a tool of the provider's
        return {"type": next(iter(tool)), "name": field(next(iter(tool.values())), "name")}
    return {
        "type": "function",
        "name": specification.get("name"),
        "description": specification.get("description"),
        "parameters": field(specification.get("inputSchema"), "json"),
    }


def answered(result: Mapping[str, Any], content: Content) -> Facts:
    """Return what a whole answer says."""
    facts = closing_facts(result)
    reason = result.get("stopReason")
    if isinstance(reason, str):
        facts[names.RESPONSE_FINISH_REASONS] = [reason]
    if content.on:
        said = field(result.get("output"), "message") or {}
        answer = message("assistant", _parts(said.get("content") or ()), reason or "")
        facts[names.OUTPUT_MESSAGES] = content.json([answer])
    return facts


def closing_facts(result: Mapping[str, Any]) -> Facts:
    """Return what stands in an answer, or in the last event of a stream: usage, and the model that a router chose."""
    facts = usage_facts(result.get("usage") or {})
    router = field(result.get("trace"), "promptRouter")
    model = field(router, "invokedModelId")
    if isinstance(model, str):
        facts[names.RESPONSE_MODEL] = model
    return facts


def usage_facts(usage: Mapping[str, Any]) -> Facts:
    """Return token counts."""
    if not isinstance(usage.get("inputTokens"), int):
        return {}
    read = _count(usage, "cacheReadInputTokens", "cacheReadInputTokenCount")
    written = _count(usage, "cacheWriteInputTokens", "cacheWriteInputTokenCount")
    facts: Facts = {names.USAGE_INPUT_TOKENS: usage["inputTokens"] + (read or 0) + (written or 0)}
    for name, count in (
        (names.USAGE_OUTPUT_TOKENS, _count(usage, "outputTokens")),
        (names.USAGE_CACHE_READ_TOKENS, read),
        (names.USAGE_CACHE_WRITE_TOKENS, written),
    ):
        if count is not None:
            facts[name] = count
    for detail in usage.get("cacheDetails") or ():
        if detail.get("ttl") == "1h":
            facts[names.USAGE_CACHE_WRITE_1H_TOKENS] = detail.get("inputTokens") or 0
    return facts


def _count(usage: Mapping[str, Any], *spellings: str) -> int | None:
    return next((count for name in spellings if isinstance(count := usage.get(name), int)), None)


class ConverseReader:
    """Reads a streamed answer, event by event."""

    __slots__ = ("_blocks", "_content", "_last", "_reason")

    def __init__(self, content: Content) -> None:
        self._content = content
        self._last: Mapping[str, Any] = {}
        self._reason = ""
        self._blocks: dict[int, list[tuple[str, Any]]] = {}  # what came of each: its kind, and a piece

    def read(self, chunk: Any) -> bool:
        """Take an event in. All of them are the application's."""
        if "contentBlockDelta" in chunk:
            if self._content.on:
                event = chunk["contentBlockDelta"]
                self._blocks.setdefault(event["contentBlockIndex"], []).extend(event["delta"].items())
        elif "metadata" in chunk:
            self._last = chunk["metadata"]
        elif "messageStop" in chunk:
            self._reason = chunk["messageStop"]["stopReason"]
        elif self._content.on and "contentBlockStart" in chunk:
            event = chunk["contentBlockStart"]
            self._blocks.setdefault(event["contentBlockIndex"], []).extend(event["start"].items())
        return True

    def preamble(self, chunk: Any) -> bool:
        """Tell whether an event comes before anything of the answer."""
        return "messageStart" in chunk or "contentBlockStart" in chunk

    def facts(self) -> Facts:
        """Return what the answer says as far as it has come."""
        facts = closing_facts(self._last)
        if self._reason:
            facts[names.RESPONSE_FINISH_REASONS] = [self._reason]
        if self._content.on:
            blocks = [_grown(self._blocks[index]) for index in sorted(self._blocks)]
            facts[names.OUTPUT_MESSAGES] = self._content.json([message("assistant", blocks, self._reason)])
        return facts


def _grown(pieces: list[tuple[str, Any]]) -> Part:
    """Return one block of a streamed answer, from its pieces."""
    kind, first = pieces[0]
    if kind == "toolUse":
        arguments = "".join(piece.get("input") or "" for _, piece in pieces)
        return tool_call_part(first.get("toolUseId"), first.get("name"), arguments)
    if kind == "reasoningContent":
        if "redactedContent" in first:
            return {"type": "redacted_reasoning", "size": len(first["redactedContent"])}
        return reasoning_part("".join(piece.get("text") or "" for _, piece in pieces))
    if kind != "text":
        return {"type": kind}
    part = text_part("".join(piece for of, piece in pieces if of == "text"))
    citations = [piece for of, piece in pieces if of == "citation"]
    return {**part, "citations": citations} if citations else part
