"""Serves the web port in a thread of its own."""

import socket
import threading
from typing import Final

import uvicorn
from fastapi import FastAPI

from haechi_collector.gate.tls import Tls
from haechi_collector.limits import PAGE_MESSAGE_BYTES_MAX, WEB_CONNECTIONS_MAX

_KEEP_ALIVE_S: Final = 75


class WebServer:
    """An application on a socket that listens. Call `start`, then `stop`; both once."""

    def __init__(self, app: FastAPI, listener: socket.socket, tls: Tls | None = None) -> None:
        self._listener = listener
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            ws="websockets-sansio",
            ws_max_size=PAGE_MESSAGE_BYTES_MAX,
            ws_per_message_deflate=False,  # a message of a few bytes may inflate to the whole size; it is this machine
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            limit_concurrency=WEB_CONNECTIONS_MAX,
            ssl_context_factory=(lambda *_: tls.context()) if tls else None,
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Serve from now on. A request that comes before the loop runs waits in the socket's backlog."""
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), name="web", daemon=True)
        self._thread.start()

    def stop(self, grace_s: float) -> None:
        """Accept no more, let the requests under way finish for ``grace_s`` seconds, then close."""
        if self._thread is None:
            return
        self._server.config.timeout_graceful_shutdown = max(1, int(grace_s))
        self._server.should_exit = True
        self._thread.join(grace_s + 5)
