"""AWS Bedrock runtime: Converse and ConverseStream, InvokeModel and InvokeModelWithResponseStream.

Source: the Bedrock API reference and its page on each model's own request and response. Converse counts like Anthropic:
cached tokens stand beside `inputTokens`, `totalTokens` has them all. For invoked models whose body tells no counts
(Cohere, Mistral) the response headers alone do, and at the end of a stream the `amazon-bedrock-invocationMetrics`.
"""

from collections.abc import Iterator

from tests.standin import anthropic
from tests.standin.bedrock_models import family, invoked
from tests.standin.eventstream import EVENT_STREAM, event, exception
from tests.standin.facts import CACHE_WRITE_1H_TOKENS, Facts, facts
from tests.standin.script import Script, read
from tests.standin.wire import Json, Reply, Request, encode, json_reply, pieces

_ERRORS = {
    400: ("ValidationException", "The provided model identifier is invalid."),
    401: ("UnrecognizedClientException", "The security token included in the request is invalid."),
    403: ("AccessDeniedException", "You don't have access to the model with the specified model ID."),
    404: ("ResourceNotFoundException", "Could not resolve the foundation model from the provided model identifier."),
    408: ("ModelTimeoutException", "The model took too long."),
    424: ("ModelErrorException", "The model returned an error."),
    429: ("ThrottlingException", "Too many requests, please wait before trying again."),
    500: ("InternalServerException", "The system encountered an unexpected error during processing."),
    503: ("ServiceUnavailableException", "Bedrock is unable to process your request."),
}


def refused(request: Request, script: Script) -> Reply | None:
    """The error that a script asks for; None if it asks for an answer. `[retry]` fails the client's first attempt."""
    attempt = request.headers.get("amz-sdk-request", "attempt=1")
    first = "attempt=1" in attempt and request.headers.get("x-stainless-retry-count", "0") == "0"
    status = 429 if script.retry and first else script.status
    if status == 200:
        return None
    kind, words = _ERRORS.get(status, ("InternalServerException", f"Error {status}"))
    return Reply([encode({"message": words})], status=status, headers=_ids(request) | {"x-amzn-errortype": kind})


def _ids(request: Request) -> dict[str, str]:
    return {"x-amzn-requestid": request.own("aws-")}


def converse(request: Request, model: str) -> Reply:
    """`/model/{id}/converse`."""
    script, told = _told(request, model)
    if error := refused(request, script):
        return error
    message = {"role": "assistant", "content": _blocks(request, told)}
    value: Json = {"output": {"message": message}, "stopReason": told.finish_reason, "metrics": {"latencyMs": 1234}}
    value["usage"] = usage(told) if script.usage else {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
    return script.send(Reply(json_reply(value).chunks, headers=_ids(request)))


def converse_stream(request: Request, model: str) -> Reply:
    """`/model/{id}/converse-stream`."""
    script, told = _told(request, model)
    if error := refused(request, script):
        return error
    frames = [event(kind, {**payload, "p": "abcdef"}) for kind, payload in _events(request, script, told)]
    if script.failing:
        frames = [*frames[: len(frames) // 2], exception("modelStreamErrorException", "The model failed midway.")]
    return script.send(Reply(frames, content_type=EVENT_STREAM, headers=_ids(request), streamed=True))


def invoke(request: Request, model: str, streaming: str = "") -> Reply:
    """`/model/{id}/invoke` and `/model/{id}/invoke-with-response-stream`."""
    if family(model) != "anthropic":
        return invoked(request, model, streamed=bool(streaming), refused=refused)
    script, _ = anthropic.told_of(request.json(), model)
    return refused(request, script) or anthropic.invoked(request, model, streamed=bool(streaming))


def _told(request: Request, model: str) -> tuple[Script, Facts]:
    body = request.json()
    turns = body["messages"]
    said = (
        " ".join(part.get("text", "") for part in turn["content"]) for turn in reversed(turns) if turn["role"] == "user"
    )
    after_tool = any("toolResult" in part for part in turns[-1]["content"])
    script = read(next((text for text in said if text.strip()), ""), model, after_tool=after_tool)
    specs = [tool["toolSpec"] for tool in (body.get("toolConfig") or {}).get("tools", ()) if "toolSpec" in tool]
    if specs:
        script = script.with_(tools=tuple({"name": s["name"], "schema": s["inputSchema"]["json"]} for s in specs))
    return script, facts("bedrock", script, model)


def usage(told: Facts) -> Json:
    """Converse's usage."""
    return {
        "inputTokens": told.input_tokens - told.cache_read_tokens - told.cache_write_tokens,
        "outputTokens": told.output_tokens,
        "totalTokens": told.total_tokens,
        "cacheReadInputTokens": told.cache_read_tokens,
        "cacheWriteInputTokens": told.cache_write_tokens,
        "cacheDetails": [
            {"ttl": "5m", "inputTokens": told.cache_write_tokens - CACHE_WRITE_1H_TOKENS},
            {"ttl": "1h", "inputTokens": CACHE_WRITE_1H_TOKENS},
        ],
    }


def _blocks(request: Request, told: Facts) -> list[Json]:
    found: list[Json] = []
    if told.reasoning:
        thought = {"text": told.reasoning, "signature": "c2lnbmF0dXJl"}
        found.append({"reasoningContent": {"reasoningText": thought}})
    if told.text:
        found.append({"text": told.text})
    for n, call in enumerate(told.tool_calls):
        found.append(
            {"toolUse": {"toolUseId": f"{request.own('tooluse_')}{n}", "name": call.name, "input": call.arguments}}
        )
    return found


def _events(request: Request, script: Script, told: Facts) -> Iterator[tuple[str, Json]]:
    yield "messageStart", {"role": "assistant"}
    for index, block in enumerate(_blocks(request, told)):
        place = {"contentBlockIndex": index}
        if "toolUse" in block:
            start = {key: block["toolUse"][key] for key in ("toolUseId", "name")}
            yield "contentBlockStart", {"start": {"toolUse": start}, **place}
        for delta in _deltas(block, told, index):
            yield "contentBlockDelta", {"delta": delta, **place}
        yield "contentBlockStop", place
    yield "messageStop", {"stopReason": told.finish_reason}
    if script.usage:
        yield "metadata", {"usage": usage(told), "metrics": {"latencyMs": 1234}}


def _deltas(block: Json, told: Facts, index: int) -> Iterator[Json]:
    if "text" in block:
        yield from ({"text": fragment} for fragment in told.fragments)
    elif "reasoningContent" in block:
        yield from ({"reasoningContent": {"text": part}} for part in pieces(told.reasoning, 16))
        yield {"reasoningContent": {"signature": "c2lnbmF0dXJl"}}
    else:
        yield from ({"toolUse": {"input": part}} for part in pieces(told.tool_calls[index].arguments_json, 5))
