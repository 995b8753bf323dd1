"""Honest queries that the guard answers, and what ClickHouse's own parser says of them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from haechi_collector.query.sql_guard import check

DATA: Final = Path(__file__).parents[1] / "data" / "sql_honest.jsonl"
HONEST: Final = tuple(json.loads(line)["sql"] for line in DATA.read_text("utf-8").splitlines())
TABLES: Final = frozenset(["spans", "logs", "metric_points", "scores", "otel_traces"])
WITHOUT_A_SYNTAX_TREE: Final = ("EXPLAIN", "SHOW", "DESC", "EXISTS", "FROM")


@pytest.mark.parametrize("sql", HONEST)
def test_an_honest_query_is_answered_as_it_was_sent(sql: str) -> None:
    """The text that runs is the text that came."""
    assert check(sql).sql == sql


def test_clickhouse_reads_every_honest_query_and_finds_our_tables(engine: Callable[[list[str]], list[str]]) -> None:
    """The list is real ClickHouse SQL, and its parser finds no table that the guard did not judge."""
    queries = [sql for sql in HONEST if not sql.startswith(WITHOUT_A_SYNTAX_TREE)]
    without_parameters = [re.sub(r"\{\w+:[^}]*\}", "'p'", sql) for sql in queries]
    for sql, tree in zip(queries, engine(without_parameters), strict=True):
        assert not tree.startswith("error"), (sql, tree)
        ctes = re.findall(r"(?:WITH (?:RECURSIVE )?|, )(\w+) AS \(", sql)
        for table in re.findall(r"TableIdentifier (\S+)", tree):
            name = table.removeprefix("haechi.")
            assert name in {*TABLES, *ctes} or table.startswith(("system.", "information_schema.", "INFORMATION_S")), (
                sql
            )


@pytest.mark.parametrize(
    ("sql", "format_", "names_settings"),
    [
        ("SELECT 1", None, False),
        ("SELECT 1 FORMAT CSV", "CSV", False),
        ("SELECT 1 FORMAT JSON SETTINGS max_threads = 1", "JSON", True),
        ("SELECT 'FORMAT CSV', 1 AS format", None, False),
    ],
)
def test_the_verdict_tells_the_format_and_the_settings(sql: str, format_: str | None, *, names_settings: bool) -> None:
    """What the caller needs to know of the text."""
    verdict = check(sql)
    assert (verdict.format, verdict.names_settings) == (format_, names_settings)


def test_another_database_can_be_ours() -> None:
    """The name of the database is a setting of the store."""
    assert check("SELECT * FROM prod.spans", "prod").sql
