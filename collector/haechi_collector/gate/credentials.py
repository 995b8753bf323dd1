"""Where a request may carry its key.

One key, several spellings, because each client has its own: ``Authorization: Bearer KEY``, HTTP Basic with the key as
password (or as user with an empty password), ``X-Haechi-Key``, ClickHouse's ``X-ClickHouse-Key`` and its parameters
``password`` and ``key``, and the cookie that the page's login sets. Of several texts the first that looks like a key
counts, so that a header for a proxy on the way does no harm.
"""

import base64
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qsl

from haechi_collector.gate.keys import PREFIX
from haechi_collector.limits import SQL_PARAMETERS_MAX

COOKIE: Final = "haechi_key"
_PLAIN: Final = frozenset({"x-haechi-key", "x-clickhouse-key"})
_PARAMETERS: Final = frozenset({"password", "key"})


def credential_of_metadata(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """Return the key in gRPC's metadata, '' for none."""
    return _chosen([text for name, value in metadata if isinstance(value, str) for text in _of_header(name, value)])


def credential_of_headers(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the key in HTTP headers, names in lower case; '' for none. Cookies do not count."""
    return _chosen(
        [text for name, value in headers for text in _of_header(name.decode("latin-1"), value.decode("latin-1"))]
    )


def credential_of_page(headers: Iterable[tuple[bytes, bytes]], query_string: bytes = b"") -> str:
    """Return the key of a request to the web port: in a header, a cookie, or ClickHouse's URL parameters."""
    found = []
    for name, value in headers:
        text = value.decode("latin-1")
        found += _of_cookie(text) if name == b"cookie" else _of_header(name.decode("latin-1"), text)
    return _chosen(found + _of_query(query_string))


def _chosen(found: list[str]) -> str:
    return next((text for text in found if text.startswith(PREFIX)), found[0] if found else "")


def _of_header(name: str, value: str) -> list[str]:
    if name in _PLAIN:
        return [value.strip()]
    if name != "authorization":
        return []
    scheme, _, text = value.strip().partition(" ")
    match scheme.lower():
        case "bearer":
            return [text.strip()]
        case "basic":
            return _of_basic(text.strip())
        case _:
            return [value]  # not a key, and not nothing


def _of_basic(text: str) -> list[str]:
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except ValueError:  # not base64, not ASCII, or not UTF-8 inside
        return [text]
    return [password or user]


def _of_cookie(text: str) -> list[str]:
    try:
        cookie = SimpleCookie(text).get(COOKIE)
    except CookieError:
        return []
    return [cookie.value] if cookie else []


def _of_query(query_string: bytes) -> list[str]:
    if not any(name.encode() in query_string for name in _PARAMETERS):
        return []
    try:
        pairs = parse_qsl(query_string.decode("latin-1"), max_num_fields=SQL_PARAMETERS_MAX)
    except ValueError:
        return []
    return [value for name, value in pairs if name in _PARAMETERS]
