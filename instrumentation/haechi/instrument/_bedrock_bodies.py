"""What the bodies of Bedrock's InvokeModel say, told by their shape: model ids hide the family behind ARNs.

Shapes: Anthropic's, Amazon Nova's (Converse's), OpenAI's (Mistral, DeepSeek, Qwen, gpt-oss, AI21 ...), and the older
ones that take a text: Titan, Llama, Mistral, Cohere; embeddings of Titan and Cohere.

Source: "Inference request parameters and response fields for foundation models" in the Bedrock user guide.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from haechi._content import Content, field, message, text_part
from haechi.instrument import _anthropic_facts as anthropic
from haechi.instrument import _bedrock_converse as converse
from haechi.instrument import _openai_facts as openai
from haechi.instrument._anthropic_messages import asked as anthropic_asked
from haechi.spans import Facts
from haechi_schemas import attributes as names

Body = Mapping[str, Any]

_PARAMETERS: Final = {
    "temperature": names.REQUEST_TEMPERATURE,
    "top_p": names.REQUEST_TOP_P,
    "topP": names.REQUEST_TOP_P,
    "p": names.REQUEST_TOP_P,
    "top_k": names.REQUEST_TOP_K,
    "k": names.REQUEST_TOP_K,
    "max_tokens": names.REQUEST_MAX_TOKENS,
    "max_gen_len": names.REQUEST_MAX_TOKENS,
    "maxTokenCount": names.REQUEST_MAX_TOKENS,
    "seed": names.REQUEST_SEED,
    "dimensions": names.EMBEDDINGS_DIMENSION_COUNT,
    "output_dimension": names.EMBEDDINGS_DIMENSION_COUNT,
}


def asked(body: Body, content: Content) -> tuple[str, Facts]:
    """Return the operation that a request's body means, its parameters, and its content where that is wanted."""
    if "anthropic_version" in body:
        return "chat", {**anthropic.parameters(body), **anthropic_asked(body, content)}
    if "messages" in body:
        if "inferenceConfig" in body or "schemaVersion" in body or _blocks_of_converse(body["messages"]):
            return "chat", {**converse.parameters(body), **converse.asked(body, content)}
        return "chat", {**openai.parameters(dict(body)), **openai.asked(dict(body), content)}
    facts = _parameters({**body, **(body.get("textGenerationConfig") or {})})
    if "texts" in body or ("inputText" in body and "textGenerationConfig" not in body):
        return "embeddings", facts
    if content.on:
        facts[names.INPUT_MESSAGES] = content.json([message("user", [text_part(_prompt(body))])])
    return ("chat" if "message" in body else "text_completion"), facts


def _blocks_of_converse(messages: Any) -> bool:
    """Tell whether messages have blocks without a type, as Nova's do."""
    body = field(messages[0], "content") if isinstance(messages, list) and messages else None
    return isinstance(body, list) and bool(body) and field(body[0], "type") is None


def _prompt(body: Body) -> str:
    return next((text for name in ("prompt", "inputText", "message") if isinstance(text := body.get(name), str)), "")


def _parameters(given: Body) -> Facts:
    facts: Facts = {
        _PARAMETERS[name]: value
        for name in _PARAMETERS.keys() & given.keys()
        if isinstance(value := given[name], int | float)
    }
    stop = given.get("stop") or given.get("stop_sequences") or given.get("stopSequences")
    if isinstance(stop, list) and stop:
        facts[names.REQUEST_STOP_SEQUENCES] = [str(word) for word in stop]
    return facts


def answered(body: Body, content: Content) -> Facts:
    """Return what the body of a whole answer says."""
    if body.get("type") == "message":
        return anthropic.answered(body, content)
    if "output" in body and "stopReason" in body:
        return converse.answered(body, content)
    if "choices" in body and "outputs" not in body:
        return openai.answered(body, content)
    return pieced([body], content)


def pieced(bodies: Iterable[Body], content: Content) -> Facts:
    """Return what an answer of the older shapes says, in one piece or in the pieces of a stream."""
    facts: Facts = {}
    texts: list[str] = []
    reason = ""
    for body in bodies:
        facts |= _usage(body)
        for part in _answers(body):
            texts.append(next((text for name in _TEXTS if isinstance(text := part.get(name), str)), ""))
            reason = next((str(word) for name in _REASONS if (word := part.get(name))), reason)
        for name, source in _IDS:
            if isinstance(value := body.get(source), str):
                facts[name] = value
    if reason:
        facts[names.RESPONSE_FINISH_REASONS] = [reason]
    if content.on and any(texts):
        facts[names.OUTPUT_MESSAGES] = content.json([message("assistant", [text_part("".join(texts))], reason)])
    return facts


_TEXTS: Final = ("generation", "outputText", "text", "completion")
_REASONS: Final = ("stop_reason", "completionReason", "finish_reason")
_IDS: Final = ((names.RESPONSE_ID, "generation_id"), (names.RESPONSE_ID, "id"), (names.RESPONSE_MODEL, "model"))
_USAGE: Final = (
    ("inputTextTokenCount", names.USAGE_INPUT_TOKENS),
    ("prompt_token_count", names.USAGE_INPUT_TOKENS),
    ("totalOutputTextTokenCount", names.USAGE_OUTPUT_TOKENS),
    ("generation_token_count", names.USAGE_OUTPUT_TOKENS),
)


def _answers(body: Body) -> list[Body]:
    """Return the parts of a body that hold text and the reason of its end."""
    for name in ("results", "outputs", "generations"):
        if isinstance(parts := body.get(name), list):
            return [part for part in parts if isinstance(part, Mapping)]
    return [body]


def _usage(body: Body) -> Facts:
    facts: Facts = {name: count for source, name in _USAGE if isinstance(count := body.get(source), int)}
    results = body.get("results")  # Titan's
    if isinstance(results, list):
        facts[names.USAGE_OUTPUT_TOKENS] = sum(field(one, "tokenCount") or 0 for one in results)
    return facts


METRICS: Final = "amazon-bedrock-invocationMetrics"
_METRICS: Final = {
    "inputTokenCount": "inputTokens",
    "outputTokenCount": "outputTokens",
    "cacheReadInputTokenCount": "cacheReadInputTokens",
    "cacheWriteInputTokenCount": "cacheWriteInputTokens",
}


def metered(metrics: Any) -> Facts:
    """Return the usage that Bedrock itself tells at the end of a stream, whatever the model."""
    if not isinstance(metrics, Mapping):
        return {}
    return converse.usage_facts({_METRICS[name]: count for name, count in metrics.items() if name in _METRICS})


_HEADERS: Final = {
    "x-amzn-bedrock-input-token-count": "inputTokens",
    "x-amzn-bedrock-output-token-count": "outputTokens",
    "x-amzn-bedrock-cache-read-input-token-count": "cacheReadInputTokens",
    "x-amzn-bedrock-cache-write-input-token-count": "cacheWriteInputTokens",
}


def told_in_headers(headers: Body) -> Facts:
    """Return the usage that Bedrock tells in the headers of an answer, whatever the model."""
    counts = {name: int(count) for header, name in _HEADERS.items() if (count := str(headers.get(header))).isdigit()}
    return converse.usage_facts(counts)
