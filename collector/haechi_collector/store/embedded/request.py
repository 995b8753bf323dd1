"""One request of ClickHouse's HTTP interface, taken apart: who asks, for what, with which parameters.

Source: ClickHouse ``docs/en/interfaces/http.md`` and ``src/Server/HTTPHandler.cpp``.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Final
from urllib.parse import parse_qsl

from haechi_collector.limits import SQL_PARAMETERS_MAX
from haechi_collector.store.embedded.failure import AUTHENTICATION_FAILED, BAD_ARGUMENTS, NOT_IMPLEMENTED, Failure

_FORM: Final = "multipart/form-data"
_OF_THE_INTERFACE: Final = frozenset(
    [
        "buffer_size",
        "client_protocol_version",
        "close_session",
        "compress",
        "database",
        "decompress",
        "default_format",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "session_check",
        "session_id",
        "session_timeout",
        "stacktrace",
        "user",
        "wait_end_of_query",
    ]
)
"""Parameters that are not settings. Sessions are accepted and not kept: every statement starts afresh."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a request says, without its body.

    Attributes:
        method: GET, HEAD or POST.
        query: the parameter of that name; the body follows it.
        user, password: as given, by parameter, header or Basic authentication.
        database: '' for the default one.
        format: output format that was asked for outside the query, '' for none.
        params: query parameters without ``param_``, in ClickHouse's own escapes.
        settings: all other parameters.
        boundary: of a body that is a form (clients send long parameters so), else ''.
    """

    method: str
    query: str
    user: str
    password: str
    host: str
    database: str
    format: str
    query_id: str
    params: Mapping[str, str]
    settings: Mapping[str, str]
    waits_for_end: bool
    is_framed: bool
    body_is_framed: bool
    content_encoding: str
    accept_encoding: str
    boundary: str

    def asks_for(self, setting: str) -> bool:
        """Tell whether a setting is on."""
        return _is_on(self.settings, setting)


def parse(method: str, query_string: str, headers: Message) -> Request:
    """Take a request line's query string and the headers apart.

    Raises:
        Failure: they contradict themselves or ask for what is not offered.
    """
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, max_num_fields=SQL_PARAMETERS_MAX)
    except ValueError:
        raise Failure(BAD_ARGUMENTS, f"More than {SQL_PARAMETERS_MAX} parameters") from None
    given = dict(pairs)
    user, password = _credentials(given, headers)
    header_names = {"database": "X-ClickHouse-Database", "query_id": "X-ClickHouse-Query-Id"}
    own = {name: given.get(name) or headers.get(header) or "" for name, header in header_names.items()}
    return Request(
        method=method,
        query=given.get("query", ""),
        user=user,
        password=password,
        host=headers.get("Host") or "",
        database=own["database"],
        format=headers.get("X-ClickHouse-Format") or given.get("default_format") or "",
        query_id=own["query_id"],
        params={name.removeprefix("param_"): value for name, value in pairs if name.startswith("param_")},
        settings={n: v for n, v in pairs if n not in _OF_THE_INTERFACE and not n.startswith("param_")},
        waits_for_end=_is_on(given, "wait_end_of_query"),
        is_framed=_is_on(given, "compress"),
        body_is_framed=_is_on(given, "decompress"),
        content_encoding=(headers.get("Content-Encoding") or "").strip().lower(),
        accept_encoding=headers.get("Accept-Encoding") or "",
        boundary=str(headers.get_param("boundary", "")) if headers.get_content_type() == _FORM else "",
    )


def with_form(request: Request, body: bytes) -> Request:
    """Return the request with the fields of its form: ``query`` and ``param_*``.

    Raises:
        Failure: the body is no form, or holds a table of its own.
    """
    head = f"Content-Type: {_FORM}; boundary={request.boundary}\r\n\r\n".encode("latin-1", "replace")
    form = BytesParser(policy=HTTP).parsebytes(head + body)
    if not form.is_multipart():
        raise Failure(BAD_ARGUMENTS, "The body is not the form that its Content-Type says")
    query, params = request.query, dict(request.params)
    for part in form.iter_parts():
        name = str(part.get_param("name", "", header="Content-Disposition"))
        value = bytes(part.get_payload(decode=True) or b"").decode("utf-8", "surrogateescape")
        if part.get_filename() is not None or (name != "query" and not name.startswith("param_")):
            raise Failure(
                NOT_IMPLEMENTED, f"The form's part {name!r} is not read here; external tables are not offered"
            )
        if name == "query":
            query = value
        else:
            params[name.removeprefix("param_")] = value
    return replace(request, query=query, params=params)


def _is_on(given: Mapping[str, str], name: str) -> bool:
    return given.get(name, "").lower() in {"1", "true"}


def _credentials(given: Mapping[str, str], headers: Message) -> tuple[str, str]:
    authorization = headers.get("Authorization") or ""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Failure(AUTHENTICATION_FAILED, "The Basic authentication cannot be read") from None
        return name, password
    if scheme:
        raise Failure(AUTHENTICATION_FAILED, f"Authentication scheme {scheme!r} is not offered; use Basic")
    if "X-ClickHouse-User" in headers or "X-ClickHouse-Key" in headers:
        return headers.get("X-ClickHouse-User") or "", headers.get("X-ClickHouse-Key") or ""
    return given.get("user", ""), given.get("password", "")
