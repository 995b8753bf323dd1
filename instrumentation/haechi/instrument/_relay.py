"""Generators that a library returns and an application reads later: their bodies run in the context of the call.

Guarantee: the application gets the same items, errors and close; the body sees the context of the call that made it,
and the application's own context stays as it is. The call's run is told of each item and of the end. A generator that
is dropped unread tells nothing.
"""

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from types import AsyncGeneratorType, GeneratorType
from typing import Any, Final, Protocol

from haechi import _wrapping


class Resumable(Protocol):
    """The run of a call that returned, and goes on in the body of a generator."""

    def resume(self) -> _wrapping.Run:
        """Make the call's context the current one; return its run, which gives the context back when it ends."""


def is_generator(value: object) -> bool:
    """Tell whether a value is a generator of either kind."""
    return type(value) in _RELAYS


def relay(generator: Any, run: Resumable) -> Any:
    """Return a generator of the same kind with the same items."""
    return _RELAYS[type(generator)](generator, run)


def _pass_on(inner: Generator[Any, Any, Any], run: Resumable) -> Generator[Any, Any, Any]:
    del run
    return (yield from inner)


async def _pass_on_async(inner: AsyncGenerator[Any, Any], run: Resumable) -> AsyncGenerator[Any, Any]:
    del run
    try:
        async for item in inner:
            yield item
    finally:
        await inner.aclose()


def _resume(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _wrapping.Run:
    del kwargs
    run: Resumable = args[1]
    return run.resume()


_RELAYS: Final[Mapping[type, Callable[..., Any]]] = {
    GeneratorType: _wrapping.wrap(_pass_on, lambda _: _resume),
    AsyncGeneratorType: _wrapping.wrap(_pass_on_async, lambda _: _resume),
}
