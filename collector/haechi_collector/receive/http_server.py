"""Running an ASGI application on uvicorn (uvloop, httptools), in a thread of its own.

Guarantees beyond uvicorn's own:

* A request's head must be there ``limits.HEADER_READ_S`` after its first byte (or after the connection was made),
  its body ``limits.BODY_READ_S`` after that, or the connection is closed. uvicorn times idle connections alone.
* A client that does not read its answers for ``limits.ANSWER_READ_S`` is cut off; so is one that sends more than
  ``limits.PIPELINED_MAX`` requests ahead of their answers.
* Head, trailers and chunk framing are bounded by ``limits.HTTP_HEADER_BYTES_MAX``; connections by
  ``limits.HTTP_CONNECTIONS_MAX``, which clients share fairly (`connections`). The parser bounds neither.
* A port in use is reported by name before anything runs.
* Over a Unix socket the collector's own processes reach the same application without TLS, whatever the port asks for:
  who can open it could read the data directory as well. Keys are asked for there too.
"""

import asyncio
import socket
import threading
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from haechi_collector import limits
from haechi_collector.gate.tls import Tls
from haechi_collector.receive.connections import Connections
from haechi_collector.receive.http import OtlpHttp
from haechi_collector.receive.peer import client_of
from haechi_collector.sockets import http_connections_max, listen, listen_inside

_CHUNK_FRAME_BYTES: Final = 16
"""Of one chunk: eight digits of length and two line ends, rounded up."""


class HttpServer:
    """A server that is not started yet. Construct it with `serve_http`."""

    def __init__(self, app: OtlpHttp, host: str, port: int, tls: Tls | None, inside: Path | None) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._inside = inside
        self._server = _Server(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=partial(_BoundedProtocol, Connections(http_connections_max())),  # type: ignore[arg-type]
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=int(limits.KEEP_ALIVE_S),
                ssl_context_factory=(lambda *_: tls.context()) if tls else None,
            )
        )
        self._thread: threading.Thread | None = None

    def start(self) -> int:
        """Bind, serve, and return the bound port.

        Raises:
            SettingError: the address cannot be bound.
        """
        listener = listen(self._host, self._port, "http_port")
        self._server.inside = listen_inside(self._inside) if self._inside else None
        port: int = listener.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="otlp-http", daemon=True
        )
        self._app.start()
        self._thread.start()
        self._server.ready.wait()
        return port

    def stop(self, grace_s: float) -> None:
        """Accept no more, let the requests under way finish for ``grace_s`` seconds, then close. Idempotent."""
        if self._thread is None:
            return
        self._server.config.timeout_graceful_shutdown = grace_s  # type: ignore[assignment]
        self._server.should_exit = True
        self._thread.join()
        self._thread = None
        self._app.stop()
        if self._inside is not None:
            self._inside.unlink(missing_ok=True)


def serve_http(
    app: OtlpHttp, host: str, port: int, tls: Tls | None = None, *, inside: Path | None = None
) -> HttpServer:
    """Return a server for ``app``; port 0 takes any free one, ``inside`` is the path of a Unix socket beside it."""
    return HttpServer(app, host, port, tls, inside)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self.inside: socket.socket | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.inside is not None:
            loop = asyncio.get_running_loop()
            self.servers.append(await loop.create_unix_server(self._protocol, sock=self.inside))
        self.ready.set()

    def _protocol(self) -> asyncio.Protocol:
        """Return what serves one connection, as uvicorn makes it for those of the port."""
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


class _BoundedProtocol(HttpToolsProtocol):
    """uvicorn's connection, with clocks for what a client has to do, and measures for what is not body."""

    def __init__(self, table: Connections, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._table = table
        self._client = ""
        self._clock: asyncio.TimerHandle | None = None  # runs while a request is arriving
        self._answer_clock: asyncio.TimerHandle | None = None  # runs while answers wait to be read
        self._unanswered: deque[RequestResponseCycle] = deque()
        self._bytes = 0
        self._body_bytes = 0
        self._body_parts = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._client = client_of(self.client[0]) if self.client else ""
        self._wind(limits.HEADER_READ_S)
        self._table.opened(self._client, self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwind()
        self.resume_writing()
        self._table.closed(self._client, self)
        for cycle in self._unanswered:  # uvicorn tells the last one alone, and the others would answer into the void
            cycle.disconnected = True
        super().connection_lost(exc)

    def close_now(self) -> None:
        """Close without waiting until what was written is read."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._clock is None:
            self._wind(limits.HEADER_READ_S)
        self._bytes += len(data)
        super().data_received(data)
        framing = self._bytes - self._body_bytes - self._body_parts * _CHUNK_FRAME_BYTES
        if framing > limits.HTTP_HEADER_BYTES_MAX or len(self.pipeline) > limits.PIPELINED_MAX:
            self.transport.close()

    def on_message_begin(self) -> None:
        self._wind(limits.HEADER_READ_S)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._table.busy(self._client, self)
        self._wind(limits.BODY_READ_S)
        super().on_headers_complete()
        self._unanswered.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        self._body_parts += 1
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unwind()
        self._bytes = self._body_bytes = self._body_parts = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._unanswered.popleft()
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            self._table.idle(self._client, self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._answer_clock = self.loop.call_later(limits.ANSWER_READ_S, self.close_now)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._answer_clock is not None:
            self._answer_clock.cancel()
            self._answer_clock = None

    def _wind(self, seconds: float) -> None:
        self._unwind()
        self._clock = self.loop.call_later(seconds, self.transport.close)

    def _unwind(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
