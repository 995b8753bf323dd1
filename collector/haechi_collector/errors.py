"""Every error that leaves a room, and what its receiver must do.

::

    HaechiError                   code, and one line for people
    ├── SettingError              a wrong setting; the program does not start
    ├── Rejected                  not now: the sender tries again later
    │   └── OverQuota             the key's quota is used up for now
    ├── Denied                    not with this key
    │   ├── Unauthenticated       no API key, or one that is not valid (any more)
    │   └── Forbidden             the key is valid and may not do this
    ├── Invalid                   never: this input is wrong and is set aside, the rest goes on
    │   ├── WrongParameter        a parameter of a question; the message names it
    │   ├── Undecodable           the body is not what its type says
    │   ├── TooLarge              over a declared limit, before or after decompression
    │   └── UnsupportedEncoding   a content encoding or type that we do not read
    ├── MetadataUnavailable       the metadata database does not answer, or refused
    ├── WebUnavailable            the web port's process does not start
    └── StoreError                ClickHouse refused, with its own code
        ├── TooExpensive          a question took more time, memory or rows than it may
        └── StoreUnavailable      ClickHouse did not answer, or asked for a pause
"""

from typing import ClassVar


class HaechiError(Exception):
    """Any error of ours. ``code`` is for machines, ``str(error)`` is one line for people."""

    code: ClassVar[str] = "error"


class SettingError(HaechiError):
    """A setting is wrong; the message names the key as the user typed it and how to mend it."""

    code = "setting"


class Rejected(HaechiError):
    """Nothing is wrong with the input; there is no room for it now."""

    code = "rejected"

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OverQuota(Rejected):
    """A key's requests per second or bytes per day are used up; the same request may pass after ``retry_after_s``."""

    code = "over_quota"


class Denied(HaechiError):
    """The gate does not let this request through; the same key will not do either."""

    code = "denied"


class Unauthenticated(Denied):
    """There is no API key, or it is unknown, revoked or expired. No message holds any part of a key."""

    code = "unauthenticated"


class Forbidden(Denied):
    """The key is valid and lacks the scope."""

    code = "forbidden"


class Invalid(HaechiError):
    """The input can never be accepted."""

    code = "invalid"


class WrongParameter(Invalid):
    """A parameter of a question is wrong. ``parameter`` is its name as the user typed it."""

    code = "wrong_parameter"

    def __init__(self, parameter: str, why: str) -> None:
        super().__init__(f"{parameter}: {why}")
        self.parameter = parameter


class Undecodable(Invalid):
    """The bytes are not what their content type says."""

    code = "undecodable"


class TooLarge(Invalid):
    """Over a declared limit."""

    code = "too_large"


class UnsupportedEncoding(Invalid):
    """A content encoding or a content type that is not read here."""

    code = "unsupported_encoding"


class MetadataUnavailable(HaechiError):
    """The metadata database does not answer or refused a statement; it may pass."""

    code = "metadata_unavailable"


class WebUnavailable(HaechiError):
    """The process of the web port ended or was silent at its start; its log says why."""

    code = "web_unavailable"


class StoreError(HaechiError):
    """ClickHouse refused a statement. ``clickhouse_code`` is the engine's error number, 0 when unknown."""

    code = "store"

    def __init__(self, message: str, clickhouse_code: int = 0) -> None:
        super().__init__(message)
        self.clickhouse_code = clickhouse_code


class TooExpensive(StoreError):
    """A question takes more time, memory or rows than one may; a narrower one would pass."""

    code = "too_expensive"


class StoreUnavailable(StoreError):
    """ClickHouse cannot be reached or asks for a pause; the same statement may succeed later."""

    code = "store_unavailable"
