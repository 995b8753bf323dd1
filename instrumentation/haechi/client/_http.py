"""HTTP to one collector: keys, time-outs, coming back when it is busy, bodies as a stream.

Guarantees: an error is one of `_errors`; a part of an answer is never taken for the whole. A request that the server
is too busy for (429, 503) is sent again at most ``retries`` times, each time after what ``Retry-After`` says and at
most `WAIT_S_MAX`; every request of this client only reads, or sends scores with their ids, so that sending it again
does no harm. No redirect is followed, so that the key goes nowhere else.
"""

import ipaddress
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from haechi.client._errors import Answered, Unreachable, of_problem, of_sql

WAIT_S_MAX: Final = 10.0
"""Longest wait before a request is sent again. Higher: a program seems to hang."""

_CHUNK_BYTES: Final = 256 * 1024
_TAIL_BYTES: Final = 16 * 1024
"""An error within a body is in its last 16 KiB, see docs/sql.md."""
_CONNECT_S: Final = 5.0
_RETRIED: Final = frozenset({429, 503})
_MARK: Final = b"__exception__\r\n"

Parameters = Sequence[tuple[str, str]]


class _Key(AuthBase):
    """Sends the key, or nothing; and keeps requests from looking for a password in a file of its own."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key is not None:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class Connection:
    """Sends requests to one server. Close it."""

    def __init__(  # noqa: PLR0913  named, each what it says
        self,
        url: str,
        key: str | None,
        *,
        timeout_s: float,
        retries: int,
        verify: bool | str,
        cert: str | tuple[str, str] | None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"url: {url!r} is no address such as http://localhost:8318")
        self.url = url.rstrip("/")
        self._retries = retries
        self._timeout = (min(_CONNECT_S, timeout_s), timeout_s)
        self._session = requests.Session()
        self._session.auth = _Key(key)
        self._session.verify = verify
        self._session.cert = cert
        self._session.trust_env = not _is_here(parts.hostname)  # no proxy leads to this machine
        self._session.headers["Accept-Encoding"] = "gzip"

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def get(self, path: str, parameters: Parameters) -> Any:
        """Return the JSON of a route.

        Raises:
            Answered: it is an error.
            Unreachable: there is no answer.
        """
        with self._asked("GET", path, parameters) as response:
            return self._json(path, response)

    def post(self, path: str, body: object) -> Any:
        """Send JSON to a route and return its JSON; raises as `get`."""
        with self._asked("POST", path, [], json.dumps(body), "application/json") as response:
            return self._json(path, response)

    def _json(self, path: str, response: requests.Response) -> Any:
        body = b"".join(self._read(response))
        try:
            return json.loads(body)
        except ValueError:
            raise Unreachable(f"{self.url}{path} does not answer with JSON; is it Haechi's web port?") from None

    @contextmanager
    def stream(self, query: str, parameters: Parameters, format_: str) -> Iterator[Iterator[bytes]]:
        """Yield the body of ``/sql``, which is stopped in the engine when the block is left early.

        Raises:
            ValueError: the statement names a format of its own, so that the answer is in another one.
            Answered: ClickHouse says an error, before or within the body.
            Unreachable: there is no answer, or it broke off.
        """
        with self._asked("POST", "/sql", parameters, query) as response:
            told = response.headers.get("X-ClickHouse-Format", format_)
            if told != format_:
                raise ValueError(f"query: leave FORMAT {told} out; the answer is asked for as {format_}")
            yield self._chunks(response)

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        tag = response.headers.get("X-ClickHouse-Exception-Tag", "")
        tail = b""
        for chunk in self._read(response):
            tail = (tail + chunk)[-_TAIL_BYTES:]
            if tag and (message := _within(tail, tag)) is not None:
                raise of_sql(response.status_code, message)
            yield chunk

    def _read(self, response: requests.Response) -> Iterator[bytes]:
        try:
            yield from response.iter_content(_CHUNK_BYTES)
        except requests.RequestException as error:
            raise Unreachable(f"{self.url}: the answer broke off: {_reason(error)}") from error

    @contextmanager
    def _asked(
        self, method: str, path: str, parameters: Parameters, body: str = "", kind: str = ""
    ) -> Iterator[requests.Response]:
        for left in range(self._retries, -1, -1):
            with self._send(method, path, parameters, body, kind) as response:
                if response.ok and response.status_code == 200:
                    yield response
                    return
                error = self._error(path, response)
            if response.status_code not in _RETRIED or left == 0:
                raise error
            time.sleep(min(1.0 if error.retry_after_s is None else error.retry_after_s, WAIT_S_MAX))

    def _send(self, method: str, path: str, parameters: Parameters, body: str, kind: str) -> requests.Response:
        try:
            return self._session.request(
                method,
                f"{self.url}{path}",
                params=list(parameters),
                data=body.encode() or None,
                headers={"Content-Type": kind} if kind else None,
                timeout=self._timeout,
                stream=True,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise Unreachable(f"{self.url}: {_reason(error)}") from error

    def _error(self, path: str, response: requests.Response) -> Answered:
        body = b"".join(self._read(response))
        after = _seconds(response.headers.get("Retry-After", ""))
        if path == "/sql":
            return of_sql(response.status_code, body.decode(errors="replace"), after)
        try:
            told = json.loads(body)
        except ValueError:
            told = body.decode(errors="replace")
        return of_problem(response.status_code, told, after)


def _within(tail: bytes, tag: str) -> str | None:
    """Return the message of an error in the body, between ClickHouse's marks; None without one."""
    begin = _MARK + tag.encode() + b"\r\n"
    at = tail.find(begin)
    end = tail.find(b" " + tag.encode() + b"\r\n" + _MARK.strip(), at)
    if at < 0 or end < 0:
        return None
    return tail[at + len(begin) : end].rpartition(b"\n")[0].decode(errors="replace")


def _seconds(text: str) -> float | None:
    return float(text) if text.isdecimal() else None


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError) and not isinstance(error, requests.exceptions.SSLError):
        return "nobody answers; start a collector with: haechi serve"
    return str(error) or type(error).__name__
