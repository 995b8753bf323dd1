"""ClickHouse's engine on one directory, in this process: statements in, bytes out.

Guarantees: one process per directory (a lock file says so to a second one); every statement runs on a connection of
its own, which costs 0.15 ms, so that no setting, role or temporary table of one request reaches another; at most
`STORE_STATEMENTS_MAX` statements of each user run at once; rows of an acknowledged INSERT survive ``kill -9``.

Source: chdb 4.4 (ClickHouse 26.9). The engine reads one configuration file at its start; roles come from there,
because it keeps no users of its own. Connections must be closed before the interpreter exits.
"""

import fcntl
import os
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Final, Self, TextIO
from xml.sax.saxutils import escape

from chdb import _chdb

from haechi_collector.errors import SettingError
from haechi_collector.store.embedded.access import ROLES_XML, User, check_classes, check_names
from haechi_collector.store.embedded.failure import TOO_MANY_SIMULTANEOUS_QUERIES, Failure
from haechi_collector.store.embedded.statement import split_settings
from haechi_collector.store.embedded_limits import (
    STORE_CACHE_BYTES,
    STORE_INSERT_MEMORY_BYTES,
    STORE_MEMORY_SHARE,
    STORE_MERGE_NICE,
    STORE_STATEMENT_WAIT_S,
    STORE_STATEMENTS_MAX,
)
from haechi_collector.store.lexer import literal

_native: Any = _chdb  # its types are not all declared

_LOCK: Final = "haechi.lock"
_LOOK_AGAIN_S: Final = 0.05
_CONFIG: Final = """<clickhouse>
  <users_config>{users}</users_config>
  <display_name>haechi</display_name>
  <logger><level>none</level></logger>
  <timezone>UTC</timezone>
  <max_server_memory_usage_to_ram_ratio>{memory_share}</max_server_memory_usage_to_ram_ratio>
  <mark_cache_size>{cache}</mark_cache_size>
  <primary_index_cache_size>{cache}</primary_index_cache_size>
  <index_mark_cache_size>{cache}</index_mark_cache_size>
  <os_threads_nice_value_merge_mutate>{merge_nice}</os_threads_nice_value_merge_mutate>
  {backups}
</clickhouse>
"""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a statement did, as ``X-ClickHouse-Summary`` counts it."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed_ns: int = 0


def _tally(result: Any) -> Tally:
    elapsed_ns = int(result.elapsed() * 1e9)
    read = (result.storage_rows_read(), result.storage_bytes_read())
    return Tally(*read, result.rows_written(), result.bytes_written(), elapsed_ns)


@contextmanager
def _gathered(chunks: Iterable[bytes], directory: Path) -> Iterator[str]:
    """Gather data in memory, or in a file without a name when it is large; give the path that reads it."""
    with open(os.memfd_create("insert"), "r+b", buffering=0) as memory, ExitStack() as undo:
        target, size = memory, 0
        for chunk in chunks:
            size += len(chunk)
            if target is memory and size > STORE_INSERT_MEMORY_BYTES:
                target = undo.enter_context(TemporaryFile("r+b", buffering=0, dir=directory))
                os.sendfile(target.fileno(), memory.fileno(), 0, size - len(chunk))
                memory.truncate(0)
            _write(target.fileno(), chunk)
        yield f"/proc/self/fd/{target.fileno()}"


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class Whole:
    """A whole result, in the engine's memory until it is dropped."""

    def __init__(self, result: Any) -> None:
        self._owner = result.get_memview()
        self.data: memoryview = self._owner.view()
        self.tally = _tally(result)


@contextmanager
def _engine_errors() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # the one type the engine raises
        raise Failure.of_engine(str(error)) from None


class Session:
    """One connection to the engine, made ready for one statement of one user."""

    def __init__(self, connection: Any, user: User, temporary: Path) -> None:
        self._connection = connection
        self._user = user
        self._temporary = temporary

    def prepare(self, settings: Mapping[str, str], database: str) -> None:
        """Take on the user's role, the settings and the database."""
        lines = [f"SET ROLE {self._user.role}"]
        if settings:
            lines.append("SET " + ", ".join(f"{name} = {literal(value)}" for name, value in settings.items()))
        if database:
            quoted = database.replace("\\", "\\\\").replace("`", "\\`")
            lines.append(f"USE `{quoted}`")
        with _engine_errors():
            self._connection.query("; ".join(lines), "Null")

    def check(self, sql: str) -> None:
        """Refuse what the user may not run.

        Raises:
            Failure: with the reason.
        """
        found = self._connection.classify_query(sql)
        check_classes(self._user, found["query_class"].name, found["statement_count"])
        if self._user.is_reader and found["statement_count"]:
            with _engine_errors():
                result = self._connection.query(
                    "SELECT formatQuery({q:String})", "RawBLOB", params={"q": _escaped(sql)}
                )
            check_names(result.bytes().decode("utf-8", "replace"))

    def run(self, sql: str, format_: str, params: Mapping[str, str]) -> Whole:
        """Run a statement to its end and return its whole result."""
        with _engine_errors():
            return Whole(self._connection.query(sql, format_, params=dict(params)))

    def stream(self, sql: str, format_: str, params: Mapping[str, str]) -> Generator[bytes, None, None]:
        """Run a SELECT and yield its result block by block, each a document of the format.

        Closing the iterator stops the statement.
        """
        with _engine_errors():
            handle = self._connection.send_query(sql, format_, params=dict(params))
        finished = False
        try:
            while not finished:
                with _engine_errors():
                    chunk = self._connection.streaming_fetch_result(handle)
                finished = not chunk.size()
                if not finished:
                    yield chunk.bytes()
        except Failure:
            finished = True
            raise
        finally:
            if not finished:
                self._connection.streaming_cancel_query(handle)

    def insert(self, sql: str, format_: str, chunks: Iterable[bytes]) -> Tally:
        """Run an INSERT on data that comes in chunks; nothing is stored when they break off.

        The engine's own streaming insert keeps quiet about what fails while writing (a constraint, a full disk), so
        the data is gathered, in memory up to `STORE_INSERT_MEMORY_BYTES`, and read from there like a file.

        Args:
            sql: ``INSERT INTO ...`` up to ``FORMAT``.
            format_: format of the data.
            chunks: the data.
        """
        with _gathered(chunks, self._temporary) as path:
            before, settings = split_settings(sql)
            with _engine_errors():
                return _tally(
                    self._connection.query(f"{before} FROM INFILE {literal(path)} {settings} FORMAT {format_}", "Null")
                )

    def on_progress(self, callback: Any) -> None:
        """Have the callback called with counts (a dict of str to int) about ten times a second."""
        self._connection.set_progress_callback(callback)


def _escaped(text: str) -> str:
    """Write a query parameter's text as the engine reads it (its TSV escapes)."""
    return (
        text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r").replace("\0", "\\0")
    )


class Engine:
    """The engine on a directory.

    Args:
        path: directory of the tables; made when it is not there.
        backups: whether the writer may BACKUP into any directory of this machine, and RESTORE from there.

    Raises:
        SettingError: the directory cannot be used; the message says why.
    """

    def __init__(self, path: Path, *, backups: bool = False) -> None:
        directory = _directory(path)
        self._lock = _take(directory / _LOCK)
        self.temporary = directory / "tmp"
        self._address = f"{directory}?config-file={_configure(directory, backups=backups)}"
        try:
            self._anchor = _native.connect(self._address)
        except RuntimeError as error:
            self._lock.close()
            raise SettingError(f"the tables in {directory} cannot be opened: {error}") from None
        self._killing = threading.Lock()  # one statement at a time on the anchor
        self._turns = {role: threading.Semaphore(STORE_STATEMENTS_MAX) for role in ("reader", "writer")}

    @contextmanager
    def session(self, user: User, settings: Mapping[str, str], database: str) -> Iterator[Session]:
        """Give a session for one statement, when it is the user's turn.

        Raises:
            Failure: no turn came in time, or a setting or the database is wrong.
        """
        turns = self._turns[user.role]
        if not turns.acquire(timeout=STORE_STATEMENT_WAIT_S):
            raise Failure(TOO_MANY_SIMULTANEOUS_QUERIES, f"Too many simultaneous queries of the user {user.name}", 503)
        try:
            connection = _native.connect(self._address)
            try:
                session = Session(connection, user, self.temporary)
                session.prepare(settings, database)
                yield session
            finally:
                connection.close()
        finally:
            turns.release()

    def kill(self, query_id: str, user: User, format_: str) -> bytes:
        """Ask the statement of that id to stop; return the engine's answer, no row when there is none such.

        The engine numbers its statements itself, so ours is known by its setting ``log_comment``.
        """
        whose = "AND Settings['readonly'] IN ('1', '2')" if user.is_reader else ""
        sql = f"KILL QUERY WHERE Settings['log_comment'] = {literal(query_id)} {whose} ASYNC"
        with self._killing, _engine_errors():
            return bytes(self._anchor.query(sql, format_).bytes())

    def kill_all(self) -> None:
        """Ask every running statement to stop."""
        with self._killing, _engine_errors():
            self._anchor.query("KILL QUERY WHERE query NOT LIKE 'KILL QUERY%' ASYNC", "Null")

    def close(self) -> None:
        """Shut the engine down; every session must have ended."""
        self._anchor.close()
        self._lock.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


def _directory(path: Path) -> Path:
    directory = path.expanduser().absolute()
    if {"?", "&", "%", "#"} & set(str(directory)):
        raise SettingError(f"the store's directory {directory} must not have ?, &, % or # in its name")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"the store's directory {directory} cannot be made: {error.strerror}") from None
    if not os.access(directory, os.W_OK | os.X_OK):
        raise SettingError(f"the store's directory {directory} cannot be written: permission denied")
    return directory


def wait_until_free(path: Path, patience_s: float) -> None:
    """Wait until no other process holds the directory, or until patience is over."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            with (path / _LOCK).open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOOK_AGAIN_S)
        except OSError:
            return  # there is none yet, or it cannot be read: `_take` says why
        else:
            return


def _take(path: Path) -> TextIO:
    try:
        file = path.open("a+", encoding="ascii")
    except OSError as error:
        raise SettingError(f"the store's directory {path.parent} cannot be written: {error.strerror}") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read(20).strip() or "unknown"
        file.close()
        raise SettingError(
            f"the store's directory {path.parent} is in use by process {holder}; one process may hold it"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _configure(directory: Path, *, backups: bool) -> Path:
    users, config = directory / "haechi-users.xml", directory / "haechi-config.xml"
    users.write_text(ROLES_XML, "utf-8")
    allowed = "<backups><allowed_path>/</allowed_path></backups>" if backups else ""
    text = _CONFIG.format(
        users=escape(str(users)),
        memory_share=STORE_MEMORY_SHARE,
        cache=STORE_CACHE_BYTES,
        merge_nice=STORE_MERGE_NICE,
        backups=allowed,
    )
    config.write_text(text, "utf-8")
    return config
