"""Observes Google's Gen AI client, of the Gemini API and of Vertex AI.

One span per request to a model, so that no tokens are lost where the client asks several times. Chats go through the
same methods.
"""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from haechi._content import Content, field
from haechi._endpoints import Kwargs, Patches, around, around_async
from haechi.instrument import _google_facts as google
from haechi.instrument import _google_interactions as interactions
from haechi.instrument._google_rounds import Function, Rounds, rounds_of_chat, rounds_of_models
from haechi.instrument._lazy import lazy, lazy_async
from haechi.instrument._providers import Server, server_at
from haechi.instrument._steps import begin
from haechi.spans import Facts, Request
from haechi.streams import Reader
from haechi_schemas import attributes as names


class Generate:
    """``models.generate_content``, one round of it."""

    stream = False

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked."""
        config = kwargs.get("config")
        server = _server(instance)
        facts = {
            **server.facts,
            **google.parameters(config),
            **google.asked(kwargs.get("contents"), config, content),
        }
        if self.stream:
            facts[names.REQUEST_STREAM] = True
        return Request("generate_content", server.provider, str(kwargs.get("model") or ""), facts)

    def response(self, result: Any, content: Content) -> Facts:
        """Return what the answer says."""
        return google.answered(result, content)

    def reader(self, request: Request, kwargs: Mapping[str, Any], content: Content) -> Reader | None:
        """Return the reader of a streamed answer."""
        del request, kwargs
        return google.GenerateReader(content) if self.stream else None


class GenerateStream(Generate):
    """``models.generate_content_stream``, one round of it."""

    stream = True


class Embed:
    """``models.embed_content``."""

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked."""
        server = _server(instance)
        facts = {**server.facts, **google.asked(kwargs.get("contents"), None, content)}
        return Request("embeddings", server.provider, str(kwargs.get("model") or ""), facts)

    def response(self, result: Any, content: Content) -> Facts:
        """Return what the answer says. Vertex AI counts tokens for each text, the Gemini API for all or not at all."""
        del content
        facts = google.usage_facts(getattr(result, "usage_metadata", None))
        embeddings = result.embeddings or ()
        if embeddings and embeddings[0].values:
            facts[names.EMBEDDINGS_DIMENSION_COUNT] = len(embeddings[0].values)
        counts = [each.statistics.token_count or 0 for each in embeddings if each.statistics is not None]
        if counts:
            facts[names.USAGE_INPUT_TOKENS] = int(sum(counts))
        return facts

    def reader(self, request: Request, kwargs: Mapping[str, Any], content: Content) -> None:
        """Return None: there are no streams of embeddings."""
        del request, kwargs, content


class Images:
    """``models.generate_images``, ``edit_image`` and ``upscale_image``."""

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked."""
        server = _server(instance)
        config, prompt = kwargs.get("config"), kwargs.get("prompt")
        facts = {**server.facts, **google.parameters(config), names.OUTPUT_TYPE: "image"}
        if isinstance(count := field(config, "number_of_images"), int):
            facts[names.REQUEST_CHOICE_COUNT] = count
        if prompt is not None:
            facts |= google.asked(prompt, None, content)
        return Request("generate_content", server.provider, str(kwargs.get("model") or ""), facts)

    def response(self, result: Any, content: Content) -> Facts:
        """Return why images were held back, where some were."""
        del content
        held = [image.rai_filtered_reason for image in result.generated_images or () if image.rai_filtered_reason]
        return {names.RESPONSE_FINISH_REASONS: held} if held else {}

    def reader(self, request: Request, kwargs: Mapping[str, Any], content: Content) -> None:
        """Return None: there are no streams of images."""
        del request, kwargs, content


class Interaction:
    """``interactions.create``, of a model or of an agent that Google keeps."""

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked."""
        server = server_at(instance.sdk_configuration.get_server_details()[0], "gcp.gemini")
        body = _body(kwargs)
        facts = {**server.facts, **interactions.parameters(body), **interactions.asked(body, content)}
        if agent := body.get("agent"):
            facts[names.AGENT_ID] = str(agent)
        if body.get("stream"):
            facts[names.REQUEST_STREAM] = True
        return Request("generate_content", server.provider, google.word(body.get("model") or ""), facts)

    def response(self, result: Any, content: Content) -> Facts:
        """Return what the answer says."""
        return interactions.answered(result, content)

    def reader(self, request: Request, kwargs: Mapping[str, Any], content: Content) -> Reader | None:
        """Return the reader of a streamed answer."""
        del request
        return interactions.InteractionReader(content) if _body(kwargs).get("stream") else None


def _body(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is asked, given by name or all in one."""
    request = kwargs.get("request")
    return kwargs if request is None else request if isinstance(request, Mapping) else vars(request)


def _server(instance: Any) -> Server:
    client = instance._api_client  # noqa: SLF001  resources have no public way to their client
    otherwise = "gcp.vertex_ai" if client.vertexai else "gcp.gemini"
    return server_at(client._http_options.base_url or "", otherwise)  # noqa: SLF001  the same


def _patch_models(module: ModuleType, patches: Patches) -> None:
    for owner, observed, observed_lazy in (
        (module.Models, around, lazy),
        (module.AsyncModels, around_async, lazy_async),
    ):
        patches.put(owner, "_generate_content", observed(Generate()))
        patches.put(owner, "_generate_content_stream", observed(GenerateStream()))
        patches.wrap(owner, "generate_content", begin(Rounds()))
        patches.put(owner, "generate_content_stream", observed_lazy(rounds_of_models))
        patches.put(owner, "embed_content", observed(Embed()))
        for name in ("_generate_images", "_edit_image", "_upscale_image"):  # the public ones warn of their caller
            patches.put(owner, name, observed(Images()))


def _patch_chats(module: ModuleType, patches: Patches) -> None:
    for owner, observed_lazy in ((module.Chat, lazy), (module.AsyncChat, lazy_async)):
        patches.wrap(owner, "send_message", begin(Rounds(of_chat=True)))
        patches.put(owner, "send_message_stream", observed_lazy(rounds_of_chat))


def _patch_functions(module: ModuleType, patches: Patches) -> None:
    for name in ("invoke_function_from_dict_args", "invoke_function_from_dict_args_async"):
        patches.wrap(module, name, begin(Function()))


def _patch_interactions(module: ModuleType, patches: Patches) -> None:
    patches.put(module.GeminiNextGenInteractions, "create", around(Interaction()))
    patches.put(module.AsyncGeminiNextGenInteractions, "create", around_async(Interaction()))


_PATCHES: Mapping[str, Callable[[ModuleType, Patches], None]] = {
    "google.genai.models": _patch_models,
    "google.genai.chats": _patch_chats,
    "google.genai._extra_utils": _patch_functions,
    "google.genai._gaos.google_genai": _patch_interactions,
}


def patch(module: ModuleType, patches: Patches) -> None:
    """Observe one of the client's modules."""
    _PATCHES[module.__name__](module, patches)
