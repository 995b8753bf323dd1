"""What the table keeps summed up answers as the rows do, after everything that changes rows."""

import math
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.questions import T0_NS, Answering, answering, call

from haechi.pricing import PriceBook
from haechi_collector.batch import SPANS
from haechi_collector.query import costs, latency, summary
from haechi_collector.query.costs import CostsQuestion
from haechi_collector.query.dimensions import dimension
from haechi_collector.query.grouped import Grouped
from haechi_collector.query.kept import PROJECTIONS
from haechi_collector.query.latency import LatencyQuestion
from haechi_collector.query.scope import Scope, Window
from haechi_collector.query.statement import Statement
from haechi_collector.reprice import Window as PriceWindow
from haechi_collector.reprice import reprice
from haechi_collector.stages.join_content import LateContent
from haechi_collector.store.days import Days
from haechi_collector.store.delete import Deleter, Selection
from haechi_collector.store.insert import Inserter
from haechi_collector.store.migrate import migrations
from haechi_collector.store.tables import Tables

HOUR, DAYS = 3600, 4
MIDNIGHT = T0_NS // 10**9 // 86_400 * 86_400
MOMENTS = st.builds(
    lambda hour, shift: MIDNIGHT + hour * HOUR + shift, st.integers(0, DAYS * 24), st.sampled_from([-1, 0, 1, 1234])
)
READ = """
SELECT toUnixTimestamp64Nano(start_time) AS start, request_model, service_name, user_id, status_code, duration_ns,
 ttft_ns, cost_usd, input_tokens, output_tokens, cache_read_tokens FROM spans
WHERE usage_source != 'repeated' AND operation = 'chat' SETTINGS optimize_use_projections = 0
"""
SLOW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    with answering(tmp_path_factory.mktemp("kept")) as running:
        yield running


def rows(seed: int, count: int = 500) -> list[dict[str, Any]]:
    """Calls over four days, many at the very ends of hours and days; some of them repeated, some unpriced."""
    r = random.Random(seed)
    return [
        call(
            n,
            start_time=(MIDNIGHT + r.randrange(DAYS * 24) * HOUR) * 10**9
            + r.choice([-1, 0, 1, r.randrange(HOUR * 10**9)]),
            request_model=r.choice(["gpt-4o", "gpt-4o-mini", "모델"]),
            service_name=r.choice(["bot", "search"]),
            user_id=r.choice(["", "ada", "bob", "철수"]),
            usage_source=r.choice(["reported", "reported", "repeated"]),
            status_code=r.choice(["unset", "error"]),
            duration_ns=int(r.lognormvariate(20, 1)),
            ttft_ns=r.choice([None, int(r.lognormvariate(18, 1))]),
            cost_usd=r.choice([None, Decimal(r.randrange(10**9)).scaleb(-12)]),
            cost_source=r.choice(["price_book", "unpriced"]),
            input_tokens=r.randrange(2000),
            cache_read_tokens=r.choice([0, 50]),
        )
        for n in range(count)
    ]


def insert(api: Answering, batch: Sequence[dict[str, Any]], token: str) -> None:
    Inserter(api.client).insert("spans", pa.RecordBatch.from_pylist(list(batch), schema=SPANS), token)


def at(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def same(api: Answering, low: int, high: int, **filters: str) -> None:
    """Hold every answer of a window against its rows, read one by one."""
    meant = [
        row
        for row in api.client.query(READ).to_pylist()
        if low * 10**9 <= row["start"] < high * 10**9
        and all(row[{"model": "request_model", "user": "user_id"}[name]] == value for name, value in filters.items())
    ]
    window = {"from_": at(low), "to": at(high), **filters}
    money = sum((row["cost_usd"] for row in meant if row["cost_usd"] is not None), Decimal(0))
    told = api.get("summary", **window)
    assert (told["total_requests"], Decimal(told["total_cost_usd"] or 0)) == (len(meant), money)
    assert sum(one["requests"] for one in told["model_distribution"]) == len(meant)
    for by in ("model", "user", "service"):
        _costs_are(api.get("costs", **window, group_by=by, interval="6h"), by, meant)
    for metric, column in (("duration", "duration_ns"), ("ttft", "ttft_ns")):
        answer = api.get("latency", **window, group_by="model", metric=metric, quantiles="0.5,0.9", interval="1h")
        _latency_is(answer, [row[column] / 1e6 for row in meant if row[column] is not None])
        assert sum(point["requests"] for point in answer["series"]) == len(meant)


def _costs_are(answer: dict[str, Any], by: str, meant: list[dict[str, Any]]) -> None:
    column = {"model": "request_model", "user": "user_id", "service": "service_name"}[by]
    assert len(answer["rows"]) == len({row[column] for row in meant})
    for one in [answer["total"], *answer["rows"]]:
        own = [row for row in meant if "group" not in one or row[column] == one["group"][by]]
        money = sum((row["cost_usd"] for row in own if row["cost_usd"] is not None), Decimal(0))
        assert Decimal(one["cost_usd"] or 0) == money
        assert one["requests"] == len(own)
        assert one["cache_read_tokens"] == sum(row["cache_read_tokens"] for row in own)
        assert one["input_tokens"] == sum(row["input_tokens"] for row in own)
    assert sum((Decimal(point["cost_usd"] or 0) for point in answer["series"]), Decimal(0)) == sum(
        (Decimal(row["cost_usd"] or 0) for row in answer["rows"]), Decimal(0)
    )


def _latency_is(answer: dict[str, Any], values: list[float]) -> None:
    total = answer["total"]
    assert total["measured"] == len(values)
    if values:
        assert math.isclose(total["avg"], np.mean(values), rel_tol=1e-6, abs_tol=1e-3)
        assert (total["min"], total["max"]) == (round(min(values), 3), round(max(values), 3))
        for name, level in (("p50", 0.5), ("p90", 0.9)):
            exact = float(np.quantile(np.array(values), level, method="inverted_cdf"))
            assert math.isclose(total["quantiles"][name], exact, rel_tol=0.01)


def _scope(low: int, high: int) -> Scope:
    return Scope(Window(low * 10**9, high * 10**9))


def _of_summary(low: int, high: int) -> Statement:
    return Grouped(_scope(low, high), (dimension("model", "by"),)).rows(summary._MEASURES, "requests DESC")


def _reads(api: Answering, statement: Statement) -> set[str]:
    """The projections that a statement reads."""
    settings = {"apply_patch_parts": 0} if statement.is_settled else {}
    plan = api.client.query(f"EXPLAIN {statement.sql}", statement.values, settings)
    text = "\n".join(plan.column(0).to_pylist())
    return {one.name for one in PROJECTIONS if f"ReadFromMergeTree ({one.name})" in text}


def test_questions_read_what_is_kept(api: Answering) -> None:
    """By hour, by user, and series too; beside late content rows where it may change users and cached tokens."""
    batch = rows(5)
    api.fill(batch)  # the first test here: late content of another would still wait to be cleared away
    said = [LateContent(batch[0]["trace_id"], batch[0]["span_id"], {"output_messages": "[]"})]
    low, high = MIDNIGHT + 5, MIDNIGHT + 3 * 86_400

    def by(name: str, step_s: int = 0) -> Grouped:
        return Grouped(_scope(low, high), (dimension(name, "by"),), 100, step_s)

    hourly = LatencyQuestion(by("provider", HOUR), "ttft", (0.9,))
    reads = {
        "latency_by_hour": [
            _of_summary(low, high),
            hourly.grouped.rows(hourly.measures, latency._ORDER),
            hourly.grouped.series(hourly.measures, 100),
        ],
        "costs_by_hour": [by("prompt_version").rows(CostsQuestion(by("service")).measures, costs._ORDER)],
        "costs_by_user": [by("user").rows(CostsQuestion(by("user")).measures, costs._ORDER)],
    }
    for name, statements in reads.items():
        assert [_reads(api, one) for one in statements] == [{name}] * len(statements)
    Tables(api.client).update_spans(said)
    for name, statements in reads.items():
        expected = {name} & {"latency_by_hour"}
        assert [_reads(api, one) for one in statements] == [expected] * len(statements)


@SLOW
@given(seed=st.integers(0, 10**6), ends=st.tuples(MOMENTS, MOMENTS), model=st.sampled_from(["", "gpt-4o", "모델"]))
def test_any_window_is_answered_as_by_its_rows(api: Answering, seed: int, ends: tuple[int, int], model: str) -> None:
    """Edges within an hour and whole hours, with and without a filter; from several parts."""
    batch = rows(seed)
    api.fill(batch[:200])
    insert(api, batch[200:], f"more-{seed}")
    low, high = min(ends), max(ends) + 1
    same(api, low, high, **({"model": model} if model else {}))
    same(api, low, high, user="ada")


def test_after_each_thing_that_changes_rows(api: Answering) -> None:
    """A block sent twice, late content, new prices, a deleted user, a dropped day, merges: rows and sums agree."""
    batch, low, high = rows(1), MIDNIGHT + 1234, MIDNIGHT + DAYS * 86_400 - 1
    api.fill(batch)
    tables, days = Tables(api.client), Days(api.client)
    for _ in range(2):
        insert(api, rows(2, 100), "the same block")
    assert api.client.command("SELECT count() FROM spans") == 600
    same(api, low, high)
    late = [
        LateContent(row["trace_id"], row["span_id"], {"user_id": "late", "cache_read_tokens": 77}) for row in batch[:90]
    ]
    tables.update_spans(late)
    same(api, low, high)
    api.client.command("OPTIMIZE TABLE spans FINAL")
    same(api, low, high)
    told = reprice(tables, PriceBook.load(None), PriceWindow(*(datetime.fromtimestamp(s, UTC) for s in (low, high))))
    assert told.rows_changed > 100
    same(api, low, high)
    deleter, selection = Deleter(api.client), Selection("user", "bob")
    assert sum(part.rows for part in deleter.delete(selection, deleter.find(selection))) > 50
    same(api, low, high)
    days.drop(next(day for day in days.all() if day.table == "spans"))
    same(api, low, high)


def test_a_table_from_before_answers_the_same_before_and_after_its_rows_are_summed_up(api: Answering) -> None:
    """The migration on parts that are there; cut off after its first statements, and run again."""
    low, high = MIDNIGHT + 99, MIDNIGHT + DAYS * 86_400
    for projection in PROJECTIONS:
        api.client.command(f"ALTER TABLE spans DROP PROJECTION {projection.name} SETTINGS mutations_sync = 1")
    api.fill(rows(3))
    same(api, low, high)
    statements = migrations()[3].rendered("haechi", None)
    for statement in statements[:3]:
        api.client.command(statement)
    insert(api, rows(4), "one part with, many without")
    same(api, low, high)
    for statement in statements:
        api.client.command(statement, {"mutations_sync": 1})
    same(api, low, high)
    assert _reads(api, _of_summary(low, high)) == {"latency_by_hour"}
