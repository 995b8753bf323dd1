"""LlamaIndex's own word on a model call, for models whose client is not observed."""

from typing import Any, Final

from haechi._content import Content, Message, field, message, text_part, tool_call_part, tool_response_part
from haechi.instrument import _deferred
from haechi.instrument._steps import Called
from haechi.spans import Facts, Request
from haechi_schemas import attributes as names

_PROVIDERS: Final = {
    "azure_openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "fireworks": "fireworks_ai",
    "gemini": "gcp.gemini",
    "google_genai": "gcp.gemini",
    "mistralai": "mistral_ai",
    "together": "together_ai",
    "vertex": "gcp.vertex_ai",
}
_USAGE: Final = {
    names.USAGE_INPUT_TOKENS: ("prompt_tokens", "input_tokens", "prompt_eval_count"),
    names.USAGE_OUTPUT_TOKENS: ("completion_tokens", "output_tokens", "eval_count"),
}


class Chat:
    """``LLM.chat``, ``stream_chat`` and their asynchronous forms."""

    operations = _deferred.INFERENCE
    cumulative = True
    operation = "chat"
    within = staticmethod(_deferred.here)

    def request(self, called: Called, content: Content) -> Request:
        """Return what was asked."""
        instance = called.instance
        facts: Facts = {}
        for key, name in (("temperature", names.REQUEST_TEMPERATURE), ("max_tokens", names.REQUEST_MAX_TOKENS)):
            value = getattr(instance, key, None)
            if isinstance(value, int | float):
                facts[name] = value
        if content.on:
            facts[names.INPUT_MESSAGES] = content.json(self.asked(called))
        return Request(self.operation, provider(instance), model(instance), facts)

    def asked(self, called: Called) -> list[Message]:
        """Return what was sent."""
        return [said(one) for one in called.argument(1, "messages")]

    def answer(self, called: Called, result: Any, items: list[Any], content: Content) -> Facts:
        """Return what was answered, so far as the stream was read."""
        del called
        got = items[-1] if items else result
        raw = getattr(got, "raw", None)
        more = getattr(got, "additional_kwargs", None) or {}
        facts = _usage(field(raw, "usage")) or _usage(more)
        if isinstance(answered := field(raw, "model"), str):
            facts[names.RESPONSE_MODEL] = answered
        if content.on and got is not None:
            facts[names.OUTPUT_MESSAGES] = content.json([self.told(got)])
        return facts

    def told(self, got: Any) -> Message:
        """Return the answer's message."""
        return {**said(got.message), "finish_reason": ""}


class Complete(Chat):
    """``LLM.complete``, ``stream_complete`` and their asynchronous forms."""

    operation = "text_completion"

    def asked(self, called: Called) -> list[Message]:
        """Return the prompt."""
        return [message("user", [text_part(str(called.argument(1, "prompt")))])]

    def told(self, got: Any) -> Message:
        """Return the text."""
        return message("assistant", [text_part(str(got.text))], "")


class Embedding:
    """The methods of ``BaseEmbedding`` that make vectors."""

    operations = _deferred.EMBEDDINGS
    cumulative = False
    within = staticmethod(_deferred.here)

    def request(self, called: Called, content: Content) -> Request:
        """Return what was asked."""
        instance = called.instance
        facts: Facts = {}
        if content.on:
            given = called.args[1] if len(called.args) > 1 else next(iter(called.kwargs.values()), "")
            texts = given if isinstance(given, list) else [given]
            facts[names.INPUT_MESSAGES] = content.json([message("user", [text_part(str(text))]) for text in texts])
        return Request("embeddings", provider(instance), model(instance), facts)

    def answer(self, called: Called, result: Any, items: list[Any], content: Content) -> Facts:
        """Return the size of the vectors."""
        del called, items, content
        first = result[0] if isinstance(result, list) and result else None
        vector = first if isinstance(first, list) else result
        return {names.EMBEDDINGS_DIMENSION_COUNT: len(vector)} if isinstance(vector, list) else {}


def said(one: Any) -> Message:
    """Return a ``ChatMessage`` in the convention's shape."""
    role = str(getattr(one.role, "value", one.role))
    more = getattr(one, "additional_kwargs", None) or {}
    if role in {"tool", "function"}:
        return message("tool", [tool_response_part(more.get("tool_call_id"), one.content)])
    text = [text_part(one.content)] if one.content else []
    blocks = getattr(one, "blocks", None) or ()
    calls = [
        tool_call_part(block.tool_call_id, block.tool_name, block.tool_kwargs)
        for block in blocks
        if getattr(block, "block_type", "") == "tool_call"
    ]
    return message("assistant" if role in {"assistant", "model", "chatbot"} else role, [*text, *calls])


def provider(instance: Any) -> str:
    """Return who answers, told by the module of the integration, ``llama_index.llms.openai.base``."""
    words = type(instance).__module__.split(".")
    known = words[2] if words[:1] == ["llama_index"] and words[1:2] in (["llms"], ["embeddings"]) else ""
    return _PROVIDERS.get(known, known or type(instance).__name__.lower())


def model(instance: Any) -> str:
    """Return the model's name, that of its class where it has none."""
    for name in ("model", "model_name"):
        value = getattr(instance, name, None)
        if isinstance(value, str) and value not in {"", "unknown"}:
            return value
    return type(instance).__name__


def _usage(counts: Any) -> Facts:
    facts: Facts = {}
    for name, keys in _USAGE.items():
        value = next((v for key in keys if isinstance(v := field(counts, key), int)), None)
        if value is not None:
            facts[name] = value
    cached = field(field(counts, "prompt_tokens_details"), "cached_tokens")
    return {**facts, names.USAGE_CACHE_READ_TOKENS: cached} if isinstance(cached, int) else facts
