"""The stand-in's HTTP/1.1 server: pure standard library, one thread, cheap for each request.

It takes what the client libraries send: bodies with a Content-Length, kept-alive connections, and absolute-form targets
(a client that uses it as a plain HTTP proxy reaches a provider under the provider's own host name). A stream
without pauses leaves in one write; one with pauses is sent chunk by chunk. A peer that goes away ends its reply.
"""

import asyncio
import threading
import traceback
from collections import deque
from collections.abc import Callable
from typing import Self, cast
from urllib.parse import unquote, urlsplit

from tests.standin.routes import answer
from tests.standin.wire import Reply, Request

REQUESTS_KEPT_MAX = 20_000
_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


class _Connection(asyncio.Protocol):
    """One client connection: requests are answered in turn."""

    def __init__(
        self, receive: Callable[[Request], Reply], number: Callable[[], int], open_: set[asyncio.Transport]
    ) -> None:
        self._receive, self._number, self._open = receive, number, open_
        self._buffer = bytearray()
        self._drip: asyncio.Task[None] | None = None
        self._transport = cast("asyncio.Transport", None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._open.add(self._transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self._open.discard(self._transport)
        if self._drip:
            self._drip.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._advance()

    def _advance(self) -> None:
        while self._drip is None and (request := self._next()):
            reply = self._receive(request)
            parts = list(_framed(reply))
            if reply.pause_ms:
                self._drip = asyncio.get_running_loop().create_task(self._send_slowly(reply, parts, request))
            else:
                self._transport.write(b"".join(parts))
                self._finish(reply, request)

    def _next(self) -> Request | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self._buffer[:end])
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = int(headers.get("content-length", 0))
        if len(self._buffer) < end + 4 + size:
            return None
        body = bytes(self._buffer[end + 4 : end + 4 + size])
        del self._buffer[: end + 4 + size]
        method, target, _ = first.split(" ")
        url = urlsplit(target)
        return Request(self._number(), method, url.netloc, unquote(url.path), url.query, headers, head, body)

    async def _send_slowly(self, reply: Reply, parts: list[bytes], request: Request) -> None:
        for part in parts:
            await asyncio.sleep(reply.pause_ms / 1000)
            self._transport.write(part)
        self._drip = None
        self._finish(reply, request)
        self._advance()

    def _finish(self, reply: Reply, request: Request) -> None:
        if reply.cut or request.headers.get("connection", "").lower() == "close":
            self._transport.close()


def _framed(reply: Reply) -> list[bytes]:
    """The bytes of a reply, in the parts that a pause may separate."""
    whole = b"".join(reply.chunks)
    length = "transfer-encoding: chunked" if reply.streamed else f"content-length: {len(whole)}"
    lines = [f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Status')}", f"content-type: {reply.content_type}"]
    lines += [length, *(f"{name}: {value}" for name, value in reply.headers.items())]
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    if not reply.streamed:
        return [head + (whole[: len(whole) // 2] if reply.cut else whole)]
    kept = reply.chunks[: len(reply.chunks) // 2] if reply.cut else reply.chunks
    framed = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in kept]
    first = framed[:1] or [b""]
    return [head + first[0], *framed[1:], *([] if reply.cut else [b"0\r\n\r\n"])]


class Standin:
    """The stand-in on a free port of 127.0.0.1, in a thread of its own; a context manager.

    `requests` holds what was served, oldest first, at most the last 20,000.
    """

    def __init__(self, port: int = 0) -> None:
        self.requests: deque[Request] = deque(maxlen=REQUESTS_KEPT_MAX)
        self._served = 0
        self._open: set[asyncio.Transport] = set()
        self._loop = asyncio.new_event_loop()
        opening = self._loop.create_server(self._connection, "127.0.0.1", port)
        self._server = self._loop.run_until_complete(opening)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, name="standin", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Such as `http://127.0.0.1:40123`, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def last(self) -> Request:
        """The request served last."""
        return self.requests[-1]

    def reset(self) -> None:
        """Forgets the requests and numbers the responses from 1 again."""
        self.requests.clear()
        self._served = 0

    def stop(self) -> None:
        """Closes every connection and ends the thread; a second call does nothing."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        replies = asyncio.all_tasks() - {asyncio.current_task()}
        for reply in replies:
            reply.cancel()
        await asyncio.gather(*replies, return_exceptions=True)
        for transport in list(self._open):
            transport.abort()
        await asyncio.sleep(0)  # the turn in which the loop lets go of the sockets

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _connection(self) -> _Connection:
        return _Connection(self._receive, self._count, self._open)

    def _count(self) -> int:
        self._served += 1
        return self._served

    def _receive(self, request: Request) -> Reply:
        self.requests.append(request)
        try:
            return answer(request)
        except Exception as error:  # noqa: BLE001  a request that the stand-in cannot read is told to its client
            words = f"The stand-in cannot answer this: {error!r}\n{traceback.format_exc()}"
            return Reply([words.encode()], status=500, content_type="text/plain; charset=utf-8")
