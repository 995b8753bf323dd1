"""SQL through the client, against the real engine."""

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import filled
from tests.questions import Answering

from haechi.client import Client, SqlError, TooExpensive

LONG = "SELECT number, throwIf(number = 200000) FROM numbers(300000)"
"""Fails after the first bytes of its answer have been sent."""


def value(client: Client, sql: str, **parameters: Any) -> Any:
    """The only value of an answer."""
    ((only,),) = client.sql(sql, parameters).rows().tuples
    return only


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("toUInt64(18446744073709551615)", 2**64 - 1),
        ("toInt128('-170141183460469231731687303715884105728')", -(2**127)),
        ("toDecimal128('12345678901234567890.123456789012', 12)", Decimal("12345678901234567890.123456789012")),
        ("toNullable(toDecimal64('0.10', 2))", Decimal("0.1")),
        ("CAST(NULL, 'Nullable(Decimal(18, 12))')", None),
        ("0.1", 0.1),
        ("inf", math.inf),
        ("true", True),
        ("toDate('2026-09-21')", date(2026, 9, 21)),
        ("toDateTime('2026-09-21 10:00:00', 'UTC')", datetime(2026, 9, 21, 10, tzinfo=UTC)),
        (
            "toDateTime64('2026-09-21 10:00:00.123456789', 9, 'Asia/Seoul')",
            datetime(2026, 9, 21, 10, 0, 0, 123456, timezone(timedelta(hours=9))),
        ),
        ("[toDecimal64('1.50', 2), NULL]", [Decimal("1.5"), None]),
        ("map('a', [toDate('2026-09-21')])", {"a": [date(2026, 9, 21)]}),
        ("map(toUInt8(1), 'x')", {1: "x"}),
        ("(1, toDecimal64('2.5', 1))", (1, Decimal("2.5"))),
        ("CAST((1, '2026-09-21'), 'Tuple(n UInt8, `a, b` Date)')", {"n": 1, "a, b": date(2026, 9, 21)}),
        ("toLowCardinality('환불')", "환불"),
        ("CAST('a, (b', 'Enum8(\\'a, (b\\' = 1)')", "a, (b"),
        ("toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')", "61f0c404-5cb3-11e7-907b-a6006ad3dba0"),
    ],
)
def test_values_come_as_python_has_them(client: Client, sql: str, expected: object) -> None:
    """Every type of our tables, and those that aggregates make of them."""
    read = value(client, f"SELECT {sql}")
    assert read == expected
    assert type(read) is type(expected)


def test_not_a_number_is_one(client: Client) -> None:
    """JSON has no word for it."""
    assert math.isnan(value(client, "SELECT nan"))


PARAMETERS = [
    ("String", st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))),
    ("Int64", st.integers(-(2**63), 2**63 - 1)),
    ("Decimal(18, 12)", st.decimals(-999_999, 999_999, places=12)),
    ("Float64", st.floats(allow_nan=False, allow_infinity=False)),
    ("Bool", st.booleans()),
    ("Date", st.dates(date(1971, 1, 1), date(2148, 1, 1))),
    ("DateTime64(6, 'UTC')", st.datetimes(datetime(1971, 1, 1), datetime(2261, 1, 1), timezones=st.just(UTC))),  # noqa: DTZ001
    ("Array(String)", st.lists(st.text("a'\"\\\t\n,[]환"), max_size=4)),
    ("Map(String, Int32)", st.dictionaries(st.text("a'\\,:{}\t"), st.integers(-9, 9), max_size=3)),
    ("Nullable(Int8)", st.none() | st.integers(-9, 9)),
]


@pytest.mark.parametrize(("kind", "values"), PARAMETERS, ids=[kind for kind, _ in PARAMETERS])
def test_parameters_arrive_as_they_were(client: Client, kind: str, values: st.SearchStrategy[Any]) -> None:
    """Whatever a text holds, it is a value and never SQL."""

    @settings(max_examples=15, deadline=None)
    @given(values)
    def same(one: Any) -> None:
        assert value(client, f"SELECT {{x:{kind}}}", x=one) == one

    same()


def test_rows_are_a_sequence_of_dicts(client: Client) -> None:
    """Asked once and kept; columns, types and tuples beside them."""
    statement = client.sql(
        "SELECT request_model AS model, sum(cost_usd) AS usd FROM spans WHERE cost_usd > 0 GROUP BY 1"
    )
    rows = statement.rows()
    assert statement.rows() is rows
    assert rows.columns == ("model", "usd")
    assert rows.types[1] == "Nullable(Decimal(38, 12))"
    assert len(rows) == len(rows[:]) == 2
    assert rows[0] == dict(zip(rows.columns, rows.tuples[0], strict=True))
    expected = sum(row["cost_usd"] for row in filled.spans() if row["cost_usd"] is not None)
    assert sum(row["usd"] for row in rows) == expected
    assert repr(rows).startswith("Rows(2 rows of model, usd, first {'model': ")
    assert repr(client.sql("SELECT  1")).startswith("Statement('SELECT 1'); .rows()")


def test_an_empty_answer_has_its_columns(client: Client) -> None:
    """In every way to read it."""
    statement = client.sql("SELECT trace_id, cost_usd FROM spans WHERE name = 'none such'")
    assert statement.rows().columns == ("trace_id", "cost_usd")
    assert list(statement) == []
    assert statement.arrow().column_names == ["trace_id", "cost_usd"]
    assert list(statement.pandas().columns) == ["trace_id", "cost_usd"]


def test_iterating_ends_the_query_when_it_is_left(client: Client, api: Answering) -> None:
    """A million rows are not read to see three; nothing runs afterwards."""
    rows = iter(client.sql("SELECT number, randomString(100) AS padding FROM numbers(1000000)"))
    assert [next(rows)["number"] for _ in range(3)] == [0, 1, 2]
    rows.close()  # type: ignore[attr-defined]
    running = "SELECT count() FROM system.processes WHERE query LIKE '%padding%' AND query NOT LIKE '%processes%'"
    while api.client.query(running).column(0)[0].as_py():
        pass


def test_arrow_and_pandas_keep_types(client: Client) -> None:
    """Decimals are decimals, moments are moments in UTC."""
    sql = (
        "SELECT start_time, cost_usd, request_model FROM spans WHERE {model:String} = request_model ORDER BY start_time"
    )
    table = client.sql(sql, {"model": "gpt-4o"}).arrow()
    assert [str(one.type) for one in table.schema] == ["timestamp[ns, tz=UTC]", "decimal128(18, 12)", "string"]
    frame = client.sql(sql, {"model": "gpt-4o"}).pandas()
    expected = [row["cost_usd"] for row in filled.spans() if row["request_model"] == "gpt-4o"]
    assert list(frame["cost_usd"]) == expected


def test_files_hold_the_whole_answer(client: Client, tmp_path: Path) -> None:
    """Parquet and JSONL, by how the name ends; the size is that of the file."""
    sql = "SELECT trace_id, cost_usd, start_time FROM spans WHERE operation = 'chat'"
    size = client.export(sql, tmp_path / "spans.parquet")
    assert (tmp_path / "spans.parquet").stat().st_size == size
    assert pq.read_table(tmp_path / "spans.parquet").num_rows == filled.CALLS
    client.export(sql, tmp_path / "spans.jsonl")
    lines = (tmp_path / "spans.jsonl").read_text().splitlines()
    money = [row["cost_usd"] for row in filled.spans() if row["operation"] == "chat"]
    read = [json.loads(line)["cost_usd"] for line in lines]
    assert sorted(map(str, read)) == sorted("None" if one is None else f"{one.normalize():f}" for one in money)
    for name in ("a.csv", "a.tsv", "a.arrow"):
        assert client.export("SELECT 1 AS one", tmp_path / name) > 0
    with pytest.raises(ValueError, match=r"spans\.xlsx ends with none of \.parquet"):
        client.export(sql, tmp_path / "spans.xlsx")


@pytest.mark.parametrize("name", ["x.parquet", "x.jsonl", "x.csv", "x.arrow"])
def test_a_file_that_breaks_off_does_not_appear(client: Client, tmp_path: Path, name: str) -> None:
    """The error is ClickHouse's, and what was there before stays."""
    (tmp_path / name).write_text("before")
    with pytest.raises(SqlError, match="throwIf") as caught:
        client.export(LONG, tmp_path / name)
    assert (caught.value.code, caught.value.name) == ("395", "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "before")]


def test_an_error_in_the_middle_is_raised_by_every_way_to_read(client: Client) -> None:
    """A part of an answer is never taken for the whole."""
    statement = client.sql(LONG)
    for read in (statement.rows, statement.arrow, statement.pandas, lambda: list(statement)):
        with pytest.raises(SqlError, match="throwIf"):
            read()


@pytest.mark.parametrize(
    ("sql", "kind", "code", "text"),
    [
        ("SELECT nothing FROM spans", SqlError, "47", "Unknown expression identifier"),
        ("SELECT file('x')", SqlError, "497", "the function file is refused"),
        ("DROP TABLE spans", SqlError, "497", "not answered here"),
        ("SELECT number FROM numbers(1100000)", TooExpensive, "396", "Limit for result exceeded"),
    ],
)
def test_errors_carry_clickhouses_code(client: Client, sql: str, kind: type[SqlError], code: str, text: str) -> None:
    """Refused by the guard, wrong, or too expensive."""
    with pytest.raises(kind, match=text) as caught:
        client.sql(sql).arrow()
    assert caught.value.code == code


def test_a_statement_leaves_its_format_to_the_client(client: Client) -> None:
    """FORMAT in the text would be another one than is read."""
    with pytest.raises(ValueError, match="leave FORMAT CSV out"):
        client.sql("SELECT 1 FORMAT CSV").rows()


@pytest.mark.parametrize("wrong", [datetime(2026, 9, 21), [b"bytes"], object()])  # noqa: DTZ001
def test_wrong_parameters_are_refused_before_they_are_sent(client: Client, wrong: Any) -> None:
    """A time without a zone, and what is no value."""
    with pytest.raises((TypeError, ValueError)):
        client.sql("SELECT {x:String}", {"x": wrong})
