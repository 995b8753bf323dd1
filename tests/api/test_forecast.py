"""The forecast of the month in front of a real store: what was spent exactly, what is to come with an interval."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from tests.questions import Answering, answering, call

from haechi_collector.api import models_forecast as models

MONDAY = datetime(2026, 7, 27, tzinfo=UTC)
"""Eight weeks before the day that most forecasts here are made on."""

NOON = "2026-09-21T12:00:00Z"
_CENT = Decimal("0.01")


def asked(api: Answering, at: str = NOON, project: str = "", **parameters: str) -> dict[str, Any]:
    """The answer; the route takes no window."""
    query = "&".join(f"{name}={value}" for name, value in {"at": at, **parameters}.items())
    headers = {"Authorization": f"Bearer {project}"} if project else {}
    answer = httpx2.get(f"{api.url}/api/v1/costs/forecast?{query}", headers=headers, trust_env=False, timeout=60)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def spends(amounts: list[int], begin: datetime = MONDAY, **columns: Any) -> list[dict[str, Any]]:
    """Calls at 6 and 18 o'clock of each day that cost so many cents together; none on days of 0."""
    return [
        call(
            day * 2 + half,
            start_time=int((begin + timedelta(days=day, hours=6 + 12 * half)).timestamp()) * 10**9,
            cost_usd=_CENT * cents / 2,
            **columns,
        )
        for day, cents in enumerate(amounts)
        for half in (0, 1)
        if cents
    ]


def week(weeks: int) -> list[int]:
    """Cents of whole weeks from Monday on: 1,000 a day, 200 on Saturdays and Sundays; the days vary by 3 %."""
    return [(1_000 if n % 7 < 5 else 200) * (97 + n * 5 % 7) // 100 for n in range(7 * weeks)]


TODAY = 1_000
"""Cents of the day that most forecasts are made on; half of them before noon."""


def changed(day: int, times: int) -> list[int]:
    """The eight weeks with one day of another spend."""
    cents = [*week(8), TODAY]
    cents[day] *= times
    return cents


def few(whole_days: int) -> list[dict[str, Any]]:
    """A first day that begins at six, and so many whole ones."""
    return spends([TODAY] * (whole_days + 1), datetime(2026, 9, 20, tzinfo=UTC) - timedelta(days=whole_days))


UNPRICED = [{**row, "cost_usd": None} for row in spends([1] * 56, cost_source="unpriced")]
CASES: dict[str, list[dict[str, Any]]] = {
    "steady": spends(changed(0, 1)),
    "loud": spends(changed(50, 20)),
    "gap": spends(changed(45, 0)),
    "free": [{**row, "cost_usd": Decimal(0)} for row in spends([1] * 57)],
    "partly-priced": [*spends(week(8)), *UNPRICED],
    "unpriced": UNPRICED,
    "dearer-later": spends([cents * (10 if n > 42 else 1) for n, cents in enumerate(week(8))]),
    "alpha": spends(week(8), project="alpha"),
    "beta": spends([3 * cents for cents in week(8)], project="beta"),
    **{f"{count}-days": few(count) for count in (0, 6, 7, 13)},
}
"""The requests of each user. They are stored once: each day is a partition."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    """All cases, each as a user."""
    with answering(tmp_path_factory.mktemp("forecast")) as running:
        rows = [{**row, "user_id": user} for user, own in CASES.items() for row in own]
        running.fill([{**row, "span_id": f"{n:016x}"} for n, row in enumerate(rows)])
        yield running


def days(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {day["date"]: day for day in answer["days"]}


def test_the_month_is_spent_exactly_and_goes_on_in_its_rhythm(api: Answering) -> None:
    """Nine days to come with a weekend in them, and half of today; the first day known began at six: no whole one."""
    amounts = week(8)
    answer = asked(api, user="steady")
    month = amounts[(date(2026, 9, 1) - MONDAY.date()).days :]
    assert Decimal(answer["spent_usd"]) == _CENT * sum(month) + 5
    assert (answer["month"], answer["at"], answer["based_on_days"], answer["reason"]) == ("2026-09", NOON, 55, None)
    to_come = Decimal(answer["forecast_usd"]) - Decimal(answer["spent_usd"])
    assert float(to_come) == pytest.approx(5 + 7 * 10 + 2 * 2, rel=0.05)
    assert Decimal(answer["low_usd"]) < Decimal(answer["forecast_usd"]) < Decimal(answer["high_usd"])
    by_day = days(answer)
    assert list(by_day) == [f"2026-09-{n:02d}" for n in range(1, 31)]
    assert Decimal(by_day["2026-09-20"]["cost_usd"]) == _CENT * amounts[-1]
    assert by_day["2026-09-20"]["forecast_usd"] is None
    assert (by_day["2026-09-21"]["cost_usd"], by_day["2026-09-22"]["cost_usd"]) == ("5", None)
    assert float(by_day["2026-09-21"]["forecast_usd"]) == pytest.approx(10, rel=0.1)
    assert float(by_day["2026-09-26"]["forecast_usd"]) == pytest.approx(2, rel=0.2)
    assert float(by_day["2026-09-28"]["forecast_usd"]) == pytest.approx(10, rel=0.1)


def test_the_days_forecast_add_up_to_the_month(api: Answering) -> None:
    """Spent days and forecast days are the forecast of the month, to its six digits."""
    answer = asked(api, user="steady")
    sums = [Decimal(day["forecast_usd"] or day["cost_usd"]) for day in answer["days"]]
    assert float(sum(sums)) == pytest.approx(float(answer["forecast_usd"]), rel=1e-4)


@pytest.mark.parametrize(("whole_days", "known"), [(0, False), (6, False), (7, True), (13, True)])
def test_few_days_are_told_as_such(api: Answering, whole_days: int, known: bool) -> None:
    """Below a week there is no number but what was spent; below two the method is told to be unproven."""
    answer = asked(api, user=f"{whole_days}-days")
    assert answer["based_on_days"] == whole_days
    assert (answer["forecast_usd"] is not None) == (answer["high_usd"] is not None) == known
    assert f"{whole_days} whole days of history" in answer["reason"]
    assert Decimal(answer["spent_usd"]) == 10 * (whole_days + 1)
    assert all(day["forecast_usd"] is None for day in answer["days"]) or known


def test_a_budget_is_reached_on_a_day(api: Answering) -> None:
    """In the past, in days to come, with the earliest and latest by the interval, or not in this month."""
    spent = Decimal(asked(api, user="steady")["spent_usd"])
    past = asked(api, user="steady", budget_usd="50")
    assert (past["budget_reached_on"], past["days_until_budget"]) == ("2026-09-07", 0)
    soon = asked(api, user="steady", budget_usd=str(spent + 27))
    assert (soon["budget_reached_on"], soon["days_until_budget"]) == ("2026-09-24", 3)
    assert soon["budget_reached_earliest"] <= soon["budget_reached_on"] <= soon["budget_reached_latest"]
    never = asked(api, user="steady", budget_usd="100000")
    assert [never[f"budget_reached_{when}"] for when in ("on", "earliest", "latest")] == [None] * 3
    assert (never["days_until_budget"], never["budget_usd"]) == (None, "100000")


def test_one_loud_day_does_not_change_the_forecast(api: Answering) -> None:
    """It is in what was spent, not in what is to come, and the answer says so."""
    calm, loud = asked(api, user="steady"), asked(api, user="loud")
    to_come = [float(one["forecast_usd"]) - float(one["spent_usd"]) for one in (calm, loud)]
    assert to_come[1] == pytest.approx(to_come[0], rel=0.05)
    assert Decimal(loud["spent_usd"]) > Decimal(calm["spent_usd"]) + 180
    assert loud["reason"] == "1 day of the history was far from what is usual and is left out"


def test_days_without_requests_cost_nothing_and_nothing_is_forecast_from_nothing(api: Answering) -> None:
    """A gap is a day of 0; no request at all is no history."""
    gap = asked(api, user="gap")
    assert days(gap)[str((MONDAY + timedelta(days=45)).date())]["cost_usd"] == "0"
    assert gap["forecast_usd"] is not None
    nothing = asked(api, user="nobody")
    assert (nothing["spent_usd"], nothing["forecast_usd"], nothing["based_on_days"]) == ("0", None, 0)


def test_free_calls_cost_nothing_with_certainty(api: Answering) -> None:
    """A price of 0 is a price."""
    answer = asked(api, user="free")
    assert [answer[name] for name in ("spent_usd", "forecast_usd", "low_usd", "high_usd")] == ["0"] * 4


def test_unpriced_requests_are_in_no_amount_and_counted(api: Answering) -> None:
    """Those of the month; a month of them alone has no spend that is known."""
    answer = asked(api, user="partly-priced")
    assert answer["unpriced_requests"] == 40
    assert Decimal(answer["spent_usd"]) == _CENT * sum(week(8)[36:])
    alone = asked(api, user="unpriced")
    assert (alone["spent_usd"], alone["unpriced_requests"], alone["forecast_usd"]) == (None, 40, None)
    assert alone["reason"] == "no request of the history has a price"
    assert days(alone)["2026-09-20"]["cost_usd"] is None
    assert days(alone)["2026-09-21"]["cost_usd"] == "0"


def test_a_forecast_of_the_past_knows_nothing_of_what_came_later(api: Answering) -> None:
    """Ten times the spend since then changes nothing; on the last evening of the month next to nothing is to come."""
    then = [asked(api, "2026-09-07T12:00:00Z", user=user)["forecast_usd"] for user in ("steady", "dearer-later")]
    assert then[0] == then[1] is not None
    end = asked(api, "2026-08-31T23:59:00Z", user="steady")
    assert float(end["forecast_usd"]) == pytest.approx(float(end["spent_usd"]), rel=0.001)


def test_a_key_sees_its_project_alone(api: Answering) -> None:
    """Whatever it asks for."""
    spent = _CENT * sum(week(8)[36:])
    assert Decimal(asked(api, project="alpha")["spent_usd"]) == spent
    assert Decimal(asked(api, project="beta")["spent_usd"]) == 3 * spent
    assert Decimal(asked(api)["spent_usd"]) > 4 * spent
    assert asked(api, project="alpha", user="beta")["spent_usd"] == "0"
    assert (asked(api, project="gamma")["spent_usd"], asked(api, project="gamma")["based_on_days"]) == ("0", 0)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("at=yesterday", "at"),
        ("at=9999-01-01T00:00:00Z", "at"),
        ("budget_usd=much", "budget_usd"),
        ("budget_usd=-1", "budget_usd"),
        ("budget_usd=nan", "budget_usd"),
        ("budget_usd=1e99", "budget_usd"),
        ("from=-7d", "from"),
        ("group_by=model", "group_by"),
    ],
)
def test_a_wrong_parameter_is_named(api: Answering, query: str, parameter: str) -> None:
    """As problem JSON with status 400."""
    answer = api.raw(f"/api/v1/costs/forecast?{query}")
    assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)


@pytest.mark.parametrize("at", ["now", NOON, "2024-02-29T00:00:00Z"])
def test_the_answer_is_that_of_the_openapi(api: Answering, at: str) -> None:
    """Every field is declared, and none is missing, with history and without."""
    assert models.Forecast.model_validate(asked(api, at, user="steady", budget_usd="100"))
