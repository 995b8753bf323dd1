"""The client of ClickHouse: statements, queries and inserts over HTTP, errors in our own words.

Guarantees: the same code speaks to the embedded store, to a server and to a cluster; no password is in a message or a
repr; an error that may pass is `StoreUnavailable`, told by ClickHouse's number and never by its words. One client
serves many threads.

Source: clickhouse-connect 1.12. It sends an INSERT again when the connection broke, so an INSERT carries a token.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError, Error
from clickhouse_connect.driver.httputil import get_pool_manager
from urllib3.exceptions import HTTPError

from haechi_collector.errors import SettingError, StoreError, StoreUnavailable
from haechi_collector.limits import STORE_ANSWER_S, STORE_CLIENT_POOL, STORE_CONNECT_S

_PASSING: Final = frozenset(
    [
        74,  # CANNOT_READ_FROM_FILE_DESCRIPTOR
        75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
        76,  # CANNOT_OPEN_FILE
        77,  # CANNOT_CLOSE_FILE
        88,  # CANNOT_TRUNCATE_FILE
        96,  # CANNOT_WRITE_TO_SOCKET
        159,  # TIMEOUT_EXCEEDED
        172,  # CANNOT_CREATE_DIRECTORY
        173,  # CANNOT_ALLOCATE_MEMORY
        198,  # DNS_ERROR
        201,  # QUOTA_EXCEEDED
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        204,  # CANNOT_FSYNC
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        214,  # CANNOT_STATVFS
        225,  # NO_ZOOKEEPER
        236,  # ABORTED
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        254,  # NO_ACTIVE_REPLICAS
        279,  # ALL_CONNECTION_TRIES_FAILED
        285,  # TOO_FEW_LIVE_REPLICAS
        286,  # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
        319,  # UNKNOWN_STATUS_OF_INSERT
        394,  # QUERY_WAS_CANCELLED
        400,  # CANNOT_STAT
        425,  # SYSTEM_ERROR
        439,  # CANNOT_SCHEDULE_TASK
        531,  # CANNOT_FSTAT
        586,  # CANNOT_CREATE_FILE
        692,  # TOO_MANY_MUTATIONS
        733,  # TABLE_IS_BEING_RESTARTED
        745,  # SERVER_OVERLOADED
        777,  # MEMORY_RESERVATION_KILLED
        778,  # MEMORY_RESERVATION_FAILED
        999,  # KEEPER_EXCEPTION
        1001,  # STD_EXCEPTION: what the engine makes of a full, read-only or broken disk, and of a lack of threads
    ]
)
_NOT_THE_ROWS: Final = _PASSING | frozenset(
    [
        60,  # UNKNOWN_TABLE
        81,  # UNKNOWN_DATABASE
        164,  # READONLY
        192,  # UNKNOWN_USER
        193,  # WRONG_PASSWORD
        194,  # REQUIRED_PASSWORD
        218,  # TABLE_IS_DROPPED
        291,  # DATABASE_ACCESS_DENIED
        497,  # ACCESS_DENIED
        516,  # AUTHENTICATION_FAILED
    ]
)
"""Why an INSERT fails that no other rows would mend: somebody must act, and until then the rows wait."""

_FORM: Final = "http://user:password@host:8123/database"


@dataclass(frozen=True, slots=True)
class Dsn:
    """Where a ClickHouse is and who asks: ``http://user:password@host:8123/database``."""

    scheme: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str

    @classmethod
    def parse(cls, text: str) -> "Dsn":
        """Read a DSN; reserved characters in user and password are percent-encoded.

        Raises:
            SettingError: it is none; the message holds no part of it.
        """
        try:
            parts = urlsplit(text)
            port = parts.port or (8443 if parts.scheme == "https" else 8123)
        except ValueError:
            raise SettingError(f"clickhouse: expected {_FORM}") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise SettingError(f"clickhouse: expected {_FORM}")
        user, password = unquote(parts.username or "default"), unquote(parts.password or "")
        return cls(parts.scheme, parts.hostname, port, user, password, unquote(parts.path.strip("/")) or "haechi")

    @property
    def address(self) -> str:
        """``host:port``, for people."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """``scheme://host:port``, without credentials."""
        return f"{self.scheme}://{self.address}"

    @property
    def text(self) -> str:
        """The DSN with its password, as `parse` reads it; for a child's input, never for a message."""
        who = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"{self.scheme}://{who}@{self.address}/{quote(self.database, safe='')}"


class StoreClient:
    """One user's way to one ClickHouse. Construct it with `connect`; safe for many threads."""

    def __init__(self, client: Any, pool: Any, dsn: Dsn) -> None:
        self._client = client
        self._pool = pool
        self.dsn = dsn

    @classmethod
    def connect(cls, dsn: Dsn, answer_s: int = STORE_ANSWER_S) -> "StoreClient":
        """Connect and say hello. The database need not be there yet.

        Args:
            dsn: where, and who.
            answer_s: how long an answer may take.

        Raises:
            StoreUnavailable: no answer.
            StoreError: the user or the password is refused.
        """
        pool = get_pool_manager(maxsize=STORE_CLIENT_POOL, num_pools=1)
        with _errors(dsn):
            client = clickhouse_connect.get_client(
                interface=dsn.scheme,
                host=dsn.host,
                port=dsn.port,
                username=dsn.user,
                password=dsn.password,
                database="__default__",
                compress=False,
                connect_timeout=int(STORE_CONNECT_S),
                send_receive_timeout=answer_s,
                autogenerate_session_id=False,
                query_retries=0,
                pool_mgr=pool,
                show_clickhouse_errors="scrub",
            )
            client.database = dsn.database  # from here on sent with each request; the greeting must not need it
        return cls(client, pool, dsn)

    def command(self, sql: str, settings: Mapping[str, Any] | None = None, *, needs_database: bool = True) -> object:
        """Run a statement to its end; return the one value it gives, or its first row.

        Args:
            sql: the statement.
            settings: of the statement.
            needs_database: whether names without a database are those of the client's one, which must exist then.

        Raises:
            StoreError, StoreUnavailable: it was refused, or there was no answer.
        """
        with _errors(self.dsn):
            return self._client.command(sql, settings=dict(settings or {}), use_database=needs_database)

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        *,
        needs_database: bool = True,
    ) -> pa.Table:
        """Return the rows of a query, text as ``string`` columns.

        Args:
            sql: a SELECT; ``{name:Type}`` stands for a parameter.
            parameters: their values.
            settings: of the query.
            needs_database: as for `command`.

        Raises:
            StoreError, StoreUnavailable: it was refused, or there was no answer.
        """
        all_settings = {"output_format_arrow_string_as_string": 1, **(settings or {})}
        with _errors(self.dsn):
            body = self._client.raw_query(
                sql, parameters=parameters, settings=all_settings, fmt="ArrowStream", use_database=needs_database
            )
        return pa.ipc.open_stream(body).read_all()

    def insert_arrow_stream(
        self, table: str, columns: Sequence[str], body: memoryview, settings: Mapping[str, Any] | None = None
    ) -> int:
        """Insert an Arrow IPC stream, columns bound by name; return the number of rows that were written.

        Args:
            table: ``database.table``.
            columns: the columns that the stream holds.
            body: the stream; sent as it is, without a copy.
            settings: of the INSERT.

        Raises:
            StoreError: ClickHouse refuses the content.
            StoreUnavailable: try again later; nothing is wrong with the rows.
        """
        with _errors(self.dsn, _NOT_THE_ROWS):
            summary = self._client.raw_insert(table, columns, body, settings=dict(settings or {}), fmt="ArrowStream")
        return int(summary.written_rows)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._pool.clear()  # the client leaves a pool alone that was given to it


@contextlib.contextmanager
def _errors(dsn: Dsn, passing: frozenset[int] = _PASSING) -> Iterator[None]:
    try:
        yield
    except ClickHouseError as error:
        raise _translated(error, dsn, passing) from None
    except (HTTPError, OSError) as error:
        raise StoreUnavailable(f"ClickHouse at {dsn.address} broke off: {type(error).__name__}") from None


def _translated(error: ClickHouseError, dsn: Dsn, passing: frozenset[int]) -> StoreError:
    code = error.code if isinstance(error, Error) else None
    text = " ".join(str(error).split())
    if code is None:  # no answer of ClickHouse itself: the network, a proxy, or a server that is going down
        return StoreUnavailable(f"ClickHouse at {dsn.address} does not answer: {text}")
    kind = StoreUnavailable if code in passing else StoreError
    return kind(f"ClickHouse at {dsn.address}: {text}", code)
