"""The gate of the web port, around every route.

Guarantees: nobody gets past it without a key that has the scope of the route, whether the route exists or not; a route
that is not listed here needs ``read`` to be read and ``admin`` for anything else, so that a new one is closed until
somebody has thought about it. Answered without a key: ``/healthz`` and ``/readyz``, bare, for probes that carry none.

A browser logs in with a form, which leads back to the page that was asked for: the key goes into a cookie that scripts
cannot read and other sites cannot send, nor do their forms count when the browser adds a password by itself
(``Sec-Fetch-Site``). An open page speaks over WebSocket, or posts where that is blocked (``/_nicegui_ws/``): a key that
may read may do so, and no page of another site: there the Origin must be the Host (cross-site WebSocket hijacking; the
same-origin policy does not hold for WebSockets). Where nobody is asked because only
this machine reaches the port, the Host must be an address or localhost: a web page cannot come in through a name of
its own that points here (DNS rebinding).

The caller is in ``request.state.caller`` (`gate.gate.Caller`; None on the bare routes without a key).
"""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from haechi_collector.api.login import FIRST_PAGE, LOGIN, LOGOUT, cookie, form, read_form, target_of
from haechi_collector.api.problems import problem, refusal_of
from haechi_collector.errors import Denied, Forbidden, HaechiError, OverQuota, Unauthenticated
from haechi_collector.gate.credentials import credential_of_page
from haechi_collector.gate.gate import Gate
from haechi_collector.gate.keys import Scope as KeyScope

BARE: Final = frozenset({"/healthz", "/readyz"})
"""Answered without a key."""

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SCOPES: Final[dict[str, dict[str, KeyScope]]] = {
    "/metrics": dict.fromkeys(_READING, KeyScope.METRICS),
    "/sql": dict.fromkeys({*_READING, "POST"}, KeyScope.READ),
    "/api/v1/scores": {"POST": KeyScope.INGEST},
}
"""By path and method, where it is not `read` to read and `admin` to change."""

_PAGE_LINK: Final = "/_nicegui_ws/"
"""Under it an open page speaks with this side (socket.io), by WebSocket or by GET and POST. It changes nothing."""

_FOR_PROGRAMS: Final = ("/api/", "/sql", "/metrics", "/openapi.json", "/_nicegui", "/assets/")
"""Under these a browser gets no form to log in with: programs and pages ask there."""

_CLICKHOUSE_ERRORS: Final = {
    401: (516, "AUTHENTICATION_FAILED"),
    403: (497, "ACCESS_DENIED"),
    429: (201, "QUOTA_EXCEEDED"),
}


class Access:
    """ASGI middleware. ``any_host`` says whether a Host that is a name is taken."""

    def __init__(self, app: ASGIApp, gate: Gate, *, any_host: bool) -> None:
        self._app = app
        self._gate = gate
        self._any_host = any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        scope.setdefault("state", {})["caller"] = None
        answer = self._refuse_place(scope, headers)
        if answer is None and self._gate.asks and scope["path"] in {LOGIN, LOGOUT}:
            answer = await self._login(scope, receive)
        elif answer is None:
            answer = self._admit(scope, headers)
        await (answer or self._app)(scope, receive, send)

    def _refuse_place(self, scope: Scope, headers: Headers) -> Response | None:
        """Refuse who asks from where they should not, whatever the key; None to go on."""
        path, method = scope["path"], scope.get("method", "GET")
        if not self._any_host and not _is_address(headers.get("host", "")):
            return problem(421, "the Host is a name; only this machine is served here, as localhost or by address")
        if method not in _READING and headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            return _refused(path, Forbidden("a page of another site may not do this"))
        if (scope["type"] == "websocket" or path.startswith(_PAGE_LINK)) and not _is_own_page(headers):
            return _refused(path, Forbidden("a page of another site may not do this: its Origin is not the Host"))
        return None

    def _admit(self, scope: Scope, headers: Headers) -> Response | None:
        """Ask for the key, and remember whose it is; None to go on."""
        path, method = scope["path"], scope.get("method", "GET")
        credential = credential_of_page(scope["headers"], scope["query_string"] if path == "/sql" else b"")
        if path in BARE and self._gate.asks and not credential:
            return None
        try:
            scope["state"]["caller"] = self._gate.admit(credential, _scope_of(path, method))
        except (Denied, OverQuota) as error:
            if path in BARE:
                return None
            if isinstance(error, Unauthenticated) and _is_shown(path, method, headers):
                return form(None, target_of(scope), 401, headers)
            return _refused(path, error)
        return None

    async def _login(self, scope: Scope, receive: Receive) -> Response:
        if scope.get("method") != "POST":
            return _refused(scope["path"], Unauthenticated("send the form with POST"))
        key, target = ("", FIRST_PAGE) if scope["path"] == LOGOUT else await read_form(receive)
        if key:
            try:
                self._gate.admit(key, KeyScope.READ)
            except (Denied, OverQuota) as error:
                return form(error, target, refusal_of(error)[0], Headers(scope=scope))
        response = RedirectResponse(target, 303)
        response.headers["set-cookie"] = cookie(key, is_secure=scope["scheme"] == "https")
        return response


def _scope_of(path: str, method: str) -> KeyScope:
    if path.startswith(_PAGE_LINK):
        return KeyScope.READ
    listed = _SCOPES.get(path.rstrip("/"), {})
    return listed.get(method) or (KeyScope.READ if method in _READING else KeyScope.ADMIN)


def _refused(path: str, error: HaechiError) -> Response:
    status, more = refusal_of(error)
    if path == "/sql":
        code, name = _CLICKHOUSE_ERRORS[status]
        text = f"Code: {code}. DB::Exception: {error}. ({name})\n"
        return PlainTextResponse(text, status, {"X-ClickHouse-Exception-Code": str(code), **more})
    return problem(status, str(error), more, code=error.code)


def _is_address(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    if name == "localhost":
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _is_own_page(headers: Headers) -> bool:
    """Tell whether a page of this origin asks, or no page: a browser tells the Origin of every WebSocket and POST."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""


def _is_shown(path: str, method: str, headers: Headers) -> bool:
    """Tell whether a browser shows the answer to somebody, as a page."""
    if method not in {"GET", "HEAD"} or path.startswith(_FOR_PROGRAMS):
        return False
    return path == FIRST_PAGE or "text/html" in headers.get("accept", "")
