"""Serves the web port in a thread of its own."""

import threading
from typing import Final

import uvicorn
from fastapi import FastAPI

from haechi_collector.gate.tls import Tls
from haechi_collector.sockets import listen

_KEEP_ALIVE_S: Final = 75
_CONNECTIONS_MAX: Final = 512


class WebServer:
    """An application on a port. Call `start`, then `stop`; both once."""

    def __init__(self, app: FastAPI, host: str, port: int, tls: Tls | None = None) -> None:
        self._host, self._port = host, port
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            ws="none",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            limit_concurrency=_CONNECTIONS_MAX,
            ssl_context_factory=(lambda *_: tls.context()) if tls else None,
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def start(self) -> int:
        """Bind, serve, and return the bound port.

        Raises:
            SettingError: the address cannot be bound.
        """
        listener = listen(self._host, self._port, "web_port")
        port: int = listener.getsockname()[1]
        # The socket listens already: a request that comes before the loop runs waits in the backlog.
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="web", daemon=True)
        self._thread.start()
        return port

    def stop(self, grace_s: float) -> None:
        """Accept no more, let the requests under way finish for ``grace_s`` seconds, then close."""
        if self._thread is None:
            return
        self._server.config.timeout_graceful_shutdown = max(1, int(grace_s))
        self._server.should_exit = True
        self._thread.join(grace_s + 5)
