"""What a page of ours may load and run, told to the browser with each page.

Guarantee: nothing comes from elsewhere, nothing is sent elsewhere, no other site shows our pages inside its own. A
script runs only when it is a file of this origin or carries the page's nonce, so that markup that slipped in through
data runs nothing. NiceGUI compiles its templates and event handlers in the browser, which takes ``unsafe-eval``;
elements carry their style in attributes, which takes ``unsafe-inline`` for styles.

Every ``<script`` of the document that NiceGUI writes is its own: data stands in it with ``<`` written as ``&lt;``.

Source: https://www.w3.org/TR/CSP3/
"""

import secrets
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_DIRECTIVES: Final = (
    "default-src 'none'",
    "script-src 'self' 'nonce-{nonce}' 'unsafe-eval'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "worker-src 'self' blob:",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
)
_OTHERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
}


class PagePolicy:
    """ASGI middleware around NiceGUI: gives each document its policy and its scripts their nonce."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; documents are held until they are whole."""
        await self._app(scope, receive, _Document(send) if scope["type"] == "http" else send)


class _Document:
    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_document(message):
            self._start = message
        elif self._start is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        nonce = secrets.token_urlsafe(16)
        body = self._body.replace(b"<script", f'<script nonce="{nonce}"'.encode())
        headers = MutableHeaders(raw=start["headers"])
        headers["content-length"] = str(len(body))
        headers["content-security-policy"] = "; ".join(_DIRECTIVES).format(nonce=nonce)
        headers.update(_OTHERS)
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _is_document(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")
