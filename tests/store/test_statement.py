"""Statements are understood as far as the HTTP interface needs it."""

import pytest

from haechi_collector.store.embedded.statement import insert_head, is_streamed, killed_query, output_format


@pytest.mark.parametrize(
    ("text", "sql", "format_", "data"),
    [
        (b"INSERT INTO t FORMAT CSV\n1,x\n", "INSERT INTO t ", "CSV", b"1,x\n"),
        (b"insert into t (a) format JSONEachRow {}", "insert into t (a) ", "JSONEachRow", b"{}"),
        (b"INSERT INTO t VALUES (1),('VALUES')", "INSERT INTO t ", "Values", b" (1),('VALUES')"),
        (b"INSERT INTO t SETTINGS a=1 FORMAT TSV\r\n\n", "INSERT INTO t SETTINGS a=1 ", "TSV", b"\n"),
        (b"/*FORMAT*/ INSERT INTO `format` FORMAT Native\n\xff", "/*FORMAT*/ INSERT INTO `format` ", "Native", b"\xff"),
        ("INSERT INTO 표 FORMAT TSV\n한".encode(), "INSERT INTO 표 ", "TSV", "한".encode()),
        (b"INSERT INTO t (format) FORMAT TSV\n1", "INSERT INTO t (format) ", "TSV", b"1"),
    ],
)  # fmt: skip
def test_the_data_of_an_insert_begins_where_clickhouse_reads_it(
    text: bytes, sql: str, format_: str, data: bytes
) -> None:
    """After VALUES, or after FORMAT, its name, blanks and one line end."""
    head = insert_head(text)
    assert head is not None
    assert (head.sql, head.format, text[head.data_start :]) == (sql, format_, data)


@pytest.mark.parametrize(
    "text",
    [
        b"INSERT INTO t SELECT 1",
        b"INSERT INTO t WITH 1 AS x SELECT x",
        b"INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        b"SELECT 1 FORMAT CSV",
        b"",
        b"-- INSERT INTO t VALUES (1)",
        b"INSERT INTO t",
    ],
)
def test_other_statements_carry_no_data(text: bytes) -> None:
    """They are read as a whole."""
    assert insert_head(text) is None


@pytest.mark.parametrize(
    ("text", "format_"),
    [
        ("SELECT 1 FORMAT JSON", "JSON"),
        ("SELECT 1\nFORMAT Native;", "Native"),
        ("SELECT 1 FORMAT TSV SETTINGS max_threads = 1", "TSV"),
        ("SELECT 1 AS format", None),
        ("SELECT format('{}', 'x')", None),
        ("SELECT (SELECT 1 FORMAT CSV)", None),
        ("SELECT 'FORMAT JSON'", None),
        ("SELECT 1 -- FORMAT JSON", None),
        ("", None),
    ],
)
def test_a_query_may_name_its_format(text: str, format_: str | None) -> None:
    """At its end, outside brackets, strings and comments."""
    assert output_format(text) == format_


def test_only_selects_are_streamed() -> None:
    """The engine gives the result of nothing else block by block."""
    assert [is_streamed(t) for t in (" -- x\nwith 1 as a select a", "(select 1)", "from t select 1", "SELECT 1")] == [
        True
    ] * 4
    assert [is_streamed(t) for t in ("SHOW TABLES", "EXPLAIN SELECT 1", "", "CREATE TABLE t (a Int8)")] == [False] * 4


def test_a_kill_by_query_id_is_known() -> None:
    """With the id as a parameter or a literal; another condition is the engine's own affair."""
    assert killed_query("KILL QUERY WHERE query_id = {id:String} ASYNC", {"id": "a-1"}) == "a-1"
    assert killed_query("kill query where query_id='b.2' sync;", {}) == "b.2"
    assert killed_query("KILL QUERY WHERE query_id = 'x' OR 1", {}) is None
    assert killed_query("SELECT 1", {}) is None
