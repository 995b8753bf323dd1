"""Google Gen AI on the paths of the Gemini API and of Vertex: generate, its stream, embeddings, counts, images.

Source: the Gemini API reference, Vertex AI's REST reference, and the types of the client library. `promptTokenCount`
includes cached tokens; `candidatesTokenCount` leaves the thinking out. Every chunk of a stream carries `usageMetadata`;
only the last one's is complete.
"""

from collections.abc import Iterator

from tests.standin.facts import Facts, facts
from tests.standin.openai_media import EMBEDDING_TOKENS, PNG, vector
from tests.standin.script import Script, read, text_of
from tests.standin.wire import EVENT_STREAM, Json, Reply, Request, b64, encode, json_reply, pieces

EMBEDDING_DIMENSIONS = 256
_ERRORS = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "API keys are not supported by this API."),
    403: ("PERMISSION_DENIED", "Permission denied."),
    404: ("NOT_FOUND", "The model is not found for API version v1beta."),
    429: ("RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    500: ("INTERNAL", "An internal error has occurred."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
}


def error_body(status: int) -> Json:
    """An error as Google's APIs word it."""
    name, words = _ERRORS.get(status, ("UNKNOWN", f"Error {status}"))
    return {"error": {"code": status, "message": words, "status": name}}


def refused(script: Script) -> Reply | None:
    """The error that a script asks for; None if it asks for an answer."""
    if script.status == 200:
        return None
    again = {"retry-after": "0"} if script.status == 429 else {}
    return Reply([encode(error_body(script.status))], status=script.status, headers=again)


def generate(request: Request, model: str, verb: str) -> Reply:
    """`models/{model}:generateContent` and `:streamGenerateContent?alt=sse`."""
    script, told = _told(request.json(), model)
    if error := refused(script):
        return error
    if verb == "generateContent":
        parts, reason = _parts(request, told), told.finish_reason
        return script.send(json_reply(_response(request, script, told, parts, reason=reason)))
    values = list(_chunks(request, script, told))
    if script.failing:
        values = [*values[: len(values) // 2], error_body(500)]
    events = [b"data: " + encode(value) + b"\r\n\r\n" for value in values]
    return script.send(Reply(events, content_type=EVENT_STREAM, streamed=True))


def count_tokens(request: Request, model: str) -> Reply:
    """`models/{model}:countTokens`."""
    script, told = _told(request.json(), model)
    return refused(script) or json_reply({"totalTokens": told.input_tokens})


def embed(request: Request, model: str, verb: str) -> Reply:
    """`:batchEmbedContents` (Gemini API) and `:embedContent` (both)."""
    body = request.json()
    asked = body["requests"] if verb == "batchEmbedContents" else [body]
    script = read(" ".join(text_of(each["content"]["parts"]) for each in asked), model)
    size = asked[0].get("outputDimensionality") or EMBEDDING_DIMENSIONS
    vectors = [{"values": vector(n, size)} for n in range(len(asked))]
    usage = {"promptTokenCount": EMBEDDING_TOKENS, "totalTokenCount": EMBEDDING_TOKENS}
    value: Json = {"embeddings": vectors} if verb == "batchEmbedContents" else {"embedding": vectors[0]}
    return refused(script) or script.send(json_reply({**value, "usageMetadata": usage}))


def predict(request: Request, model: str) -> Reply:
    """`:predict`: images of Imagen, and Vertex's older text embeddings."""
    body = request.json()
    instances = body["instances"]
    script = read(" ".join(each.get("prompt") or each.get("content") or "" for each in instances), model)
    if "imagen" in model:
        count = (body.get("parameters") or {}).get("sampleCount") or 1
        predictions: list[Json] = [{"bytesBase64Encoded": b64(PNG), "mimeType": "image/png"}] * count
    else:
        statistics = {"token_count": EMBEDDING_TOKENS, "truncated": False}
        values = [vector(n, EMBEDDING_DIMENSIONS) for n in range(len(instances))]
        predictions = [{"embeddings": {"values": each, "statistics": statistics}} for each in values]
    return refused(script) or script.send(json_reply({"predictions": predictions}))


def _told(body: Json, model: str) -> tuple[Script, Facts]:
    turns = body.get("contents") or [{"parts": []}]
    said = (text_of([part for part in turn["parts"] if part.get("text")]) for turn in reversed(turns) if _users(turn))
    after_tool = any("functionResponse" in part for part in turns[-1]["parts"])
    script = read(next((text for text in said if text), ""), model, after_tool=after_tool)
    declared = [f for tool in body.get("tools") or () for f in tool.get("functionDeclarations") or ()]
    changes: Json = {}
    if declared:
        changes["tools"] = tuple({"name": f["name"], "schema": _schema(f)} for f in declared)
    wanted = body.get("generationConfig") or {}
    if wanted.get("responseMimeType") == "application/json" and script.answer == "chat":
        changes |= {"answer": "structured", "schema": wanted.get("responseJsonSchema") or wanted.get("responseSchema")}
    script = script.with_(**changes)
    return script, facts("google", script, model)


def _schema(function: Json) -> Json:
    """A function's parameters, under whichever of its names the client's version sends them."""
    names = ("parametersJsonSchema", "parameters_json_schema", "parameters")
    return next((function[name] for name in names if name in function), {})


def _users(turn: Json) -> bool:
    return bool(turn.get("role", "user") == "user")


def _parts(request: Request, told: Facts) -> list[Json]:
    thoughts = [{"text": told.reasoning, "thought": True}] if told.reasoning else []
    texts = [{"text": told.text}] if told.text else []
    return [*thoughts, *texts, *_calls(request, told)]


def _calls(request: Request, told: Facts) -> list[Json]:
    numbered = enumerate(told.tool_calls)
    calls = [{"id": f"{request.own('fc-')}{n}", "name": call.name, "args": call.arguments} for n, call in numbered]
    return [{"functionCall": call, "thoughtSignature": "c2lnbmF0dXJl"} for call in calls]


def _usage(told: Facts) -> Json:
    prompt = {"modality": "TEXT", "tokenCount": told.input_tokens}
    return {
        "promptTokenCount": told.input_tokens,
        "candidatesTokenCount": told.output_tokens - told.reasoning_tokens,
        "totalTokenCount": told.total_tokens,
        "cachedContentTokenCount": told.cache_read_tokens,
        "thoughtsTokenCount": told.reasoning_tokens,
        "promptTokensDetails": [prompt],
        "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": told.cache_read_tokens}],
    }


def _response(request: Request, script: Script, told: Facts, parts: list[Json], *, reason: str | None) -> Json:
    candidate: Json = {"content": {"parts": parts, "role": "model"}, "index": 0}
    usage = {"promptTokenCount": told.input_tokens, "totalTokenCount": told.input_tokens}
    if reason:
        candidate["finishReason"] = reason
        usage = _usage(told)
    value: Json = {"candidates": [candidate], "modelVersion": told.response_model, "responseId": request.own("")}
    return {**value, "usageMetadata": usage} if script.usage else value


def _chunks(request: Request, script: Script, told: Facts) -> Iterator[Json]:
    thoughts: list[Json] = [{"text": part, "thought": True} for part in pieces(told.reasoning, 16) if part]
    texts = [{"text": fragment} for fragment in told.fragments]
    parts = [*thoughts, *texts, *_calls(request, told)]
    for place, part in enumerate(parts):
        reason = told.finish_reason if place == len(parts) - 1 else None
        yield _response(request, script, told, [part], reason=reason)
