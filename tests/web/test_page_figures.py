"""Every number on the page equals the API's and the SQL's for the same window."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
from playwright.sync_api import BrowserContext
from tests.questions import Answering, call
from tests.web.conftest import WINDOW, Visit, asked
from tests.web.rows import spans_and_scores

from haechi_collector.batch import SPANS
from haechi_collector.store.insert import Inserter

_CALLS = (
    "FROM spans WHERE operation = 'chat' AND usage_source != 'repeated' "
    "AND start_time >= '2026-09-21 14:00:00' AND start_time < '2026-09-21 15:00:00'"
)


def sql(site: Answering, columns: str) -> dict[str, Any]:
    row: dict[str, Any] = site.client.query(f"SELECT {columns} {_CALLS}").to_pylist()[0]
    return row


def test_the_overview_shows_the_summary(site: Answering, visit: Visit) -> None:
    """Each tile holds the API's exact number."""
    answer = asked(site, "summary")
    visit.open(f"/?{WINDOW}")
    names = [
        *("total_requests", "error_rate", "p95_latency_ms", "p95_ttft_ms", "total_cost_usd", "unpriced_requests"),
        *("avg_quality_score", "hallucination_rate"),
    ]
    assert {name: visit.value(name) for name in names} == {name: str(answer[name]) for name in names}


def test_the_overview_shows_what_sql_says(site: Answering, visit: Visit) -> None:
    """Requests, tokens and the last digit of the money."""
    row = sql(site, "count() AS n, sum(cost_usd) AS cost, sum(input_tokens + output_tokens) AS tokens")
    visit.open(f"/?{WINDOW}")
    assert visit.value("total_requests") == str(row["n"])
    assert visit.value("tokens") == str(row["tokens"])
    assert Decimal(visit.value("total_cost_usd")) == row["cost"]


def test_latency_shows_the_apis_quantiles(site: Answering, visit: Visit) -> None:
    """The total's quantiles, and each group's row in the table."""
    answer = asked(site, "latency", group_by="prompt_version", metric="duration")
    visit.open(f"/latency?{WINDOW}&group_by=prompt_version")
    for name, value in answer["total"]["quantiles"].items():
        assert visit.value(f"total.{name}") == str(value)
    table = visit.page.locator('table[aria-label="By group"]')
    shown = [
        [cell.get_attribute("data-value") for cell in row.locator("[data-value]").all()]
        for row in table.locator("tbody tr").all()
    ]
    assert shown == [
        [
            str(row[key]) if key in row else str(row["quantiles"][key])
            for key in ("requests", "requests_per_minute", "error_rate", "avg", "p50", "p95", "p99", "max")
        ]
        for row in answer["rows"]
    ]


def test_costs_show_the_apis_money(site: Answering, visit: Visit) -> None:
    """The tiles and the rows of the breakdown, to the last digit; SQL agrees."""
    answer = asked(site, "costs", group_by="model", include="users,savings")
    visit.open(f"/costs?{WINDOW}")
    total = answer["total"]
    names = ("cost_usd", "cost_per_request_usd", "cost_per_user_usd", "cost_per_1000_tokens_usd", "cached_share")
    assert {name: visit.value(name) for name in names} == {name: str(total[name]) for name in names}
    assert Decimal(visit.value("cost_usd")) == sql(site, "sum(cost_usd) AS cost")["cost"]
    rows = visit.page.locator('table[aria-label="Breakdown"] tbody tr')
    shown = [row.locator("[data-value]").first.get_attribute("data-value") for row in rows.all()]
    assert shown == [row["cost_usd"] or "" for row in answer["rows"]]


def test_the_forecast_is_the_apis(site: Answering, visit: Visit) -> None:
    """What was spent this month by the same clock."""
    answer = asked_forecast(site)
    visit.open(f"/costs?{WINDOW}")
    name = "month_spent_usd" if answer["forecast_usd"] is None else "month_forecast_usd"
    expected = answer["spent_usd"] if answer["forecast_usd"] is None else answer["forecast_usd"]
    assert visit.value(name) == (expected or "")


def asked_forecast(site: Answering) -> dict[str, Any]:
    read: dict[str, Any] = site.raw("/api/v1/costs/forecast").json()
    return read


def test_compare_shows_the_apis_differences(site: Answering, visit: Visit) -> None:
    """The two newest versions by default: both values, the difference and the verdict of each metric."""
    answer = asked(site, "compare", by="prompt_version", a="v3", b="v2")
    visit.open(f"/compare?{WINDOW}")
    known = [one for one in answer["differences"] if one["a"] is not None or one["b"] is not None]
    assert len(known) >= 12
    for one in known:
        for side in ("a", "b", "difference"):
            expected = "" if one[side] is None else str(one[side])
            assert visit.value(f"{side}.{one['metric']}") == expected
        shown = visit.page.locator(f'[data-name="verdict.{one["metric"]}"]').inner_text()
        assert {"higher": "A is higher", "lower": "A is lower"}.get(one["verdict"], shown) == shown


def test_a_key_of_a_project_sees_its_project_alone(site: Answering, context: BrowserContext) -> None:
    """The page of a confined caller shows the API's numbers for the same key, on every page."""
    context.set_extra_http_headers({"Authorization": "Bearer other"})
    visit = Visit(context.new_page(), site.url)
    summary = asked(site, "summary", project="other")
    assert 0 < summary["total_requests"] < asked(site, "summary")["total_requests"]
    visit.open(f"/?{WINDOW}")
    assert visit.value("total_requests") == str(summary["total_requests"])
    assert visit.value("total_cost_usd") == summary["total_cost_usd"]
    visit.open(f"/costs?{WINDOW}&group_by=project")
    assert visit.value("cost_usd") == summary["total_cost_usd"]
    names = visit.page.locator('table[aria-label="Breakdown"] tbody tr td:first-child').all_inner_texts()
    assert [name.strip() for name in names] == ["other"]
    visit.open(f"/latency?{WINDOW}&group_by=project")
    assert visit.page.locator('table[aria-label="By group"] tbody tr').count() == 1


def test_a_refresh_shows_new_rows_in_the_same_elements(site: Answering, visit: Visit) -> None:
    """The number changes, the chart's canvas stays: nothing flickers."""
    visit.open(f"/?{WINDOW}")
    before = int(visit.value("total_requests"))
    visit.page.evaluate("window.canvas = document.querySelector('.h-chart canvas')")
    late = pa.RecordBatch.from_pylist([call(2000, cost_usd=Decimal("0.5"))], schema=SPANS)
    Inserter(site.client).insert("spans", late, "late")
    try:
        visit.page.keyboard.press("r")
        visit.page.wait_for_function(
            "before => document.querySelector('[data-name=total_requests]').dataset.value == before + 1", arg=before
        )
        assert visit.page.evaluate("window.canvas.isConnected")
    finally:
        site.fill(*spans_and_scores())
