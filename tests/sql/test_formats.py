"""Every output format of the engine is answered, or refused for a reason that the documentation gives."""

from pathlib import Path

import pytest
from tests.sql.conftest import Door

from haechi_collector.query import sql_names

PAGE = " ".join((Path(__file__).parents[2] / "docs" / "sql.md").read_text("utf-8").split())
QUERIES = {
    "HiveText": "SELECT user_id, output_tokens FROM spans LIMIT 5",
    "Npy": "SELECT number FROM numbers(3)",
    "PNG": "SELECT number AS x, number AS y, 0 AS r, 255 AS g, 0 AS b FROM numbers(4)",
    "GeoJSON": "SELECT CAST((1., 2.) AS Point) AS geometry, 'x' AS name",
    "Prometheus": "SELECT 'calls' AS name, toFloat64(count()) AS value FROM spans",
}
"""Formats of a kind of table that is not just any."""


@pytest.fixture(scope="session")
def formats(door: Door) -> list[str]:
    """All that the engine can write."""
    return door.ask("SELECT name FROM system.formats WHERE is_output ORDER BY name FORMAT TSVRaw").text.split()


def test_every_format_is_judged(formats: list[str]) -> None:
    """A new release brings new ones; somebody must read what they do."""
    names = sql_names.names()
    assert f"all {len(formats)} output formats" in PAGE
    assert set(formats) - names.formats - names.refused_formats.keys() == set()
    assert names.formats & names.refused_formats.keys() == set()


def test_every_answered_format_answers(door: Door, formats: list[str]) -> None:
    """By parameter and in the text, and neither is empty."""
    for format_ in sorted(set(formats) & sql_names.names().formats):
        sql = QUERIES.get(
            format_, "SELECT request_model, user_id, output_tokens FROM spans ORDER BY start_time LIMIT 5"
        )
        answer = door.ask(sql, default_format=format_)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-clickhouse-format"] == format_
        assert bool(answer.content) == (format_ != "Null")
        named = door.ask(f"{sql} FORMAT {format_}")
        assert (named.status_code, len(named.content) > 0) == (200, len(answer.content) > 0)


def test_a_refused_format_says_why(door: Door) -> None:
    """In the answer and in the documentation."""
    for format_, reason in sql_names.names().refused_formats.items():
        for answer in (door.ask("SELECT 1", default_format=format_), door.ask(f"SELECT 1 FORMAT {format_}")):
            assert answer.status_code == 403
            assert f"the output format {format_} is refused: {reason}" in answer.text
        assert f"`{format_}`" in PAGE
        assert reason in PAGE
