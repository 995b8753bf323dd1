"""What Cohere's protocol says, in its second version: requests, answers, streams.

Token rule there: ``tokens`` counts everything that the model saw, with the provider's own preamble, and
``billed_units`` what is paid for. The conventions want the billed count where there are two.

Fields that were not sent are missing from the client's objects, whatever their classes say.

Source: Cohere's API reference, v2/chat, v2/embed, v2/rerank; semantic-conventions-genai, gen_ai.client.token.usage.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from haechi._content import (
    Content,
    Message,
    Part,
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
    "p": names.REQUEST_TOP_P,
    "k": names.REQUEST_TOP_K,
    "max_tokens": names.REQUEST_MAX_TOKENS,
    "seed": names.REQUEST_SEED,
    "frequency_penalty": names.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": names.REQUEST_PRESENCE_PENALTY,
}


def parameters(kwargs: Mapping[str, Any]) -> Facts:
    """Return the parameters of a request. Those that were not given are an ellipsis to the client."""
    facts: Facts = {}
    for name in _PARAMETERS.keys() & kwargs.keys():
        if isinstance(value := kwargs[name], int | float):
            facts[_PARAMETERS[name]] = value
    if isinstance(stop := kwargs.get("stop_sequences"), list | tuple):
        facts[names.REQUEST_STOP_SEQUENCES] = list(stop)
    if field(kwargs.get("response_format"), "type") == "json_object":
        facts[names.OUTPUT_TYPE] = "json"
    return facts


def asked(kwargs: Mapping[str, Any], content: Content) -> Facts:
    """Return the messages, documents and tools of a chat request."""
    said = [_said(each) for each in kwargs.get("messages") or ()]
    facts: Facts = {names.INPUT_MESSAGES: content.json(said)}
    if isinstance(documents := kwargs.get("documents"), list | tuple) and documents:
        facts[names.RETRIEVAL_DOCUMENTS] = content.json(documents_given(documents))
    if isinstance(tools := kwargs.get("tools"), list | tuple) and tools:
        facts[names.TOOL_DEFINITIONS] = content.json([_tool(tool) for tool in tools])
    return facts


def usage_facts(usage: Any) -> Facts:
    """Return billed token counts, those seen where nothing was billed, and search units.

    ``usage`` is that of a chat or the ``meta`` of anything else.
    """
    billed, seen = field(usage, "billed_units"), field(usage, "tokens")
    facts: Facts = {}
    for name, key in ((names.USAGE_INPUT_TOKENS, "input_tokens"), (names.USAGE_OUTPUT_TOKENS, "output_tokens")):
        count = field(billed, key)
        count = field(seen, key) if count is None else count
        if count is not None:
            facts[name] = int(count)  # the client has them as floats
    cached, billed_input = field(usage, "cached_tokens"), facts.get(names.USAGE_INPUT_TOKENS)
    if cached is not None and isinstance(billed_input, int):
        facts[names.USAGE_CACHE_READ_TOKENS] = min(int(cached), billed_input)
    units = field(billed, "search_units")
    if units is not None:
        facts[names.USAGE_SEARCH_UNITS] = int(units)
    return facts


def answered(response: Any, content: Content) -> Facts:
    """Return what a whole answer of a chat says."""
    facts = usage_facts(field(response, "usage"))
    facts[names.RESPONSE_ID] = response.id
    reason = str(field(response, "finish_reason") or "")
    if reason:
        facts[names.RESPONSE_FINISH_REASONS] = [reason]
    if content.on:
        facts[names.OUTPUT_MESSAGES] = content.json([_said(response.message, reason)])
    return facts


def documents_given(documents: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the documents that an answer is to be grounded in."""
    return [_document(place, document) for place, document in enumerate(documents)]


def documents_chosen(documents: Sequence[Any], results: Iterable[Any]) -> list[dict[str, Any]]:
    """Return the documents that a reranking chose, best first, with their scores."""
    return [
        _document(result.index, documents[result.index]) | {"score": result.relevance_score}
        for result in results
        if result.index < len(documents)
    ]


def _document(place: int, document: Any) -> dict[str, Any]:
    """Return a document: text, or ``{"id": …, "data": {…}}``, or free fields."""
    if isinstance(document, str):
        return {"id": str(place), "content": document}
    data = field(document, "data") or field(document, "text") or document
    return {"id": str(field(document, "id") or place), "content": data}


def _said(said: Any, finish_reason: str | None = None) -> Message:
    role, body = str(field(said, "role") or "user"), field(said, "content")
    if role == "tool":
        return message(role, [tool_response_part(field(said, "tool_call_id"), body)])
    parts = [reasoning_part(plan)] if (plan := field(said, "tool_plan")) else []
    parts += [text_part(body)] if isinstance(body, str) else [_part(part) for part in body or ()]
    parts += [_call(call) for call in field(said, "tool_calls") or ()]
    return message(role, parts, finish_reason)


def _part(part: Any) -> Part:
    match field(part, "type"):
        case "text":
            return text_part(field(part, "text") or "")
        case "thinking":
            return reasoning_part(field(part, "thinking") or "")
        case "image_url":
            return uri_part("image", str(field(field(part, "image_url"), "url") or ""))
        case other:
            return {"type": str(other)}


def _call(call: Any) -> Part:
    function = field(call, "function")
    return tool_call_part(field(call, "id"), field(function, "name"), field(function, "arguments"))


def _tool(tool: Any) -> dict[str, Any]:
    function = field(tool, "function")
    return {"type": "function"} | {name: field(function, name) for name in ("name", "description", "parameters")}


class ChatReader:
    """Reads the events of a streamed chat."""

    __slots__ = ("_calls", "_content", "_end", "_id", "_plan", "_text", "_thought")

    def __init__(self, content: Content) -> None:
        self._content = content
        self._id: str | None = None
        self._end: Any = None
        self._text: list[str] = []
        self._thought: list[str] = []
        self._plan: list[str] = []
        self._calls: list[tuple[Any, list[str]]] = []  # the call as it began, and fragments of its arguments

    def preamble(self, event: Any) -> bool:
        """Tell whether an event says only that something will come."""
        return event.type in {"message-start", "content-start"}

    def read(self, event: Any) -> bool:
        """Take an event in."""
        kind = event.type
        if kind == "message-start":
            self._id = field(event, "id")
        elif kind == "message-end":
            self._end = field(event, "delta")
        elif self._content.on and (said := field(field(event, "delta"), "message")):
            self._grow(kind, said)
        return True

    def _grow(self, kind: str, said: Any) -> None:
        if kind == "content-delta":
            content = field(said, "content")
            if text := field(content, "text"):
                self._text.append(text)
            elif thought := field(content, "thinking"):
                self._thought.append(thought)
        elif kind == "tool-plan-delta":
            self._plan.append(field(said, "tool_plan") or "")
        elif kind == "tool-call-start":
            self._calls.append((field(said, "tool_calls"), []))
        elif kind == "tool-call-delta" and self._calls:
            function = field(field(said, "tool_calls"), "function")
            self._calls[-1][1].append(field(function, "arguments") or "")

    def facts(self) -> Facts:
        """Return what the answer says as far as it has come."""
        facts = usage_facts(field(self._end, "usage")) if self._end is not None else {}
        reason = str(field(self._end, "finish_reason") or "")
        if self._id:
            facts[names.RESPONSE_ID] = self._id
        if reason:
            facts[names.RESPONSE_FINISH_REASONS] = [reason]
        if self._content.on:
            facts[names.OUTPUT_MESSAGES] = self._content.json([message("assistant", self._parts(), reason)])
        return facts

    def _parts(self) -> list[Part]:
        parts = [reasoning_part("".join(texts)) for texts in (self._plan, self._thought) if texts]
        if self._text:
            parts.append(text_part("".join(self._text)))
        for call, arguments in self._calls:
            parts.append(tool_call_part(field(call, "id"), field(field(call, "function"), "name"), "".join(arguments)))
        return parts
