"""Answers of Bedrock's InvokeModel on their way to the application, which takes them as bytes.

Guarantee: the body and its class are those that botocore made, and are read at the application's pace. What passes is
kept to be read when the answer is complete; a body that is never read to its end is told by its headers alone.

Bound: `BODY_BYTES_MAX` bytes of one answer are kept.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, Self

import wrapt

from haechi import _guard
from haechi._content import Content
from haechi._raw import BODY_BYTES_MAX, loose
from haechi.instrument import _bedrock_bodies as bodies
from haechi.instrument._anthropic_facts import MessageReader
from haechi.instrument._bedrock_converse import ConverseReader
from haechi.instrument._openai_streams import ChatReader
from haechi.spans import Call, Facts
from haechi.streams import AsyncStream, Reader

_READING: Final = _guard.Kept("reading an answer of Bedrock's")


_PREAMBLE: Final = (b'"message_start"', b'"content_block_start"', b'"ping"', b'"messageStart"', b'"contentBlockStart"')


class InvokeReader:
    """Reads a streamed answer. The events are kept as they came, and decoded when the answer is complete.

    Those that hold text alone, which are nearly all, are not kept while content is off.
    """

    __slots__ = ("_content", "_pieces", "_size")

    def __init__(self, content: Content) -> None:
        self._content = content
        self._pieces: list[bytes] = []
        self._size = 0

    def read(self, chunk: Any) -> bool:
        """Take an event in. All of them are the application's."""
        piece = chunk["chunk"]["bytes"] if "chunk" in chunk else b""
        if self._content.on or not (b'"content_block_delta"' in piece or b'"contentBlockDelta"' in piece):
            self._size += len(piece)
            if piece and self._size <= BODY_BYTES_MAX:
                self._pieces.append(piece)
        return True

    def preamble(self, chunk: Any) -> bool:
        """Tell whether an event comes before anything of the answer."""
        piece = chunk["chunk"]["bytes"] if "chunk" in chunk else b""
        return any(mark in piece for mark in _PREAMBLE)

    def facts(self) -> Facts:
        """Return what the answer says as far as it has come."""
        events = [event for event in map(loose, self._pieces) if isinstance(event, dict)]
        if not events:
            return {}
        metered = bodies.metered(events[-1].get(bodies.METRICS))
        reader = _reader_of(events[0], self._content)
        if reader is None:
            return bodies.pieced(events, self._content) | metered
        for event in events:
            reader.read(event)
        return metered | reader.facts()


def _reader_of(first: Mapping[str, Any], content: Content) -> Reader | None:
    """Return the reader of a stream that begins with this event, None for the older shapes."""
    if first.get("type") == "message_start":
        return MessageReader(content)
    if "messageStart" in first:
        return ConverseReader(content)
    return ChatReader(content, hide_usage=False) if "choices" in first and "outputs" not in first else None


class Tee:
    """What passes of one body, and the end of its call."""

    def __init__(self, call: Call, told: Facts) -> None:
        self._call = call
        self._told = told
        self._pieces: list[bytes] = []
        self._size = 0

    def passed(self, piece: bytes, *, last: bool) -> None:
        """Take note of a piece; ``last``: nothing follows it."""
        self._size += len(piece)
        if piece and self._size <= BODY_BYTES_MAX:
            self._pieces.append(bytes(piece))
        if last:
            self.end()

    def end(self, error: BaseException | None = None) -> None:
        """Finish the call, if nothing has yet."""
        if self._call.finished:
            return
        facts = dict(self._told)
        if error is not None:
            self._call.fail(error, facts)
            return
        with _READING:
            whole = b"".join(self._pieces)
            if whole and self._size <= BODY_BYTES_MAX:
                facts |= bodies.answered(json.loads(whole), self._call.content)
        self._call.stop(facts)


class Teed(wrapt.ObjectProxy):  # type: ignore[type-arg]  # not generic at run time
    """The HTTP response under a body of botocore's; every way of reading the body goes through these methods."""

    def __init__(self, response: Any, tee: Tee) -> None:
        super().__init__(response)
        self._self_tee = tee

    def read(self, amt: int | None = None, *args: Any, **kwargs: Any) -> Any:
        """Read as the response does."""
        piece = self._self_doing(self.__wrapped__.read, amt, *args, **kwargs)
        self._self_tee.passed(piece, last=amt is None or amt < 0 or (amt > 0 and not piece))
        return piece

    def readinto(self, buffer: Any) -> Any:
        """Read as the response does."""
        count = self._self_doing(self.__wrapped__.readinto, buffer)
        self._self_tee.passed(bytes(memoryview(buffer)[:count]), last=count == 0)
        return count

    def readlines(self, *args: Any) -> Any:
        """Read as the response does."""
        lines = self._self_doing(self.__wrapped__.readlines, *args)
        self._self_tee.passed(b"".join(lines), last=True)
        return lines

    def close(self) -> None:
        """Close as the response does."""
        self.__wrapped__.close()
        self._self_tee.end()

    def __del__(self) -> None:
        self._self_tee.end()

    def _self_doing(self, read: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return read(*args, **kwargs)
        except BaseException as error:
            self._self_tee.end(error)
            raise


class AsyncTeed(wrapt.ObjectProxy):  # type: ignore[type-arg]  # not generic at run time
    """The HTTP response under a body of aiobotocore's, or its content, which is what the body reads."""

    def __init__(self, response: Any, tee: Tee) -> None:
        super().__init__(response)
        self._self_tee = tee

    @property
    def content(self) -> "AsyncTeed":
        """The response's content."""
        return AsyncTeed(self.__wrapped__.content, self._self_tee)

    async def read(self, *amount: int) -> bytes:
        """Read as the response or its content does."""
        try:
            piece: bytes = await self.__wrapped__.read(*amount)
        except BaseException as error:
            self._self_tee.end(error)
            raise
        self._self_tee.passed(piece, last=not piece or not amount or amount[0] < 0)
        return piece

    def close(self) -> None:
        """Close as the response does."""
        self.__wrapped__.close()
        self._self_tee.end()

    async def __aenter__(self) -> Self:
        await self.__wrapped__.__aenter__()
        return self

    async def __aexit__(self, *raised: object) -> Any:
        try:
            return await self.__wrapped__.__aexit__(*raised)
        finally:
            self._self_tee.end()


class AsyncEvents(AsyncStream):
    """An event stream of aiobotocore's, whose ``close`` is a plain method."""

    def close(self, *args: Any, **kwargs: Any) -> Any:
        """Close the stream as its client does."""
        try:
            return self.__wrapped__.close(*args, **kwargs)
        finally:
            self._self_watch.end("closed")
