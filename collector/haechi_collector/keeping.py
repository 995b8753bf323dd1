"""Keeping and letting go: the commands retention, delete and backup, in a running collector or beside a stopped one.

Guarantees: a command sees everything that was acknowledged before it began, because it first waits until the journal
has handed that on; it speaks line by line while it works, and ends with a result. Restoring works on an empty data
directory alone.

A backup is a directory: ``store/``, ClickHouse's own backup; ``metadata.sqlite3``, API keys and the like, when there
are any; and ``haechi-backup.json``, written last, so that an unfinished backup is told from a whole one.
"""

import json
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from haechi_collector.config import Config
from haechi_collector.control import Command, Told
from haechi_collector.errors import SettingError, StoreUnavailable
from haechi_collector.journal import Journal
from haechi_collector.limits import BACKUP_S, JOURNAL_PASS_S
from haechi_collector.pipeline import Pipeline
from haechi_collector.store import backup
from haechi_collector.store.client import StoreClient
from haechi_collector.store.days import Day, Days
from haechi_collector.store.delete import Deleter, Selection
from haechi_collector.store.retention import Retention
from haechi_collector.store.supervisor import EmbeddedStore

MANIFEST: Final = "haechi-backup.json"
METADATA: Final = "metadata.sqlite3"
"""Name of SQLite's file in a data directory; `metadata.database` says it, whose import costs 20 MB."""

_FORMAT: Final = 1
_STORE: Final = "store"


class Keeper:
    """Carries out the commands on one store.

    Args:
        config: of the collector.
        client: of a user that may alter the tables.
        retention: of these tables.
        journal: of the data directory, handing on what it holds; None when there is nothing in it.
        pipeline: what holds content that has not found its span; None when none runs.
    """

    def __init__(
        self,
        config: Config,
        client: StoreClient,
        retention: Retention,
        journal: Journal | None = None,
        pipeline: Pipeline | None = None,
    ) -> None:
        self._config, self._client, self._retention = config, client, retention
        self._journal, self._pipeline = journal, pipeline

    @property
    def commands(self) -> Mapping[str, Command]:
        """The commands by name, their arguments as JSON."""
        return {"retention": self.retention, "delete": self.delete, "backup": self.backup}

    def retention(self, arguments: Mapping[str, Any]) -> Told:
        """Tell what is kept; with ``apply`` drop first what is over the bounds."""
        if arguments.get("apply"):
            for day in self._retention.apply():
                yield f"dropped {day.date} of {day.table}: {day.rows:,} rows, {day.bytes:,} bytes"
        days = Days(self._client, self._config.cluster).all()
        bounds = self._retention
        return {
            "retention_days": bounds.keep_days,
            "retention_bytes_max": bounds.bytes_max,
            "content_days": bounds.content_days,
            "tables": _summary(days),
            "bytes_by_day": _by_day(days),
        }

    def delete(self, arguments: Mapping[str, Any]) -> Told:
        """Delete a trace, user or session (``kind``, ``id``, ``project``), or with ``dry_run`` only count."""
        selection = Selection(arguments["kind"], arguments["id"], arguments["project"])
        yield from self._pass_journal()
        deleter = Deleter(self._client, self._config.cluster)
        if self._pipeline is not None:
            self._pipeline.forget(deleter.traces(selection))
        found = deleter.find(selection)
        counts: dict[str, int] = {}
        for part in found if arguments["dry_run"] else deleter.delete(selection, found):
            counts[part.day.table] = counts.get(part.day.table, 0) + part.rows
            if not arguments["dry_run"]:
                yield f"deleted {part.rows:,} rows of {part.day.table}, {part.day.date}"
        return {"rows": counts, "frees_at_once": self._config.clickhouse is None}

    def backup(self, arguments: Mapping[str, Any]) -> Told:
        """Copy the store and the metadata into ``directory``, on top of an earlier backup ``base`` if there is one."""
        if self._config.clickhouse is not None:
            raise SettingError(
                "clickhouse: the tables are on a server; there, BACKUP DATABASE "
                f"{self._client.dsn.database} TO Disk('backups', 'name') copies them"
            )
        directory = _fresh(Path(arguments["directory"]))
        base = _whole(Path(arguments["base"])) if arguments["base"] else None
        yield from self._pass_journal()
        yield "copying the tables"
        patient = StoreClient.connect(self._client.dsn, BACKUP_S)
        try:
            backup.back_up(patient, directory / _STORE, base / _STORE if base else None)
        finally:
            patient.close()
        if (self._config.data_dir / METADATA).exists():
            yield "copying the metadata"
            _copy_sqlite(self._config.data_dir / METADATA, directory / METADATA)
        if self._config.metadata is not None:
            yield "the API keys are in PostgreSQL and not in this backup; its own tools (pg_dump) copy them"
        told = {"format": _FORMAT, "haechi": version("haechi"), "made_at": datetime.now(UTC).isoformat()}
        (directory / MANIFEST).write_text(json.dumps(told) + "\n", "utf-8")
        size = sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
        return {"directory": str(directory), "bytes": size}

    def _pass_journal(self) -> Told:
        if self._journal is None:
            return {}
        yield "waiting until what was accepted is stored"
        if not self._journal.wait_passed(JOURNAL_PASS_S):
            raise StoreUnavailable(
                f"the journal did not get stored within {JOURNAL_PASS_S:.0f} s; haechi journal shows what is stuck"
            )
        return {}


def restore(directory: Path, data_dir: Path) -> None:
    """Fill an empty data directory from a backup.

    Raises:
        SettingError: the backup is none, or the data directory holds data.
        StoreError, StoreUnavailable: ClickHouse refuses the backup; the data directory is as it was.
    """
    _whole(directory)
    taken = [name for name in (_STORE, "journal", METADATA) if (data_dir / name).exists()]
    if taken:
        raise SettingError(f"--data-dir {data_dir}: holds {', '.join(taken)} already; restore into an empty directory")
    data_dir.mkdir(parents=True, exist_ok=True)
    store = EmbeddedStore(data_dir / _STORE, 0)
    try:
        store.start()
        client = StoreClient.connect(store.dsn, BACKUP_S)
        try:
            backup.restore(client, directory / _STORE)
        finally:
            client.close()
    except BaseException:
        store.stop()
        shutil.rmtree(data_dir / _STORE)
        raise
    store.stop()
    if (directory / METADATA).exists():
        _copy_sqlite(directory / METADATA, data_dir / METADATA)


def _fresh(directory: Path) -> Path:
    """Make the directory of a backup.

    Raises:
        SettingError: it holds something, or cannot be made.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise SettingError(f"{directory}: is not empty; a backup goes into a new directory")
    except OSError as error:
        raise SettingError(f"{directory}: cannot be made: {error.strerror}") from error
    return directory.absolute()


def _whole(directory: Path) -> Path:
    """Return a backup's directory.

    Raises:
        SettingError: there is no whole backup of a known format.
    """
    try:
        told = json.loads((directory / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        raise SettingError(f"{directory}: is no finished backup; it lacks {MANIFEST}") from None
    if told.get("format") != _FORMAT:
        raise SettingError(
            f"{directory}: is a backup of another version, Haechi {told.get('haechi')}; restore it there"
        )
    return directory.absolute()


def _copy_sqlite(source: Path, target: Path) -> None:
    target.touch(mode=0o600)
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def _by_day(days: Sequence[Day]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for day in days:
        sizes[str(day.date)] = sizes.get(str(day.date), 0) + day.bytes
    return sizes


def _summary(days: Sequence[Day]) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    for day in days:  # oldest first
        known = tables.setdefault(day.table, {"first_day": str(day.date), "days": 0, "rows": 0, "bytes": 0})
        known["days"] += 1
        known["rows"] += day.rows
        known["bytes"] += day.bytes
    return tables
