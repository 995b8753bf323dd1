"""Anthropic's Messages, plain and streamed, on its own paths and on those of Bedrock and Vertex; batches; count_tokens.

Source: Anthropic's API reference, and the types of its client library. `input_tokens` leaves cached tokens out, as
Anthropic does; the tokens written to the cache are split by lifetime. A stream has every kind of event: message_start,
content_block_start/delta/stop (text, thinking with its signature, tool input as partial JSON), ping, message_delta with
the cumulative usage, message_stop.
"""

import base64
import json
from collections.abc import Iterator

from tests.standin.eventstream import EVENT_STREAM as AWS_STREAM
from tests.standin.eventstream import chunk_event, exception
from tests.standin.facts import CACHE_WRITE_1H_TOKENS, Facts, facts
from tests.standin.script import Script, read, text_of
from tests.standin.wire import EVENT_STREAM, Json, Reply, Request, json_reply, named_sse, pieces

_ERRORS = {
    400: ("invalid_request_error", "temperature: Input should be less than or equal to 1"),
    401: ("authentication_error", "invalid x-api-key"),
    403: ("permission_error", "Your API key does not have permission to use this resource."),
    404: ("not_found_error", "model: no-such-model"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your rate limit."),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}


def error_body(request: Request, status: int, words: str = "") -> Json:
    """An error as the API words it, or in `words`."""
    kind, usual = _ERRORS.get(status, ("api_error", f"Error {status}"))
    words = words or usual
    return {"type": "error", "error": {"type": kind, "message": words}, "request_id": request.own("req_")}


def refused(request: Request, script: Script) -> Reply | None:
    """The error that a script asks for; None if it asks for an answer."""
    first = request.headers.get("x-stainless-retry-count", "0") == "0"
    status = 429 if script.retry and first else script.status
    if status == 200:
        return None
    again = {"retry-after": "0"} if status == 429 else {}
    return Reply(json_reply(error_body(request, status)).chunks, status=status, headers=_headers(request) | again)


def _sampling(request: Request, body: Json) -> Reply | None:
    """Since API version 2026-10-21 the sampling parameters are refused, whatever their values."""
    sent = next((key for key in ("temperature", "top_p", "top_k") if key in body), None)
    if sent is None or request.headers.get("anthropic-version", "") < "2026-10-21":
        return None
    words = f"{sent}: Extra inputs are not permitted"
    return Reply(json_reply(error_body(request, 400, words)).chunks, status=400, headers=_headers(request))


def _headers(request: Request) -> dict[str, str]:
    return {"request-id": request.own("req_"), "anthropic-organization-id": "org-standin"}


def messages(request: Request, model: str = "") -> Reply:
    """`/v1/messages`; on Vertex (`...:rawPredict`, `...:streamRawPredict`) the path names the model."""
    body = request.json()
    script, told = told_of(body, model or body["model"])
    if error := refused(request, script) or _sampling(request, body):
        return error
    if not body.get("stream"):
        return script.send(Reply(json_reply(message(request, script, told)).chunks, headers=_headers(request)))
    chunks = named_sse(events(request, script, told))
    return script.send(Reply(chunks, content_type=EVENT_STREAM, headers=_headers(request), streamed=True))


def count_tokens(request: Request, *_vertex: str) -> Reply:
    """`/v1/messages/count_tokens`."""
    body = request.json()
    script, told = told_of(body, body["model"])
    return refused(request, script) or json_reply({"input_tokens": told.input_tokens})


def invoked(request: Request, model: str, *, streamed: bool) -> Reply:
    """Bedrock's `invoke` and `invoke-with-response-stream` of a Claude model; the script's errors are the caller's."""
    script, told = told_of(request.json(), model)
    metrics = {
        "x-amzn-requestid": request.own("aws-"),
        "x-amzn-bedrock-input-token-count": str(_uncached(told)),
        "x-amzn-bedrock-output-token-count": str(told.output_tokens),
    }
    if not streamed:
        return script.send(Reply(json_reply(message(request, script, told)).chunks, headers=metrics))
    found = list(events(request, script, told))
    if script.failing:
        found.pop()
    found[-1]["amazon-bedrock-invocationMetrics"] = {
        "inputTokenCount": _uncached(told),
        "outputTokenCount": told.output_tokens,
        "invocationLatency": 1234,
        "firstByteLatency": 234,
        "cacheReadInputTokenCount": told.cache_read_tokens,
        "cacheWriteInputTokenCount": told.cache_write_tokens,
    }
    headers = {"x-amzn-requestid": request.own("aws-"), "x-amzn-bedrock-content-type": "application/json"}
    chunks = [chunk_event(event) for event in found]
    if script.failing:
        chunks.append(exception("modelStreamErrorException", "The model failed midway."))
    return script.send(Reply(chunks, content_type=AWS_STREAM, headers=headers, streamed=True))


def told_of(body: Json, model: str) -> tuple[Script, Facts]:
    """The script and the facts of a request in Anthropic's shape."""
    turns = body.get("messages") or [{}]
    asked = next((text for turn in reversed(turns) if turn["role"] == "user" and (text := _said(turn))), "")
    last = turns[-1].get("content")
    after_tool = isinstance(last, list) and any(part.get("type") == "tool_result" for part in last)
    script = read(asked, model, after_tool=after_tool)
    functions = [tool for tool in body.get("tools") or () if "input_schema" in tool]
    changes: Json = {}
    if functions:
        changes["tools"] = tuple({"name": f["name"], "schema": f["input_schema"]} for f in functions)
    wanted = (body.get("output_config") or {}).get("format") or body.get("output_format")
    if wanted and script.answer == "chat":
        changes |= {"answer": "structured", "schema": wanted["schema"]}
    script = script.with_(**changes)
    return script, facts("anthropic", script, model)


def _said(turn: Json) -> str:
    content = turn["content"]
    return content if isinstance(content, str) else text_of([part for part in content if part.get("type") == "text"])


def _uncached(told: Facts) -> int:
    return told.input_tokens - told.cache_read_tokens - told.cache_write_tokens


def usage(script: Script, told: Facts) -> Json:
    """The usage as Anthropic counts: cached tokens beside `input_tokens`, not in it."""
    if not script.usage:
        return {"input_tokens": 0, "output_tokens": 0}
    lifetimes = {
        "ephemeral_5m_input_tokens": told.cache_write_tokens - CACHE_WRITE_1H_TOKENS,
        "ephemeral_1h_input_tokens": CACHE_WRITE_1H_TOKENS,
    }
    return {
        "input_tokens": _uncached(told),
        "cache_creation_input_tokens": told.cache_write_tokens,
        "cache_read_input_tokens": told.cache_read_tokens,
        "cache_creation": lifetimes,
        "output_tokens": told.output_tokens,
        "output_tokens_details": {"thinking_tokens": told.reasoning_tokens},
        "service_tier": "standard",
    }


def blocks(request: Request, told: Facts) -> list[Json]:
    """The content: thinking, then text, then tool uses."""
    found: list[Json] = []
    if told.reasoning:
        found.append({"type": "thinking", "thinking": told.reasoning, "signature": "c2lnbmF0dXJl"})
    if told.text:
        found.append({"type": "text", "text": told.text})
    for n, call in enumerate(told.tool_calls):
        found.append(
            {"type": "tool_use", "id": request.own("toolu_") + str(n), "name": call.name, "input": call.arguments}
        )
    return found


def message(request: Request, script: Script, told: Facts) -> Json:
    """A whole message."""
    head: Json = {"id": request.own("msg_"), "type": "message", "role": "assistant", "model": told.response_model}
    end = {"stop_reason": told.finish_reason, "stop_sequence": None}
    return {**head, "content": blocks(request, told), **end, "usage": usage(script, told)}


def events(request: Request, script: Script, told: Facts) -> Iterator[Json]:
    """Every event of a stream; an `error` event in its middle if the script fails."""
    whole = message(request, script, told)
    counts = whole["usage"]
    start = {
        **whole,
        "content": [],
        "stop_reason": None,
        "usage": {**counts, "output_tokens": min(1, told.output_tokens)},
    }
    start["usage"].pop("output_tokens_details", None)
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(whole["content"]):
        yield {"type": "content_block_start", "index": index, "content_block": _opened(block)}
        if index == 0:
            yield {"type": "ping"}
        deltas = list(_deltas(block, told))
        for place, delta in enumerate(deltas):
            if script.failing and place == len(deltas) // 2:
                yield error_body(request, 529)
                return
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": told.finish_reason, "stop_sequence": None}
    final = {key: value for key, value in counts.items() if key not in {"cache_creation", "service_tier"}}
    yield {"type": "message_delta", "delta": delta, "usage": final}
    yield {"type": "message_stop"}


def _opened(block: Json) -> Json:
    empty: dict[str, Json] = {
        "thinking": {"thinking": "", "signature": ""},
        "text": {"text": ""},
        "tool_use": {"input": {}},
    }
    return block | empty[block["type"]]


def _deltas(block: Json, told: Facts) -> Iterator[Json]:
    if block["type"] == "text":
        yield from ({"type": "text_delta", "text": fragment} for fragment in told.fragments)
    elif block["type"] == "thinking":
        yield from ({"type": "thinking_delta", "thinking": part} for part in pieces(block["thinking"], 16))
        yield {"type": "signature_delta", "signature": block["signature"]}
    else:
        parts = ["", *pieces(json.dumps(block["input"], ensure_ascii=False), 5)]
        yield from ({"type": "input_json_delta", "partial_json": part} for part in parts)


# ---- batches: a batch's id holds what was asked, so that none needs to be kept


def create_batch(request: Request) -> Reply:
    """`POST /v1/messages/batches`."""
    asked = [
        {"custom_id": each["custom_id"], "params": {key: each["params"][key] for key in ("model", "messages")}}
        for each in request.json()["requests"]
    ]
    coded = base64.urlsafe_b64encode(json.dumps(asked).encode()).decode()
    return _batch(request, f"msgbatch_{coded}", "in_progress")


def get_batch(request: Request, batch_id: str) -> Reply:
    """`GET /v1/messages/batches/{id}`: it has always ended."""
    return _batch(request, batch_id, "ended")


def batch_results(request: Request, batch_id: str) -> Reply:
    """`GET /v1/messages/batches/{id}/results`: one JSON line for each request, errors among them."""
    lines = []
    for each in _asked(batch_id):
        script, told = told_of(each["params"], each["params"]["model"])
        result: Json = {"type": "succeeded", "message": message(request, script, told)}
        if script.status != 200:
            result = {"type": "errored", "error": error_body(request, script.status)}
        lines.append(json_reply({"custom_id": each["custom_id"], "result": result}).chunks[0] + b"\n")
    return Reply(lines, content_type="application/x-jsonl", headers=_headers(request))


def _asked(batch_id: str) -> list[Json]:
    found: list[Json] = json.loads(base64.urlsafe_b64decode(batch_id.removeprefix("msgbatch_")))
    return found


def _batch(request: Request, batch_id: str, status: str) -> Reply:
    ended = status == "ended"
    count = len(_asked(batch_id))
    counts = {"processing": 0 if ended else count, "succeeded": count if ended else 0}
    results = f"http://{request.headers['host']}/v1/messages/batches/{batch_id}/results" if ended else None
    value: Json = {"id": batch_id, "type": "message_batch", "processing_status": status, "results_url": results}
    value["request_counts"] = {**counts, "errored": 0, "canceled": 0, "expired": 0}
    value |= {"created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z"}
    value |= {"ended_at": "2026-01-01T00:01:00Z" if ended else None, "archived_at": None, "cancel_initiated_at": None}
    return Reply(json_reply(value).chunks, headers=_headers(request))
