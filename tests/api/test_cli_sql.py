"""``haechi sql`` against a running API."""

import json

import pytest

from haechi_collector.cli_sql import Asked, run_sql


def test_a_table_is_drawn_with_numbers_to_the_right(api_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Names, rows, NULL, and what it cost."""
    query = "SELECT request_model AS model, count() AS calls, sum(cost_usd) AS usd FROM spans GROUP BY 1 ORDER BY 1"
    assert run_sql(api_url, Asked(query)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert ["model", "calls", "usd"] == lines[1].replace("┃", " ").split()
    assert lines[3] == "│ gpt-4o  │    50 │  0.5 │"
    assert lines[4] == "│ unknown │    50 │ NULL │"
    assert lines[-1].startswith("2 rows in ")
    assert lines[-1].endswith(" 100 rows read")


def test_a_drawn_table_is_bounded(api_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody reads a thousand rows on a terminal."""
    assert run_sql(api_url, Asked("SELECT number FROM numbers(1000)")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("│") for line in lines) == 200
    assert lines[-1].startswith("1,000 rows, the first 200 shown in ")


def test_text_from_the_store_is_no_markup(api_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Brackets in a prompt are brackets."""
    assert run_sql(api_url, Asked("SELECT '[red]x[/red]' AS `[b]y`")) == 0
    output = capsys.readouterr().out
    assert "[red]x[/red]" in output
    assert "[b]y" in output


def test_another_format_comes_as_the_engine_wrote_it(api_url: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Binary formats too."""
    assert run_sql(api_url, Asked("SELECT 1 AS a, 'b' AS b", format="JSONEachRow")) == 0
    assert json.loads(capfdbinary.readouterr().out) == {"a": 1, "b": "b"}
    assert run_sql(api_url, Asked("SELECT 1", format="Parquet")) == 0
    assert capfdbinary.readouterr().out.startswith(b"PAR1")


def test_a_format_in_the_query_wins(api_url: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The text decides over the option."""
    assert run_sql(api_url, Asked("SELECT 1, 'x' FORMAT JSONEachRow")) == 0
    assert json.loads(capfdbinary.readouterr().out) == {"1": 1, "'x'": "x"}


@pytest.mark.parametrize("query", ["SELECT nope FROM spans", "DROP TABLE spans", "SELECT ("])
def test_an_error_is_one_line_and_exit_1(api_url: str, query: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing on stdout."""
    assert run_sql(api_url, Asked(query)) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Code: ")
    assert captured.err.count("\n") == 1


def test_no_collector_says_how_to_start_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The remedy is in the message."""
    assert run_sql("http://127.0.0.1:1", Asked("SELECT 1")) == 1
    assert "haechi serve" in capsys.readouterr().err


def test_a_wrong_address_is_an_error_and_no_trace(capsys: pytest.CaptureFixture[str]) -> None:
    """Typing errors happen."""
    assert run_sql("localhost:8318", Asked("SELECT 1")) == 1
    assert capsys.readouterr().err.count("\n") == 1
