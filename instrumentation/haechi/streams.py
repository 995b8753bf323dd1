"""Streams of an answer, watched on their way to the application.

Guarantee: the application gets the stream that it asked for: the same chunks at the same time, the same errors, the
same methods and attributes, still an instance of the client's class. The call behind it is finished exactly once:
when the stream ends, fails, is closed, or is dropped unread, in whatever thread or task that happens.

Cost: one method call per chunk, and what the reader does with it.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, Literal, Protocol, Self

import wrapt

from haechi import _guard
from haechi.spans import Call, Facts
from haechi_schemas import attributes as names

Outcome = Literal["complete", "closed", "abandoned", "error"]

_READING: Final = _guard.Kept("reading a stream")


class Reader(Protocol):
    """What one kind of stream says of its call, gathered chunk by chunk. Bounded by the answer itself.

    One that has a method ``preamble(chunk) -> bool`` too is asked, until it says no, whether a chunk says only that an
    answer will come: the time to the first chunk is that of the first other one.
    """

    def read(self, chunk: Any) -> bool:
        """Take a chunk in; tell whether the application is to get it."""

    def facts(self) -> Facts:
        """Return what the chunks so far say of the answer."""


class Watch:
    """One stream and its call."""

    __slots__ = ("_call", "_preamble", "_reader")

    def __init__(self, call: Call, reader: Reader) -> None:
        self._call = call
        self._reader = reader
        self._preamble: Callable[[Any], bool] | None = getattr(reader, "preamble", None)

    def passes(self, chunk: Any) -> bool:
        """Take note of a chunk; tell whether the application is to get it."""
        try:
            if self._preamble is None:
                self._call.chunk()
            else:
                self._begin(chunk, self._preamble)
            return self._reader.read(chunk)
        except Exception as error:  # noqa: BLE001  the boundary of `_guard`, without its block: this runs per chunk
            _guard.log_once("reading a stream", error)
            return True

    def _begin(self, chunk: Any, preamble: Callable[[Any], bool]) -> None:
        if preamble(chunk):
            self._call.chunks += 1
        else:
            self._preamble = None
            self._call.chunk()

    def end(self, outcome: Outcome, error: BaseException | None = None) -> None:
        """Finish the call, if nothing has yet."""
        if self._call.finished:
            return
        facts: Facts = {names.STREAM_OUTCOME: outcome}
        with _READING:
            facts |= self._reader.facts()
        if error is None:
            self._call.stop(facts)
        else:
            self._call.fail(error, facts)


class _Watched(wrapt.ObjectProxy):  # type: ignore[type-arg]  # not generic at run time
    """What every watched stream has: its watch, and an end when nobody holds it any more."""

    def __init__(self, stream: Any, watch: Watch) -> None:
        super().__init__(stream)
        self._self_watch = watch

    def __del__(self) -> None:
        self._self_watch.end("abandoned")


class Stream(_Watched):
    """A stream that is iterated with ``for``."""

    def __iter__(self) -> Iterator[Any]:
        # A generator rather than this object: it costs half per chunk.
        inner, watch = iter(self.__wrapped__), self._self_watch
        passes = watch.passes
        reading = True
        try:
            for chunk in inner:
                if passes(chunk):
                    reading = False  # what is thrown in here, a cancellation for one, is no error of the stream
                    yield chunk
                    reading = True
        except BaseException as error:
            if reading:
                watch.end("error", error)
            raise
        watch.end("complete")

    def __next__(self) -> Any:
        watch = self._self_watch
        try:
            while not watch.passes(chunk := next(self.__wrapped__)):
                pass
        except StopIteration:
            watch.end("complete")
            raise
        except BaseException as error:
            watch.end("error", error)
            raise
        return chunk

    def __enter__(self) -> Self:
        self.__wrapped__.__enter__()
        return self

    def __exit__(self, *raised: object) -> Any:
        try:
            return self.__wrapped__.__exit__(*raised)
        finally:
            self._self_watch.end("closed")

    def close(self, *args: Any, **kwargs: Any) -> Any:
        """Close the stream as its client does."""
        try:
            return self.__wrapped__.close(*args, **kwargs)
        finally:
            self._self_watch.end("closed")


class AsyncStream(_Watched):
    """A stream that is iterated with ``async for``."""

    async def __aiter__(self) -> AsyncIterator[Any]:
        inner, watch = aiter(self.__wrapped__), self._self_watch
        passes = watch.passes
        reading = True
        try:
            async for chunk in inner:
                if passes(chunk):
                    reading = False  # what is thrown in here, a cancellation for one, is no error of the stream
                    yield chunk
                    reading = True
        except BaseException as error:
            if reading:
                watch.end("error", error)
            raise
        watch.end("complete")

    async def __anext__(self) -> Any:
        watch = self._self_watch
        try:
            while not watch.passes(chunk := await anext(self.__wrapped__)):
                pass
        except StopAsyncIteration:
            watch.end("complete")
            raise
        except BaseException as error:
            watch.end("error", error)
            raise
        return chunk

    async def __aenter__(self) -> Self:
        await self.__wrapped__.__aenter__()
        return self

    async def __aexit__(self, *raised: object) -> Any:
        try:
            return await self.__wrapped__.__aexit__(*raised)
        finally:
            self._self_watch.end("closed")

    async def close(self, *args: Any, **kwargs: Any) -> Any:
        """Close the stream as its client does."""
        try:
            return await self.__wrapped__.close(*args, **kwargs)
        finally:
            self._self_watch.end("closed")

    async def aclose(self, *args: Any, **kwargs: Any) -> Any:
        """Close the stream as its client does, where it is an asynchronous generator."""
        try:
            return await self.__wrapped__.aclose(*args, **kwargs)
        finally:
            self._self_watch.end("closed")


class EitherStream(Stream, AsyncStream):
    """A stream that can be iterated both ways; its ``close`` may be a coroutine function or not."""


def let_go(stream: Any) -> None:
    """Finish the call behind a stream that was closed by another way than its own ``close``."""
    if isinstance(stream, _Watched):
        stream._self_watch.end("closed")  # noqa: SLF001  the proxy's own


def watch(stream: Any, call: Call, reader: Reader) -> Any:
    """Return the stream, watched, as one that can be iterated in the same way or in the same ways."""
    return watch_with(Watch(call, reader), stream)


def watch_with(watch: Watch, stream: Any) -> Any:
    """Return the stream, watched by a watch of one's own."""
    if not hasattr(stream, "__aiter__"):
        return Stream(stream, watch)
    return (EitherStream if hasattr(stream, "__iter__") else AsyncStream)(stream, watch)
