"""Observes LiteLLM: one span for a call, by the provider and model that LiteLLM resolves; its inner clients make none.

Usage of streams: LiteLLM is asked for it, and the chunks that it adds for that are hidden. Each attempt of its Router
is a call.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType
from typing import Any, Final

from haechi._content import Content, field
from haechi._endpoints import Asked, Kwargs, Observer, Patches, ask, asking, asking_async
from haechi.instrument import _litellm_names as litellm
from haechi.instrument import _openai_usage as usage
from haechi.instrument import openai
from haechi.instrument._openai_methods import Method
from haechi.instrument._openai_streams import ChatReader
from haechi.instrument._providers import server_at
from haechi.spans import Facts, Request
from haechi_schemas import attributes as names


@dataclass(frozen=True, slots=True)
class _Function(Method):
    """The endpoint of a function: who answers is said by the model's name, and in the end by the answer."""

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked; a stream is asked for its usage, unless the application says what it wants."""
        del instance
        asked_for = kwargs.get("model")
        name = asked_for if isinstance(asked_for, str) else ""
        provider, model = litellm.provider_and_model(sys.modules["litellm"], name, kwargs.get("custom_llm_provider"))
        facts = {**_server(kwargs.get("api_base") or kwargs.get("base_url")), **self.asked(kwargs, content)}
        asks = self.asks_usage and usage.wanted(None, "", kwargs)
        if asks:
            usage.ask(kwargs)
        return self.made(provider, model, facts, asks=asks)

    def response(self, result: Any, content: Content) -> Facts:
        """Return what the answer says, and what LiteLLM says of it."""
        return self.told(result, content) | _said(result)


class Reader(ChatReader):
    """Reads LiteLLM's stream of a chat. The chunks that it adds for the usage have choices, empty ones."""

    __slots__ = ("_asked", "_done", "_last")

    def __init__(self, content: Content, hide_usage: bool) -> None:
        super().__init__(content, hide_usage=False)
        self._asked = hide_usage
        self._done = False
        self._last: Any = None

    def read(self, chunk: Any) -> bool:
        """Take a chunk in; those after the last word are hidden where usage was asked for by us."""
        super().read(chunk)
        self._last = chunk
        if self._asked and self._done:
            return False
        self._done = any(choice.finish_reason is not None for choice in chunk.choices or ())
        return True

    def facts(self) -> Facts:
        """Return what the answer says as far as it has come."""
        return super().facts() | _said(self._last)


def _said(answer: Any) -> Facts:
    """Return what LiteLLM says of an answer: who gave it, and where."""
    hidden = field(answer, "_hidden_params")
    facts = _server(field(hidden, "api_base"))
    if word := field(hidden, "custom_llm_provider"):
        facts[names.PROVIDER_NAME] = litellm.provider(word)
    return facts


def _server(base: Any) -> Facts:
    return server_at(base, "").facts if isinstance(base, str) and base else {}


class _Asked(Asked):
    """A call of LiteLLM. Its errors say who was asked."""

    def failed(self, error: BaseException) -> None:
        """Take the error in."""
        word = getattr(error, "llm_provider", None)
        self.call.fail(error, {names.PROVIDER_NAME: litellm.provider(word)} if isinstance(word, str) and word else {})


def _function(method: Method, **changes: Any) -> _Function:
    made = replace(method, **changes)
    return _Function(made.operation, made.asked, made.told, made.reader_of, made.asks_usage)


_CHAT: Final = _function(openai.CHAT, reader_of=Reader)
_TEXT: Final = _function(openai.TEXT, asks_usage=False)
_EMBEDDING: Final = _function(openai.EMBEDDINGS)
_RESPONSE: Final = _function(openai.RESPONSE)
_IMAGE: Final = _function(openai.IMAGE, reader_of=None)

_FUNCTIONS: Final[Mapping[str, tuple[_Function, tuple[str, ...]]]] = {
    "completion": (_CHAT, ("model", "messages")),
    "text_completion": (_TEXT, ("prompt", "model")),
    "embedding": (_EMBEDDING, ("model", "input")),
    "responses": (_RESPONSE, ("input", "model")),
    "image_generation": (_IMAGE, ("prompt", "model")),
}
"""By name: the endpoint, and the arguments that may come without their names. Coroutine functions begin with an a."""


def patch(module: ModuleType, patches: Patches) -> None:
    """Observe the functions of one of LiteLLM's modules, where they are made and where they are found."""
    for name, (function, positional) in _FUNCTIONS.items():
        plain = usage.forgiving(asking(partial(_ask, function)))
        asynchronous = usage.forgiving_async(asking_async(partial(_ask, function)))
        patches.put(module, name, _named(plain, positional))
        patches.put(module, f"a{name}", _named(asynchronous, positional))


def _ask(function: _Function, instance: Any, _: tuple[Any, ...], kwargs: Kwargs) -> tuple[Asked | None, Kwargs]:
    return ask(function, instance, kwargs, _Asked)


def _named(observer: Observer, positional: tuple[str, ...]) -> Observer:
    """Return the observer, called with names for the arguments that came without."""

    def named(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
        if len(args) > len(positional):  # nobody gives that many; the names of the others differ between versions
            return wrapped(*args, **kwargs)
        return observer(wrapped, instance, (), {**dict(zip(positional, args, strict=False)), **kwargs})

    return named
