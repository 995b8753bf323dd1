"""``docs/sql.md`` says what is so."""

import re
from pathlib import Path

import pytest

from haechi_collector import limits
from haechi_collector.query import sql_names
from haechi_collector.query.sql_guard import check

PAGE = (Path(__file__).parents[2] / "docs" / "sql.md").read_text("utf-8")


@pytest.mark.parametrize("sql", re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL))
def test_every_example_is_answered(sql: str) -> None:
    """What people copy works."""
    assert check(sql).sql == sql


def test_the_page_names_every_table_function() -> None:
    """The list is complete, one spelling each."""
    spelled = {name.lower() for name in re.findall(r"`(\w+)`", PAGE)} | {"numbers_mt", "zeros_mt", "generateseries"}
    assert sql_names.names().table_functions <= spelled


@pytest.mark.parametrize(
    "said",
    [
        f"{limits.SQL_CHARS_MAX:,} characters",
        f"| {limits.SQL_SECONDS_MAX} s |",
        f"| {limits.SQL_MEMORY_BYTES_MAX // 1024**3} GiB |",
        f"| {limits.SQL_RESULT_ROWS_MAX:,}, then an error",
        f"| queries at once | {limits.SQL_QUERIES_AT_ONCE} |",
    ],
)
def test_the_page_tells_the_limits_in_force(said: str) -> None:
    """Numbers come from one place."""
    assert said in PAGE
