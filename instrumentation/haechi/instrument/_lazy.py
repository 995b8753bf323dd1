"""Generators that send their request when they are first read: made to work where they were made.

Guarantee: whoever reads such a stream, and in whatever task or thread, the call behind it lies under the span that
was current when the application asked for it, and has the attributes of the `haechi.context` around that. The stream
stays a generator, with the same chunks and errors; closing it closes the original.

A stream behind which there are several calls can have a step around them, from the first reading to the end.
"""

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, Final

from opentelemetry.context import Context, attach, detach, get_current

from haechi import _guard, spans
from haechi._endpoints import Kwargs, Observer
from haechi._runtime import Runtime
from haechi.instrument._steps import Called, Opening, Step

Opener = Callable[[Called], Opening | None]
"""Tells the step that is around a stream's calls, None where there is one call alone."""


def lazy(opener: Opener) -> Observer:
    """Return the observer of a function that returns a lazy generator."""

    def observer(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
        stream = wrapped(*args, **kwargs)
        runtime = spans.observing()
        return stream if runtime is None else _read(stream, _Place(runtime, opener, Called((instance, *args), kwargs)))

    return observer


def lazy_async(opener: Opener) -> Observer:
    """Return the observer of a coroutine function that returns a lazy asynchronous generator."""

    async def observer(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
        stream = await wrapped(*args, **kwargs)
        runtime = spans.observing()
        if runtime is None:
            return stream
        return _read_async(stream, _Place(runtime, opener, Called((instance, *args), kwargs)))

    return observer


class _Place:
    """Where a stream was made, and the step that is around its calls, if any."""

    def __init__(self, runtime: Runtime, opener: Opener, called: Called) -> None:
        self.context = get_current()
        self._runtime = runtime
        self._opener = opener
        self._called = called
        self._step: Step | None = None

    def begin(self) -> None:
        """Begin the step. Called at the first reading: a stream that is never read asks nothing."""
        token = attach(self.context)
        with _KEPT:
            opening = self._opener(self._called)
            if opening is not None:
                self._step = Step(self._runtime, opening)
                self.context = Context({**self._step.context(), **opening.marks})
        detach(token)

    def end(self, error: BaseException | None = None) -> None:
        """End the step, unless it has ended."""
        if self._step is not None and error is None:
            self._step.stop()
        elif self._step is not None and error is not None:
            self._step.fail(error)


def _read(stream: Generator[Any], place: _Place) -> Generator[Any]:
    place.begin()
    try:
        while True:
            token = attach(place.context)
            try:
                chunk = next(stream)
            except StopIteration:
                return
            except BaseException as error:
                place.end(error)
                raise
            finally:
                detach(token)
            yield chunk
    finally:
        stream.close()
        place.end()


async def _read_async(stream: AsyncGenerator[Any], place: _Place) -> AsyncGenerator[Any]:
    place.begin()
    try:
        while True:
            token = attach(place.context)
            try:
                chunk = await anext(stream)
            except StopAsyncIteration:
                return
            except BaseException as error:
                place.end(error)
                raise
            finally:
                detach(token)
            yield chunk
    finally:
        await stream.aclose()
        place.end()


_KEPT: Final = _guard.Kept("reading a lazy stream")
