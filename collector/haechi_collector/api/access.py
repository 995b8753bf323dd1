"""The gate of the web port, around every route.

Guarantees: nobody gets past it without a key that has the scope of the route, whether the route exists or not; a route
that is not listed here needs ``read`` to be read and ``admin`` for anything else, so that a new one is closed until
somebody has thought about it. Answered without a key: ``/healthz`` and ``/readyz``, bare, for probes that carry none.

A browser logs in with a form: the key goes into a cookie that scripts cannot read and other sites cannot send, nor do
their forms count when the browser adds a password by itself (``Sec-Fetch-Site``). Where nobody is asked because only
this machine reaches the port, the Host must be an address or localhost: a web page cannot come in through a name of
its own that points here (DNS rebinding).

The caller is in ``request.state.caller`` (`gate.gate.Caller`; None on the bare routes without a key).
"""

import ipaddress
from http.cookies import Morsel, SimpleCookie
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from haechi_collector.api.problems import problem
from haechi_collector.errors import Denied, Forbidden, HaechiError, OverQuota, Unauthenticated
from haechi_collector.gate.credentials import COOKIE, credential_of_page
from haechi_collector.gate.gate import Gate
from haechi_collector.gate.keys import Scope as KeyScope
from haechi_collector.limits import LOGIN_BYTES_MAX, LOGIN_S
from haechi_collector.web.login import login_page

BARE: Final = frozenset({"/healthz", "/readyz"})
"""Answered without a key."""

_LOGIN: Final = "/login"
_LOGOUT: Final = "/logout"
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SCOPES: Final[dict[str, dict[str, KeyScope]]] = {
    "/metrics": dict.fromkeys(_READING, KeyScope.METRICS),
    "/sql": dict.fromkeys({*_READING, "POST"}, KeyScope.READ),
    "/api/v1/scores": {"POST": KeyScope.INGEST},
}
"""By path and method, where it is not `read` to read and `admin` to change."""

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
        answer = self._ask(scope, headers)
        if answer is None and self._gate.asks and scope["path"] in {_LOGIN, _LOGOUT}:
            answer = await self._login(scope, receive)
        await (answer or self._app)(scope, receive, send)

    def _ask(self, scope: Scope, headers: Headers) -> Response | None:
        """Decide on the head alone; None to go on."""
        scope.setdefault("state", {})["caller"] = None
        path, method = scope["path"], scope.get("method", "GET")
        if not self._any_host and not _is_address(headers.get("host", "")):
            return problem(421, "the Host is a name; only this machine is served here, as localhost or by address")
        if method not in _READING and headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            return _refused(path, Forbidden("a page of another site may not do this"))
        if self._gate.asks and path in {_LOGIN, _LOGOUT}:
            return None if method == "POST" else _refused(path, Unauthenticated("send the form with POST"))
        credential = credential_of_page(scope["headers"], scope["query_string"] if path == "/sql" else b"")
        if path in BARE and self._gate.asks and not credential:
            return None
        try:
            scope["state"]["caller"] = self._gate.admit(credential, _scope_of(path, method))
        except (Denied, OverQuota) as error:
            return None if path in BARE else _refused(path, error)
        return None

    async def _login(self, scope: Scope, receive: Receive) -> Response:
        key = "" if scope["path"] == _LOGOUT else await _key_of_form(receive)
        if key:
            try:
                self._gate.admit(key, KeyScope.READ)
            except (Denied, OverQuota) as error:
                return HTMLResponse(login_page(str(error)), _status(error))
        response = RedirectResponse("/", 303)
        response.headers["set-cookie"] = _cookie(key, is_secure=scope["scheme"] == "https")
        return response


def _scope_of(path: str, method: str) -> KeyScope:
    listed = _SCOPES.get(path.rstrip("/"), {})
    return listed.get(method) or (KeyScope.READ if method in _READING else KeyScope.ADMIN)


def _status(error: HaechiError) -> int:
    return 429 if isinstance(error, OverQuota) else 401 if isinstance(error, Unauthenticated) else 403


def _refused(path: str, error: HaechiError) -> Response:
    status = _status(error)
    more = {"Retry-After": str(max(1, round(error.retry_after_s)))} if isinstance(error, OverQuota) else {}
    if status == 401 and path == "/":
        # A browser shows the form of the body when it is not told of a password that it could ask for.
        return HTMLResponse(login_page(""), 401, {"WWW-Authenticate": 'Bearer realm="Haechi"'})
    if status == 401:
        more["WWW-Authenticate"] = 'Basic realm="Haechi", Bearer realm="Haechi"'
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


async def _key_of_form(receive: Receive) -> str:
    body = b""
    while len(body) <= LOGIN_BYTES_MAX:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body", False):
            break
    fields = parse_qs(body[:LOGIN_BYTES_MAX].decode("latin-1"))
    return fields.get("key", [" "])[0].strip() or "-"


def _cookie(key: str, *, is_secure: bool) -> str:
    """Return the header that keeps the key in the browser, or with '' forgets it."""
    jar: SimpleCookie = SimpleCookie({COOKIE: key})
    morsel: Morsel[str] = jar[COOKIE]
    morsel.update({"path": "/", "samesite": "Strict", "max-age": str(LOGIN_S if key else 0)})
    return f"{morsel.OutputString()}; HttpOnly{'; Secure' if is_secure else ''}"
