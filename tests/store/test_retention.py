"""Whole days leave by age and by size, never today's for its size."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from haechi_collector.limits import RETENTION_DISK_SHARE
from haechi_collector.store.client import StoreClient
from haechi_collector.store.days import TABLES, Days
from haechi_collector.store.retention import Retention
from haechi_collector.store.tables import Tables
from haechi_collector.telemetry import Metrics

MakeSpans = Callable[..., pa.RecordBatch]


@pytest.fixture
def days(client: StoreClient, make_spans: MakeSpans) -> Days:
    """Five days of spans, and nothing else."""
    for table in TABLES:
        client.command(f"TRUNCATE TABLE {table}")
    Tables(client).insert("spans", make_spans(500, seed=81, days=5))
    return Days(client)


def ages(days: Days) -> list[int]:
    """Days before today that hold something."""
    today = days.today()
    return [(today - day.date).days for day in days.all()]


def retention(days: Days, keep_days: int = 0, bytes_max: int = 0, content_days: int = 0) -> Retention:
    return Retention(days, keep_days, bytes_max, content_days, Metrics())


def test_days_past_their_age_leave(days: Days) -> None:
    """Today and the days kept stay; once more does nothing."""
    kept = retention(days, keep_days=2)
    assert [(days.today() - day.date).days for day in kept.apply()] == [4, 3]
    assert ages(days) == [2, 1, 0]
    assert kept.apply() == []


def test_for_ever_is_for_ever(days: Days) -> None:
    """0 days and no bound drop nothing."""
    assert retention(days).apply() == []
    assert ages(days) == [4, 3, 2, 1, 0]


def test_the_oldest_days_leave_until_the_rest_fits(days: Days) -> None:
    """No more than needed."""
    sizes = [day.bytes for day in days.all()]
    retention(days, bytes_max=sum(sizes[2:])).apply()
    assert ages(days) == [2, 1, 0]


def test_today_never_leaves_for_its_size(days: Days, caplog: pytest.LogCaptureFixture) -> None:
    """It is said instead."""
    retention(days, bytes_max=1).apply()
    assert ages(days) == [0]
    assert "today's rows alone" in caplog.text


def test_a_day_leaves_from_all_tables_together(days: Days, client: StoreClient) -> None:
    """A trace keeps its scores as long as its spans."""
    client.command(
        "INSERT INTO scores (id, timestamp) SELECT toString(number), now64(9) - toIntervalDay(4) FROM numbers(3)"
    )
    total = sum(day.bytes for day in days.all())
    dropped = retention(days, bytes_max=total - 1).apply()
    assert sorted(day.table for day in dropped) == ["scores", "spans"]


def test_two_collectors_may_do_it_at_once(days: Days) -> None:
    """What one has dropped is nothing to the other."""
    gone = days.all()[0]
    days.drop(gone)
    days.drop(gone)
    assert ages(days) == [3, 2, 1, 0]


def test_drops_are_counted_and_told(days: Days, caplog: pytest.LogCaptureFixture) -> None:
    """By table and reason; the log has the day."""
    caplog.set_level("INFO")
    metrics = Metrics()
    Retention(days, 3, 0, 0, metrics).apply()
    counted = metrics.registry.get_sample_value("haechi_dropped_rows_total", {"table": "spans", "reason": "age"})
    assert counted == 100
    assert metrics.registry.get_sample_value("haechi_table_bytes", {"table": "spans"}) == sum(
        d.bytes for d in days.all()
    )
    assert f"dropped {days.today() - timedelta(days=4)} of spans" in caplog.text


def test_words_leave_before_their_spans(days: Days, client: StoreClient) -> None:
    """Prompts and answers of older days are empty, tokens stay; newer days keep theirs."""
    before = client.query("SELECT sum(input_tokens) AS tokens FROM spans")
    retention(days, content_days=1).apply()
    left = client.query(
        "SELECT toDate(start_time) AS day, countIf(input_messages != '' OR output_messages != '') AS words "
        "FROM spans GROUP BY day ORDER BY day"
    )
    assert left["words"].to_pylist() == [0, 0, 0, 100, 100]
    assert client.query("SELECT sum(input_tokens) AS tokens FROM spans") == before


def test_the_default_bound_is_a_share_of_the_disk(days: Days, tmp_path: Path) -> None:
    """Of what was free or the tables' at the first look; it does not follow the disk later."""
    kept = Retention(days, 0, tmp_path, 0, Metrics())
    bound = kept.bytes_max
    assert 0 < bound < shutil.disk_usage(tmp_path).total * RETENTION_DISK_SHARE
    assert kept.apply() == []
    assert kept.bytes_max == bound


def test_it_runs_by_itself(days: Days) -> None:
    """From its start; stopping waits for what is under way."""
    keeper = retention(days, keep_days=1)
    keeper.start()
    keeper.stop()
    keeper.stop()
    assert ages(days) == [1, 0]


def test_in_a_cluster_every_node_drops() -> None:
    """The local tables, on all nodes."""
    said: list[str] = []

    class Client:
        def command(self, sql: str, _: object = None) -> None:
            said.append(sql)

    Days(Client(), "three").alter("spans", "DROP PARTITION ID '20260101'")  # type: ignore[arg-type]
    assert said == ["ALTER TABLE spans_local ON CLUSTER `three` DROP PARTITION ID '20260101'"]
