"""Logging in with a browser: the form, what it sends, and the cookie that keeps the key.

Guarantee: the form leads back to the page that was asked for, and to no other site; the cookie cannot be read by
scripts nor sent by other sites.
"""

import re
from http.cookies import Morsel, SimpleCookie
from typing import Final
from urllib.parse import parse_qs, quote

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope

from haechi_collector.errors import HaechiError
from haechi_collector.gate.credentials import COOKIE
from haechi_collector.limits import LOGIN_BYTES_MAX, LOGIN_NEXT_CHARS_MAX, LOGIN_S
from haechi_collector.web.language import Translator, preferred
from haechi_collector.web.login import login_page

LOGIN: Final = "/login"
LOGOUT: Final = "/logout"
FIRST_PAGE: Final = "/"

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}
"""The form takes a secret: it runs no script and is shown inside no other page."""

_LOCAL: Final = re.compile(r"/(?![/\\])[!-~]*")
"""A path of this origin. Browsers take ``//host`` and ``/\\host`` for another one, and skip control characters."""


def form(error: HaechiError | None, target: str, status: int, headers: Headers) -> Response:
    """Return the form in the browser's language; ``error`` says why a key was refused, ``target`` where to go then."""
    cookies = cookie_parser(headers.get("cookie", ""))
    language = preferred(cookies.get("haechi_language", ""), headers.get("accept-language", ""))
    # A browser shows the form of the body when it is not told of a password that it could ask for.
    asked = {"WWW-Authenticate": 'Bearer realm="Haechi"'} if status == 401 else {}
    return HTMLResponse(login_page(error, target, Translator(language)), status, {**asked, **_HEADERS})


def target_of(scope: Scope) -> str:
    """Return the path and query that were asked for, to come back to."""
    query = scope["query_string"].decode("latin-1")
    return local(quote(scope["path"]) + (f"?{query}" if query else ""))


def local(target: str) -> str:
    """Return the target when it is a path here, else the first page: no link to the form leads elsewhere."""
    is_local = _LOCAL.fullmatch(target) is not None and len(target) <= LOGIN_NEXT_CHARS_MAX
    return target if is_local and target.partition("?")[0] not in {LOGIN, LOGOUT} else FIRST_PAGE


async def read_form(receive: Receive) -> tuple[str, str]:
    """Return the key that was typed, and where to go."""
    body = b""
    while len(body) <= LOGIN_BYTES_MAX:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body", False):
            break
    fields = parse_qs(body[:LOGIN_BYTES_MAX].decode("latin-1"))
    return fields.get("key", [" "])[0].strip() or "-", local(fields.get("next", [FIRST_PAGE])[0])


def cookie(key: str, *, is_secure: bool) -> str:
    """Return the header that keeps the key in the browser, or with '' forgets it."""
    jar: SimpleCookie = SimpleCookie({COOKIE: key})
    morsel: Morsel[str] = jar[COOKIE]
    morsel.update({"path": "/", "samesite": "Strict", "max-age": str(LOGIN_S if key else 0)})
    return f"{morsel.OutputString()}; HttpOnly{'; Secure' if is_secure else ''}"
