"""What InvokeModel takes and gives for each family of models on Bedrock, apart from Claude.

Source: "Inference request parameters and response fields for foundation models" in the Bedrock user guide.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.standin.eventstream import EVENT_STREAM, chunk_event, exception
from tests.standin.facts import Facts, facts
from tests.standin.openai_media import EMBEDDING_TOKENS, vector
from tests.standin.script import Script, read
from tests.standin.wire import Json, Reply, Request, json_reply

EMBEDDING_DIMENSIONS = 256


@dataclass(frozen=True, slots=True)
class Family:
    """How one family speaks: where the prompt stands, one whole answer, and the chunks of a stream."""

    vendor: str  # in facts.VENDORS
    prompt: Callable[[Json], str]
    whole: Callable[[Facts, str], Json]  # facts and a response id
    chunks: Callable[[Facts, str], list[Json]]


def family(model: str) -> str:
    """The family in a model id, an ARN or an inference profile; Claude's for an unknown one."""
    if "embed" in model:
        return "cohere_embed" if "cohere" in model else "titan_embed"
    return next((name for name in ("anthropic", *FAMILIES) if name in model), "anthropic")


def invoked(
    request: Request, model: str, *, streamed: bool, refused: Callable[[Request, Script], Reply | None]
) -> Reply:
    """The answer of a model that is not Claude."""
    body, name = request.json(), family(model)
    if name.endswith("embed"):
        return _embed(request, body, model, refused)
    it = FAMILIES[name]
    script = read(it.prompt(body), model)
    if error := refused(request, script):
        return error
    told, own = facts(it.vendor, script, model), request.own("")
    ids = {"x-amzn-requestid": request.own("aws-")}
    if not streamed:
        return script.send(Reply(json_reply(it.whole(told, own)).chunks, headers=ids | _counts(told)))
    values = it.chunks(told, own)
    values[-1] = {**values[-1], "amazon-bedrock-invocationMetrics": _metrics(told)}
    frames = [chunk_event(value) for value in values]
    if script.failing:
        frames = [*frames[: len(frames) // 2], exception("modelStreamErrorException", "The model failed midway.")]
    return script.send(Reply(frames, content_type=EVENT_STREAM, headers=ids, streamed=True))


def _embed(request: Request, body: Json, model: str, refused: Callable[[Request, Script], Reply | None]) -> Reply:
    texts = body.get("texts") or [body["inputText"]]
    script = read(" ".join(texts), model)
    headers = {"x-amzn-requestid": request.own("aws-"), "x-amzn-bedrock-input-token-count": str(EMBEDDING_TOKENS)}
    vectors = [vector(n, body.get("dimensions") or EMBEDDING_DIMENSIONS) for n in range(len(texts))]
    value: Json = {"embedding": vectors[0], "inputTextTokenCount": EMBEDDING_TOKENS}
    if "texts" in body:
        value = {"id": request.own(""), "embeddings": vectors, "texts": texts, "response_type": "embeddings_floats"}
    return refused(request, script) or script.send(Reply(json_reply(value).chunks, headers=headers))


def _uncached(told: Facts) -> int:
    return told.input_tokens - told.cache_read_tokens - told.cache_write_tokens


def _counts(told: Facts) -> dict[str, str]:
    return {
        "x-amzn-bedrock-input-token-count": str(_uncached(told)),
        "x-amzn-bedrock-output-token-count": str(told.output_tokens),
        "x-amzn-bedrock-invocation-latency": "1234",
    }


def _metrics(told: Facts) -> Json:
    counts = {"inputTokenCount": _uncached(told), "outputTokenCount": told.output_tokens}
    cached = {"cacheReadInputTokenCount": told.cache_read_tokens, "cacheWriteInputTokenCount": told.cache_write_tokens}
    return {**counts, **cached, "invocationLatency": 1234, "firstByteLatency": 234}


def _last_text(body: Json) -> str:
    return " ".join(part.get("text", "") for part in body["messages"][-1]["content"])


def _nova_usage(told: Facts) -> Json:
    counts = {"inputTokens": _uncached(told), "outputTokens": told.output_tokens, "totalTokens": told.total_tokens}
    read_, write = told.cache_read_tokens, told.cache_write_tokens
    return {**counts, "cacheReadInputTokenCount": read_, "cacheWriteInputTokenCount": write}


def _nova(told: Facts, _own: str) -> Json:
    message = {"role": "assistant", "content": [{"text": told.text}]}
    return {"output": {"message": message}, "stopReason": told.finish_reason, "usage": _nova_usage(told)}


def _nova_chunks(told: Facts, _own: str) -> list[Json]:
    deltas: list[Json] = [
        {"contentBlockDelta": {"delta": {"text": each}, "contentBlockIndex": 0}} for each in told.fragments
    ]
    end: list[Json] = [
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": told.finish_reason}},
    ]
    metadata = {"usage": _nova_usage(told), "metrics": {}, "trace": {}}
    return [{"messageStart": {"role": "assistant"}}, *deltas, *end, {"metadata": metadata}]


def _titan(told: Facts, _own: str) -> Json:
    result = {"tokenCount": told.output_tokens, "outputText": told.text, "completionReason": told.finish_reason}
    return {"inputTextTokenCount": told.input_tokens, "results": [result]}


def _titan_chunks(told: Facts, _own: str) -> list[Json]:
    last = len(told.fragments) - 1
    return [
        {
            "outputText": each,
            "index": 0,
            "totalOutputTextTokenCount": told.output_tokens if n == last else None,
            "completionReason": told.finish_reason if n == last else None,
            "inputTextTokenCount": told.input_tokens if n == 0 else None,
        }
        for n, each in enumerate(told.fragments)
    ]


def _llama(told: Facts, _own: str) -> Json:
    counts = {"prompt_token_count": told.input_tokens, "generation_token_count": told.output_tokens}
    return {"generation": told.text, **counts, "stop_reason": told.finish_reason}


def _llama_chunks(told: Facts, _own: str) -> list[Json]:
    end = {"generation": "", "prompt_token_count": None, "generation_token_count": told.output_tokens}
    parts = [
        {
            "generation": each,
            "prompt_token_count": told.input_tokens if n == 0 else None,
            "generation_token_count": n + 1,
            "stop_reason": None,
        }
        for n, each in enumerate(told.fragments)
    ]
    return [*parts, {**end, "stop_reason": told.finish_reason}]


def _cohere(told: Facts, own: str) -> Json:
    ids = {"response_id": f"r-{own}", "generation_id": f"g-{own}"}
    return {**ids, "text": told.text, "chat_history": [], "finish_reason": told.finish_reason}


def _cohere_chunks(told: Facts, own: str) -> list[Json]:
    parts: list[Json] = [
        {"event_type": "text-generation", "is_finished": False, "text": each} for each in told.fragments
    ]
    end = {"event_type": "stream-end", "is_finished": True, "finish_reason": told.finish_reason}
    return [*parts, {**end, "response": _cohere(told, own)}]


def _mistral(told: Facts, _own: str) -> Json:
    return {"outputs": [{"text": told.text, "stop_reason": told.finish_reason}]}


def _mistral_chunks(told: Facts, _own: str) -> list[Json]:
    parts: list[Json] = [{"outputs": [{"text": each, "stop_reason": None}]} for each in told.fragments]
    return [*parts, {"outputs": [{"text": "", "stop_reason": told.finish_reason}]}]


FAMILIES = {
    "nova": Family("bedrock_nova", _last_text, _nova, _nova_chunks),
    "titan": Family("bedrock_titan", lambda body: body["inputText"], _titan, _titan_chunks),
    "llama": Family("bedrock_llama", lambda body: body["prompt"], _llama, _llama_chunks),
    "cohere": Family("bedrock_cohere", lambda body: body["message"], _cohere, _cohere_chunks),
    "mistral": Family("bedrock_mistral", lambda body: body["prompt"], _mistral, _mistral_chunks),
}
