"""Answers that an application takes raw: ``with_raw_response`` and ``with_streaming_response``.

Guarantee: the application gets the very response object that its client made, and from it the bytes, lines and objects
that it would get without us, but for the event that carries the usage that only we have asked for. (Read as bytes,
the other events show that it was asked for: some servers add ``"usage": null`` to them.) The call is finished when the
body has been read, when the response is closed, or when nobody holds it any more.

How: a body that is read already is read again, as JSON. Of one that is still to come, the HTTP response's
``iter_bytes`` and ``aiter_bytes`` are watched, through which its other ways of reading and the client's own streams
go (``iter_raw`` does not: what is read there is not seen). This costs a JSON decoding per event; raw streams are rare.

Bound: a body of more than `BODY_BYTES_MAX` bytes, and an event of more, is passed on unread.

Source: the clients of OpenAI, Anthropic, Groq, Together ... come from one generator, which marks such calls by a
header.
"""

import json
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Final, Protocol

from haechi import _guard
from haechi.spans import Call, Facts
from haechi.streams import Outcome, Reader, Watch

HEADER: Final = "X-Stainless-Raw-Response"
BODY_BYTES_MAX: Final = 8 * 1024 * 1024
"""Bytes of a body or an event that are kept to be read. Less: long embeddings have no usage."""

_READING: Final = _guard.Kept("reading a raw answer")


class Loose(dict[str, Any]):
    """A JSON object whose keys are attributes too, None where absent: readers take it for the client's own object."""

    __slots__ = ()
    __getattr__ = dict.get


class APIError(Exception):
    """An error that came inside a stream; clients raise their own class of this name for it."""


class _Tap(Protocol):
    """What looks at a body's bytes on their way, and finishes the call."""

    inside: bool  # whether the response itself is at work; what it closes then is not closed by the application

    def feed(self, piece: bytes) -> bytes:
        """Take a piece in; return what is to be passed on now."""

    def rest(self) -> bytes:
        """Return what is still held back, at the end of the body."""

    def end(self, outcome: Outcome, error: BaseException | None = None) -> None:
        """Finish the call, if nothing has yet."""


def is_raw(kwargs: Mapping[str, Any]) -> bool:
    """Tell whether a call with these arguments will return a raw response."""
    headers = kwargs.get("extra_headers")
    return bool(headers) and isinstance(headers, Mapping) and HEADER in headers


def loose(body: str | bytes) -> Any:
    """Return the value of a JSON text, its objects as `Loose`."""
    return json.loads(body, object_hook=Loose)


def watch(response: Any, call: Call, reader: Reader | None, read: Callable[[Any], Facts]) -> None:
    """Finish the call if the body is there, or see to it that it is finished.

    Args:
        response: the client's raw response; it has an ``http_response``.
        call: the call behind it.
        reader: reads the events of a stream; None if the body is one answer.
        read: returns what a whole answer says.
    """
    http = response.http_response
    if reader is not None and "event-stream" in str(http.headers.get("content-type", "")):
        _put(http, _Events(Watch(call, reader)))
    elif not http.is_stream_consumed:
        _put(http, _Whole(call, read, is_json=_is_json(http)))
    elif _is_json(http):
        call.stop(read(loose(http.content)))
    else:
        call.stop({})


def _is_json(http: Any) -> bool:
    return "json" in str(http.headers.get("content-type", ""))


class _Events:
    """Server-sent events, each read as it passes."""

    def __init__(self, watched: Watch) -> None:
        self._watch = watched
        self._held = b""
        self.inside = False

    def feed(self, piece: bytes) -> bytes:
        """Take a piece in; return the whole events so far, without those that are not the application's."""
        self._held += piece
        if len(self._held) > BODY_BYTES_MAX:
            return self.rest()
        passed = b""
        while (end := _boundary(self._held)) > 0:
            event, self._held = self._held[:end], self._held[end:]
            passed += event if self._passes(event) else b""
        return passed

    def rest(self) -> bytes:
        """Return what follows the last whole event."""
        rest, self._held = self._held, b""
        return rest

    def end(self, outcome: Outcome, error: BaseException | None = None) -> None:
        """Finish the call, if nothing has yet."""
        self._watch.end(outcome, error)

    def _passes(self, event: bytes) -> bool:
        data = b"".join(line[5:].strip() for line in event.splitlines() if line.startswith(b"data:"))
        if data == b"[DONE]":
            self.end("complete")
        elif data:
            with _READING:
                return self._read(loose(data))
        return True

    def _read(self, value: Any) -> bool:
        passes = self._watch.passes(value)
        if isinstance(value, Loose) and (error := value.get("error")) and value.get("response") is None:
            self.end("error", APIError(error.get("message") if isinstance(error, Loose) else error))
        return passes


def _boundary(held: bytes) -> int:
    """Return where the first event ends, 0 if it has not ended."""
    ends = [found + len(blank) for blank in (b"\n\n", b"\r\n\r\n") if (found := held.find(blank)) >= 0]
    return min(ends, default=0)


class _Whole:
    """One answer, which comes when the application reads it; of sound and the like, when its first piece came."""

    def __init__(self, call: Call, read: Callable[[Any], Facts], *, is_json: bool) -> None:
        self._call = call
        self._read = read
        self._is_json = is_json
        self._pieces: list[bytes] = []
        self._size = 0
        self.inside = False

    def feed(self, piece: bytes) -> bytes:
        """Take a piece in; return it."""
        self._size += len(piece)
        if not self._is_json:
            self._call.chunk()
        elif self._size <= BODY_BYTES_MAX:
            self._pieces.append(piece)
        return piece

    def rest(self) -> bytes:
        """Return nothing: nothing is held back."""
        return b""

    def end(self, outcome: Outcome, error: BaseException | None = None) -> None:
        """Finish the call, if nothing has yet."""
        facts: Facts = {}
        if outcome == "complete" and self._is_json and self._size <= BODY_BYTES_MAX:
            with _READING:
                facts = self._read(loose(b"".join(self._pieces)))
        if error is None:
            self._call.stop(facts)
        else:
            self._call.fail(error, facts)


def _put(http: Any, tap: _Tap) -> None:
    """Let a response's body go through a tap, once; what is read of it later comes from the response's memory."""
    if hasattr(type(http), "iter_bytes"):
        http.iter_bytes = _iterating(http.iter_bytes, tap)
        http.close = _closing(http.close, tap)
    if hasattr(type(http), "aiter_bytes"):
        http.aiter_bytes = _iterating_async(http.aiter_bytes, tap)
        http.aclose = _closing_async(http.aclose, tap)
    weakref.finalize(http, tap.end, "abandoned")


def _iterating(original: Callable[..., Iterator[bytes]], tap: _Tap) -> Callable[..., Iterator[bytes]]:
    def iter_bytes(*args: Any, **kwargs: Any) -> Iterator[bytes]:
        pieces = original(*args, **kwargs)
        try:
            while (piece := _next(pieces, tap)) is not None:
                if passed := tap.feed(piece):
                    yield passed
            if passed := tap.rest():
                yield passed
        except GeneratorExit:
            raise
        except BaseException as error:
            tap.end("error", error)
            raise
        tap.end("complete")

    return iter_bytes


def _next(pieces: Iterator[bytes], tap: _Tap) -> bytes | None:
    tap.inside = True
    try:
        return next(pieces, None)
    finally:
        tap.inside = False


def _iterating_async(original: Callable[..., AsyncIterator[bytes]], tap: _Tap) -> Callable[..., AsyncIterator[bytes]]:
    async def aiter_bytes(*args: Any, **kwargs: Any) -> AsyncIterator[bytes]:
        pieces = original(*args, **kwargs)
        try:
            while (piece := await _next_async(pieces, tap)) is not None:
                if passed := tap.feed(piece):
                    yield passed
            if passed := tap.rest():
                yield passed
        except GeneratorExit:
            raise
        except BaseException as error:
            tap.end("error", error)
            raise
        tap.end("complete")

    return aiter_bytes


async def _next_async(pieces: AsyncIterator[bytes], tap: _Tap) -> bytes | None:
    tap.inside = True
    try:
        return await anext(pieces, None)
    finally:
        tap.inside = False


def _closing(original: Callable[[], Any], tap: _Tap) -> Callable[[], Any]:
    def close() -> Any:
        try:
            return original()
        finally:
            if not tap.inside:
                tap.end("closed")

    return close


def _closing_async(original: Callable[[], Any], tap: _Tap) -> Callable[[], Any]:
    async def aclose() -> Any:
        try:
            return await original()
        finally:
            if not tap.inside:
                tap.end("closed")

    return aclose
