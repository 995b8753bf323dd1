"""Observes the Mistral client, of Mistral's own API and of its variants for Azure and Google Cloud.

The client can make spans of its own. Where these would go where ours go, they are left out within an observed call:
one call gives one span. Where it was told to send them elsewhere, they stay.
"""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

from opentelemetry import trace

from haechi import spans
from haechi._content import Content, field, message, text_part
from haechi._endpoints import Kwargs, Patches, around, around_async
from haechi.instrument import _mistral_facts as mistral
from haechi.instrument import _openai_facts as chat
from haechi.instrument._providers import Server, server_at
from haechi.spans import Facts, Request
from haechi.streams import Reader
from haechi_schemas import attributes as names


class Chat:
    """``chat.complete``."""

    operation = "chat"
    stream = False

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked."""
        server = _server(instance, kwargs.get("server_url"))
        facts = {**server.facts, **_parameters(kwargs)}
        if self.stream:
            facts[names.REQUEST_STREAM] = True
        if content.on:
            facts |= self.asked(kwargs, content)
        return Request(self.operation, server.provider, str(kwargs.get("model") or ""), facts)

    def asked(self, kwargs: Kwargs, content: Content) -> Facts:
        """Return the content of a request."""
        return chat.asked(kwargs, content)

    def response(self, result: Any, content: Content) -> Facts:
        """Return what the answer says."""
        return mistral.answered(result, content)

    def reader(self, request: Request, kwargs: Mapping[str, Any], content: Content) -> Reader | None:
        """Return the reader of a streamed answer."""
        del request, kwargs
        return mistral.EventReader(content) if self.stream else None


class ChatStream(Chat):
    """``chat.stream``."""

    stream = True


class Agent(Chat):
    """``agents.complete``: a chat with an agent that Mistral keeps, whose model the answer tells."""

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked."""
        request = super().request(instance, kwargs, content)
        request.attributes[names.AGENT_ID] = str(kwargs.get("agent_id"))
        return request


class AgentStream(Agent):
    """``agents.stream``."""

    stream = True


class Fim(Chat):
    """``fim.complete``: what stands between a prompt and a suffix."""

    operation = "text_completion"

    def asked(self, kwargs: Kwargs, content: Content) -> Facts:
        """Return the content of a request."""
        parts = [text_part(text) for name in ("prompt", "suffix") if isinstance(text := kwargs.get(name), str)]
        return {names.INPUT_MESSAGES: content.json([message("user", parts)])}


class FimStream(Fim):
    """``fim.stream``."""

    stream = True


class Embed(Chat):
    """``embeddings.create``."""

    operation = "embeddings"

    def asked(self, kwargs: Kwargs, content: Content) -> Facts:
        """Return the content of a request."""
        texts = kwargs.get("inputs") or ()
        each = [texts] if isinstance(texts, str) else texts
        return {names.INPUT_MESSAGES: content.json([message("user", [text_part(text)]) for text in each])}

    def response(self, result: Any, content: Content) -> Facts:
        """Return what the answer says."""
        del content
        facts = mistral.response_facts(result)
        facts.pop(names.USAGE_OUTPUT_TOKENS, None)  # always 0
        first = next(iter(result.data), None)
        if vector := field(first, "embedding"):
            facts[names.EMBEDDINGS_DIMENSION_COUNT] = len(vector)
        return facts


_PARAMETERS: Final = {"random_seed": names.REQUEST_SEED, "top_k": names.REQUEST_TOP_K}


def _parameters(kwargs: Kwargs) -> Facts:
    facts = chat.parameters(kwargs)
    facts.pop(names.OPENAI_REQUEST_SERVICE_TIER, None)
    for name, canonical in _PARAMETERS.items():
        if isinstance(value := kwargs.get(name), int):
            facts[canonical] = value
    return facts


def _server(instance: Any, url: object) -> Server:
    """Return who answers: at the URL of this call, or at the client's."""
    package = type(instance).__module__
    otherwise = next((provider for part, provider in _VARIANTS.items() if part in package), "mistral_ai")
    told = url if isinstance(url, str) else instance.sdk_configuration.get_server_details()[0]
    return server_at(told, otherwise)


_VARIANTS: Final = {
    "mistralai.azure": "azure.ai.inference",
    "mistralai_azure": "azure.ai.inference",
    "mistralai.gcp": "gcp.vertex_ai",
    "mistralai_gcp": "gcp.vertex_ai",
}


def _quiet(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    """Keep the client from making a span of its own; its request carries our span's context instead."""
    del instance
    request, tracer = kwargs.get("request"), kwargs.get("tracer")
    if not spans.inside() or request is None or not _is_global(tracer):
        return wrapped(*args, **kwargs)
    if kwargs.get("tracing_enabled"):
        from opentelemetry import propagate  # noqa: PLC0415  slow to import, and seldom needed

        propagate.inject(request.headers)
    return request, None


def _is_global(tracer: Any) -> bool:
    """Tell whether a tracer's spans go where those of the application's tracer provider go."""
    provider = trace.get_tracer_provider()
    return getattr(tracer, "span_processor", None) is getattr(provider, "_active_span_processor", None)


def _patch_chat(module: ModuleType, patches: Patches) -> None:
    _both(module.Chat, patches, complete=Chat(), stream=ChatStream())


def _patch_agents(module: ModuleType, patches: Patches) -> None:
    _both(module.Agents, patches, complete=Agent(), stream=AgentStream())


def _patch_fim(module: ModuleType, patches: Patches) -> None:
    _both(module.Fim, patches, complete=Fim(), stream=FimStream())


def _patch_embeddings(module: ModuleType, patches: Patches) -> None:
    _both(module.Embeddings, patches, create=Embed())


def _patch_tracing(module: ModuleType, patches: Patches) -> None:
    patches.put(module, "get_traced_request_and_span", _quiet)


def _both(owner: Any, patches: Patches, **endpoints: Chat) -> None:
    """Observe the synchronous and the asynchronous method of each name."""
    for name, endpoint in endpoints.items():
        patches.put(owner, name, around(endpoint))
        patches.put(owner, f"{name}_async", around_async(endpoint))


_PATCHES: Final[Mapping[str, Callable[[ModuleType, Patches], None]]] = {
    "chat": _patch_chat,
    "agents": _patch_agents,
    "fim": _patch_fim,
    "embeddings": _patch_embeddings,
    "tracing": _patch_tracing,
}


def patch(module: ModuleType, patches: Patches) -> None:
    """Observe one of the client's modules: ``mistralai.chat`` before 2.0, ``mistralai.client.chat`` since."""
    _PATCHES[module.__name__.rpartition(".")[2]](module, patches)
