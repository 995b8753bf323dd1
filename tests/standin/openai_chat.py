"""Chat Completions (`/v1/chat/completions`), plain and streamed, with what the compatible providers do differently.

Source: OpenAI's API reference, and the types of its client library. Honours `n`, `logprobs`, `tools`,
`response_format` and `stream_options.include_usage` (the usage then comes in a last chunk without choices, and every
other chunk carries `"usage": null`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.standin.compat import OPENAI, Peculiarity
from tests.standin.facts import Facts, ToolCall, facts
from tests.standin.openai_errors import refused, request_id
from tests.standin.script import Script, read, text_of
from tests.standin.wire import EVENT_STREAM, Json, Reply, Request, json_reply, pieces, sse

CREATED = 1_760_000_000
UNKNOWN_OPTION: Json = {
    "error": {
        "message": "Unrecognized request argument supplied: stream_options",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }
}


@dataclass(frozen=True, slots=True)
class _Chat:
    """One request being answered."""

    vendor: Peculiarity
    request: Request
    body: Json
    script: Script
    facts: Facts

    @property
    def calls(self) -> list[tuple[str, ToolCall]]:
        return [(f"call_standin{self.request.number:06d}{n}", call) for n, call in enumerate(self.facts.tool_calls)]

    @property
    def refusing(self) -> bool:
        return self.vendor.refusals and self.script.answer == "refusal"

    @property
    def head(self) -> Json:
        """The fields of a completion and of each of its chunks."""
        fixed = {"id": self.request.own("chatcmpl-"), "created": CREATED, "model": self.facts.response_model}
        return {**fixed, **self.vendor.head}


def chat(request: Request, vendor: Peculiarity = OPENAI) -> Reply:
    """A chat completion, an event stream of its chunks, or the error asked for."""
    body = request.json()
    script = read_chat(body)
    if error := refused(request, script, vendor.error):
        return error
    if script.strict and "stream_options" in body:
        return Reply(json_reply(UNKNOWN_OPTION).chunks, status=script.strict, headers=request_id(request))
    asked = vendor.deployment or body.get("model") or body["agent_id"]
    it = _Chat(vendor, request, body, script, facts(vendor.name, script, asked))
    headers = {**request_id(request), **vendor.headers(it.facts)}
    if not body.get("stream"):
        return script.send(Reply(json_reply(_completion(it)).chunks, headers=headers))
    events = [*vendor.comments, *sse(_chunks(it), done=not script.failing)]
    return script.send(Reply(events, content_type=EVENT_STREAM, headers=headers, streamed=True))


def read_chat(body: Json) -> Script:
    """The script of a chat request in OpenAI's shape."""
    messages = body.get("messages") or [{}]
    asked = next((text_of(m.get("content")) for m in reversed(messages) if m.get("role") == "user"), "")
    script = read(asked, body.get("model", ""), after_tool=messages[-1].get("role") in {"tool", "function"})
    changes: Json = {}
    if functions := [tool["function"] for tool in body.get("tools") or () if tool.get("type") == "function"]:
        changes["tools"] = tuple({"name": f["name"], "schema": f.get("parameters") or {}} for f in functions)
    wanted = body.get("response_format") or {}
    if wanted.get("type", "text") != "text" and script.answer == "chat":
        schema = wanted.get("json_schema", {}).get("schema") or wanted.get("schema")
        changes |= {"answer": "structured", "schema": schema}
    return script.with_(**changes)


def _completion(it: _Chat) -> Json:
    choices = [_choice(it, n) for n in range(it.body.get("n") or 1)]
    usage = {"usage": it.vendor.usage(it.facts)} if it.script.usage else {}
    return {**it.head, "object": "chat.completion", "choices": choices, **usage, **it.vendor.tail(it.request)}


def _choice(it: _Chat, index: int) -> Json:
    message: Json = {"role": "assistant", "content": it.facts.text or None}
    if it.vendor.refusals:
        message |= {"refusal": None, "annotations": []}
    if it.refusing:
        message |= {"content": None, "refusal": it.facts.text}
    if it.facts.tool_calls:
        message["tool_calls"] = [_tool_call(id_, call) for id_, call in it.calls]
    if it.facts.reasoning and it.vendor.reasoning_key:
        message |= _thinking(it, it.facts.reasoning, {"type": "text", "text": it.facts.text})
    logprobs = _logprobs(it.facts.fragments) if it.body.get("logprobs") else None
    reason = it.facts.finish_reason
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": reason, **it.vendor.choice}


def _tool_call(id_: str, call: ToolCall) -> Json:
    return {"id": id_, "type": "function", "function": {"name": call.name, "arguments": call.arguments_json}}


def _logprobs(fragments: list[str]) -> Json:
    tokens = [{"token": t, "logprob": -0.25, "bytes": list(t.encode()), "top_logprobs": []} for t in fragments]
    return {"content": tokens, "refusal": None}


def _chunks(it: _Chat) -> Iterator[Json]:
    usage = it.vendor.usage(it.facts) if it.script.usage else None
    asked = bool((it.body.get("stream_options") or {}).get("include_usage"))
    empty = {"usage": None} if asked and it.vendor.usage_in == "asked" else {}
    head = {**it.head, "object": "chat.completion.chunk"}
    yield from it.vendor.prelude
    deltas = list(_deltas(it))
    for place, choices in enumerate(deltas):
        last = place == len(deltas) - 1
        if it.script.failing and place == len(deltas) // 2:
            yield it.vendor.error(500)
            return
        extra = it.vendor.beside(usage, first=place == 0, last=last, id_=it.request.own("req_"))
        yield {**head, "choices": choices, **empty, **extra}
    if asked and usage and it.vendor.usage_in in {"asked", "x_groq"}:
        yield {**head, "choices": [], "usage": usage}


def _deltas(it: _Chat) -> Iterator[list[Json]]:
    """The `choices` of each chunk: one choice at a time, as the provider sends them."""
    indices = range(it.body.get("n") or 1)
    for index in indices:
        start: Json = {"role": "assistant", "content": None if it.facts.tool_calls else ""}
        yield [_delta(it, index, start | ({"refusal": None} if it.vendor.refusals else {}))]
    for delta in _content(it):
        for index in indices:
            yield [_delta(it, index, delta)]
    for index in indices:
        yield [_delta(it, index, it.vendor.last_delta, it.facts.finish_reason)]


def _delta(it: _Chat, index: int, delta: Json, reason: str | None = None) -> Json:
    text = delta.get("content")
    logprobs = _logprobs([text]) if text and it.body.get("logprobs") else None
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason, **it.vendor.choice}


def _thinking(it: _Chat, text: str, *parts: Json) -> Json:
    """The model's thinking under the provider's key; Mistral's is a part of the content, before the `parts`."""
    if it.vendor.reasoning_key != "content":
        return {it.vendor.reasoning_key: text}
    return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}, *parts]}


def _content(it: _Chat) -> Iterator[Json]:
    if it.facts.reasoning and it.vendor.reasoning_key:
        yield from (_thinking(it, part) for part in pieces(it.facts.reasoning, 16))
    key = "refusal" if it.refusing else "content"
    yield from ({key: fragment} for fragment in it.facts.fragments)
    for index, (id_, call) in enumerate(it.calls):
        if it.vendor.whole_calls:
            yield {"tool_calls": [{"index": index, **_tool_call(id_, call)}]}
            continue
        function: Json = {"name": call.name, "arguments": ""}
        yield {"tool_calls": [{"index": index, "id": id_, "type": "function", "function": function}]}
        for part in pieces(call.arguments_json, 5):
            yield {"tool_calls": [{"index": index, "function": {"arguments": part}}]}
