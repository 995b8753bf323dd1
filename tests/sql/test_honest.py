"""Honest queries are answered, on the real tables.

``tests/data/sql_honest.jsonl`` holds one a line: what ClickHouse's own pages show of SELECT, on our tables. ``engine``
is the number of the error that the engine itself answers, where a table of ours lacks what the query asks for (no
sampling key, nothing to merge with FINAL).
"""

import json
from pathlib import Path

from tests.sql.conftest import Door

DATA = Path(__file__).parents[1] / "data" / "sql_honest.jsonl"
QUERIES = [json.loads(line) for line in DATA.read_text("utf-8").splitlines()]
VALUES = {
    "param_p": "openai",
    "param_names": "['a']",
    "param_n": "1",
    "param_t": "2026-01-01 00:00:00",
    "param_m": "{'a':1}",
    "param_from": "2026-01-01 00:00:00",
    "param_model": "gpt-4o",
    "param_ids": "[1]",
    "param_limit": "5",
}
WITH_ALL_PROJECTS = (
    "PREWHERE",
    "system.tables",
    "system.columns",
    "information_schema.tables",
    "INFORMATION_SCHEMA.TABLES",
)
"""What a key of one project may not ask for: `query.confine` says why."""


def answered(door: Door, query: dict[str, str], project: str = "") -> str:
    """'' when it is answered as it should be, else what came."""
    answer = door.ask(query["sql"], project, **VALUES)
    code = answer.headers.get("x-clickhouse-exception-code", "")
    return "" if code == str(query.get("engine", "")) else f"{query['sql']}: {answer.text[:300]}"


def test_there_are_more_than_two_hundred() -> None:
    """Each once."""
    texts = [query["sql"] for query in QUERIES]
    assert len(texts) == len(set(texts)) > 250


def test_every_honest_query_is_answered(door: Door) -> None:
    """By the engine, over real rows."""
    assert [wrong for query in QUERIES if (wrong := answered(door, query))] == []


def test_nearly_all_are_answered_with_a_projects_key_too(door: Door) -> None:
    """But those that would see past the project."""
    refused = [query["sql"] for query in QUERIES if answered(door, query, "ours")]
    unexpected = [
        sql for sql in refused if not any(word in sql for word in WITH_ALL_PROJECTS) and not sql.startswith("EXPLAIN")
    ]
    assert unexpected == []
    assert len(refused) <= 12
