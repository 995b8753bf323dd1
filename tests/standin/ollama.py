"""Ollama's own API: `/api/chat`, `/api/generate`, `/api/embed`, streamed as JSON lines unless `"stream": false`.

Source: Ollama's API documentation. Counts and durations (nanoseconds) stand in the last line, the one with `done`.
"""

from collections.abc import Iterator

from tests.standin.facts import Facts, facts
from tests.standin.openai_media import EMBEDDING_TOKENS, vector
from tests.standin.script import Script, read
from tests.standin.wire import Json, Reply, Request, encode, json_reply, pieces

EMBEDDING_DIMENSIONS = 256
LOAD_NS, PROMPT_NS, ANSWER_NS = 11_000_000, 22_000_000, 33_000_000
_ERRORS = {400: "invalid options", 401: "unauthorized", 404: "model 'no-such-model' not found"}


def refused(script: Script) -> Reply | None:
    """The error that a script asks for; None if it asks for an answer."""
    if script.status == 200:
        return None
    return json_reply({"error": _ERRORS.get(script.status, f"error {script.status}")}, script.status)


def chat(request: Request) -> Reply:
    """`/api/chat`."""
    body = request.json()
    messages = body["messages"] or [{}]
    asked = next((m["content"] for m in reversed(messages) if m.get("role") == "user"), "")
    script = read(asked, body["model"], after_tool=messages[-1].get("role") == "tool")
    functions = [tool["function"] for tool in body.get("tools") or ()]
    if functions:
        script = script.with_(tools=tuple({"name": f["name"], "schema": f.get("parameters") or {}} for f in functions))
    script = _formatted(script, body)
    return refused(script) or _answer(body, script, _ChatParts)


def generate(request: Request) -> Reply:
    """`/api/generate`."""
    body = request.json()
    script = _formatted(read(body.get("prompt") or "", body["model"]), body)
    return refused(script) or _answer(body, script, _Parts)


def embed(request: Request) -> Reply:
    """`/api/embed`, and the older `/api/embeddings` with one prompt."""
    body = request.json()
    given: str | list[str] = body["prompt"] if "prompt" in body else body["input"]
    texts = [given] if isinstance(given, str) else given
    script = read(" ".join(texts), body["model"])
    vectors = [vector(n, EMBEDDING_DIMENSIONS) for n in range(len(texts))]
    times = {"total_duration": LOAD_NS + PROMPT_NS, "load_duration": LOAD_NS, "prompt_eval_count": EMBEDDING_TOKENS}
    value: Json = {"model": body["model"], "embeddings": vectors, **times}
    return refused(script) or script.send(json_reply({"embedding": vectors[0]} if "prompt" in body else value))


def tags(_request: Request) -> Reply:
    """`/api/tags`: the models at hand."""
    return json_reply({"models": [{"name": "llama3.2:latest", "model": "llama3.2:latest", "size": 2_019_393_189}]})


def _formatted(script: Script, body: Json) -> Script:
    wanted = body.get("format")
    if not wanted or script.answer != "chat":
        return script
    return script.with_(answer="structured", schema=wanted if isinstance(wanted, dict) else None)


def _answer(body: Json, script: Script, parts_of: "type[_Parts]") -> Reply:
    told = facts("ollama", script, body["model"])
    head: Json = {"model": told.response_model, "created_at": "2026-01-01T00:00:00.000000Z"}
    parts = parts_of(told)
    end = {"done": True, "done_reason": told.finish_reason, **(_counts(told) if script.usage else {})}
    if body.get("stream") is False:
        return script.send(json_reply({**head, **parts.whole(), **end}))
    values = [{**head, **part, "done": False} for part in parts.each()] + [{**head, **parts.nothing(), **end}]
    if script.failing:
        values = [*values[: len(values) // 2], {"error": "the model runner has unexpectedly stopped"}]
    lines = [encode(value) + b"\n" for value in values]
    return script.send(Reply(lines, content_type="application/x-ndjson", streamed=True))


def _counts(told: Facts) -> Json:
    return {
        "total_duration": LOAD_NS + PROMPT_NS + ANSWER_NS,
        "load_duration": LOAD_NS,
        "prompt_eval_count": told.input_tokens,
        "prompt_eval_duration": PROMPT_NS,
        "eval_count": told.output_tokens,
        "eval_duration": ANSWER_NS,
    }


class _Parts:
    """The answer of `/api/generate`: whole, in parts, and the empty one at the end."""

    def __init__(self, told: Facts) -> None:
        self._told = told

    def whole(self) -> Json:
        return self._part(self._told.text, thinking=self._told.reasoning)

    def each(self) -> Iterator[Json]:
        for thought in pieces(self._told.reasoning, 16):
            if thought:
                yield self._part("", thinking=thought)
        for fragment in self._told.fragments:
            yield self._part(fragment)

    def nothing(self) -> Json:
        return self._part("")

    def _part(self, text: str, thinking: str = "") -> Json:
        return {"response": text, **({"thinking": thinking} if thinking else {})}


class _ChatParts(_Parts):
    """The same of `/api/chat`, with tool calls."""

    def whole(self) -> Json:
        value = super().whole()
        value["message"] |= {"tool_calls": self._calls()} if self._told.tool_calls else {}
        return value

    def each(self) -> Iterator[Json]:
        yield from super().each()
        for call in self._calls():
            yield {"message": {"role": "assistant", "content": "", "tool_calls": [call]}}

    def _calls(self) -> list[Json]:
        return [{"function": {"name": call.name, "arguments": call.arguments}} for call in self._told.tool_calls]

    def _part(self, text: str, thinking: str = "") -> Json:
        return {"message": {"role": "assistant", "content": text, **({"thinking": thinking} if thinking else {})}}
