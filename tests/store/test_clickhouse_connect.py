"""ClickHouse's own Python client, unmodified, finds a ClickHouse."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import clickhouse_connect
import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from haechi_collector.store.client import StoreClient
from haechi_collector.store.supervisor import EmbeddedStore


@pytest.fixture(params=["plain", "lz4", "zstd", "gzip"])
def writer(store: EmbeddedStore, client: StoreClient, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The client with its defaults (sessions, progress headers), in each compression."""
    dsn = store.dsn
    compress = False if request.param == "plain" else request.param
    who = {"username": dsn.user, "password": dsn.password, "database": client.dsn.database}
    made = clickhouse_connect.get_client(host=dsn.host, port=dsn.port, compress=compress, **who)
    yield made
    made.close()


def test_queries_and_parameters(writer: Any) -> None:
    """Both kinds of parameters, types, empty results and column names."""
    when = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    sql = "SELECT {s:String} AS s, {n:Int64} AS n, {a:Array(String)} AS a, {d:DateTime} AS d, {x:Nullable(String)} AS x"
    values = {"s": "it's \\ \t한\n", "n": -5, "a": ["x", "y'"], "d": when, "x": None}
    result = writer.query(sql, parameters=values, tz_mode="aware")
    assert result.column_names == ("s", "n", "a", "d", "x")
    assert result.result_rows == [(values["s"], -5, ["x", "y'"], when, None)]
    assert writer.query("SELECT %(s)s AS s", parameters={"s": "q'"}).result_rows == [("q'",)]
    assert writer.query("SELECT number FROM numbers(0)").result_rows == []
    assert writer.query("SELECT number FROM numbers(5) LIMIT 0").column_names == ("number",)
    assert writer.command("SELECT 1") == 1


def test_types_there_and_back(writer: Any) -> None:
    """Native in both directions."""
    writer.command(
        """CREATE TABLE kinds (a UInt64, b String, c LowCardinality(String), d Nullable(Decimal(18, 12)),
        e Map(LowCardinality(String), String), f Array(LowCardinality(String)), g DateTime64(9, 'UTC'), h Bool,
        i Map(String, Float64)) ENGINE = MergeTree ORDER BY a"""
    )
    try:
        when = dt.datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=dt.UTC)
        rows = [
            [2**64 - 1, "한\0", "x", Decimal("0.000000000001"), {"k": "v"}, ["p", "q"], when, True, {"n": 0.5}],
            [1, "", "", None, {}, [], when, False, {}],
        ]
        summary = writer.insert("kinds", rows)
        assert summary.written_rows == 2
        found = writer.query("SELECT * FROM kinds ORDER BY a DESC", tz_mode="aware").result_rows
        assert [list(row) for row in found] == rows
        table = writer.query_arrow("SELECT a, b FROM kinds ORDER BY a", use_strings=True)
        assert table["b"].to_pylist() == ["", "한\0"]
        writer.insert_arrow("kinds", pa.table({"a": pa.array([7], pa.uint64()), "b": ["arrow"]}))
        assert writer.command("SELECT b FROM kinds WHERE a = 7") == "arrow"
    finally:
        writer.command("DROP TABLE kinds")


def test_streams(writer: Any) -> None:
    """Blocks of rows, Arrow batches and raw bytes of a result larger than a block."""
    sql = "SELECT number, toString(number) AS text FROM numbers(300000)"
    with writer.query_row_block_stream(sql) as blocks:
        sizes = [len(block) for block in blocks]
    assert (sum(sizes), len(sizes) > 1) == (300_000, True)
    with writer.query_arrow_stream(sql) as batches:
        assert sum(batch.num_rows for batch in batches) == 300_000
    with writer.raw_stream(sql, fmt="CSV") as raw:
        assert raw.read().count(b"\n") == 300_000


def test_raw_inserts(writer: Any, table: str) -> None:
    """From bytes and from a generator, which goes in HTTP chunks."""
    assert writer.raw_insert(table, ["a", "b"], b"1,x\n2,y\n", fmt="CSV").written_rows == 2
    lines = (b'{"a":%d,"b":"z"}\n' % number for number in range(10_000))
    assert writer.raw_insert(table, None, lines, fmt="JSONEachRow").written_rows == 10_000
    assert writer.query(f"SELECT count(), sum(a) FROM {table}").first_row == (10_002, 49_995_003)


def test_errors_carry_their_numbers(writer: Any) -> None:
    """Of a query, of an insert, and within a stream."""
    for attempt, code in (
        (lambda: writer.query("SELECT * FROM nope"), 60),
        (lambda: writer.command("SELEC"), 62),
        (lambda: writer.raw_insert("haechi.nope", None, b"1", fmt="CSV"), 60),
    ):
        with pytest.raises(DatabaseError) as caught:
            attempt()
        assert caught.value.code == code
    with pytest.raises(Exception, match="throwIf"), writer.query_rows_stream(
        "SELECT number FROM numbers(300000000) WHERE number % 1000000 = throwIf(number = 150000000)"
    ) as rows:  # fmt: skip
        list(rows)


def test_the_reader_connects_without_a_password(store: EmbeddedStore, client: StoreClient) -> None:
    """As user default too; it may read and not write."""
    assert client.command("SELECT count() FROM scores") == 0
    for user in ("default", "reader"):
        reader = clickhouse_connect.get_client(
            host=store.dsn.host, port=store.dsn.port, username=user, database="haechi"
        )
        assert reader.query("SELECT count() FROM spans").row_count == 1
        with pytest.raises(DatabaseError, match="readonly"):
            reader.command("CREATE TABLE x (a Int8) ENGINE = Memory")
        reader.close()
