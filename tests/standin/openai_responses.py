"""OpenAI's Responses (`/v1/responses`), plain and with every event of a stream that the client's helpers need.

Source: OpenAI's API reference, and the types of its client library. Items: message (text or refusal), function call,
and reasoning with a summary. `[fail]` ends a stream with an `error` and a `response.failed` event, as OpenAI does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.standin.facts import Facts, facts
from tests.standin.openai_chat import CREATED
from tests.standin.openai_errors import refused, request_id
from tests.standin.script import Script, read, text_of
from tests.standin.wire import EVENT_STREAM, Json, Reply, Request, json_reply, named_sse, pieces


@dataclass(frozen=True, slots=True)
class _Turn:
    """One request being answered."""

    request: Request
    body: Json
    script: Script
    facts: Facts


def responses(request: Request) -> Reply:
    """A response, an event stream, or the error asked for."""
    body = request.json()
    script = _read(body)
    if error := refused(request, script):
        return error
    it = _Turn(request, body, script, facts("openai_responses", script, body["model"]))
    if not body.get("stream"):
        status = "queued" if body.get("background") else it.facts.finish_reason
        return script.send(Reply(json_reply(_response(it, status)).chunks, headers=request_id(request)))
    return _stream(it)


def retrieve(request: Request, response_id: str) -> Reply:
    """`GET /v1/responses/{id}`: one in the background, which is under way while no other request came after its own."""
    number, script = int(response_id[-6:]), Script()
    told = facts("openai_responses", script, "gpt-5-mini")
    it = _Turn(replace(request, number=number), {"background": True}, script, told)
    if "stream=true" in request.query:
        return _stream(it)
    status = "in_progress" if request.number == number + 1 else it.facts.finish_reason
    return Reply(json_reply(_response(it, status)).chunks, headers=request_id(request))


def _stream(it: _Turn) -> Reply:
    script, request = it.script, it.request
    events = ({**event, "sequence_number": n} for n, event in enumerate(_events(it)))
    chunks = named_sse(events)
    return script.send(Reply(chunks, content_type=EVENT_STREAM, headers=request_id(request), streamed=True))


def count_input_tokens(request: Request) -> Reply:
    """`/v1/responses/input_tokens`: what the input would cost."""
    body = request.json()
    count = facts("openai_responses", _read(body), body["model"]).input_tokens
    return Reply(json_reply({"object": "response.input_tokens", "input_tokens": count}).chunks)


def _read(body: Json) -> Script:
    items = body.get("input") or [{}]
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    asked = next((text_of(item["content"]) for item in reversed(items) if item.get("role") == "user"), "")
    script = read(asked, body.get("model", ""), after_tool=items[-1].get("type") == "function_call_output")
    functions = [tool for tool in body.get("tools") or () if tool["type"] == "function"]
    changes: Json = {}
    if functions:
        changes["tools"] = tuple({"name": f["name"], "schema": f.get("parameters") or {}} for f in functions)
    wanted = (body.get("text") or {}).get("format") or {}
    if wanted.get("type", "text") != "text" and script.answer == "chat":
        changes |= {"answer": "structured", "schema": wanted.get("schema")}
    return script.with_(**changes)


def _response(it: _Turn, status: str) -> Json:
    """The response object: empty while in progress, whole when it has ended."""
    ended = status in {"completed", "incomplete"}
    return {
        "id": it.request.own("resp_"),
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "background": bool(it.body.get("background")),
        "error": {"code": "server_error", "message": "The model failed."} if status == "failed" else None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": it.body.get("instructions"),
        "max_output_tokens": it.body.get("max_output_tokens"),
        "model": it.facts.response_model,
        "output": _output(it) if ended else [],
        "parallel_tool_calls": True,
        "previous_response_id": it.body.get("previous_response_id"),
        "reasoning": it.body.get("reasoning") or {"effort": None, "summary": None},
        "service_tier": "default" if ended else "auto",
        "store": True,
        "temperature": it.body.get("temperature", 1.0),
        "text": it.body.get("text") or {"format": {"type": "text"}},
        "tool_choice": it.body.get("tool_choice") or "auto",
        "tools": it.body.get("tools") or [],
        "top_p": it.body.get("top_p", 1.0),
        "truncation": "disabled",
        "usage": _usage(it.facts) if ended and it.script.usage else None,
        "user": None,
        "metadata": it.body.get("metadata") or {},
    }


def _usage(told: Facts) -> Json:
    return {
        "input_tokens": told.input_tokens,
        "input_tokens_details": {"cached_tokens": told.cache_read_tokens, "cache_write_tokens": 0},
        "output_tokens": told.output_tokens,
        "output_tokens_details": {"reasoning_tokens": told.reasoning_tokens},
        "total_tokens": told.total_tokens,
    }


def _output(it: _Turn) -> list[Json]:
    """The finished items: reasoning, then the message, then the function calls."""
    number = f"standin{it.request.number:06d}"
    items: list[Json] = []
    if it.facts.reasoning:
        summary = [{"type": "summary_text", "text": it.facts.reasoning}]
        items.append({"id": f"rs_{number}", "type": "reasoning", "summary": summary})
    if it.facts.text:
        status = "incomplete" if it.facts.finish_reason == "incomplete" else "completed"
        message = {"id": f"msg_{number}", "type": "message", "status": status, "role": "assistant"}
        items.append({**message, "content": [_part(it, it.facts.text)]})
    for n, call in enumerate(it.facts.tool_calls):
        ids = {"id": f"fc_{number}{n}", "call_id": f"call_{number}{n}"}
        call_item = {"type": "function_call", "status": "completed", "name": call.name}
        items.append({**ids, **call_item, "arguments": call.arguments_json})
    return items


def _part(it: _Turn, text: str) -> Json:
    if it.script.answer == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _events(it: _Turn) -> Iterator[Json]:
    yield {"type": "response.created", "response": _response(it, "in_progress")}
    yield {"type": "response.in_progress", "response": _response(it, "in_progress")}
    if it.script.failing:
        yield {"type": "error", "code": "server_error", "message": "The model failed.", "param": None}
        yield {"type": "response.failed", "response": _response(it, "failed")}
        return
    for index, item in enumerate(_output(it)):
        empty: dict[str, Json] = {
            "reasoning": {"summary": []},
            "message": {"content": []},
            "function_call": {"arguments": ""},
        }
        started = item | empty[item["type"]] | ({"status": "in_progress"} if "status" in item else {})
        yield {"type": "response.output_item.added", "output_index": index, "item": started}
        place: dict[str, Any] = {"item_id": item["id"], "output_index": index}
        for event in {"reasoning": _reasoning, "message": _message, "function_call": _call}[item["type"]](it, item):
            yield {**event, **place}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    last = it.facts.finish_reason
    yield {"type": f"response.{last}", "response": _response(it, last)}


def _reasoning(_it: _Turn, item: Json) -> Iterator[Json]:
    kind, whole = "response.reasoning_summary", item["summary"][0]
    yield {"type": f"{kind}_part.added", "summary_index": 0, "part": {"type": "summary_text", "text": ""}}
    for part in pieces(whole["text"], 16):
        yield {"type": f"{kind}_text.delta", "summary_index": 0, "delta": part}
    yield {"type": f"{kind}_text.done", "summary_index": 0, "text": whole["text"]}
    yield {"type": f"{kind}_part.done", "summary_index": 0, "part": whole}


def _message(it: _Turn, item: Json) -> Iterator[Json]:
    whole = item["content"][0]
    kind, key = "output_text", "text"
    more: Json = {"logprobs": []}
    if it.script.answer == "refusal":
        kind, key, more = "refusal", "refusal", {}
    yield {"type": "response.content_part.added", "content_index": 0, "part": _part(it, "")}
    for fragment in it.facts.fragments:
        yield {"type": f"response.{kind}.delta", "content_index": 0, "delta": fragment, **more}
    yield {"type": f"response.{kind}.done", "content_index": 0, key: whole[key], **more}
    yield {"type": "response.content_part.done", "content_index": 0, "part": whole}


def _call(_it: _Turn, item: Json) -> Iterator[Json]:
    for part in pieces(item["arguments"], 5):
        yield {"type": "response.function_call_arguments.delta", "delta": part}
    done = {"type": "response.function_call_arguments.done", "name": item["name"]}
    yield {**done, "arguments": item["arguments"]}
