"""Summary, latency and costs in front of a real store, against exact figures computed from the same rows."""

import math
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.questions import T0_NS, Answering, answering, call, score, span

from haechi_collector.api import models

SLOW = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MODELS = ["gpt-4o", "claude", "모델"]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    with answering(tmp_path_factory.mktemp("questions")) as running:
        yield running


def calls(seed: int, count: int = 400) -> list[dict[str, Any]]:
    """Calls with realistic spreads: some failed, some unpriced, some cached, some streamed."""
    r = random.Random(seed)
    return [
        call(
            n,
            request_model=r.choice(MODELS),
            user_id=r.choice(["", "ada", "bob", "철수"]),
            prompt_version=r.choice(["1", "2"]),
            status_code=r.choice(["ok", "unset", "unset", "error"]),
            duration_ns=int(r.lognormvariate(20, 1)),
            ttft_ns=r.choice([None, int(r.lognormvariate(18, 1))]),
            cost_usd=None if r.random() < 0.1 else Decimal(r.randrange(10**9)).scaleb(-12),
            cost_source="price_book",
            input_tokens=r.randrange(2000),
            output_tokens=r.randrange(500),
            cache_read_tokens=r.choice([0, 50]),
            attributes_string=[("tenant", r.choice(["가", "b's \\ \t\n'"]))],
            attributes_number=[("temperature", r.choice([0.0, 0.5]))],
            attributes_bool=[("vip", r.random() < 0.5)],
            resource_attributes=[("region", "kr")],
        )
        for n in range(count)
    ]


def nearest_rank(values: list[float], level: float) -> float:
    """The exact percentile."""
    return float(np.quantile(np.array(values), level, method="inverted_cdf"))


def total(rows: list[dict[str, Any]]) -> Decimal:
    return sum((row["cost_usd"] for row in rows if row["cost_usd"] is not None), Decimal(0))


@SLOW
@given(seed=st.integers(0, 10**6), count=st.integers(1, 400))
def test_percentiles_are_within_one_percent_and_costs_exact(api: Answering, seed: int, count: int) -> None:
    """Against numpy by nearest rank, and Python's decimals, for every model and over all."""
    rows = calls(seed, count)
    api.fill(rows)
    latency = api.get("latency", group_by="model", quantiles="0.25,0.5,0.95,0.99")
    costs = api.get("costs", group_by="model")
    for answer, money in [
        (latency["total"], costs["total"]),
        *zip(latency["rows"], _like(latency, costs), strict=True),
    ]:
        own = [
            row for row in rows if row["request_model"] == answer.get("group", {}).get("model", row["request_model"])
        ]
        durations = [row["duration_ns"] / 1e6 for row in own]
        assert answer["requests"] == len(own)
        assert math.isclose(answer["avg"], np.mean(durations), rel_tol=1e-6, abs_tol=1e-3)
        for name, level in [("p25", 0.25), ("p50", 0.5), ("p95", 0.95), ("p99", 0.99)]:
            assert math.isclose(answer["quantiles"][name], nearest_rank(durations, level), rel_tol=0.01)
        assert Decimal(money["cost_usd"] or 0) == total(own)
        assert money["priced_requests"] == sum(row["cost_usd"] is not None for row in own)


def _like(latency: dict[str, Any], costs: dict[str, Any]) -> list[dict[str, Any]]:
    by_model = {row["group"]["model"]: row for row in costs["rows"]}
    return [by_model[row["group"]["model"]] for row in latency["rows"]]


@SLOW
@given(
    values=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1, max_size=4, unique=True
    ),
    key=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=10),
)
def test_any_text_is_a_value_and_never_sql(api: Answering, values: list[str], key: str) -> None:
    """Quotes, backslashes, braces and line breaks filter and group as they are."""
    api.fill([call(n, user_id=value, attributes_string=[(key, value)]) for n, value in enumerate(values)])
    for value in values:
        assert api.get("summary", user=value)["total_requests"] == 1
        assert api.get("summary", attr={f"x-{key}": value})["total_requests"] == 0
        assert api.get("summary", attr={f"{key}": value})["total_requests"] == 1
    rows = api.get("latency", group_by=["user", "provider"])["rows"]
    assert sorted(row["group"]["user"] for row in rows) == sorted(values)


@SLOW
@given(begin=st.integers(0, 60), length=st.integers(1, 60), cut=st.integers(0, 60))
def test_windows_that_touch_share_no_request_and_lose_none(api: Answering, begin: int, length: int, cut: int) -> None:
    """``from`` belongs to a window, ``to`` does not; two halves make the whole."""
    api.fill([call(n) for n in range(60)])

    def requests(low: int, high: int) -> int:
        if low == high:
            return 0
        count: int = api.get("summary", from_=at(low), to=at(high))["total_requests"]
        return count

    end, middle = begin + length, begin + min(cut, length)
    assert requests(begin, middle) + requests(middle, end) == requests(begin, end) == max(0, min(end, 60) - begin)


EDGES = st.builds(lambda day, shift: day * 86_400 + shift, st.integers(0, 4), st.sampled_from([-1, 0, 1, 40_000]))


@SLOW
@given(begin=EDGES, end=EDGES, project=st.sampled_from(["", "alpha", "beta"]))
def test_days_are_whole_and_their_edges_exact(api: Answering, begin: int, end: int, project: str) -> None:
    """Windows over midnights, for one project and for all, count what lies in them."""
    midnight = T0_NS // 10**9 // 86_400 * 86_400
    low, high = sorted([begin, end])
    moments = [day * 86_400 + shift for day in range(5) for shift in (-1, 0, 1, 40_000)]
    owners = ["alpha", "beta"]
    api.fill(
        [
            call(n, start_time=(midnight + s) * 10**9, project=owners[n % 2], user_id=owners[n // 2 % 2])
            for n, s in enumerate(moments)
        ]
    )
    if low == high:
        return
    window = {"from_": at(low + midnight - T0_NS // 10**9), "to": at(high + midnight - T0_NS // 10**9)}
    meant = [n for n, s in enumerate(moments) if low <= s < high and project in {"", owners[n % 2]}]
    assert api.get("summary", project, **window)["total_requests"] == len(meant)
    assert api.get("costs", project, **window, group_by="user", interval="1d")["total"]["requests"] == len(meant)
    users = sum(n // 2 % 2 == 0 for n in meant)
    assert api.get("latency", project, **window, user="alpha")["total"]["requests"] == users


def at(second: int) -> str:
    base = T0_NS // 10**9 + second
    return f"{np.datetime64(base, 's')}Z"


def test_a_call_counts_once_and_other_spans_not(api: Answering) -> None:
    """A repetition of a call's usage, an agent and a tool are no requests, unless the operation is asked for."""
    repeated = call(2, usage_source="repeated", cost_usd=None, cost_source="")
    others = [span(3, operation="invoke_agent", usage_source="repeated"), span(4, operation="execute_tool"), span(5)]
    api.fill([call(1), repeated, *others, call(6, operation="embeddings")])
    assert api.get("summary")["total_requests"] == 2
    assert api.get("summary", operation="chat")["total_requests"] == 1
    assert api.get("summary", operation=["execute_tool", "invoke_agent"])["total_requests"] == 2


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"service": "a"}, 1),
        ({"service": ["a", "b"]}, 2),
        ({"service": ["a", "b"], "status": "error"}, 1),
        ({"attr": {"tenant": "가"}}, 1),
        ({"attr": {"tenant": ["가", "나"]}}, 2),
        ({"attr": {"temperature": "0.50"}}, 1),
        ({"attr": {"vip": "true"}}, 1),
        ({"attr": {"region": "kr"}}, 1),
        ({"attr": {"tenant": ""}}, 0),
        ({"attr": {"user.id": "ada"}}, 1),
    ],
)
def test_filters_are_alternatives_within_one_and_all_hold(
    api: Answering, filters: dict[str, Any], expected: int
) -> None:
    """Repeated values widen, further filters narrow; attributes of every type and of the resource are found."""
    first = {"attributes_string": [("tenant", "가")], "attributes_number": [("temperature", 0.5)], "user_id": "ada"}
    second = {"attributes_string": [("tenant", "나")], "resource_attributes": [("region", "kr")]}
    third = {"attributes_bool": [("vip", True)]}
    rows = [
        call(1, service_name="a", **first),
        call(2, service_name="b", status_code="error", **second),
        call(3, service_name="c", **third),
    ]
    api.fill(rows)
    assert api.get("summary", **filters)["total_requests"] == expected
    assert api.get("costs", **filters)["total"]["requests"] == expected


def test_a_key_sees_its_project_alone(api: Answering) -> None:
    """On every route, by any filter, in judgements too; without a project all are seen."""
    api.fill(
        [call(1, project="alpha"), call(2, project="beta"), call(3, project="beta")],
        [score(1, project="alpha", name="quality", value=1.0), score(2, project="beta", name="quality", value=0.0)],
    )
    assert [api.get("summary", who)["total_requests"] for who in ("alpha", "beta", "gamma", "")] == [1, 2, 0, 3]
    assert [api.get("summary", who)["avg_quality_score"] for who in ("alpha", "beta", "gamma")] == [1.0, 0.0, None]
    for route in ("latency", "costs"):
        groups = api.get(route, "alpha", group_by="project", interval="1h")
        assert [row["group"]["project"] for row in groups["rows"]] == ["alpha"]
        assert sum(point["requests"] for point in groups["series"]) == 1


def test_unknown_is_none_and_counted(api: Answering) -> None:
    """A group of unpriced calls costs nothing known, and its models are named; no rows give no zeros."""
    api.fill([call(1, cost_usd=None, cost_source="unpriced", request_model="acme-1"), call(2)])
    costs = api.get("costs", group_by="model")
    assert {row["group"]["model"]: row["cost_usd"] for row in costs["rows"]} == {"gpt-4o": "0.000001", "acme-1": None}
    assert [(m["model"], m["requests"]) for m in costs["unpriced_models"]] == [("acme-1", 1)]
    assert api.get("summary")["unpriced_requests"] == 1
    nothing = api.get("summary", user="nobody")
    assert [nothing[k] for k in ("total_requests", "error_rate", "p95_latency_ms", "total_cost_usd")] == [0] + [
        None
    ] * 3
    assert api.get("latency", user="nobody", group_by="model")["total"]["quantiles"]["p50"] is None


def test_judgements_of_a_window(api: Answering) -> None:
    """Quality, hallucination and thumbs; one that was sent twice counts once; filters hold for them."""
    thumbs = [score(n, name="user_feedback", label=f"thumbs_{w}") for n, w in enumerate(["up", "up", "down"], start=1)]
    again = {**thumbs[0], "ingested_at": T0_NS + 1}
    judged = [score(4, name="hallucination", value=0.9), score(5, name="hallucination", value=0.1)]
    sdk = [score(6, name="thumbs_up", value=1.0)]
    api.fill([call(n, user_id=f"u{n}") for n in range(1, 7)], [*thumbs, again, *judged, *sdk])
    answer = api.get("summary")
    assert (answer["thumbs_up_rate"], answer["hallucination_rate"]) == (0.75, 0.5)
    assert api.get("summary", user="u3")["thumbs_up_rate"] == 0.0


def test_what_the_cache_saved_is_exact(api: Answering) -> None:
    """Tokens from the cache times the difference of the receipt's rates; without a rate it is unknown."""
    receipt = [("input.rate", "0.0000025"), ("cache_read.rate", "0.00000125")]
    cached = {"cache_read_tokens": 80, "cost_details": receipt}
    api.fill([call(1, **cached), call(2, **cached), call(3, cache_read_tokens=5), call(4, user_id="ada")])
    total = api.get("costs", include="savings,users")["total"]
    assert (total["cache_saved_usd"], total["cache_saved_unknown_requests"]) == ("0.0002", 1)
    assert (total["cached_share"], total["users"], total["cost_per_user_usd"]) == (165 / 400, 1, "0.000004")


def test_a_series_adds_up_to_its_rows(api: Answering) -> None:
    """Every request is in one step, and groups beyond the limit are in neither, but in the total."""
    rows = calls(5)
    api.fill(rows)
    answer = api.get("costs", group_by="model,user", interval="1m", limit=5)
    assert (answer["groups"], len(answer["rows"]), answer["total"]["requests"]) == (12, 5, 400)
    for row in answer["rows"]:
        points = [point for point in answer["series"] if point["group"] == row["group"]]
        assert sum(point["requests"] for point in points) == row["requests"]
        assert sum(Decimal(point["cost_usd"] or 0) for point in points) == Decimal(row["cost_usd"])
    assert {str(p["group"]) for p in answer["series"]} == {str(r["group"]) for r in answer["rows"]}


@pytest.mark.parametrize("metric", ["duration", "ttft", "tokens_per_second"])
def test_a_histogram_and_a_heatmap_hold_every_value_once(api: Answering, metric: str) -> None:
    """Their counts are those of the measured requests, and every value lies in its bin."""
    api.fill(calls(9))
    answer = api.get("latency", metric=metric, include="histogram,heatmap", interval="1m")
    measured = answer["total"]["measured"]
    assert sum(b["requests"] for b in answer["histogram"]) == sum(c["requests"] for c in answer["heatmap"]) == measured
    assert answer["histogram"][0]["low"] <= answer["total"]["min"] + 1e-3
    assert answer["histogram"][-1]["high"] >= answer["total"]["max"]


@pytest.mark.parametrize(
    ("route", "wrong", "parameter"),
    [
        ("summary", {"from_": "yesterday"}, "from"),
        ("summary", {"from_": "now", "to": "-1h"}, "from"),
        ("summary", {"to": "9999-01-01T00:00:00Z"}, "to"),
        ("summary", {"modle": "gpt-4o"}, "modle"),
        ("summary", {"attr": {"": "x"}}, "attr:"),
        ("summary", {"user": ["x"] * 51}, "user"),
        ("summary", {"user": "x" * 7_001}, "user"),
        ("latency", {"group_by": "input_messages"}, "group_by"),
        ("latency", {"group_by": "model,model"}, "group_by"),
        ("latency", {"group_by": "attr:" + "가" * 252}, "group_by"),
        ("latency", {"quantiles": "95"}, "quantiles"),
        ("latency", {"quantiles": "nan"}, "quantiles"),
        ("latency", {"metric": "speed"}, "metric"),
        ("latency", {"interval": "1s; DROP"}, "interval"),
        ("latency", {"interval": "1s", "from_": "2020-01-01"}, "interval"),
        ("latency", {"include": "heatmap"}, "include"),
        ("costs", {"include": "everything"}, "include"),
        ("costs", {"limit": 0}, "limit"),
    ],
)
def test_a_wrong_parameter_is_named(api: Answering, route: str, wrong: dict[str, Any], parameter: str) -> None:
    """As problem JSON with status 400."""
    answer = api.ask(route, **wrong)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)


@pytest.mark.parametrize(
    ("route", "model", "asked"),
    [
        ("summary", models.Summary, {}),
        (
            "latency",
            models.Latency,
            {"group_by": "model,attr:tenant", "interval": "auto", "include": "histogram,heatmap"},
        ),
        ("costs", models.Costs, {"group_by": "user", "interval": "1h", "include": "users,savings"}),
    ],
)
def test_answers_are_those_of_the_openapi(
    api: Answering, route: str, model: type[models.Summary], asked: dict[str, Any]
) -> None:
    """Every field is declared, and none is missing."""
    api.fill(calls(3), [score(1, name="quality", value=0.5)])
    assert model.model_validate(api.get(route, **asked))
    listed = api.raw("/openapi.json").json()["paths"][f"/api/v1/{route}"]["get"]
    assert {"from", "to", "user"} <= {one["name"] for one in listed["parameters"]}
    assert "422" in listed["responses"]


def test_too_much_is_told_as_such(api: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question over the limit of rows is stopped by the engine and answered with the way out."""
    api.fill(calls(4))
    monkeypatch.setitem(_settings(), "max_rows_to_read", "1")
    answer = api.ask("summary")
    assert (answer.status_code, answer.json()["code"]) == (422, "too_expensive")
    assert "shorten the window" in answer.json()["detail"]


def _settings() -> dict[str, str]:
    from haechi_collector.query import engine

    return engine._SETTINGS
