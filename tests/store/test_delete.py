"""What is deleted is in no table, and in no file of the store."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from haechi_collector.batch import DEAD_LETTERS, LOGS, METRIC_POINTS, SCORES, SPANS
from haechi_collector.stages.join_content import LateContent
from haechi_collector.store.client import StoreClient
from haechi_collector.store.days import TABLES, Days
from haechi_collector.store.delete import Deleter, Selection
from haechi_collector.store.supervisor import EmbeddedStore
from haechi_collector.store.tables import Tables

MakeSpans = Callable[..., pa.RecordBatch]

MARK = "gz7Q-needle-xK93"
TRACE = "d0" * 16
DAY_NS = 86_400 * 10**9


@pytest.fixture
def tables(client: StoreClient) -> Tables:
    """Empty tables."""
    for table in TABLES:
        client.command(f"TRUNCATE TABLE {table}")
    return Tables(client)


def row(schema: pa.Schema, **values: Any) -> pa.RecordBatch:
    def blank(kind: pa.DataType) -> Any:
        if pa.types.is_map(kind) or pa.types.is_list(kind):
            return []
        if pa.types.is_string(kind):
            return ""
        if pa.types.is_boolean(kind):
            return False
        return None if pa.types.is_decimal(kind) else b"" if pa.types.is_binary(kind) else 0

    times = {f.name: time.time_ns() for f in schema if pa.types.is_timestamp(f.type)}
    return pa.RecordBatch.from_pylist([{f.name: blank(f.type) for f in schema} | times | values], schema=schema)


def files_with(store: EmbeddedStore, mark: str) -> list[str]:
    """Files of the store that hold the text; uncompressed where it stands alone, as a random one does."""
    return [str(f) for f in Path(store._path).rglob("*.bin") if mark.encode() in f.read_bytes()]


def kept(tables: Tables) -> dict[str, int]:
    return {table: int(str(tables.command(f"SELECT count() FROM {table}"))) for table in TABLES}


def deleted(client: StoreClient, selection: Selection) -> dict[str, int]:
    deleter = Deleter(client)
    counts: dict[str, int] = {}
    for part in deleter.delete(selection, deleter.find(selection)):
        counts[part.day.table] = counts.get(part.day.table, 0) + part.rows
    return counts


def test_a_trace_leaves_every_table_and_every_file(
    client: StoreClient, store: EmbeddedStore, tables: Tables, make_spans: MakeSpans
) -> None:
    """Spans of two days, logs, scores and a dead letter; the neighbours stay."""
    now = time.time_ns()
    tables.insert("spans", make_spans(500, seed=71, days=2))
    for start in (now, now - DAY_NS):
        tables.insert("spans", row(SPANS, trace_id=TRACE, span_id="1", start_time=start, user_id=MARK))
    tables.insert("logs", row(LOGS, trace_id=TRACE, severity_text=MARK))
    tables.insert("logs", row(LOGS, trace_id="e0" * 16))
    tables.insert("scores", row(SCORES, trace_id=TRACE, id="s1", label=MARK))
    tables.insert("dead_letters", row(DEAD_LETTERS, payload=f"rows of {TRACE} {MARK}".encode()))
    tables.insert("dead_letters", row(DEAD_LETTERS, payload=b"rows of another"))
    assert files_with(store, MARK)

    counts = deleted(client, Selection("trace", TRACE))

    assert counts == {"spans": 2, "logs": 1, "scores": 1, "dead_letters": 1}
    assert kept(tables) == {"spans": 500, "logs": 1, "metric_points": 0, "scores": 0, "dead_letters": 1}
    assert files_with(store, MARK) == []
    assert files_with(store, TRACE) == []


def test_replaced_parts_are_gone_from_the_disk(client: StoreClient, tables: Tables, make_spans: MakeSpans) -> None:
    """The engine lists no part but the living ones, and the directory holds no other."""
    batch = make_spans(300, seed=72)
    tables.insert("spans", batch)
    deleted(client, Selection("trace", batch["trace_id"][0].as_py()))
    parts = client.query("SELECT name, active, path FROM system.parts WHERE table = 'spans'").to_pylist()
    assert all(part["active"] for part in parts)
    folder = Path(parts[0]["path"]).parent
    on_disk = {entry.name for entry in folder.iterdir() if entry.is_dir()} - {"detached", "deduplication_logs"}
    assert on_disk == {part["name"] for part in parts}


def test_late_content_is_deleted_with_its_span(
    client: StoreClient, store: EmbeddedStore, tables: Tables, make_spans: MakeSpans
) -> None:
    """It lies in patch parts, beside the span's own; that of other spans is kept."""
    batch = make_spans(5, seed=73)
    tables.insert("spans", batch)
    ids = [(r["trace_id"], r["span_id"]) for r in batch.to_pylist()]
    tables.update_spans([LateContent(*ids[0], {"status_message": MARK}), LateContent(*ids[1], {"user_id": "kept"})])
    assert files_with(store, MARK)
    deleted(client, Selection("trace", ids[0][0]))
    assert files_with(store, MARK) == []
    assert client.query("SELECT user_id FROM spans WHERE user_id != ''")["user_id"].to_pylist() == ["kept"]


def test_a_user_leaves_with_the_whole_traces(client: StoreClient, tables: Tables) -> None:
    """Spans of the trace that do not name the user, their logs and scores, and points that name it."""
    tables.insert("spans", row(SPANS, trace_id="a1" * 16, span_id="1", user_id="kim"))
    tables.insert("spans", row(SPANS, trace_id="a1" * 16, span_id="2"))
    tables.insert("spans", row(SPANS, trace_id="a2" * 16, span_id="3", user_id="kim2"))
    tables.insert("logs", row(LOGS, trace_id="a1" * 16))
    tables.insert("logs", row(LOGS, attributes_string=[("user.id", "kim")]))
    tables.insert("scores", row(SCORES, trace_id="a1" * 16, id="s1"))
    tables.insert("metric_points", row(METRIC_POINTS, attributes_string=[("user.id", "kim")]))
    tables.insert("metric_points", row(METRIC_POINTS))
    assert deleted(client, Selection("user", "kim")) == {"spans": 2, "logs": 2, "scores": 1, "metric_points": 1}
    assert kept(tables)["spans"] == kept(tables)["metric_points"] == 1


def test_a_session_of_another_project_is_kept(client: StoreClient, tables: Tables) -> None:
    """``project`` confines the deletion."""
    for number, project in enumerate(("one", "two")):
        tables.insert("spans", row(SPANS, project=project, trace_id=f"b{number}" * 16, session_id="s'1\\"))
    assert deleted(client, Selection("session", "s'1\\", "one")) == {"spans": 1}
    assert client.query("SELECT project FROM spans")["project"].to_pylist() == ["two"]


def test_nothing_is_found_where_nothing_is(client: StoreClient, tables: Tables) -> None:
    """And the tables are not touched."""
    assert kept(tables)["spans"] == 0
    assert Deleter(client).find(Selection("trace", TRACE)) == []
    assert deleted(client, Selection("user", "nobody")) == {}


def test_the_audit_says_how_many_and_not_what(client: StoreClient, tables: Tables) -> None:
    """Who, when, what kind, per table."""
    client.command("TRUNCATE TABLE deletions")
    tables.insert("spans", row(SPANS, project="p", trace_id=TRACE, user_id=MARK))
    deleted(client, Selection("user", MARK, "p"))
    (audit,) = client.query("SELECT * FROM deletions").to_pylist()
    assert (audit["kind"], audit["project"], audit["spans"], audit["logs"]) == ("user", "p", 1, 0)
    assert audit["requested_by"]
    assert audit["started_at"] <= audit["finished_at"]
    assert MARK not in str(audit)
    assert TRACE not in str(audit)


def test_a_day_is_told_with_its_size(client: StoreClient, tables: Tables, make_spans: MakeSpans) -> None:
    """Rows and bytes by table and day, oldest first."""
    tables.insert("spans", make_spans(30, seed=74, days=3))
    days = Days(client).all()
    assert [day.rows for day in days] == [10, 10, 10]
    assert [day.table for day in days] == ["spans"] * 3
    assert days == sorted(days, key=lambda day: day.date)
    assert all(day.bytes > 0 for day in days)
