"""The metadata database: opened, brought up to date, used in transactions.

Guarantees: the same statements run on SQLite and on PostgreSQL; a transaction is whole or not there; the migrations
``haechi_schemas/metadata/NNNN_*.sql`` run in the order of their numbers, each once, all pending ones in one transaction
that no second process shares; a database that a newer version has upgraded is refused by name. No password is in a
message. The file of SQLite is readable by its owner alone.

SQLite runs with a write-ahead log and takes its write lock when a transaction begins, so that two processes (a
collector and a command) wait for each other instead of failing.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from haechi_collector.errors import MetadataUnavailable, SettingError
from haechi_collector.limits import METADATA_WAIT_S

FILE: Final = "metadata.sqlite3"
"""Name of SQLite's file in the data directory."""

_MIGRATION: Final = re.compile(r"(\d{4})_(\w+)\.sql")
_STATEMENT_END: Final = re.compile(r";[ \t]*$", re.MULTILINE)
_LOCK: Final = 0x6861656368690001
"""PostgreSQL's advisory lock of our migrations: "haechi" and a number."""

_RECORDS: Final = sa.Table(
    "metadata_migrations",
    sa.MetaData(),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("applied_at", sa.BigInteger, nullable=False),
)


class Database:
    """One database. Construct it with `open_file` or `open_dsn`; safe for many threads."""

    def __init__(self, engine: sa.Engine, shown: str) -> None:
        self._engine = engine
        self.shown = shown
        """Where it is, for messages; without a password."""

    @classmethod
    def open_file(cls, path: Path) -> "Database":
        """Open or make the SQLite database at ``path`` and bring it up to date.

        Raises:
            SettingError: the file cannot be had, is no database, or belongs to a newer version.
        """
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise SettingError(f"the metadata file {path} cannot be opened: {error.strerror}") from None
        engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": METADATA_WAIT_S})
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        return cls._opened(engine, str(path))

    @classmethod
    def open_dsn(cls, dsn: str) -> "Database":
        """Open the PostgreSQL database ``postgresql://user:password@host:5432/database`` and bring it up to date.

        Raises:
            SettingError: the DSN is none, the driver is missing, or it belongs to a newer version.
            MetadataUnavailable: no answer.
        """
        try:
            url = sa.make_url(dsn).set(drivername="postgresql+psycopg")
            engine = sa.create_engine(
                url,
                pool_size=2,
                pool_timeout=METADATA_WAIT_S,
                pool_pre_ping=True,
                connect_args={"connect_timeout": int(METADATA_WAIT_S)},
            )
        except (ArgumentError, ValueError):
            raise SettingError("metadata: expected postgresql://user:password@host:5432/database") from None
        except ModuleNotFoundError as error:
            raise SettingError(f"metadata: needs {error.name}: pip install 'haechi[postgresql]'") from None
        return cls._opened(engine, f"{url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}")

    @classmethod
    def _opened(cls, engine: sa.Engine, shown: str) -> "Database":
        database = cls(engine, shown)
        try:
            with database.begin() as connection:
                _migrate(connection, shown)
        except BaseException:
            database.close()
            raise
        return database

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Give a connection in a transaction, committed when the block ends and rolled back when it raises.

        Raises:
            MetadataUnavailable: no answer, or a statement was refused.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            # The message of the driver may quote the DSN or values; its first line names the reason.
            reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
            raise MetadataUnavailable(f"the metadata at {self.shown}: {reason}") from None

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's BEGIN is the one that counts
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _migrate(connection: sa.Connection, shown: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    _RECORDS.create(connection, checkfirst=True)
    done = set(connection.execute(sa.select(_RECORDS.c.version)).scalars())
    found = _migrations()
    if done - {version for version, _, _ in found}:
        raise SettingError(f"the metadata at {shown} belongs to a newer version of haechi; upgrade, or take another")
    for version, name, text in found:
        if version not in done:
            for statement in _STATEMENT_END.split(text):
                if statement.strip():
                    connection.exec_driver_sql(statement)
            row = {"version": version, "name": name, "applied_at": int(time.time())}
            connection.execute(_RECORDS.insert().values(row))


def _migrations() -> list[tuple[int, str, str]]:
    """Number, name and text of the files that ship with this version, in order."""
    entries = resources.files("haechi_schemas.metadata").iterdir()
    matched = [(match, entry) for entry in entries if (match := _MIGRATION.fullmatch(entry.name))]
    return sorted((int(match[1]), match[2], entry.read_text("utf-8")) for match, entry in matched)
