"""Who may do what in the embedded store.

Three users exist. Everyone is ``default`` inside the engine; a user is a role there, set before each statement:

* ``haechi`` (role ``writer``) may do everything; its password is made anew at each start.
* ``reader`` (role ``reader``) reads the database ``haechi``. Without a password it is served on loopback names only.
  A request without a user, or of the user ``default``, is the reader's.
* ``web`` (role ``reader``) is the collector's own reader, behind its SQL guard. It may send ``readonly = 2``, under
  which a query may carry a SETTINGS clause, and settings beyond `READER_SETTINGS`: the guard has read them all, or the
  collector has set them itself to confine a query to a project. The caps hold for it as well.

What holds the readers, from the outside in:

1. the engine's parser classifies the statement: exactly one, READ_ONLY (so no SET, SET ROLE, USE, KILL, SYSTEM,
   INTO OUTFILE, CREATE TEMPORARY TABLE, EXECUTE AS);
2. names that read files or call other machines as plain functions (``file``, the ``ai*`` family) are refused on the
   text that the engine's own formatter gives back, because no grant covers them;
3. the role holds SELECT and SHOW on ``haechi`` alone: table functions (file, url, s3, remote, mysql, Python,
   executable, ...) need READ on a source or CREATE TEMPORARY TABLE and fail with code 497, whatever readonly says;
4. ``readonly = 1`` and the limits below; a request may set only what `READER_SETTINGS` names.

A KILL QUERY by query id is carried out for a reader too, on readers' statements.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from haechi_collector.limits import SQL_MEMORY_BYTES_MAX, SQL_SECONDS_MAX
from haechi_collector.store.embedded.failure import (
    ACCESS_DENIED,
    AUTHENTICATION_FAILED,
    BAD_ARGUMENTS,
    READONLY,
    SYNTAX_ERROR,
    Failure,
)
from haechi_collector.store.lexer import Token, pieces

WRITER: Final = "haechi"
READER: Final = "reader"
WEB: Final = "web"
DATABASE: Final = "haechi"

_NUMERIC_CAPS: Final = {"max_execution_time": SQL_SECONDS_MAX, "max_memory_usage": SQL_MEMORY_BYTES_MAX}
_DEFAULTS: Final = {
    "session_timezone": "UTC",  # else a time without a zone is read in this machine's
    "implicit_select": "0",  # the engine's default for a command line, not for a server
}
_WRITER_DEFAULTS: Final = {
    # Blocks that an INSERT of any length is cut into; the engine's own make 1 GB of CSV hold 2.2 GB, these 1.1 GB.
    "max_insert_block_size": "65536",
    "min_insert_block_size_bytes": "134217728",
}
READER_SETTINGS: Final = frozenset(
    [
        "add_http_cors_header",
        "cancel_http_readonly_queries_on_client_close",
        "connect_timeout",
        "date_time_input_format",
        "date_time_output_format",
        "enable_http_compression",
        "extremes",
        "http_headers_progress_interval_ms",
        "http_max_field_value_size",
        "http_zlib_compression_level",
        "join_use_nulls",
        "log_comment",
        "max_block_size",
        "max_columns_to_read",
        "max_result_bytes",
        "max_result_rows",
        "max_rows_to_read",
        "max_threads",
        "prefer_column_name_to_alias",
        "receive_timeout",
        "result_overflow_mode",
        "send_progress_in_http_headers",
        "send_timeout",
        "session_timezone",
    ]
)
"""What a reader's request may set: the shape of the answer and tighter limits, none of which reaches outside."""

_READER_PREFIXES: Final = ("output_format_", "input_format_")
_NAMES_A_FILE: Final = frozenset({"input_format_record_errors_file_path", "output_format_schema"})
"""Settings under those prefixes by which the engine writes a file, wherever the value says."""

_SETTING_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_REACHES_OUT: Final = re.compile(r"file|(?:ai|AI)[A-Z]\w*")
_MAY_REACH_OUT: Final = re.compile(r"file|(?i:ai\w|python)")

# use_skip_indexes_on_data_read: where an id can be is found out once, before reading (a trace 14 instead of 18 ms), and
# the engine remembers where a condition held for no row also when an index was asked.
ROLES_XML: Final = f"""<clickhouse>
  <profiles><default><use_skip_indexes_on_data_read>0</use_skip_indexes_on_data_read></default></profiles>
  <quotas><default/></quotas>
  <roles>
    <writer><grants><query>GRANT ALL ON *.*</query></grants></writer>
    <reader><grants><query>GRANT SELECT, SHOW ON {DATABASE}.*</query></grants></reader>
  </roles>
  <users><default>
    <no_password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
    <grants><query>GRANT writer</query><query>GRANT reader</query></grants>
  </default></users>
</clickhouse>
"""


@dataclass(frozen=True, slots=True)
class User:
    """A user of the HTTP interface, and the role that the engine knows it by."""

    name: str
    role: str

    @property
    def is_reader(self) -> bool:
        """Tell whether the user must not change anything."""
        return self.role == "reader"


class Users:
    """The users and their passwords.

    Args:
        passwords: by user name; a user that is not there cannot come in, and only the reader may have an empty one.
    """

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = {name: passwords[name].encode() for name in (WRITER, READER, WEB) if name in passwords}
        if any(name != READER and not password for name, password in self._passwords.items()):
            message = "only the reader may have an empty password"
            raise ValueError(message)

    def identify(self, name: str, password: str, host: str) -> User:
        """Return the user of a request.

        Args:
            name: as it was given; '' and 'default' mean the reader.
            password: as it was given.
            host: the request's Host header: without a password it must be a loopback name or an address, so that a
                web page cannot reach the tables through a name of its own that points to this machine.

        Raises:
            Failure: the password is wrong, the user is unknown, or the host is a name.
        """
        known = READER if name in {"", "default"} else name
        expected = self._passwords.get(known)
        if expected is None or not hmac.compare_digest(expected, password.encode()):
            text = f"{name or known}: Authentication failed: password is incorrect, or there is no user with such name"
            raise Failure(AUTHENTICATION_FAILED, text)
        if not expected and not _is_address(host):
            text = f"Host {host!r} is a name: without a password use localhost or an address"
            raise Failure(AUTHENTICATION_FAILED, text)
        return User(known, "writer" if known == WRITER else "reader")


def _is_address(host: str) -> bool:
    name = re.sub(r":\d+$", "", host)
    return name == "localhost" or re.fullmatch(r"[\d.]+|\[[0-9a-fA-F:.]+\]", name) is not None


def session_settings(user: User, asked: Mapping[str, str], *, is_get: bool) -> dict[str, str]:
    """Return the settings for one statement, the caps of the reader included.

    Raises:
        Failure: the name is no setting's, or the reader may not set it.
    """
    for name in asked:
        if not _SETTING_NAME.fullmatch(name):
            raise Failure(BAD_ARGUMENTS, f"{name!r} cannot be the name of a setting")
    if not user.is_reader:
        return _DEFAULTS | _WRITER_DEFAULTS | dict(asked) | ({"readonly": "2"} if is_get else {})
    for name, value in asked.items():
        if user.name != WEB or name in _NUMERIC_CAPS or name in _NAMES_A_FILE:
            _check_reader_setting(name, value)
    caps = {name: str(cap) for name, cap in _NUMERIC_CAPS.items()}
    readonly = asked.get("readonly", "1") if user.name == WEB else "1"
    return _DEFAULTS | caps | dict(asked) | {"readonly": readonly}


def _check_reader_setting(name: str, value: str) -> None:
    if name == "readonly" and value in {"1", "2"}:
        return  # clients say so to be safe
    cap = _NUMERIC_CAPS.get(name)
    if cap is not None:
        if not re.fullmatch(r"\d{1,18}", value) or not 0 < int(value) <= cap:
            raise Failure(READONLY, f"Setting {name} is limited to 1..{cap} for the user {READER}")
    elif name in _NAMES_A_FILE or (name not in READER_SETTINGS and not name.startswith(_READER_PREFIXES)):
        raise Failure(READONLY, f"Cannot modify '{name}' setting in readonly mode")


def check_classes(user: User, query_class: str, count: int) -> None:
    """Refuse several statements at once, and of the reader everything but reading.

    Args:
        user: whose statement it is.
        query_class: what the engine's parser makes of it: READ_ONLY, MUTATING, MUTATING_GLOBAL, CONTROL or UNKNOWN
            (the engine words the syntax error then).
        count: how many statements there are.
    """
    if count > 1:
        raise Failure(SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)")
    if user.is_reader and query_class not in {"READ_ONLY", "UNKNOWN"}:
        raise Failure(READONLY, f"{user.name}: Cannot execute query in readonly mode: it is {query_class}")


def check_names(formatted: str) -> None:
    """Refuse the names of functions that reach outside the tables.

    Args:
        formatted: the statement as the engine's formatter writes it, so that no escape or comment hides a name.
    """
    if not _MAY_REACH_OUT.search(formatted):
        return
    before = ""
    for piece in pieces(formatted):
        if piece.token is Token.OPEN and before.lower() == "python":  # looks into this process before any grant
            raise Failure(ACCESS_DENIED, f"{READER}: Not enough privileges: the table function {before} is not allowed")
        if piece.token in {Token.WORD, Token.NAME}:
            before = piece.text.strip('`"')
            if _REACHES_OUT.fullmatch(before):
                text = f"the name {before} is not allowed, it is a function that reads outside the tables"
                raise Failure(ACCESS_DENIED, f"{READER}: Not enough privileges: {text}")
        elif piece.token is not Token.SPACE:
            before = ""
