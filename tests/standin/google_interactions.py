"""Google's Interactions API (`/v1beta/interactions`), plain and streamed.

Source: the Gemini API reference, and the types of the client library. The total input includes cached tokens; thoughts
stand beside the total output. A stream brings the usage in its last event, `interaction.completed`.
"""

import json
from collections.abc import Iterator

from tests.standin.facts import Facts, facts
from tests.standin.google import refused
from tests.standin.script import Script, read, text_of
from tests.standin.wire import EVENT_STREAM, Json, Reply, Request, encode, json_reply, pieces

_TIME = "2026-01-01T00:00:00Z"


def create(request: Request) -> Reply:
    """`POST /v1beta/interactions`."""
    body = request.json()
    script, told = _told(body)
    if error := refused(script):
        return error
    if not body.get("stream"):
        steps = _steps(request, told)
        return script.send(json_reply(_head(request, told) | {"steps": steps, **_end(script, told)}))
    values = list(_events(request, script, told))
    if script.failing:
        error_event = {"event_type": "error", "error": {"code": "internal", "message": "An internal error."}}
        values = [*values[: len(values) // 2], error_event]
    events = [b"event: " + value["event_type"].encode() + b"\ndata: " + encode(value) + b"\n\n" for value in values]
    return script.send(Reply([*events, b"event: done\ndata: [DONE]\n\n"], content_type=EVENT_STREAM, streamed=True))


def _told(body: Json) -> tuple[Script, Facts]:
    given = body["input"]
    items = [{"type": "text", "text": given}] if isinstance(given, str) else given
    said = [text_of([item] if item["type"] == "text" else item.get("content") or ()) for item in items if _users(item)]
    script = read(said[-1] if said else "", body["model"], after_tool=items[-1]["type"] == "function_result")
    functions = [tool for tool in body.get("tools") or () if tool["type"] == "function"]
    if functions:
        script = script.with_(tools=tuple({"name": f["name"], "schema": f.get("parameters") or {}} for f in functions))
    return script, facts("google", script, body["model"])


def _users(item: Json) -> bool:
    return item["type"] in {"text", "user_input"}


def _head(request: Request, told: Facts) -> Json:
    fixed = {"object": "interaction", "created": _TIME, "updated": _TIME}
    return {**fixed, "id": request.own("v1_"), "model": told.response_model, "status": "in_progress"}


def _end(script: Script, told: Facts) -> Json:
    status = "requires_action" if told.tool_calls else "incomplete" if script.answer == "length" else "completed"
    usage = {
        "total_input_tokens": told.input_tokens,
        "total_cached_tokens": told.cache_read_tokens,
        "total_output_tokens": told.output_tokens - told.reasoning_tokens,
        "total_thought_tokens": told.reasoning_tokens,
        "total_tool_use_tokens": 0,
        "total_tokens": told.total_tokens,
    }
    return {"status": status, **({"usage": usage} if script.usage else {})}


def _steps(request: Request, told: Facts) -> list[Json]:
    steps: list[Json] = []
    if told.reasoning:
        steps.append({"type": "thought", "summary": [{"type": "text", "text": told.reasoning}], "signature": "cw=="})
    if told.text:
        steps.append({"type": "model_output", "content": [{"type": "text", "text": told.text}]})
    for n, call in enumerate(told.tool_calls):
        name, arguments = call.name, call.arguments
        steps.append({"type": "function_call", "id": f"{request.own('fc-')}{n}", "name": name, "arguments": arguments})
    return steps


def _events(request: Request, script: Script, told: Facts) -> Iterator[Json]:
    head = _head(request, told)
    yield {"event_type": "interaction.created", "interaction": head}
    for index, step in enumerate(_steps(request, told)):
        empty: dict[str, Json] = {"thought": {"summary": []}, "model_output": {"content": []}}
        begun = step | empty.get(step["type"], {"arguments": {}})
        yield {"event_type": "step.start", "index": index, "step": begun}
        for delta in _deltas(step, told):
            yield {"event_type": "step.delta", "index": index, "delta": delta}
        yield {"event_type": "step.stop", "index": index}
    yield {"event_type": "interaction.completed", "interaction": head | _end(script, told)}


def _deltas(step: Json, told: Facts) -> Iterator[Json]:
    if step["type"] == "thought":
        for part in pieces(told.reasoning, 16):
            yield {"type": "thought_summary", "content": {"type": "text", "text": part}}
    elif step["type"] == "model_output":
        yield from ({"type": "text", "text": fragment} for fragment in told.fragments)
    else:
        for part in pieces(json.dumps(step["arguments"], ensure_ascii=False), 5):
            yield {"type": "arguments_delta", "arguments": part}
