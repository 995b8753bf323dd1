"""Migrations run once, in order, alone, and are parsed by the engine in their form for a cluster too."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlglot

from haechi_collector.errors import SettingError, StoreUnavailable
from haechi_collector.store import migrate as migrate_module
from haechi_collector.store.client import Dsn, StoreClient
from haechi_collector.store.cluster import on_cluster
from haechi_collector.store.lexer import statements
from haechi_collector.store.migrate import Migration, migrate, migrations
from haechi_collector.store.supervisor import EmbeddedStore

PUBLIC = {"spans", "logs", "metric_points", "scores", "dead_letters", "price_audit", "ledger", "deletions"}
VIEWS = {"otel_traces", "ledger_now"}


@pytest.fixture
def fresh(store: EmbeddedStore) -> Iterator[StoreClient]:
    """A database of another name, empty."""
    dsn = store.dsn
    made = StoreClient.connect(Dsn("http", dsn.host, dsn.port, dsn.user, dsn.password, "an other"))
    yield made
    made.command("DROP DATABASE IF EXISTS `an other` SYNC", needs_database=False)
    made.close()


def tables(client: StoreClient) -> set[str]:
    rows = client.query(
        "SELECT name FROM system.tables WHERE database = {d:String}", {"d": client.dsn.database}, needs_database=False
    )
    return set(rows["name"].to_pylist())


def test_migrations_run_once(fresh: StoreClient) -> None:
    """In a database of any name; the second time there is nothing to do; no lock stays behind."""
    dry = migrate(fresh, dry_run=True)
    assert tables(fresh) == set()
    assert migrate(fresh) == dry
    assert migrate(fresh) == []
    assert migrate(fresh, dry_run=True) == []
    assert tables(fresh) == PUBLIC | VIEWS | {"schema_migrations"}
    assert fresh.command("SELECT count() FROM otel_traces") == 0
    row = fresh.query("SELECT version, name, checksum FROM schema_migrations ORDER BY version").to_pylist()
    assert row == [{"version": m.version, "name": m.name, "checksum": m.checksum} for m in migrations()]


def test_a_migration_that_was_cut_off_goes_on(fresh: StoreClient) -> None:
    """Its statements can all run again."""
    first = migrations()[0]
    for statement in first.rendered(fresh.dsn.database, None)[:3]:
        fresh.command(statement, needs_database=False)
    assert [applied.version for applied in migrate(fresh)] == [m.version for m in migrations()]


def test_every_file_can_run_again(fresh: StoreClient) -> None:
    """As one does that was cut off before it was recorded."""
    migrate(fresh)
    for migration in migrations():
        for statement in migration.rendered(fresh.dsn.database, None):
            fresh.command(statement, needs_database=False)
    assert tables(fresh) == PUBLIC | VIEWS | {"schema_migrations"}


def test_scores_from_before_they_were_replaceable_are_kept(fresh: StoreClient) -> None:
    """Their values stay; ids that the collector did not make are their senders'."""
    fresh.command("CREATE DATABASE `an other`", needs_database=False)
    for statement in migrations()[0].rendered(fresh.dsn.database, None):
        fresh.command(statement, needs_database=False)
    values = f"('{32 * 'a'}', 0.5, now()), ('click-1', 0.25, now())"
    fresh.command(f"INSERT INTO scores (id, value, ingested_at) VALUES {values}")
    migrate(fresh)
    fresh.command("INSERT INTO scores (id, value) VALUES ('click-2', NULL)")
    rows = fresh.query("SELECT id, value, is_replaceable FROM scores ORDER BY id").to_pylist()
    assert [(r["value"], r["is_replaceable"]) for r in rows] == [(0.5, False), (0.25, True), (None, True)]


def test_a_changed_file_is_refused_by_name(fresh: StoreClient) -> None:
    """And so are tables of a newer version."""
    migrate(fresh)
    fresh.command(
        "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (1, 'tables', 'x', now() + 9)"
    )
    with pytest.raises(SettingError, match=r"0001_tables\.sql has changed"):
        migrate(fresh)
    fresh.command("INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'future', 'x')")
    with pytest.raises(SettingError, match="newer Haechi"):
        migrate(fresh)


def test_many_collectors_at_once_migrate_once(fresh: StoreClient) -> None:
    """Each file is applied by one of them, the others find it done."""
    applied: list[int] = []

    def run() -> None:
        own = StoreClient.connect(fresh.dsn)
        applied.append(len(migrate(own)))
        own.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [0, 0, 0, len(migrations())]
    assert fresh.command("SELECT count() FROM schema_migrations") == len(migrations())


def test_a_living_lock_is_waited_for_and_an_abandoned_one_succeeded(
    fresh: StoreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the server's clock, as the lock's comment says."""
    fresh.command("CREATE DATABASE `an other`", needs_database=False)
    fresh.command(
        "CREATE TABLE schema_migration_lock_3 (held UInt8) ENGINE = Memory COMMENT 'h process 1 run a until 9999999999'"
    )
    monkeypatch.setattr(migrate_module, "MIGRATION_WAIT_S", 0.3)
    with pytest.raises(StoreUnavailable, match=r"another collector \(h process 1 run a"):
        migrate(fresh)
    assert tables(fresh) == {"schema_migration_lock_3"}
    fresh.command("ALTER TABLE schema_migration_lock_3 MODIFY COMMENT 'h process 1 run a until 1'")
    assert migrate(fresh)
    assert not {name for name in tables(fresh) if "lock" in name}


def test_the_lock_of_a_killed_collector_of_this_machine_is_succeeded(fresh: StoreClient) -> None:
    """Nobody waits ten minutes because a collector was killed while it made its tables."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    fresh.command("CREATE DATABASE `an other`", needs_database=False)
    comment = f"{socket.gethostname()} process {ended.pid} run a until 9999999999"
    fresh.command(f"CREATE TABLE schema_migration_lock_3 (held UInt8) ENGINE = Memory COMMENT '{comment}'")
    assert migrate(fresh)
    assert not {name for name in tables(fresh) if "lock" in name}


def clustered() -> list[str]:
    return [made for migration in migrations() for made in migration.rendered("haechi", "prod-1")]


def test_in_a_cluster_every_statement_runs_on_all_of_it(client: StoreClient) -> None:
    """And the engine's own parser takes each; sqlglot agrees on the tables."""
    made = clustered()
    assert all("ON CLUSTER `prod-1`" in statement for statement in made)
    for statement in made:
        rows = client.query("SELECT formatQuery({sql:String}) AS text", {"sql": statement})
        assert "ON CLUSTER" in rows["text"][0].as_py()
    names = {
        table.name
        for statement in made
        for table in sqlglot.parse_one(statement, read="clickhouse").find_all(sqlglot.exp.Table)
    }
    assert names >= PUBLIC | {f"{name}_local" for name in PUBLIC}


def test_in_a_cluster_local_tables_are_replicated_and_public_ones_distributed() -> None:
    """Deduplication is the replicated one; spans, logs and scores of a trace lie on one shard."""
    made = "\n".join(clustered())
    for name in PUBLIC:
        assert f"haechi.{name}_local ON CLUSTER" in made
        assert f"ENGINE = Distributed('prod-1', 'haechi', '{name}_local', " in made
    for name in ("spans", "logs", "scores"):
        assert f"'{name}_local', cityHash64(trace_id))" in made
    assert "ReplicatedReplacingMergeTree(ingested_at)" in made
    assert "non_replicated" not in made
    assert made.count("replicated_deduplication_window = 10000") == len(PUBLIC)
    assert "ENGINE = MergeTree" not in made


def test_later_kinds_of_statements_have_a_form_for_a_cluster() -> None:
    """A column is both tables', an index the local one's; an unknown kind is refused."""
    add, index = "ALTER TABLE haechi.spans ADD COLUMN x Int8", "ALTER TABLE haechi.spans ADD INDEX x x TYPE minmax"
    assert on_cluster(add, "c") == [
        "ALTER TABLE haechi.spans_local ON CLUSTER `c` ADD COLUMN x Int8",
        "ALTER TABLE haechi.spans ON CLUSTER `c` ADD COLUMN x Int8",
    ]
    assert on_cluster(index, "c") == ["ALTER TABLE haechi.spans_local ON CLUSTER `c` ADD INDEX x x TYPE minmax"]
    with pytest.raises(ValueError, match="no form for a cluster"):
        on_cluster("DROP TABLE haechi.spans", "c")


def test_the_files_are_sound() -> None:
    """Every statement can run again, and no text outside names another database."""
    for migration in migrations():
        assert Path(migration.file).suffix == ".sql"
        for statement in statements(migration.text):
            assert any(
                word in statement for word in ("IF NOT EXISTS", "OR REPLACE", "MODIFY ", "REMOVE TTL", "MATERIALIZE")
            )
    renamed = "".join(Migration(1, "x", "CREATE DATABASE IF NOT EXISTS haechi").rendered("o`ther", None))
    assert renamed == "CREATE DATABASE IF NOT EXISTS `o\\`ther`"
