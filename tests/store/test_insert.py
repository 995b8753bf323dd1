"""Blocks are stored whole, once, and with every value as it was."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from haechi_collector.batch import DEAD_LETTERS, LOGS, METRIC_POINTS, SCORES, SPANS
from haechi_collector.errors import StoreError, StoreUnavailable
from haechi_collector.store.client import Dsn, StoreClient
from haechi_collector.store.insert import Inserter

MakeSpans = Callable[..., pa.RecordBatch]
TABLES = {"spans": SPANS, "logs": LOGS, "metric_points": METRIC_POINTS, "scores": SCORES, "dead_letters": DEAD_LETTERS}


@pytest.fixture
def inserter(client: StoreClient) -> Inserter:
    return Inserter(client)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_the_columns_of_its_batch(client: StoreClient, table: str) -> None:
    """The same names in the same order."""
    columns = client.query(
        f"SELECT name FROM system.columns WHERE database = 'haechi' AND table = '{table}' ORDER BY position"
    )
    assert columns["name"].to_pylist() == TABLES[table].names


@pytest.mark.usefixtures("spans")
def test_every_value_comes_back(client: StoreClient, inserter: Inserter, make_spans: MakeSpans) -> None:
    """Decimals, maps, lists, nulls, nanoseconds, booleans and text."""
    batch = make_spans(100)
    inserter.insert("spans", batch, "values")
    rows = client.query("SELECT * FROM spans").to_pylist()
    expected = batch.to_pylist()
    for row in (*rows, *expected):
        row["finish_reasons"] = tuple(row["finish_reasons"])
    assert sorted(map(str, rows)) == sorted(map(str, expected))


@pytest.mark.parametrize("table", ["logs", "metric_points", "scores", "dead_letters"])
def test_a_row_of_every_other_table_comes_back(client: StoreClient, inserter: Inserter, table: str) -> None:
    """With each type at a value that is not its default."""
    values = {
        pa.string(): "한", pa.binary(): b"\xff\x00", pa.bool_(): True, pa.float64(): -0.5,
        pa.timestamp("ns", tz="UTC"): time.time_ns(),
    }  # fmt: skip
    row = {f.name: values.get(f.type, 7) for f in TABLES[table]}
    for field in TABLES[table]:
        if pa.types.is_list(field.type):
            row[field.name] = [1, 2]
        elif pa.types.is_map(field.type):
            row[field.name] = [("k", values[field.type.item_type])]
    batch = pa.RecordBatch.from_pylist([row], schema=TABLES[table])
    inserter.insert(table, batch, f"row-{time.time_ns()}")
    payload = ", unhex(hex(payload)) AS payload" if table == "dead_letters" else ""
    stored = client.query(
        f"SELECT * EXCEPT (payload) FROM {table}" if payload else f"SELECT * FROM {table}"
    ).to_pylist()
    expected = batch.to_pylist()[0]
    if payload:
        assert client.command("SELECT hex(payload) FROM dead_letters") == expected.pop("payload").hex().upper()
    assert expected in stored


@pytest.mark.usefixtures("spans")
def test_a_block_is_stored_once_per_token(client: StoreClient, inserter: Inserter, make_spans: MakeSpans) -> None:
    """Also when it is sent many times at once; the same rows under another token are another block."""
    batch = make_spans(500, seed=2)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: inserter.insert("spans", batch, "once"), range(8)))
    assert client.command("SELECT count() FROM spans") == 500
    inserter.insert("spans", batch, "twice")
    assert client.command("SELECT count() FROM spans") == 1000


@pytest.mark.usefixtures("spans")
def test_a_block_of_many_days_is_stored_once(client: StoreClient, inserter: Inserter, make_spans: MakeSpans) -> None:
    """More partitions than ClickHouse takes by default, and the token holds for all of them."""
    batch = make_spans(300, seed=3, days=150)
    fresh = pa.repeat(
        pa.scalar(time.time_ns(), SPANS.field("ingested_at").type), 300
    )  # or they would be too old to keep
    batch = batch.set_column(SPANS.get_field_index("ingested_at"), "ingested_at", fresh)
    inserter.insert("spans", batch, "many-days")
    inserter.insert("spans", batch, "many-days")
    assert client.command("SELECT count() FROM spans") == 300
    assert client.command("SELECT uniq(toDate(start_time)) FROM spans") == 150


@pytest.mark.usefixtures("spans")
def test_columns_are_bound_by_name(client: StoreClient, inserter: Inserter, make_spans: MakeSpans) -> None:
    """In any order; those that are left out get their defaults; dictionaries are taken."""
    batch = make_spans(10, seed=4)
    names = ["name", "start_time", "trace_id", "ingested_at"]
    columns = [batch.column(name) for name in names]
    columns[0] = columns[0].dictionary_encode()
    inserter.insert("spans", pa.RecordBatch.from_arrays(columns, names=names), "by-name")
    row = client.query(
        "SELECT any(name) AS name, uniq(trace_id) AS ids, any(project) AS project FROM spans"
    ).to_pylist()
    assert row == [{"name": "chat", "ids": 10, "project": ""}]


def test_an_empty_batch_sends_nothing(client: StoreClient, inserter: Inserter, make_spans: MakeSpans) -> None:
    """Not even to a table that is not there."""
    inserter.insert("nope", make_spans(0), "empty")
    assert client.command("EXISTS TABLE nope") == 0


def test_rows_wait_for_a_table_that_is_away(inserter: Inserter, make_spans: MakeSpans) -> None:
    """Nothing is wrong with them: somebody renamed or dropped the table."""
    with pytest.raises(StoreUnavailable) as caught:
        inserter.insert("nope", make_spans(1), "waits")
    assert caught.value.clickhouse_code == 60


def test_a_refused_block_says_its_number(inserter: Inserter) -> None:
    """An unknown column and a wrong type are errors for good."""
    wrong = pa.record_batch([pa.array(["x"])], ["start_time"])
    for batch, code in ((pa.record_batch([pa.array([1])], ["nope"]), 16), (wrong, None)):
        with pytest.raises(StoreError) as caught:
            inserter.insert("spans", batch, "refused")
        assert not isinstance(caught.value, StoreUnavailable)
        assert code is None or caught.value.clickhouse_code == code
        assert "password" not in str(caught.value)


@pytest.mark.usefixtures("spans")
def test_late_content_is_written_by_a_lightweight_update(
    client: StoreClient, inserter: Inserter, make_spans: MakeSpans
) -> None:
    """It shows at once and stays when parts merge."""
    batch = make_spans(1000, seed=5)
    inserter.insert("spans", batch, "to-be-updated")
    span = batch.column("span_id")[17].as_py()
    client.command(f"UPDATE spans SET output_messages = 'late' WHERE span_id = '{span}'")
    late = "SELECT count() FROM spans WHERE output_messages = 'late'"
    assert client.command(late) == 1
    client.command("OPTIMIZE TABLE spans FINAL")
    assert client.command(late) == 1
    assert client.command("SELECT count() FROM spans") == 1000


@pytest.mark.usefixtures("spans")
def test_the_exporters_view(client: StoreClient, inserter: Inserter, make_spans: MakeSpans) -> None:
    """Names and values as the OpenTelemetry Collector's ClickHouse exporter writes them."""
    batch = make_spans(1, seed=6)
    events = '[{"time_unix_nano":1700000000000000001,"name":"exception","attributes":{"n":1,"text":"a\\"b"}}]'
    links = '[{"trace_id":"ab","span_id":"cd","trace_state":"s","attributes":{}}]'
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns |= {"events": pa.array([events]), "links": pa.array([links])}
    inserter.insert("spans", pa.RecordBatch.from_pydict(columns), "view")
    row = client.query("SELECT * FROM otel_traces").to_pylist()[0]
    assert list(row) == [
        "Timestamp", "TraceId", "SpanId", "ParentSpanId", "TraceState", "SpanName", "SpanKind", "ServiceName",
        "ResourceAttributes", "ScopeName", "ScopeVersion", "SpanAttributes", "Duration", "StatusCode",
        "StatusMessage", "Events.Timestamp", "Events.Name", "Events.Attributes", "Links.TraceId", "Links.SpanId",
        "Links.TraceState", "Links.Attributes",
    ]  # fmt: skip
    assert (row["SpanKind"], row["StatusCode"]) == ("Client", "Unset")
    attributes = dict(row["SpanAttributes"])
    assert attributes["gen_ai.operation.name"] == "chat"
    assert (attributes["temperature"], attributes["cached"], attributes["app.feature"]) == ("0.25", "true", "채팅")
    assert [moment.value for moment in row["Events.Timestamp"]] == [1700000000000000001]
    assert [dict(found) for found in row["Events.Attributes"]] == [{"n": "1", "text": 'a"b'}]
    assert (row["Links.TraceId"], row["Links.Attributes"]) == (["ab"], [[]])


def test_a_store_that_is_not_there_is_unavailable() -> None:
    """Nothing listens on that port."""
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:9"):
        StoreClient.connect(Dsn.parse("http://haechi:secret@127.0.0.1:9/haechi"))


def test_a_wrong_password_is_an_error_for_good(client: StoreClient) -> None:
    """And stays out of the message."""
    dsn = Dsn("http", client.dsn.host, client.dsn.port, "haechi", "s3cret", "haechi")
    with pytest.raises(StoreError) as caught:
        StoreClient.connect(dsn)
    assert caught.value.clickhouse_code == 516
    assert not isinstance(caught.value, StoreUnavailable)
    assert "s3cret" not in str(caught.value) + repr(dsn)
