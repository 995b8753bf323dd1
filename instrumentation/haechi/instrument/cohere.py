"""Observes the Cohere client: both versions of its API, asynchronous or not, and raw responses of the second.

A method with a raw response beside it is observed in both places; the inner one is part of the outer's call.
"""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

from haechi._content import Content, field, message, text_part
from haechi._endpoints import Asked, Asker, Kwargs, Patches, around, around_async, ask, asking, asking_async
from haechi.instrument import _cohere_facts as cohere
from haechi.instrument._cohere_v1 import V1Reader, v1_answered, v1_asked
from haechi.instrument._providers import Server, server_at
from haechi.spans import Facts, Request
from haechi.streams import Reader
from haechi_schemas import attributes as names


class Chat:
    """``v2.chat``.

    ``raw``: whether the result has the answer in ``data``, beside the response's headers.
    """

    operation = "chat"
    stream = False

    def __init__(self, *, raw: bool = False) -> None:
        self._raw = raw

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked."""
        server = _server(instance)
        facts = {**server.facts, **cohere.parameters(kwargs)}
        if self.stream:
            facts[names.REQUEST_STREAM] = True
        if content.on:
            facts |= self.asked(kwargs, content)
        model = kwargs.get("model")
        return Request(self.operation, server.provider, model if isinstance(model, str) else "", facts)

    def asked(self, kwargs: Kwargs, content: Content) -> Facts:
        """Return the content of a request."""
        return cohere.asked(kwargs, content)

    def response(self, result: Any, content: Content) -> Facts:
        """Return what the answer says."""
        return self.answered(result.data if self._raw else result, content)

    def answered(self, answer: Any, content: Content) -> Facts:
        """Return what the answer itself says."""
        return cohere.answered(answer, content)

    def reader(self, request: Request, kwargs: Mapping[str, Any], content: Content) -> Reader | None:
        """Return the reader of a streamed answer."""
        del request, kwargs
        return cohere.ChatReader(content) if self.stream else None


class ChatStream(Chat):
    """``v2.chat_stream``."""

    stream = True


class ChatV1(Chat):
    """``chat`` of the first version."""

    def asked(self, kwargs: Kwargs, content: Content) -> Facts:
        """Return the content of a request."""
        return v1_asked(kwargs, content)

    def answered(self, answer: Any, content: Content) -> Facts:
        """Return what the answer itself says."""
        return v1_answered(answer, content)

    def reader(self, request: Request, kwargs: Mapping[str, Any], content: Content) -> Reader | None:
        """Return the reader of a streamed answer."""
        del request, kwargs
        return V1Reader(content) if self.stream else None


class ChatV1Stream(ChatV1):
    """``chat_stream`` of the first version."""

    stream = True


class Embed(Chat):
    """``embed``, of both versions."""

    operation = "embeddings"

    def asked(self, kwargs: Kwargs, content: Content) -> Facts:
        """Return the content of a request."""
        texts = kwargs.get("texts")
        each = texts if isinstance(texts, list | tuple) else ()
        return {names.INPUT_MESSAGES: content.json([message("user", [text_part(text)]) for text in each])}

    def answered(self, answer: Any, content: Content) -> Facts:
        """Return what the answer itself says."""
        del content
        facts = cohere.usage_facts(field(answer, "meta"))
        facts[names.RESPONSE_ID] = answer.id
        vectors = answer.embeddings
        if not isinstance(vectors, list):  # a list for each type asked for
            vectors = getattr(vectors, "float_", None) or getattr(vectors, "int8", None)
        if vectors:
            facts[names.EMBEDDINGS_DIMENSION_COUNT] = len(vectors[0])
        return facts


class Rerank(Chat):
    """``rerank``, of both versions: documents in, the best of them out. Made for each call, with its documents."""

    operation = "retrieval"

    def __init__(self, documents: object, *, raw: bool) -> None:
        super().__init__(raw=raw)
        self._documents = documents if isinstance(documents, list | tuple) else ()

    def asked(self, kwargs: Kwargs, content: Content) -> Facts:
        """Return the content of a request."""
        return {names.RETRIEVAL_QUERY_TEXT: content.text(str(kwargs.get("query") or ""))}

    def answered(self, answer: Any, content: Content) -> Facts:
        """Return what the answer itself says, which has the documents by their places alone."""
        facts = cohere.usage_facts(field(answer, "meta"))
        if response_id := field(answer, "id"):
            facts[names.RESPONSE_ID] = response_id
        if content.on:
            chosen = cohere.documents_chosen(self._documents, answer.results)
            facts[names.RETRIEVAL_DOCUMENTS] = content.json(chosen)
        return facts


def _rerank(*, raw: bool = False) -> Asker:
    def asker(instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> tuple[Asked | None, Kwargs]:
        del args
        return ask(Rerank(kwargs.get("documents"), raw=raw), instance, kwargs)

    return asker


def _server(instance: Any) -> Server:
    kinds = {kind.__module__ for kind in type(instance).__mro__}
    if "cohere.aws_client" in kinds:  # its address is Cohere's until the request is rewritten
        return Server("aws.bedrock", "", None)
    client = getattr(instance, "_client_wrapper", None) or instance._raw_client._client_wrapper  # noqa: SLF001  no public way
    return server_at(client.get_base_url(), "cohere")


def _patch_v2(module: ModuleType, patches: Patches) -> None:
    for owner in (module.V2Client, module.AsyncV2Client):
        _patch_client(owner, patches, Chat(), Embed())
        patches.put(owner, "chat_stream", around(ChatStream()))  # a generator, asynchronous or not


def _patch_v2_raw(module: ModuleType, patches: Patches) -> None:
    for owner in (module.RawV2Client, module.AsyncRawV2Client):
        _patch_client(owner, patches, Chat(raw=True), Embed(raw=True), raw=True)


def _patch_v1(module: ModuleType, patches: Patches) -> None:
    for owner in (module.BaseCohere, module.AsyncBaseCohere):
        _patch_client(owner, patches, ChatV1(), Embed())
        patches.put(owner, "chat_stream", around(ChatV1Stream()))


def _patch_client(owner: type, patches: Patches, chat: Chat, embed: Embed, *, raw: bool = False) -> None:
    is_async = owner.__name__.startswith("Async")
    observed = around_async if is_async else around
    patches.put(owner, "chat", observed(chat))
    patches.put(owner, "embed", observed(embed))
    patches.put(owner, "rerank", (asking_async if is_async else asking)(_rerank(raw=raw)))


_PATCHES: Final[Mapping[str, Callable[[ModuleType, Patches], None]]] = {
    "cohere.v2.client": _patch_v2,
    "cohere.v2.raw_client": _patch_v2_raw,
    "cohere.base_client": _patch_v1,
}


def patch(module: ModuleType, patches: Patches) -> None:
    """Observe one of the client's modules."""
    _PATCHES[module.__name__](module, patches)
