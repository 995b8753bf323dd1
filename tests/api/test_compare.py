"""The comparison in front of a real store: figures exact, intervals those of the formulas, sides apart."""

import math
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from tests.questions import Answering, answering, call, score

from haechi_collector.api import models_compare as models
from haechi_collector.query.intervals import joined, ranks, wilson

FIRST, SECOND = "2026-09-21T14:13:20Z", "2026-09-21T14:30:00Z"
"""The moments of the requests 0 and 1,000, one a second."""

END = "2026-09-21T14:46:40Z"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    with answering(tmp_path_factory.mktemp("compare")) as running:
        yield running


def calls(seed: int, count: int = 1_000) -> list[dict[str, Any]]:
    """Independent requests, those of version 2 slower by four fifths, failing more often and dearer."""
    r = random.Random(seed)
    return [
        call(
            n,
            prompt_version=str(n % 2 + 1),
            attributes_string=[("tenant", "가" if n % 2 else "b's")],
            duration_ns=int(r.lognormvariate(20 + 0.6 * (n % 2), 1)),
            ttft_ns=r.choice([None, int(r.lognormvariate(18, 1))]),
            status_code="error" if r.random() < 0.05 + 0.1 * (n % 2) else "ok",
            cost_usd=Decimal(r.randrange(10**9) + n % 2 * 10**9).scaleb(-12),
            input_tokens=r.randrange(1, 2000),
            output_tokens=r.randrange(500),
        )
        for n in range(count)
    ]


def by_metric(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {line["metric"]: line for line in answer["differences"]}


def test_a_difference_is_told_from_chance(api: Answering) -> None:
    """Where the sides differ the verdict says so, where they do not it does not."""
    api.fill(calls(12))
    found = by_metric(api.get("compare", by="prompt_version", a="2", b="1"))
    higher = ("error_rate", "avg_latency_ms", "p50_latency_ms", "p95_latency_ms", "cost_per_request_usd")
    assert {name: found[name]["verdict"] for name in higher} == dict.fromkeys(higher, "higher")
    alike = ("requests", "avg_ttft_ms", "p50_ttft_ms", "input_tokens_per_request", "output_tokens_per_request")
    assert {name: found[name]["verdict"] for name in alike} == dict.fromkeys(alike, "no clear difference")
    reverse = by_metric(api.get("compare", by="prompt_version", a="1", b="2"))
    assert reverse["error_rate"]["verdict"] == "lower"
    assert reverse["error_rate"]["low"] == pytest.approx(-found["error_rate"]["high"])


def test_figures_are_exact_and_money_to_the_last_digit(api: Answering) -> None:
    """Against Python's own arithmetic over the same rows."""
    rows = calls(2)
    api.fill(rows)
    answer = api.get("compare", by="attr:tenant", a="가", b="b's")
    for side, parity in (("a", 1), ("b", 0)):
        own = rows[parity::2]
        cost = sum((row["cost_usd"] for row in own), Decimal(0))
        assert answer[side]["requests"] == 500
        assert answer[side]["error_rate"] == sum(row["status_code"] == "error" for row in own) / 500
        assert Decimal(answer[side]["total_cost_usd"]) == cost
        assert Decimal(answer[side]["cost_per_request_usd"]) == (cost / 500).quantize(Decimal("1e-12"))
        durations = np.array([row["duration_ns"] / 1e6 for row in own])
        assert answer[side]["avg_latency_ms"] == pytest.approx(durations.mean(), abs=1e-3)
        for name, level in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
            exact = np.quantile(durations, level, method="inverted_cdf")
            assert answer[side][f"{name}_latency_ms"] == pytest.approx(exact, rel=0.004)
    money = by_metric(answer)["cost_per_request_usd"]
    assert Decimal(money["difference"]) == Decimal(money["a"]) - Decimal(money["b"])
    assert Decimal(money["low"]) < Decimal(money["difference"]) < Decimal(money["high"])


def test_intervals_of_independent_requests_are_those_of_the_textbook(api: Answering) -> None:
    """Each request in a session of its own: Welch, Newcombe and order statistics on the rows themselves."""
    rows = calls(3)
    api.fill(rows)
    found = by_metric(api.get("compare", by="prompt_version", a="2", b="1"))
    sides = [rows[1::2], rows[0::2]]
    tokens = [np.array([row["input_tokens"] for row in side]) for side in sides]
    reach = 1.96 * math.sqrt(sum(float(values.var(ddof=1)) / len(values) for values in tokens))
    line = found["input_tokens_per_request"]
    assert (line["high"] - line["low"]) / 2 == pytest.approx(reach, rel=0.1)
    shares = [sum(row["status_code"] == "error" for row in side) / 500 for side in sides]
    exact = joined(shares[0], wilson(shares[0], 500), shares[1], wilson(shares[1], 500))
    line = found["error_rate"]
    assert (line["low"], line["high"]) == (pytest.approx(exact.low, abs=0.004), pytest.approx(exact.high, abs=0.004))
    line, between = found["p50_latency_ms"], ranks(500, 0.5)
    assert between is not None
    sorted_ = [np.sort([row["duration_ns"] / 1e6 for row in side]) for side in sides]
    widest = max(float(values[between[1] - 1] - values[between[0] - 1]) for values in sorted_)
    assert widest < line["high"] - line["low"] < 2 * widest


def test_requests_of_one_session_are_no_independent_ones(api: Answering) -> None:
    """Ten alike in each session: the interval is about the square root of 10 wider, and sessions are counted."""
    r = random.Random(4)
    sessions = [r.lognormvariate(20, 0.5) for _ in range(150)]
    rows = [call(n, duration_ns=int(sessions[n // 10]), prompt_version=str(n // 10 % 2)) for n in range(1_500)]
    api.fill(rows)
    alone = api.get("compare", by="prompt_version", a="1", b="0")
    api.fill([{**row, "session_id": f"s{n // 10}"} for n, row in enumerate(rows)])
    together = api.get("compare", by="prompt_version", a="1", b="0")
    assert (alone["a"]["independent_units"], together["a"]["independent_units"]) == (
        pytest.approx(750, rel=0.03),
        75,
    )
    widths = [by_metric(one)["avg_latency_ms"] for one in (alone, together)]
    ratio = (widths[1]["high"] - widths[1]["low"]) / (widths[0]["high"] - widths[0]["low"])
    assert ratio == pytest.approx(math.sqrt(10), rel=0.2)


def test_two_windows_are_apart(api: Answering) -> None:
    """The window just before by default, another one by name; every request is on one side."""
    api.fill([call(n, status_code="error" if n < 1_000 else "ok") for n in range(0, 2_000, 4)])
    default = api.get("compare", from_=SECOND, to=END)
    assert (default["b"]["from"], default["b"]["to"]) == (FIRST, SECOND)
    assert (default["a"]["requests"], default["b"]["requests"]) == (250, 250)
    assert by_metric(default)["error_rate"]["difference"] == -1.0
    assert by_metric(default)["error_rate"]["verdict"] == "lower"
    named = api.get("compare", from_=SECOND, to=END, baseline_from="2026-09-21T14:20:00Z", baseline_to=SECOND)
    assert named["b"]["requests"] == 150
    rates = by_metric(named)["requests_per_minute"]
    assert (rates["a"], rates["b"], rates["verdict"]) == (15.0, 15.0, "no clear difference")


def test_judgements_of_both_sides(api: Answering) -> None:
    """Quality, hallucination and thumbs, of the traces of each side; a label without a number counts for none."""
    rows = [call(n, prompt_version=str(n % 2)) for n in range(200)]
    judged = [score(n, id=f"q{n}", name="quality", value=0.9 - 0.3 * (n % 2)) for n in range(200)]
    checked = [score(n, id=f"h{n}", name="hallucination", value=float(n % 4 == 1)) for n in range(200)]
    thumbs = [
        score(n, id=f"t{n}", name="user_feedback", label=f"thumbs_{'down' if n % 2 else 'up'}") for n in range(40)
    ]
    silent = [score(n, id=f"s{n}", name=name, value=None) for n, name in enumerate(("quality", "hallucination"))]
    api.fill(rows, [*judged, *checked, *thumbs, *silent])
    answer = api.get("compare", by="prompt_version", a="1", b="0")
    names = ("avg_quality_score", "hallucination_rate", "thumbs_up_rate")
    assert [answer["a"][name] for name in names] == [pytest.approx(0.6), 0.5, 0.0]
    assert [answer["b"][name] for name in names] == [pytest.approx(0.9), 0.0, 1.0]
    assert [by_metric(answer)[name]["verdict"] for name in names] == ["lower", "higher", "lower"]
    windows = api.get("compare")
    assert windows["a"]["avg_quality_score"] == pytest.approx(0.75)
    assert windows["b"]["avg_quality_score"] is None


def test_too_few_are_told_as_such_and_unknown_is_none(api: Answering) -> None:
    """Nine requests give figures and no verdict; a side without any gives no figures but its zero."""
    api.fill([call(n, cost_usd=None, cost_source="unpriced", prompt_version="1") for n in range(9)])
    answer = api.get("compare", by="prompt_version", a="1", b="2")
    assert {line["verdict"] for line in answer["differences"]} == {"too few"}
    assert answer["a"]["p50_latency_ms"] == pytest.approx(100, rel=0.004)
    assert (answer["a"]["cost_per_request_usd"], answer["a"]["unpriced_requests"]) == (None, 9)
    assert (answer["b"]["requests"], answer["b"]["error_rate"], answer["b"]["p50_latency_ms"]) == (0, None, None)


def test_no_requests_are_fewer_than_many(api: Answering) -> None:
    """A count of 0 is known; how requests hang together is taken from the other side."""
    api.fill([call(n, prompt_version="1") for n in range(100)])
    line = by_metric(api.get("compare", by="prompt_version", a="2", b="1"))["requests"]
    assert (line["a"], line["b"], line["relative"], line["verdict"]) == (0.0, 100.0, -1.0, "lower")


def test_a_key_sees_its_project_alone(api: Answering) -> None:
    """On both sides, in percentiles and in judgements."""
    rows = [call(n, project=("alpha", "beta")[n % 2], duration_ns=10**8 * (1 + n % 2 * 9)) for n in range(200)]
    scores = [score(n, project=("alpha", "beta")[n % 2], name="quality", value=float(n % 2)) for n in range(200)]
    api.fill(rows, scores)
    for project, latency, quality in (("alpha", 100, 0.0), ("beta", 1_000, 1.0)):
        window = api.get("compare", project)["a"]
        value = api.get("compare", project, by="model", a="gpt-4o", b="other")["a"]
        for side in (window, value):
            assert (side["requests"], side["avg_quality_score"]) == (100, quality)
            assert side["p99_latency_ms"] == pytest.approx(latency, rel=0.004)
    other = api.get("compare", "alpha", by="project", a="beta", b="alpha")
    assert (other["a"]["requests"], other["b"]["requests"]) == (0, 100)
    assert api.get("compare", "gamma")["a"]["requests"] == 0


@pytest.mark.parametrize(
    ("wrong", "parameter"),
    [
        ({"by": "nothing", "a": "1", "b": "2"}, "by"),
        ({"by": "model"}, "b"),
        ({"by": "model", "b": "1"}, "a"),
        ({"by": "model", "a": "1", "b": "1"}, "b"),
        ({"by": "model", "a": "가" * 700, "b": "1"}, "a"),
        ({"a": "1"}, "a"),
        ({"by": "model", "a": "1", "b": "2", "baseline_from": "-7d"}, "baseline_from"),
        ({"baseline_from": "-7d"}, "baseline_to"),
        ({"baseline_from": "yesterday", "baseline_to": "now"}, "baseline_from"),
        ({"baseline_from": FIRST, "baseline_to": END}, "baseline_from"),
        ({"from_": "1971-01-01", "to": "2026-01-01"}, "from"),
        ({"group_by": "model"}, "group_by"),
    ],
)
def test_a_wrong_parameter_is_named(api: Answering, wrong: dict[str, Any], parameter: str) -> None:
    """As problem JSON with status 400."""
    answer = api.ask("compare", **wrong)
    assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)


@pytest.mark.parametrize("value", ["b's \\ \t\n'", "{p0:String}", "", "가"])
def test_any_text_is_a_value_and_never_sql(api: Answering, value: str) -> None:
    """Quotes, backslashes and braces compare as they are; '' is: without one."""
    api.fill([call(1, user_id=value), call(2, user_id="other")])
    answer = api.get("compare", by="user", a=value, b="nobody")
    assert (answer["a"]["label"], answer["a"]["requests"], answer["b"]["requests"]) == (value, 1, 0)


def test_the_answer_is_that_of_the_openapi(api: Answering) -> None:
    """Every field is declared, and none is missing."""
    api.fill(calls(5, 100), [score(1, name="quality", value=0.5)])
    assert models.Comparison.model_validate(api.get("compare", by="prompt_version", a="1", b="2"))
