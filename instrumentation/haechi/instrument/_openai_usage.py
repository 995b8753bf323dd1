"""Asks for the usage of streams where a server must be asked for it, and takes the question back where it is refused.

Guarantee: an application that says something of usage itself gets what it says. A server that does not know the
question (old vLLM, old versions of Azure's API, some gateways) answers 400 or 422 and names it: the call is sent once
more as the application made it, the application sees no error, and that base URL is not asked again.

Bound: `REFUSING_MAX` base URLs are remembered.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from haechi import _runtime
from haechi._endpoints import Kwargs, Observer
from haechi.instrument._recent import Recent

REFUSING_MAX: Final = 1_000
"""Base URLs that are remembered. Fewer: one that is forgotten is asked, and refuses, again."""

UNASKED: Final = frozenset({"groq", "mistral_ai", "perplexity", "x_ai"})
"""Providers that report a stream's usage always; the question would be superfluous, or refused."""

_refusing: Final = Recent(REFUSING_MAX)
_NAME: Final = "stream_options"


class Question(dict[str, Any]):
    """The ``stream_options`` that we have made; known by its type from those of the application."""

    __slots__ = ("own",)

    def __init__(self, own: Any) -> None:
        super().__init__(own if isinstance(own, Mapping) else {}, include_usage=True)
        self.own = own


def wanted(client: Any, provider: str, kwargs: Mapping[str, Any]) -> bool:
    """Tell whether a stream with these arguments is to be asked for its usage."""
    runtime = _runtime.current()
    if kwargs.get("stream") is not True or runtime is None or not runtime.config.stream_usage or provider in UNASKED:
        return False
    options = kwargs.get(_NAME)
    if isinstance(options, Mapping) and "include_usage" in options:
        return False
    body = kwargs.get("extra_body")
    if isinstance(body, Mapping) and _NAME in body:
        return False
    return not (_refusing and _refusing.get(_address(client)) is not None)


def ask(kwargs: Kwargs) -> None:
    """Put the question into the arguments."""
    kwargs[_NAME] = Question(kwargs.get(_NAME))


def forgiving(observer: Observer) -> Observer:
    """Return the observer of a synchronous method, with a second attempt without the question."""

    def around(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
        if kwargs.get("stream") is not True:
            return observer(wrapped, instance, args, kwargs)

        def attempt(*args: Any, **kwargs: Any) -> Any:
            if not isinstance(kwargs.get(_NAME), Question):
                return wrapped(*args, **kwargs)
            try:
                return wrapped(*args, **kwargs)
            except Exception as error:
                if not _refused(error, instance):
                    raise
            return wrapped(*args, **_unasked(kwargs))

        return observer(attempt, instance, args, kwargs)

    return around


def forgiving_async(observer: Observer) -> Observer:
    """Return the observer of a coroutine method, with a second attempt without the question."""

    def around(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
        if kwargs.get("stream") is not True:
            return observer(wrapped, instance, args, kwargs)

        async def attempt(*args: Any, **kwargs: Any) -> Any:
            if not isinstance(kwargs.get(_NAME), Question):
                return await wrapped(*args, **kwargs)
            try:
                return await wrapped(*args, **kwargs)
            except Exception as error:
                if not _refused(error, instance):
                    raise
            return await wrapped(*args, **_unasked(kwargs))

        return observer(attempt, instance, args, kwargs)

    return around


def _refused(error: Exception, instance: Any) -> bool:
    """Tell whether a server refuses the question, and remember it."""
    text = str(error)
    if getattr(error, "status_code", None) not in {400, 422} or not (_NAME in text or "include_usage" in text):
        return False
    _refusing.put(_address(getattr(instance, "_client", None)))
    return True


def _address(client: Any) -> str:
    return str(getattr(client, "base_url", ""))


def _unasked(kwargs: Kwargs) -> Kwargs:
    """Return the arguments as the application gave them."""
    question = kwargs[_NAME]
    rest = {name: value for name, value in kwargs.items() if name != _NAME}
    return rest if question.own is None else {**rest, _NAME: question.own}
