"""Making and upgrading the tables, on one server or on a cluster, from the same files.

Guarantees: the files run in the order of their numbers, each once, and are recorded with their checksum in
``schema_migrations``; a file that changed after it ran is refused by name; two collectors never migrate at once.
Every statement can be run again, so a migration that was cut off goes on where it was.

In a cluster a table ``t`` becomes ``t_local`` with the Replicated engine on every node, and ``t``, Distributed over it.

The lock is a table: ClickHouse makes a table of a name once, and in a cluster the queue of distributed statements
orders the attempts. A lock carries its holder and its time of expiry by the server's clock; one that is over, or whose
holder on this machine has ended, is succeeded by one with the next number, so that no one ever removes a lock that is
not theirs to remove.
"""

import hashlib
import logging
import os
import random
import re
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from typing import Final

from haechi_collector.errors import SettingError, StoreError, StoreUnavailable
from haechi_collector.limits import MIGRATION_LOCK_S, MIGRATION_WAIT_S
from haechi_collector.store.client import StoreClient
from haechi_collector.store.cluster import on_cluster, quoted, renamed
from haechi_collector.store.lexer import literal, statements

logger = logging.getLogger(__name__)

_FILE: Final = re.compile(r"(\d{4})_(\w+)\.sql")
_ALREADY_EXISTS: Final = 57
_LOCK: Final = "schema_migration_lock_"
_HOLDER: Final = re.compile(r"(?P<host>.+) process (?P<pid>\d+) run (?P<run>\w+) until (?P<until>\d+)")
_RUN: Final = secrets.token_hex(4)  # tells this run of a program from an earlier one with the same number
_RECORDS: Final = """CREATE TABLE IF NOT EXISTS haechi.schema_migrations
(
    version UInt32,
    name String,
    checksum String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY version
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"""


@dataclass(frozen=True, slots=True)
class Applied:
    """One migration: its number, its name, and the statements it comes to here."""

    version: int
    name: str
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.version:04d}_{self.name}.sql"

    def rendered(self, database: str, cluster: str | None) -> tuple[str, ...]:
        """Return the statements for that database and cluster."""
        found = statements(self.text)
        if cluster is not None:
            found = [made for statement in found for made in on_cluster(statement, cluster)]
        return tuple(renamed(statement, database) for statement in found)


def migrations() -> list[Migration]:
    """Return the files that ship with this version, in order.

    Raises:
        ValueError: a number is missing or there twice; a mistake of ours.
    """
    found = []
    for entry in resources.files("haechi_schemas.clickhouse").iterdir():
        match = _FILE.fullmatch(entry.name)
        if match:
            found.append(Migration(int(match[1]), match[2], entry.read_text("utf-8")))
    found.sort(key=lambda migration: migration.version)
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        message = f"the migrations are not numbered one by one: {[migration.file for migration in found]}"
        raise ValueError(message)
    return found


def migrate(client: StoreClient, cluster: str | None = None, *, dry_run: bool = False) -> list[Applied]:
    """Run what has not run yet; return it.

    Args:
        client: of a user that may make tables.
        cluster: name of the server's cluster, None for a server alone.
        dry_run: only return what would run.

    Raises:
        SettingError: a file that ran is not the one that ships now, or a newer version was here.
        StoreUnavailable: no answer, or another collector migrates for too long.
        StoreError: a statement was refused.
    """
    database = client.dsn.database
    if dry_run:
        return [_applied(pending, database, cluster) for pending in _pending(client)]
    if not _pending(client):
        return []
    first = ["CREATE DATABASE IF NOT EXISTS haechi"]
    for statement in first if cluster is None else on_cluster(first[0], cluster):
        client.command(renamed(statement, database), needs_database=False)
    with _locked(client, cluster):
        _make_records(client, cluster)
        return [_apply(client, pending, cluster) for pending in _pending(client)]


def _applied(migration: Migration, database: str, cluster: str | None) -> Applied:
    return Applied(migration.version, migration.name, migration.rendered(database, cluster))


def _apply(client: StoreClient, migration: Migration, cluster: str | None) -> Applied:
    applied = _applied(migration, client.dsn.database, cluster)
    for statement in applied.statements:
        client.command(statement, needs_database=False)
    values = f"{migration.version}, {literal(migration.name)}, {literal(migration.checksum)}"
    client.command(f"INSERT INTO schema_migrations (version, name, checksum) VALUES ({values})")  # noqa: S608  our own
    logger.info("applied %s", migration.file)
    return applied


def _make_records(client: StoreClient, cluster: str | None) -> None:
    statement = _RECORDS
    if cluster is not None:
        # One set of replicas over all shards: the records are the cluster's, not a shard's.
        path = "'/clickhouse/tables/{database}/schema_migrations', '{shard}-{replica}'"
        statement = statement.replace(
            "haechi.schema_migrations", f"haechi.schema_migrations ON CLUSTER {quoted(cluster)}"
        )
        statement = statement.replace("ReplacingMergeTree(", f"ReplicatedReplacingMergeTree({path}, ")
    client.command(renamed(statement, client.dsn.database), needs_database=False)


def _pending(client: StoreClient) -> list[Migration]:
    done = _recorded(client)
    shipped = migrations()
    newer = sorted(set(done) - {migration.version for migration in shipped})
    if newer:
        raise SettingError(
            f"clickhouse: the tables are of a newer Haechi (migration {newer[0]:04d} ran); upgrade this one"
        )
    for migration in shipped:
        if done.get(migration.version, migration.checksum) != migration.checksum:
            raise SettingError(f"clickhouse: {migration.file} has changed since it ran on these tables; restore it")
    return [migration for migration in shipped if migration.version not in done]


def _recorded(client: StoreClient) -> dict[int, str]:
    if not _tables(client, "schema_migrations"):
        return {}
    rows = client.query("SELECT version, argMax(checksum, applied_at) AS sum FROM schema_migrations GROUP BY version")
    return dict(zip(rows["version"].to_pylist(), rows["sum"].to_pylist(), strict=True))


def _tables(client: StoreClient, prefix: str) -> dict[str, str]:
    """Return the comments of the database's tables whose names begin so."""
    rows = client.query(
        """
        SELECT name, comment FROM system.tables
        WHERE database = {database:String} AND startsWith(name, {prefix:String})
        """,
        {"database": client.dsn.database, "prefix": prefix},
        needs_database=False,
    )
    return dict(zip(rows["name"].to_pylist(), rows["comment"].to_pylist(), strict=True))


@contextmanager
def _locked(client: StoreClient, cluster: str | None) -> Iterator[None]:
    where = "" if cluster is None else f" ON CLUSTER {quoted(cluster)}"
    table = _take_lock(client, where)
    try:
        yield
    finally:
        client.command(f"DROP TABLE IF EXISTS {table}{where} SYNC")


def _take_lock(client: StoreClient, where: str) -> str:
    deadline = time.monotonic() + MIGRATION_WAIT_S
    while True:
        table, holder = _try_lock(client, where)
        if table is not None:
            return table
        if time.monotonic() > deadline:
            raise StoreUnavailable(f"another collector ({holder}) migrates the tables of {client.dsn.address}")
        time.sleep(random.uniform(0.1, 0.5))  # noqa: S311  only to keep two collectors out of step


def _try_lock(client: StoreClient, where: str) -> tuple[str | None, str]:
    """Return the lock's table when it is ours now, else None and who holds it."""
    now_s = _server_time_s(client)
    held = {int(name.removeprefix(_LOCK)): comment for name, comment in _tables(client, _LOCK).items()}
    living = [comment for comment in held.values() if _is_held(comment, now_s)]
    if living:
        return None, living[0]
    table = f"{_LOCK}{max(held, default=0) + 1}"
    comment = f"{socket.gethostname()} process {os.getpid()} run {_RUN} until {int(now_s + MIGRATION_LOCK_S)}"
    try:
        client.command(f"CREATE TABLE {table}{where} (held UInt8) ENGINE = Memory COMMENT {literal(comment)}")
    except StoreError as error:
        if error.clickhouse_code != _ALREADY_EXISTS:
            raise
        return None, "unknown"
    others = {name: other for name, other in _tables(client, _LOCK).items() if name != table}
    rival = next((other for other in others.values() if _is_held(other, now_s)), None)
    if rival is not None:  # made between our two looks: both step back
        client.command(f"DROP TABLE IF EXISTS {table}{where} SYNC")
        return None, rival
    for name in others:
        client.command(f"DROP TABLE IF EXISTS {name}{where} SYNC")
    return table, comment


def _server_time_s(client: StoreClient) -> int:
    rows = client.query("SELECT toUnixTimestamp(now()) AS now_s", needs_database=False)
    return int(rows["now_s"][0].as_py())


def _is_held(comment: str, now_s: int) -> bool:
    """Say whether a lock counts: its time is not over, and its holder, if of this machine, still runs."""
    holder = _HOLDER.fullmatch(comment)
    if holder is None or int(holder["until"]) <= now_s:
        return False
    if holder["host"] != socket.gethostname():
        return True
    pid = int(holder["pid"])
    return holder["run"] == _RUN if pid == os.getpid() else _runs(pid)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
