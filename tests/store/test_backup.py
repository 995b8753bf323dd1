"""Backups of the embedded store, and who may make them."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from haechi_collector import keeping
from haechi_collector.errors import SettingError, StoreError
from haechi_collector.metadata.database import FILE
from haechi_collector.store import backup
from haechi_collector.store.client import Dsn, StoreClient
from haechi_collector.store.embedded.server import Server
from haechi_collector.store.supervisor import EmbeddedStore
from haechi_collector.store.tables import Tables

MakeSpans = Callable[..., pa.RecordBatch]

HASH = "SELECT count() AS n, groupBitXor(sipHash64(*)) AS hash FROM spans"


def as_reader(store: EmbeddedStore) -> StoreClient:
    dsn = store.dsn
    return StoreClient.connect(Dsn(dsn.scheme, dsn.host, dsn.port, "reader", "", dsn.database))


@pytest.fixture
def copied(client: StoreClient, make_spans: MakeSpans, tmp_path: Path) -> Path:
    """A finished backup of a store with spans of three days."""
    client.command("TRUNCATE TABLE spans")
    Tables(client).insert("spans", make_spans(300, seed=91, days=3))
    backup.back_up(client, tmp_path / "backup" / "store")
    (tmp_path / "backup" / keeping.MANIFEST).write_text('{"format": 1, "haechi": "0.1.0"}\n')
    return tmp_path / "backup"


def test_a_restored_store_answers_the_same(client: StoreClient, copied: Path, tmp_path: Path) -> None:
    """Every value of every row, the views, and what is known of migrations."""
    expected = client.query(HASH)
    keeping.restore(copied, tmp_path / "data")
    store = EmbeddedStore(tmp_path / "data" / "store", 0)
    store.start()
    try:
        again = StoreClient.connect(store.dsn)
        assert again.query(HASH) == expected
        assert again.command("SELECT count() FROM otel_traces") == 300
        versions = "SELECT version, checksum FROM schema_migrations ORDER BY version"
        assert again.query(versions) == client.query(versions)
        again.close()
    finally:
        store.stop()


def test_a_damaged_backup_is_refused_and_leaves_nothing(copied: Path, tmp_path: Path) -> None:
    """ClickHouse's checksums tell; the data directory can be used again."""
    part = max((f for f in copied.rglob("data.bin")), key=lambda f: f.stat().st_size)
    content = bytearray(part.read_bytes())
    content[len(content) // 2 :] = b""
    part.write_bytes(content)
    with pytest.raises(StoreError):
        keeping.restore(copied, tmp_path / "data")
    assert not (tmp_path / "data" / "store").exists()


def test_a_backup_of_another_format_is_refused(copied: Path, tmp_path: Path) -> None:
    """With the version that can read it."""
    (copied / keeping.MANIFEST).write_text('{"format": 2, "haechi": "9.0"}')
    with pytest.raises(SettingError, match=r"another version, Haechi 9\.0"):
        keeping.restore(copied, tmp_path / "data")


def test_metadata_comes_back(copied: Path, tmp_path: Path) -> None:
    """SQLite's file, row by row; it is the one that keys are kept in."""
    assert keeping.METADATA == FILE
    with sqlite3.connect(copied / FILE) as made:
        made.execute("CREATE TABLE k (id TEXT)")
        made.execute("INSERT INTO k VALUES ('a')")
    made.close()
    keeping.restore(copied, tmp_path / "data")
    with sqlite3.connect(tmp_path / "data" / FILE) as restored:
        assert restored.execute("SELECT id FROM k").fetchall() == [("a",)]
    restored.close()
    assert (tmp_path / "data" / FILE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "sql",
    [
        "BACKUP DATABASE haechi TO File('{path}')",
        "RESTORE DATABASE haechi AS other FROM File('{path}')",
    ],
)
@pytest.mark.usefixtures("client")
def test_readers_make_no_backups(store: EmbeddedStore, sql: str, tmp_path: Path) -> None:
    """The engine may write anywhere then; whoever only reads must not make it."""
    reader = as_reader(store)
    with pytest.raises(StoreError):
        reader.command(sql.format(path=tmp_path / "theft"))
    reader.close()
    assert not (tmp_path / "theft").exists()


def test_a_store_that_runs_alone_makes_no_backups(tmp_path: Path) -> None:
    """Its password is handed out, and must not reach other files of this machine."""
    server = Server(tmp_path / "alone", "127.0.0.1", 0, {"haechi": "secret", "reader": ""})
    try:
        writer = StoreClient.connect(Dsn("http", "127.0.0.1", server.port, "haechi", "secret", "default"))
        writer.command("CREATE DATABASE haechi")
        with pytest.raises(StoreError, match=r"allowed_path"):
            writer.command(f"BACKUP DATABASE haechi TO File('{tmp_path / 'theft'}')")
        writer.close()
    finally:
        server.stop()
