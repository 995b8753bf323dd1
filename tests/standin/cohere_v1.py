"""Cohere's first API, which its client still ships: chat (plain and streamed as JSON lines), embed, rerank.

Source: Cohere's API reference, version 1.
"""

from collections.abc import Iterator

from tests.standin.cohere import EMBEDDING_DIMENSIONS, SEARCH_UNITS, refused, usage
from tests.standin.facts import VENDORS, Facts, facts
from tests.standin.openai_media import EMBEDDING_TOKENS, vector
from tests.standin.script import Script, read
from tests.standin.wire import Json, Reply, Request, encode, json_reply

_VERSION: Json = {"api_version": {"version": "1"}}
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def chat(request: Request) -> Reply:
    """`/v1/chat`."""
    body = request.json()
    model = body.get("model") or VENDORS["cohere"].model
    script = read(body.get("message") or "", model, after_tool=bool(body.get("tool_results")))
    if tools := body.get("tools"):
        script = script.with_(tools=tuple({"name": tool["name"], "schema": _schema(tool)} for tool in tools))
    if error := refused(request, script):
        return error
    told = facts("cohere", script, model)
    if not body.get("stream"):
        return script.send(json_reply(_response(request, script, told)))
    events = list(_events(request, script, told))
    lines = [encode(event) + b"\n" for event in (events[: len(events) // 2] if script.failing else events)]
    return script.send(Reply(lines, content_type="application/stream+json", streamed=True))


def embed(request: Request) -> Reply:
    """`/v1/embed`: floats, or by type if types are asked for."""
    body = request.json()
    texts = body["texts"]
    script = read(" ".join(texts), body.get("model") or "")
    vectors = [vector(n, EMBEDDING_DIMENSIONS) for n in range(len(texts))]
    typed = bool(body.get("embedding_types"))
    value: Json = {"id": request.own("e-"), "texts": texts, "embeddings": {"float": vectors} if typed else vectors}
    value["response_type"] = "embeddings_by_type" if typed else "embeddings_floats"
    value["meta"] = {**_VERSION, "billed_units": {"input_tokens": EMBEDDING_TOKENS}}
    return refused(request, script) or script.send(json_reply(value))


def rerank(request: Request) -> Reply:
    """`/v1/rerank`: the documents in their own order."""
    body = request.json()
    script = read(body["query"], body.get("model") or "")
    count = min(body.get("top_n") or len(body["documents"]), len(body["documents"]))
    results = [{"index": n, "relevance_score": round(0.9 - 0.1 * n, 2)} for n in range(count)]
    meta = {**_VERSION, "billed_units": {"search_units": SEARCH_UNITS}}
    value = {"id": request.own("r-"), "results": results, "meta": meta}
    return refused(request, script) or script.send(json_reply(value))


def _schema(tool: Json) -> Json:
    parameters: Json = tool.get("parameter_definitions") or {}
    return {"properties": {name: {"type": _TYPES.get(it["type"], "string")} for name, it in parameters.items()}}


def _calls(told: Facts) -> list[Json]:
    return [{"name": call.name, "parameters": call.arguments} for call in told.tool_calls]


def _response(request: Request, script: Script, told: Facts) -> Json:
    ids = {"response_id": request.own("c-"), "generation_id": request.own("g-")}
    value: Json = {**ids, "text": told.text, "chat_history": [], "finish_reason": told.finish_reason}
    if told.tool_calls:
        value |= {"tool_calls": _calls(told), "finish_reason": "COMPLETE"}
    return {**value, "meta": {**_VERSION, **(usage(told) if script.usage else {})}}


def _events(request: Request, script: Script, told: Facts) -> Iterator[Json]:
    yield {"is_finished": False, "event_type": "stream-start", "generation_id": request.own("g-")}
    for fragment in told.fragments:
        yield {"is_finished": False, "event_type": "text-generation", "text": fragment}
    if told.tool_calls:
        yield {"is_finished": False, "event_type": "tool-calls-generation", "text": "", "tool_calls": _calls(told)}
    response = _response(request, script, told)
    end = {"is_finished": True, "event_type": "stream-end", "finish_reason": response["finish_reason"]}
    yield {**end, "response": response}
