"""Counts the requests of the web port, by route and kind of status, the refused ones too.

Guarantee: labels are bounded: a route's own path with its placeholders, ``page`` for the page and its files, ``other``.
"""

import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from haechi_collector.telemetry import Metrics

_OURS: Final = ("/api/", "/sql", "/metrics", "/healthz", "/readyz", "/openapi.json")


class Counted:
    """ASGI middleware around all others."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, began, status = scope["path"], time.monotonic(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = _route(scope, path)
            self._metrics.counter("haechi_web_requests_total", route, f"{status // 100}xx").inc()
            self._metrics.histogram("haechi_web_request_seconds", route).observe(time.monotonic() - began)


def _route(scope: Scope, path: str) -> str:
    found = getattr(scope.get("route"), "path", None)
    if found and path.startswith(_OURS):
        return str(found)
    return "page" if scope.get("app") is not None and not path.startswith(_OURS) else "other"
