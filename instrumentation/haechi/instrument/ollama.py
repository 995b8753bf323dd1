"""Observes the Ollama client.

Its methods all end in one, ``_request``, which is observed in their place: it has the request as it is sent, and the
functions of the package itself, ``ollama.chat`` and the like, use it too, whenever they were imported.
"""

from collections.abc import Mapping
from types import ModuleType
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
)
from haechi._endpoints import Asked, Endpoint, Kwargs, Patches, ask, asking, asking_async
from haechi.instrument._providers import server_at
from haechi.spans import Facts, Request
from haechi.streams import Reader
from haechi_schemas import attributes as names

_OPTIONS: Final = {
    "temperature": names.REQUEST_TEMPERATURE,
    "top_p": names.REQUEST_TOP_P,
    "top_k": names.REQUEST_TOP_K,
    "num_predict": names.REQUEST_MAX_TOKENS,
    "seed": names.REQUEST_SEED,
    "frequency_penalty": names.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": names.REQUEST_PRESENCE_PENALTY,
}
_DURATIONS: Final = (
    ("load_duration", names.OLLAMA_LOAD_DURATION),
    ("prompt_eval_duration", names.OLLAMA_PROMPT_DURATION),
    ("eval_duration", names.OLLAMA_ANSWER_DURATION),
)


class Chat:
    """``chat``."""

    operation = "chat"

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked, from the body as it is sent."""
        body = kwargs.get("json") or {}
        server = server_at(str(instance._client.base_url), "ollama")  # noqa: SLF001  there is no public way to it
        facts = {**server.facts, **_parameters(body)}
        if kwargs.get("stream"):
            facts[names.REQUEST_STREAM] = True
        if content.on:
            facts |= self.asked(body, content)
        return Request(self.operation, "ollama", str(body.get("model") or ""), facts)

    def asked(self, body: Mapping[str, Any], content: Content) -> Facts:
        """Return the content of a request."""
        facts: Facts = {names.INPUT_MESSAGES: content.json([_said(said) for said in body.get("messages") or ()])}
        if tools := body.get("tools"):
            facts[names.TOOL_DEFINITIONS] = content.json([_tool(tool) for tool in tools])
        return facts

    def response(self, result: Any, content: Content) -> Facts:
        """Return what the answer says."""
        reader = AnswerReader(content)
        reader.read(result)
        return reader.facts()

    def reader(self, request: Request, kwargs: Mapping[str, Any], content: Content) -> Reader | None:
        """Return the reader of a streamed answer."""
        del request
        return AnswerReader(content) if kwargs.get("stream") else None


class Generate(Chat):
    """``generate``: a text is continued."""

    operation = "text_completion"

    def asked(self, body: Mapping[str, Any], content: Content) -> Facts:
        """Return the content of a request."""
        parts = [text_part(body.get("prompt") or ""), *_images(body.get("images"))]
        facts: Facts = {names.INPUT_MESSAGES: content.json([message("user", parts)])}
        if system := body.get("system"):
            facts[names.SYSTEM_INSTRUCTIONS] = content.json([text_part(system)])
        return facts


class Embed(Chat):
    """``embed``, and the older ``embeddings``."""

    operation = "embeddings"

    def asked(self, body: Mapping[str, Any], content: Content) -> Facts:
        """Return the content of a request."""
        texts = body.get("input") or body.get("prompt") or ()
        each = [texts] if isinstance(texts, str) else texts
        return {names.INPUT_MESSAGES: content.json([message("user", [text_part(text)]) for text in each])}

    def response(self, result: Any, content: Content) -> Facts:
        """Return what the answer says."""
        del content
        facts = _answer_facts(result)
        vector = getattr(result, "embedding", None) or next(iter(getattr(result, "embeddings", None) or ()), None)
        if vector:
            facts[names.EMBEDDINGS_DIMENSION_COUNT] = len(vector)
        return facts


def _parameters(body: Mapping[str, Any]) -> Facts:
    options = body.get("options") or {}
    facts: Facts = {
        canonical: value for name, canonical in _OPTIONS.items() if isinstance(value := options.get(name), int | float)
    }
    if stop := options.get("stop"):
        facts[names.REQUEST_STOP_SEQUENCES] = [stop] if isinstance(stop, str) else list(stop)
    if body.get("format"):  # "json", or a schema
        facts[names.OUTPUT_TYPE] = "json"
    if isinstance(level := body.get("think"), str):
        facts[names.REQUEST_REASONING_EFFORT] = level
    return facts


def _answer_facts(answer: Any) -> Facts:
    """Return what an answer, or its last chunk, says beside its text. Counts are missing where all was cached."""
    facts: Facts = {}
    for name, key in ((names.USAGE_INPUT_TOKENS, "prompt_eval_count"), (names.USAGE_OUTPUT_TOKENS, "eval_count")):
        if isinstance(count := getattr(answer, key, None), int):
            facts[name] = count
    if model := getattr(answer, "model", None):
        facts[names.RESPONSE_MODEL] = model
    if reason := getattr(answer, "done_reason", None):
        facts[names.RESPONSE_FINISH_REASONS] = [reason]
    for key, name in _DURATIONS:
        if isinstance(duration_ns := getattr(answer, key, None), int):
            facts[name] = duration_ns / 1e9
    return facts


def _said(said: Any) -> Message:
    role, text = str(field(said, "role") or "user"), field(said, "content")
    if role == "tool":
        return message(role, [tool_response_part(field(said, "tool_name"), text)])
    return message(
        role, _parts(field(said, "thinking"), text, field(said, "tool_calls")) + _images(field(said, "images"))
    )


def _parts(thought: Any, text: Any, calls: Any) -> list[Part]:
    parts = [reasoning_part(thought)] if thought else []
    if text:
        parts.append(text_part(text))
    for call in calls or ():
        function = field(call, "function")
        parts.append(tool_call_part(None, field(function, "name"), field(function, "arguments")))
    return parts


def _images(images: Any) -> list[Part]:
    return [blob_part("image", None, image if isinstance(image, str) else None) for image in images or ()]


def _tool(tool: Any) -> dict[str, Any]:
    function = field(tool, "function")
    made: dict[str, Any] = {"type": field(tool, "type") or "function"}
    return made | {name: field(function, name) for name in ("name", "description", "parameters")}


class AnswerReader:
    """Reads an answer, whole or chunk by chunk; the last chunk has the counts."""

    __slots__ = ("_calls", "_content", "_last", "_text", "_thought")

    def __init__(self, content: Content) -> None:
        self._content = content
        self._last: Any = None
        self._text: list[str] = []
        self._thought: list[str] = []
        self._calls: list[Any] = []

    def read(self, chunk: Any) -> bool:
        """Take a chunk in."""
        self._last = chunk
        if self._content.on:
            said = getattr(chunk, "message", chunk)  # ``generate`` has the text in the chunk itself
            if text := getattr(said, "content", None) or getattr(said, "response", None):
                self._text.append(text)
            if thought := getattr(said, "thinking", None):
                self._thought.append(thought)
            if calls := getattr(said, "tool_calls", None):
                self._calls.extend(calls)
        return True

    def facts(self) -> Facts:
        """Return what the answer says as far as it has come."""
        facts = _answer_facts(self._last)
        if self._content.on and self._last is not None:
            parts = _parts("".join(self._thought), "".join(self._text), self._calls)
            reason = getattr(self._last, "done_reason", None) or ""
            facts[names.OUTPUT_MESSAGES] = self._content.json([message("assistant", parts, reason)])
        return facts


_ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "/api/chat": Chat(),
    "/api/generate": Generate(),
    "/api/embed": Embed(),
    "/api/embeddings": Embed(),
}


def _ask(instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> tuple[Asked | None, Kwargs]:
    """Observe a request by its path; those that call no model pass. Before it come its type and its method."""
    endpoint = _ENDPOINTS.get(args[2]) if len(args) > 2 else None
    return ask(endpoint, instance, kwargs) if endpoint else (None, kwargs)


def patch(module: ModuleType, patches: Patches) -> None:
    """Observe the client's module."""
    patches.put(module.Client, "_request", asking(_ask))
    patches.put(module.AsyncClient, "_request", asking_async(_ask))
