"""Running an ASGI application on uvicorn (uvloop, httptools), in a thread of its own.

Guarantees beyond uvicorn's own:

* A request's head must be there ``limits.HEADER_READ_S`` after its first byte (or after the connection was made),
  its body ``limits.BODY_READ_S`` after that, or the connection is closed. uvicorn times idle connections alone.
* Head, trailers and chunk framing are bounded by ``limits.HTTP_HEADER_BYTES_MAX``; connections by
  ``limits.CONNECTIONS_MAX``. The parser bounds neither.
* A port in use is reported by name before anything runs.
"""

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from haechi_collector import limits
from haechi_collector.receive.http import AsgiApp
from haechi_collector.sockets import listen

_CHUNK_FRAME_BYTES: Final = 16
"""Of one chunk: eight digits of length and two line ends, rounded up."""


class HttpServer:
    """A server that is not started yet. Construct it with `serve_http`."""

    def __init__(self, app: AsgiApp, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._server = _Server(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=_BoundedProtocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=int(limits.KEEP_ALIVE_S),
            )
        )
        self._thread: threading.Thread | None = None

    def start(self) -> int:
        """Bind, serve, and return the bound port.

        Raises:
            SettingError: the address cannot be bound.
        """
        listener = listen(self._host, self._port, "http_port")
        port: int = listener.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="otlp-http", daemon=True
        )
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


def serve_http(app: AsgiApp, host: str, port: int) -> HttpServer:
    """Return a server for ``app``; port 0 takes any free one."""
    return HttpServer(app, host, port)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        workers = ThreadPoolExecutor(limits.HTTP_WORKERS, thread_name_prefix="otlp-http-worker")
        asyncio.get_running_loop().set_default_executor(workers)
        await super().startup(sockets)
        self.ready.set()


class _BoundedProtocol(HttpToolsProtocol):
    """uvicorn's connection, with a clock and a measure for what is not body."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock: asyncio.TimerHandle | None = None
        self._bytes = 0
        self._body_bytes = 0
        self._body_parts = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wind(limits.HEADER_READ_S)
        if len(self.connections) > limits.CONNECTIONS_MAX:
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwind()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._clock is None:
            self._wind(limits.HEADER_READ_S)
        self._bytes += len(data)
        super().data_received(data)
        framing = self._bytes - self._body_bytes - self._body_parts * _CHUNK_FRAME_BYTES
        if framing > limits.HTTP_HEADER_BYTES_MAX:
            self.transport.close()

    def on_message_begin(self) -> None:
        self._wind(limits.HEADER_READ_S)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._wind(limits.BODY_READ_S)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        self._body_parts += 1
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unwind()
        self._bytes = self._body_bytes = self._body_parts = 0
        super().on_message_complete()

    def _wind(self, seconds: float) -> None:
        self._unwind()
        self._clock = self.loop.call_later(seconds, self.transport.close)

    def _unwind(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
