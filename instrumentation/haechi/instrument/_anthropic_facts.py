"""What Anthropic's Messages protocol says: of the client's own API, and of Bedrock and Vertex, which speak it too.

Token rule: Anthropic's ``input_tokens`` leave out what was read from or written to the cache; it is added here. The
input of a stream comes with its first event and the output with its last but one, as a running total. What the
compaction of a long conversation took is told beside the total and billed like it, so it is added too.

Cost of a stream: two comparisons per event while content is off; with it, two list appends more.
"""

from collections.abc import Mapping
from typing import Any, Final

from haechi._content import Content, field, message
from haechi.instrument._anthropic_messages import parts
from haechi.spans import Facts
from haechi_schemas import attributes as names

_PARAMETERS: Final = {
    "temperature": names.REQUEST_TEMPERATURE,
    "top_p": names.REQUEST_TOP_P,
    "top_k": names.REQUEST_TOP_K,
    "max_tokens": names.REQUEST_MAX_TOKENS,
    "service_tier": names.ANTHROPIC_REQUEST_SERVICE_TIER,
}


def parameters(body: Mapping[str, Any]) -> Facts:
    """Return the parameters of a request."""
    facts: Facts = {}
    for name in _PARAMETERS.keys() & body.keys():
        value = body[name]
        if isinstance(value, int | float | str):
            facts[_PARAMETERS[name]] = value
    stop = body.get("stop_sequences")
    if isinstance(stop, list | tuple) and stop:
        facts[names.REQUEST_STOP_SEQUENCES] = [str(word) for word in stop]
    if body.get("stream") is True:
        facts[names.REQUEST_STREAM] = True
    if thinking := body.get("thinking"):
        _put(facts, names.ANTHROPIC_THINKING_TYPE, field(thinking, "type"), str)
        _put(facts, names.ANTHROPIC_THINKING_BUDGET_TOKENS, field(thinking, "budget_tokens"), int)
    config = body.get("output_config")
    if config is not None:
        _put(facts, names.REQUEST_REASONING_EFFORT, field(config, "effort"), str)
    form = field(config, "format") or body.get("output_format")
    if form is not None and field(form, "type") == "json_schema":
        facts[names.OUTPUT_TYPE] = "json"
    return facts


def _put(facts: Facts, name: str, value: Any, kind: type[str | int]) -> None:
    if isinstance(value, kind) and value != "":
        facts[name] = value


def answered(response: Any, content: Content) -> Facts:
    """Return what a whole answer says."""
    facts = _identity(response) | usage_facts([field(response, "usage")])
    _put(facts, names.ANTHROPIC_REQUEST_ID, field(response, "_request_id"), str)
    reason = field(response, "stop_reason")
    if isinstance(reason, str):
        facts[names.RESPONSE_FINISH_REASONS] = [reason]
    if content.on:
        answer = message("assistant", parts(field(response, "content")), reason or "")
        facts[names.OUTPUT_MESSAGES] = content.json([answer])
    return facts


def _identity(response: Any) -> Facts:
    facts: Facts = {}
    _put(facts, names.RESPONSE_ID, field(response, "id"), str)
    _put(facts, names.RESPONSE_MODEL, field(response, "model"), str)
    _put(facts, names.ANTHROPIC_RESPONSE_SERVICE_TIER, field(field(response, "usage"), "service_tier"), str)
    return facts


_COUNTS: Final = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def usage_facts(usages: list[Any]) -> Facts:
    """Return token counts, of what was told in turn: a later count replaces an earlier one of its kind."""
    counts: dict[str, int] = {}
    for usage in usages:
        counts |= {name: count for name in _COUNTS if isinstance(count := field(usage, name), int)}
        _detail(counts, "thinking", field(usage, "output_tokens_details"), "thinking_tokens")
        _detail(counts, "hour", field(usage, "cache_creation"), "ephemeral_1h_input_tokens")
    _add_compactions(counts, usages)
    if "input_tokens" not in counts:
        return {}
    read, written = (counts.get(name, 0) for name in _COUNTS[2:])
    facts: Facts = {names.USAGE_INPUT_TOKENS: counts["input_tokens"] + read + written}
    for name, count in (
        (names.USAGE_OUTPUT_TOKENS, "output_tokens"),
        (names.USAGE_CACHE_READ_TOKENS, "cache_read_input_tokens"),
        (names.USAGE_CACHE_WRITE_TOKENS, "cache_creation_input_tokens"),
        (names.USAGE_CACHE_WRITE_1H_TOKENS, "hour"),
        (names.USAGE_REASONING_TOKENS, "thinking"),
    ):
        if count in counts:
            facts[name] = counts[count]
    return facts


def _detail(counts: dict[str, int], name: str, source: Any, key: str) -> None:
    if source is not None and isinstance(count := field(source, key), int):
        counts[name] = count


def _add_compactions(counts: dict[str, int], usages: list[Any]) -> None:
    iterations = next((it for usage in reversed(usages) if (it := field(usage, "iterations"))), None)
    for iteration in iterations if isinstance(iterations, list) else ():
        if field(iteration, "type") == "compaction":
            for name in _COUNTS:
                if isinstance(count := field(iteration, name), int):
                    counts[name] = counts.get(name, 0) + count


_PREAMBLE: Final = frozenset({"message_start", "content_block_start", "ping"})


class MessageReader:
    """Reads a streamed answer, event by event; an event is the client's object or the JSON object that it was."""

    __slots__ = ("_blocks", "_content", "_delta", "_start")

    def __init__(self, content: Content) -> None:
        self._content = content
        self._start: Any = None
        self._delta: Any = None
        self._blocks: dict[int, _Growing] = {}

    def read(self, chunk: Any) -> bool:
        """Take an event in. All of them are the application's."""
        kind = chunk.type
        if kind == "content_block_delta":
            if self._content.on and (growing := self._blocks.get(chunk.index)) is not None:
                growing.grow(chunk.delta)
        elif kind == "message_start":
            self._start = chunk.message
        elif kind == "message_delta":
            self._delta = chunk
        elif kind == "content_block_start" and self._content.on:
            self._blocks[chunk.index] = _Growing(chunk.content_block)
        return True

    def preamble(self, chunk: Any) -> bool:
        """Tell whether an event comes before anything of the answer."""
        return chunk.type in _PREAMBLE

    def facts(self) -> Facts:
        """Return what the answer says as far as it has come."""
        if self._start is None:
            return {}
        facts = _identity(self._start) | self._usage()
        reason = field(field(self._delta, "delta"), "stop_reason")
        if isinstance(reason, str):
            facts[names.RESPONSE_FINISH_REASONS] = [reason]
        if self._content.on:
            blocks = [self._blocks[index].block() for index in sorted(self._blocks)]
            facts[names.OUTPUT_MESSAGES] = self._content.json([message("assistant", parts(blocks), reason or "")])
        return facts

    def _usage(self) -> Facts:
        told = usage_facts([field(self._start, "usage"), field(self._delta, "usage")])
        if self._delta is None:  # until then there is a number in the place of the output's, which means nothing
            told.pop(names.USAGE_OUTPUT_TOKENS, None)
        return told


_GROWTH: Final = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("partial_json", "input"),
}
"""A delta's kind: where it has its piece of text, and the block's field that it adds to."""


class _Growing:
    """One block of a streamed answer."""

    __slots__ = ("_citations", "_pieces", "_start", "_target")

    def __init__(self, start: Any) -> None:
        self._start = start
        self._pieces: list[str] = []
        self._target = ""
        self._citations: list[Any] = []

    def grow(self, delta: Any) -> None:
        """Take what one event adds."""
        kind = delta.type
        growth = _GROWTH.get(kind)
        if growth is not None:
            self._target = growth[1]
            self._pieces.append(getattr(delta, growth[0]))
        elif kind == "citations_delta":
            self._citations.append(delta.citation)

    def block(self) -> dict[str, Any]:
        """Return the block as far as it has come."""
        block = {name: field(self._start, name) for name in _FIELDS}
        if self._citations:
            block["citations"] = self._citations
        if self._target:
            block[self._target] = "".join(filter(None, self._pieces))
        return block


_FIELDS: Final = ("type", "id", "name", "text", "thinking", "data", "input", "tool_use_id", "content", "citations")
