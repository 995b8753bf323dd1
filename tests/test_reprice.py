"""Re-pricing gives each stored call the cost that the stage would give it today, and nothing else changes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
DAY = datetime(2026, 6, 1, tzinfo=UTC)
ALL = [DAY.isoformat(), (DAY + timedelta(days=10)).isoformat()]
ROWS = """
    SELECT span_id, cost_usd, cost_source, toString(mapSort(cost_details)) AS receipt, input_messages,
           input_tokens, output_tokens FROM spans ORDER BY span_id
"""
RECEIPT = "extract(toString(mapSort(cost_details)), 'price_book.:.(old|new)')"
OLD = '[[price]]\nprovider="acme"\nmodel="*"\ninput_per_million=1\noutput_per_million=2\n'
NEW = """
    [[price]]
    provider = "acme"
    model = "m*"
    input_per_million = 1.5
    cached_input_per_million = 0.000000000007
    output_per_million = 2
    audio_input_per_million = 40
    [[price]]
    provider = "late"
    model = "known-now"
    input_per_million = 3
    output_per_million = 3
"""


class Engine:
    """A ClickHouse engine in a child process, started and stopped by the test."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.reprice_child", str(path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def send(self, **request: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the engine's process ended"
        read: dict[str, Any] = json.loads(line)
        return read

    def ask(self, **request: Any) -> Any:
        self.send(**request)
        while "answer" not in (line := self.line()):
            pass
        return line["answer"]

    def reprice(self, prices: Path, window: list[str], rows_max: int = 1000) -> dict[str, Any]:
        done: dict[str, Any] = self.ask(reprice=window, prices=str(prices), rows_max=rows_max)
        return done

    def close(self) -> None:
        with self.process:
            assert self.process.stdin is not None
            self.process.stdin.close()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The prices when the calls came in."""
    path = tmp_path / "old.toml"
    path.write_text(OLD)
    return path


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """The prices of today: input dearer, cached input and audio apart, one more seller known."""
    path = tmp_path / "new.toml"
    path.write_text(NEW)
    return path


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine on an empty directory."""
    opened = Engine(tmp_path / "store")
    yield opened
    opened.close()


def one(number: int, **columns: Any) -> dict[str, Any]:
    at = DAY + timedelta(minutes=number)
    usage = columns.pop("usage", {"input_tokens": 1000 + number, "output_tokens": 10})
    names = {"provider": "acme", "response_model": "m", "trace_id": f"{number:032x}", "span_id": f"{number:016x}"}
    return {"start_time": at.isoformat(), "usage": usage, "input_messages": f"text {number}", **names, **columns}


def various() -> list[dict[str, Any]]:
    parts = {"cache_read_tokens": 70, "audio_input_tokens": 20, "reasoning_tokens": 5}
    return [
        one(1),
        one(2, usage={"input_tokens": 100, "output_tokens": 10, **parts}),
        one(3, response_model="other"),  # no longer known
        one(4, provider="late", response_model="known-now"),
        one(5, provider="late", response_model="known-now", reported_cost=0.125),
        one(6, provider="never", response_model="x", reported_cost=0.25),
        one(7, provider="never", response_model="x"),
        one(8, usage={"output_tokens": 10}),  # the same cost by both books
        one(9, usage_source="none"),
        one(10, usage_source="repeated"),
        one(11, is_inference=False),
        one(12, usage={"input_tokens": 10, "cache_read_tokens": 11}),
        one(1500),  # the next day
    ]


def test_every_call_has_the_cost_of_the_new_book(engine: Engine, tmp_path: Path, old: Path, new: Path) -> None:
    """Changed rows are as if the calls had come in after the price change; the others keep their receipt."""
    engine.ask(store=various(), prices=str(old))
    before = {row["span_id"]: row for row in engine.ask(query=ROWS)}
    done = engine.reprice(new, ALL, rows_max=3)
    after = {row["span_id"]: row for row in engine.ask(query=ROWS)}
    fresh = Engine(tmp_path / "fresh")
    fresh.ask(store=various(), prices=str(new))
    expected = {row["span_id"]: row for row in fresh.ask(query=ROWS)}
    fresh.close()
    changed = {span for span in after if after[span] != before[span]}
    assert {int(span, 16) for span in changed} == {1, 2, 3, 4, 5, 1500}
    assert [after[span] for span in changed] == [expected[span] for span in changed]
    costs = {span: (row["cost_usd"], row["cost_source"]) for span, row in expected.items()}
    assert {span: (row["cost_usd"], row["cost_source"]) for span, row in after.items()} == costs
    assert done["changed"] == 6


def test_a_run_leaves_its_figures(engine: Engine, old: Path, new: Path) -> None:
    """The audit says which book, how many rows, and what the window cost before and after."""
    engine.ask(store=various(), prices=str(old))
    sums = "SELECT toString(sum(cost_usd)) AS cost FROM spans"
    (before,), done, (after,) = engine.ask(query=sums), engine.reprice(new, ALL), engine.ask(query=sums)
    assert (Decimal(done["before"]), Decimal(done["after"])) == (Decimal(before["cost"]), Decimal(after["cost"]))
    (row,) = engine.ask(query="SELECT * FROM price_audit")
    assert row["price_book"] == done["book"]
    assert "new.toml" in row["price_book"]
    assert (row["rows_changed"], row["cost_before"], row["cost_after"]) == (6, done["before"], done["after"])
    assert row["window_from"] == str(DAY)


def test_a_second_run_changes_nothing(engine: Engine, old: Path, new: Path) -> None:
    """And no table of changes is left."""
    engine.ask(store=various(), prices=str(old))
    first, second = engine.reprice(new, ALL), engine.reprice(new, ALL)
    assert (first["changed"], second["changed"], second["before"]) == (6, 0, first["after"])
    assert {row["name"] for row in engine.ask(query="SHOW TABLES")} == {"spans", "price_audit"}


def test_calls_outside_the_window_keep_their_cost(engine: Engine, old: Path, new: Path) -> None:
    """The window has its start and not its end."""
    engine.ask(store=[one(n) for n in range(1, 6)], prices=str(old))
    window = [(DAY + timedelta(minutes=2)).isoformat(), (DAY + timedelta(minutes=4)).isoformat()]
    assert engine.reprice(new, window)["changed"] == 2
    priced = f"SELECT toUInt64(span_id) AS span FROM spans WHERE {RECEIPT} = 'new' ORDER BY span"
    assert [row["span"] for row in engine.ask(query=priced)] == [2, 3]


def test_an_empty_window_is_audited_too(engine: Engine, old: Path, new: Path) -> None:
    """No calls, no change, one row."""
    engine.ask(store=[one(1)], prices=str(old))
    done = engine.reprice(new, [(DAY + timedelta(days=5)).isoformat(), ALL[1]])
    assert (done["read"], done["changed"], Decimal(done["after"])) == (0, 0, 0)
    assert engine.ask(query="SELECT count() AS runs FROM price_audit") == [{"runs": 1}]


def test_a_run_that_is_killed_leaves_each_call_with_one_book_and_can_be_run_again(
    tmp_path: Path, old: Path, new: Path
) -> None:
    """Killed between two chunks or within one: costs and receipts agree, and a second run completes the first."""
    path, calls = tmp_path / "store", [one(n) for n in range(1, 401)]
    victim = Engine(path)
    victim.ask(store=calls, prices=str(old))
    victim.send(reprice=ALL, prices=str(new), rows_max=20)
    chunk = victim.line()
    victim.process.kill()
    victim.process.communicate()
    again = Engine(path)
    rows = again.ask(query=f"SELECT cost_usd, input_tokens, {RECEIPT} AS book FROM spans")
    costs = {"old": Decimal(1), "new": Decimal("1.5")}
    for row in rows:
        per_million = costs[row["book"]] * row["input_tokens"] + 20
        assert Decimal(row["cost_usd"]) == per_million / 1_000_000
    assert len(rows) == 400
    assert sum(row["book"] == "new" for row in rows) >= chunk["changed"] > 0
    again.reprice(new, ALL)
    again.ask(tidy=0)
    left = again.ask(query=f"SELECT {RECEIPT} AS book, count() AS calls FROM spans GROUP BY book")
    tables = {row["name"] for row in again.ask(query="SHOW TABLES")}
    again.close()
    assert left == [{"book": "new", "calls": 400}]
    assert tables == {"spans", "price_audit"}
