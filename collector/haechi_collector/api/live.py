"""Open pages: each holds a WebSocket, over which it gets new figures for as long as it lives.

Guarantees: there are never more than `PAGE_CLIENTS_MAX`; while keys are asked for, the gate is asked again every
`KEYS_REFRESH_S` for the key that a page came in with, and a connection whose key was revoked, has expired or lost its
scope is closed (1008). A quota that is used up closes none.
"""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from haechi_collector.api.problems import problem
from haechi_collector.errors import Denied, OverQuota
from haechi_collector.gate.credentials import credential_of_page
from haechi_collector.gate.gate import Gate
from haechi_collector.gate.keys import Scope as KeyScope
from haechi_collector.limits import KEYS_REFRESH_S, PAGE_CLIENTS_MAX
from haechi_collector.telemetry import Metrics

_POLICY_VIOLATION: Final = 1008


class Live:
    """ASGI middleware behind `Access`. Used by one event loop."""

    def __init__(
        self, app: ASGIApp, gate: Gate, metrics: Metrics | None = None, clients_max: int = PAGE_CLIENTS_MAX
    ) -> None:
        self._app, self._gate, self._metrics, self._clients_max = app, gate, metrics, clients_max
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; count WebSockets, and watch over them."""
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        if self._open >= self._clients_max:
            await problem(503, "too many pages are open", {"Retry-After": "5"})(scope, receive, send)
            return
        self._tell(+1)
        try:
            await _Connection(send).run(self._app, scope, receive, self._gate)
        finally:
            self._tell(-1)

    def _tell(self, change: int) -> None:
        self._open += change
        if self._metrics is not None:
            self._metrics.gauge("haechi_page_clients").set(self._open)


class _Connection:
    """One WebSocket. After it was closed here, what the application still sends goes nowhere."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_closed = False

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, gate: Gate) -> None:
        watch = asyncio.ensure_future(self._watch(scope, gate)) if gate.asks else None
        try:
            await app(scope, receive, self._pass)
        finally:
            if watch is not None:
                watch.cancel()

    async def _watch(self, scope: Scope, gate: Gate) -> None:
        credential = credential_of_page(scope["headers"])
        while may_go_on(gate, credential):  # noqa: ASYNC110  the gate is asked, it tells nobody
            await asyncio.sleep(KEYS_REFRESH_S)
        self._is_closed = True
        await self._send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": "the API key is not valid"})

    async def _pass(self, message: Message) -> None:
        if not self._is_closed:
            await self._send(message)


def may_go_on(gate: Gate, credential: str) -> bool:
    """Tell whether whoever came in to read with this key still may."""
    try:
        gate.admit(credential, KeyScope.READ)
    except OverQuota:
        return True
    except Denied:
        return False
    return True
