"""An error as ClickHouse's HTTP interface words it: a number, a text, and the HTTP status that goes with the number.

Source: ClickHouse's ``src/Common/ErrorCodes.cpp`` and ``src/Server/HTTP/exceptionCodeToHTTPStatus.cpp``.
"""

import re
from typing import Final

BAD_ARGUMENTS: Final = 36
NOT_IMPLEMENTED: Final = 48
SYNTAX_ERROR: Final = 62
CANNOT_READ_ALL_DATA: Final = 33
READONLY: Final = 164
TOO_MANY_SIMULTANEOUS_QUERIES: Final = 202
SOCKET_TIMEOUT: Final = 209
QUERY_IS_TOO_LARGE: Final = 229
TOO_MANY_ROWS_OR_BYTES: Final = 396
CANNOT_DECOMPRESS: Final = 271
ACCESS_DENIED: Final = 497
AUTHENTICATION_FAILED: Final = 516
UNKNOWN_EXCEPTION: Final = 1002

_NAMES: Final = {
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    SYNTAX_ERROR: "SYNTAX_ERROR",
    CANNOT_READ_ALL_DATA: "CANNOT_READ_ALL_DATA",
    READONLY: "READONLY",
    TOO_MANY_SIMULTANEOUS_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    SOCKET_TIMEOUT: "SOCKET_TIMEOUT",
    QUERY_IS_TOO_LARGE: "QUERY_IS_TOO_LARGE",
    TOO_MANY_ROWS_OR_BYTES: "TOO_MANY_ROWS_OR_BYTES",
    CANNOT_DECOMPRESS: "CANNOT_DECOMPRESS",
    ACCESS_DENIED: "ACCESS_DENIED",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
    UNKNOWN_EXCEPTION: "UNKNOWN_EXCEPTION",
}
_BAD_REQUEST: Final = (
    *(6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676),
)
_NOT_FOUND: Final = (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511)
_STATUS: Final = {
    **dict.fromkeys(_BAD_REQUEST, 400),
    194: 401,
    **dict.fromkeys((192, 193, 497, 512, 516), 403),
    **dict.fromkeys(_NOT_FOUND, 404),
    159: 408,
    381: 411,
    229: 413,
    779: 415,
    48: 501,
    **dict.fromkeys((76, 209, 439), 503),
}
_CODE: Final = re.compile(r"Code: (\d+)")


class Failure(Exception):
    """A statement that cannot be carried out.

    Attributes:
        code: ClickHouse's number.
        text: the line that the client gets.
        status: the HTTP status.
    """

    def __init__(self, code: int, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.text = f"Code: {code}. DB::Exception: {message.rstrip('.')}. ({_NAMES.get(code, 'UNKNOWN')})"
        self.status = status or _STATUS.get(code, 500)

    @classmethod
    def of_engine(cls, message: str) -> "Failure":
        """Take over an error of the engine, which says its number in its text."""
        found = _CODE.search(message)
        failure = cls(int(found.group(1)) if found else UNKNOWN_EXCEPTION, message)
        if found:
            failure.text = message[found.start() :]
        return failure
