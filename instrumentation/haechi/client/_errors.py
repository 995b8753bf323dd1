"""What the client raises.

::

    ClientError
    ├── Unreachable             nobody answers, or the answer broke off
    ├── NotInstalled            Arrow or pandas was asked for and is not there
    └── Answered                the server refused; says why
        ├── WrongParameter      400, names it
        ├── Unauthenticated     401
        ├── Forbidden           403
        ├── NotFound            404
        ├── TooExpensive        422; over SQL its codes of time, memory and rows
        ├── Busy                429 and 503, tells when to come back
        └── SqlError            any other error of `/sql`, with ClickHouse's code
"""

import re
from collections.abc import Mapping
from typing import Final

_CLICKHOUSE: Final = re.compile(r"Code: (\d+)\. DB::Exception: (.*?)(?: \(([A-Z0-9_]+)\))?\s*$", re.DOTALL)
_TOO_EXPENSIVE: Final = frozenset({"158", "159", "241", "307", "396"})
_TEXT_CHARS_MAX: Final = 4_000


class ClientError(Exception):
    """Every error of the client."""


class Unreachable(ClientError):
    """Nobody answers at the address, or the answer broke off or took longer than ``timeout_s``."""


class NotInstalled(ClientError, ImportError):
    """A library that this way of reading needs is not installed; the message names it."""


class Answered(ClientError):
    """The server answered with an error.

    Attributes:
        status: the HTTP status.
        detail: what is wrong, in the server's words.
        code: machine-readable: ``wrong_parameter``; over SQL ClickHouse's number, ``62``; None when there is none.
        parameter: the parameter that is wrong, or None.
        retry_after_s: when to come back, or None.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str | None = None,
        parameter: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code
        self.parameter = parameter
        self.retry_after_s = retry_after_s


class WrongParameter(Answered):
    """A parameter is wrong; ``parameter`` names it."""


class Unauthenticated(Answered):
    """The server asks for a key, or does not know the one that was sent."""


class Forbidden(Answered):
    """The key may not do this."""


class NotFound(Answered):
    """There is no such trace, span or session, or no such route on this server."""


class TooExpensive(Answered):
    """The question takes more time, memory or rows than it may: shorten the window or filter more."""


class Busy(Answered):
    """The server cannot answer now, also after the client came back as often as it may."""


class SqlError(Answered):
    """ClickHouse or its guard refused the statement; ``code`` is ClickHouse's number, ``name`` its name."""

    name: str = ""


_BY_STATUS: Final[Mapping[int, type[Answered]]] = {
    400: WrongParameter,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    422: TooExpensive,
    429: Busy,
    503: Busy,
}


def of_problem(status: int, body: object, retry_after_s: float | None) -> Answered:
    """Make the error of an answer of the API; ``body`` is its JSON, or text of somebody between."""
    members = body if isinstance(body, dict) else {"detail": str(body)}
    return _BY_STATUS.get(status, Answered)(
        status,
        str(members.get("detail", ""))[:_TEXT_CHARS_MAX] or f"status {status}",
        code=_text(members.get("code")),
        parameter=_text(members.get("parameter")),
        retry_after_s=retry_after_s,
    )


def of_sql(status: int, text: str, retry_after_s: float | None = None) -> Answered:
    """Make the error of an answer of ``/sql``; ``text`` is ClickHouse's: ``Code: 62. DB::Exception: ...``."""
    found = _CLICKHOUSE.search(text)
    code, detail, name = found.groups(default="") if found else (None, text, "")
    kind: type[Answered] = TooExpensive if code in _TOO_EXPENSIVE else SqlError
    if status in {401, 429, 503}:
        kind = _BY_STATUS[status]
    error = kind(status, detail[:_TEXT_CHARS_MAX] or f"status {status}", code=code, retry_after_s=retry_after_s)
    if isinstance(error, SqlError):
        error.name = name
    return error


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
