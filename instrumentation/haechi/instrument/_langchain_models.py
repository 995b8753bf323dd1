"""LangChain's own word on a model call, for models whose client is not observed."""

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.context import Context

from haechi._content import Content, message, text_part
from haechi.instrument import _deferred
from haechi.instrument import _langchain_facts as told
from haechi.instrument._langchain_runs import within
from haechi.instrument._steps import Called
from haechi.spans import Facts, Request
from haechi_schemas import attributes as names

_GIVEN: Final = ("messages", "prompts", "input", "stop", "run_manager", "run_managers", "config", "new_arg_supported")


class Chat:
    """``BaseChatModel._generate_with_cache``, through which every chat model is asked that is not streamed."""

    operations = _deferred.INFERENCE
    cumulative = False

    def within(self, called: Called) -> Context:
        """Return the context of the chain around."""
        return within(called.argument(3, "run_manager"))

    def request(self, called: Called, content: Content) -> Request:
        """Return what was asked."""
        params = _params(called)
        facts = told.parameters(params)
        if content.on:
            facts[names.INPUT_MESSAGES] = content.json(told.messages(self.asked(called)))
        return Request("chat", told.provider_of(params.get("ls_provider")), _model(called.instance, params), facts)

    def asked(self, called: Called) -> list[Any]:
        """Return the messages that were sent."""
        found: list[Any] = called.argument(1, "messages")
        return found

    def answer(self, called: Called, result: Any, items: list[Any], content: Content) -> Facts:
        """Return what was answered."""
        del called, items
        chosen = getattr(result, "generations", None) or ()
        return told.answer([one.message for one in chosen], [one.generation_info for one in chosen], content)


class ChatStream(Chat):
    """``BaseChatModel.stream`` and ``astream``."""

    def within(self, called: Called) -> Context:
        """Return the context of the chain around."""
        return within((called.argument(2, "config") or {}).get("callbacks"))

    def asked(self, called: Called) -> list[Any]:
        """Return the messages that were sent."""
        found: list[Any] = called.instance._convert_input(called.argument(1, "input")).to_messages()  # noqa: SLF001  its only way
        return found

    def answer(self, called: Called, result: Any, items: list[Any], content: Content) -> Facts:
        """Return what the chunks say together."""
        del called, result
        if not items:
            return {names.STREAM_OUTCOME: "abandoned"}
        whole = items[0].__add__(items[1:]) if len(items) > 1 else items[0]  # one pass: a sum would take n squared
        last = items[-1]
        ended = getattr(last, "chunk_position", None) == "last" or told.finish_reason(last) != ""
        facts = told.answer([whole], [None], content)
        return {**facts, names.STREAM_OUTCOME: "complete" if ended else "closed"}


class Text:
    """``BaseLLM._generate_helper``: models that complete text, several prompts at once."""

    operations = _deferred.INFERENCE
    cumulative = False

    def within(self, called: Called) -> Context:
        """Return the context of the chain around."""
        managers = called.argument(3, "run_managers")
        return within(managers[0] if managers else None)

    def request(self, called: Called, content: Content) -> Request:
        """Return what was asked."""
        params = _params(called)
        facts = told.parameters(params)
        if content.on:
            facts[names.INPUT_MESSAGES] = content.json([message("user", [text_part(p)]) for p in self.asked(called)])
        provider = told.provider_of(params.get("ls_provider"))
        return Request("text_completion", provider, _model(called.instance, params), facts)

    def asked(self, called: Called) -> list[str]:
        """Return the prompts."""
        found: list[str] = called.argument(1, "prompts")
        return found

    def answer(self, called: Called, result: Any, items: list[Any], content: Content) -> Facts:
        """Return what was answered."""
        del called, items
        usage = (getattr(result, "llm_output", None) or {}).get("token_usage") or {}
        counts = {names.USAGE_INPUT_TOKENS: "prompt_tokens", names.USAGE_OUTPUT_TOKENS: "completion_tokens"}
        facts: Facts = {name: usage[key] for name, key in counts.items() if isinstance(usage.get(key), int)}
        if content.on and result is not None:
            texts = [one.text for choices in result.generations for one in choices]
            facts[names.OUTPUT_MESSAGES] = content.json([message("assistant", [text_part(t)], "") for t in texts])
        return facts


class TextStream(Text):
    """``BaseLLM.stream`` and ``astream``."""

    def within(self, called: Called) -> Context:
        """Return the context of the chain around."""
        return within((called.argument(2, "config") or {}).get("callbacks"))

    def asked(self, called: Called) -> list[str]:
        """Return the prompt."""
        return [called.instance._convert_input(called.argument(1, "input")).to_string()]  # noqa: SLF001  its only way

    def answer(self, called: Called, result: Any, items: list[Any], content: Content) -> Facts:
        """Return what the chunks say together."""
        del called, result
        if not content.on:
            return {}
        return {names.OUTPUT_MESSAGES: content.json([message("assistant", [text_part("".join(items))], "")])}


class Embeddings:
    """``embed_documents`` and ``embed_query`` of any class of embeddings."""

    operations = _deferred.EMBEDDINGS
    cumulative = False
    within = staticmethod(_deferred.here)

    def request(self, called: Called, content: Content) -> Request:
        """Return what was asked."""
        instance = called.instance
        model = next((v for key in ("model", "model_name") if isinstance(v := getattr(instance, key, None), str)), "")
        facts: Facts = {}
        if content.on:
            texts = called.argument(1, "texts") or [called.argument(1, "text")]
            asked = [texts] if isinstance(texts, str) else texts
            facts[names.INPUT_MESSAGES] = content.json([message("user", [text_part(str(text))]) for text in asked])
        name = type(instance).__name__.removesuffix("Embeddings").lower() or "unknown"
        return Request("embeddings", told.provider_of(name), model or type(instance).__name__, facts)

    def answer(self, called: Called, result: Any, items: list[Any], content: Content) -> Facts:
        """Return the size of the vectors."""
        del called, items, content
        first = result[0] if isinstance(result, list) and result else None
        vector = first if isinstance(first, list) else result
        return {names.EMBEDDINGS_DIMENSION_COUNT: len(vector)} if isinstance(vector, list) else {}


def _params(called: Called) -> Mapping[str, Any]:
    more = {key: value for key, value in called.kwargs.items() if key not in _GIVEN}
    found: Mapping[str, Any] = called.instance._get_ls_params(stop=called.kwargs.get("stop"), **more)  # noqa: SLF001  what it tells tracers
    return found


def _model(instance: Any, params: Mapping[str, Any]) -> str:
    named = params.get("ls_model_name") or getattr(instance, "model_name", None) or getattr(instance, "model", None)
    return named if isinstance(named, str) else type(instance).__name__
