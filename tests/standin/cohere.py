"""Cohere's API: chat (plain and streamed), embed, rerank.

Source: Cohere's API reference. `usage.billed_units` has the facts' counts; `usage.tokens`, what the model saw and made,
has more: what Cohere adds to a prompt and an answer without billing it.
"""

import json
from collections.abc import Iterator

from tests.standin.facts import Facts, facts
from tests.standin.openai_media import EMBEDDING_TOKENS, vector
from tests.standin.script import Script, read, text_of
from tests.standin.wire import EVENT_STREAM, Json, Reply, Request, json_reply, named_sse, pieces

EMBEDDING_DIMENSIONS = 256
UNBILLED_INPUT_TOKENS, UNBILLED_OUTPUT_TOKENS = 271, 13
SEARCH_UNITS = 1
TOOL_PLAN = "I will look up the weather."
_META: Json = {"api_version": {"version": "2"}}
_ERRORS = {400: "invalid request: temperature must be at most 1", 401: "invalid api token", 429: "too many requests"}


def refused(request: Request, script: Script) -> Reply | None:
    """The error that a script asks for; None if it asks for an answer."""
    if script.status == 200:
        return None
    words = _ERRORS.get(script.status, f"error {script.status}")
    again = {"retry_after": "0"} if script.status == 429 else {}
    return json_reply({"id": request.own("err-"), "message": words}, script.status, **again)


def chat(request: Request) -> Reply:
    """`/v2/chat`."""
    body = request.json()
    messages = body["messages"]
    asked = next((text_of(m["content"]) for m in reversed(messages) if m["role"] == "user"), "")
    script = read(asked, body["model"], after_tool=messages[-1]["role"] == "tool")
    functions = [tool["function"] for tool in body.get("tools") or ()]
    if functions:
        script = script.with_(tools=tuple({"name": f["name"], "schema": f.get("parameters") or {}} for f in functions))
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_object" and script.answer == "chat":
        script = script.with_(answer="structured", schema=wanted.get("json_schema") or wanted.get("schema"))
    if error := refused(request, script):
        return error
    told = facts("cohere", script, body["model"])
    if not body.get("stream"):
        return script.send(json_reply(_response(request, script, told)))
    events = list(_events(request, script, told))
    if script.failing:
        end = {"type": "message-end", "id": request.own("c-"), "delta": {"finish_reason": "ERROR", "error": "failed"}}
        events = [*events[: len(events) // 2], end]
    return script.send(Reply(named_sse(events), content_type=EVENT_STREAM, streamed=True))


def embed(request: Request) -> Reply:
    """`/v2/embed`: floats, by input."""
    body = request.json()
    texts = body.get("texts") or [text_of(each["content"]) for each in body.get("inputs") or ()]
    script = read(" ".join(texts), body["model"])
    vectors = [vector(n, body.get("output_dimension") or EMBEDDING_DIMENSIONS) for n in range(len(texts))]
    value: Json = {"id": request.own("e-"), "embeddings": {"float": vectors}, "texts": texts}
    meta = {**_META, "billed_units": {"input_tokens": EMBEDDING_TOKENS}}
    return refused(request, script) or script.send(
        json_reply({**value, "meta": meta, "response_type": "embeddings_by_type"})
    )


def rerank(request: Request) -> Reply:
    """`/v2/rerank`: the documents in their own order."""
    body = request.json()
    script = read(body["query"], body["model"])
    count = min(body.get("top_n") or len(body["documents"]), len(body["documents"]))
    results = [{"index": n, "relevance_score": round(0.9 - 0.1 * n, 2)} for n in range(count)]
    meta = {**_META, "billed_units": {"search_units": SEARCH_UNITS}}
    return refused(request, script) or script.send(
        json_reply({"id": request.own("r-"), "results": results, "meta": meta})
    )


def usage(told: Facts) -> Json:
    """Cohere's two counts of a call."""
    seen, made = told.input_tokens + UNBILLED_INPUT_TOKENS, told.output_tokens + UNBILLED_OUTPUT_TOKENS
    billed = {"input_tokens": told.input_tokens, "output_tokens": told.output_tokens}
    return {"billed_units": billed, "tokens": {"input_tokens": seen, "output_tokens": made}}


def _calls(request: Request, told: Facts) -> list[Json]:
    numbered = enumerate(told.tool_calls)
    functions = [(n, {"name": call.name, "arguments": json.dumps(call.arguments)}) for n, call in numbered]
    return [{"id": f"{request.own('call_')}{n}", "type": "function", "function": it} for n, it in functions]


def _response(request: Request, script: Script, told: Facts) -> Json:
    message: Json = {"role": "assistant", "content": _content(told)}
    if told.tool_calls:
        message |= {"tool_plan": TOOL_PLAN, "tool_calls": _calls(request, told)}
        del message["content"]
    value: Json = {"id": request.own("c-"), "message": message, "finish_reason": told.finish_reason}
    return {**value, "usage": usage(told)} if script.usage else value


def _content(told: Facts) -> list[Json]:
    thinking = [{"type": "thinking", "thinking": told.reasoning}] if told.reasoning else []
    return [*thinking, {"type": "text", "text": told.text}]


def _event(kind: str, index: int, message: Json) -> Json:
    return {"type": kind, "index": index, "delta": {"message": message}}


def _events(request: Request, script: Script, told: Facts) -> Iterator[Json]:
    start = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    yield {"type": "message-start", "id": request.own("c-"), "delta": {"message": start}}
    for index, block in enumerate(_content(told) if told.text else ()):
        key = block["type"]
        yield _event("content-start", index, {"content": {"type": key, key: ""}})
        for part in told.fragments if key == "text" else pieces(told.reasoning, 16):
            yield _event("content-delta", index, {"content": {key: part}})
        yield {"type": "content-end", "index": index}
    if told.tool_calls:
        yield {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": TOOL_PLAN}}}
    for index, call in enumerate(_calls(request, told)):
        arguments = call["function"]["arguments"]
        begun = {**call, "function": {**call["function"], "arguments": ""}}
        yield _event("tool-call-start", index, {"tool_calls": begun})
        for part in pieces(arguments, 5):
            yield _event("tool-call-delta", index, {"tool_calls": {"function": {"arguments": part}}})
        yield {"type": "tool-call-end", "index": index}
    end: Json = {"finish_reason": told.finish_reason, **({"usage": usage(told)} if script.usage else {})}
    yield {"type": "message-end", "delta": end}
