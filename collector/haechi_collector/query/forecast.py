"""What will this month cost, and when is a budget used up.

Guarantee: what was spent is exact; what is to come is an estimate of six digits with an interval that held its stated
confidence in a back-test (``bench/forecast.py``), or None with the reason. Unpriced requests are in no amount; their
number stands beside it. Months and days are those of UTC.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import accumulate
from typing import Any, Final

from haechi_collector.query.engine import Engine
from haechi_collector.query.forecast_model import CONFIDENCE, DAYS_MIN, RHYTHM_DAYS_MIN, Prediction, predict
from haechi_collector.query.money import text_of
from haechi_collector.query.scope import Scope
from haechi_collector.query.series import iso
from haechi_collector.query.spend import Spend, spend


@dataclass(frozen=True, slots=True)
class ForecastQuestion:
    """Of which requests, made when, against which budget of the month."""

    scope: Scope
    at: datetime
    budget: Decimal | None = None


@dataclass(frozen=True, slots=True)
class _Coming:
    """Expected spend of a day beyond what is spent, and the days until its end that are not over."""

    day: date
    expected: float
    ahead: float


async def forecast(engine: Engine, question: ForecastQuestion) -> dict[str, Any]:
    """Answer it.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    known = await spend(engine, question.scope, question.at)
    spent, history = known.spent, known.history
    ahead = [day for day in known.month if day >= known.today]
    prediction = predict(history, len(ahead))
    coming = _coming(known, prediction, ahead)
    return {
        "month": known.today.strftime("%Y-%m"),
        "at": iso(int(question.at.timestamp()) * 10**9),
        "spent_usd": text_of(spent),
        **_total(float(spent or 0), prediction, coming),
        "confidence": CONFIDENCE,
        "unpriced_requests": known.unpriced,
        "days": [_day(known, prediction, coming, day) for day in known.month],
        **_budget(question.budget, known, prediction, coming),
        "method": prediction.method if prediction else None,
        "based_on_days": len(history),
        **_remark(known, len(history), prediction),
    }


def _coming(known: Spend, prediction: Prediction | None, days: list[date]) -> list[_Coming]:
    if prediction is None:
        return []
    rest = known.rest_of_today
    shares = [rest] + [1.0] * (len(days) - 1)
    expected = [float(value) * share for value, share in zip(prediction.days, shares, strict=True)]
    return [_Coming(day, e, a) for day, e, a in zip(days, expected, accumulate(shares), strict=True)]


def _range(spent: float, expected: float, reach: float) -> dict[str, str | None]:
    return {
        "forecast_usd": _estimate(spent + expected),
        "low_usd": _estimate(spent + max(0.0, expected - reach)),
        "high_usd": _estimate(spent + expected + reach),
    }


_UNKNOWN = dict.fromkeys(("forecast_usd", "low_usd", "high_usd"))


def _total(spent: float, prediction: Prediction | None, coming: list[_Coming]) -> dict[str, str | None]:
    if prediction is None:
        return dict(_UNKNOWN)
    return _range(spent, sum(one.expected for one in coming), prediction.reach(coming[-1].ahead))


def _day(known: Spend, prediction: Prediction | None, coming: list[_Coming], day: date) -> dict[str, Any]:
    spent = known.of_day(day) if day <= known.today else None
    own = next((one for one in coming if one.day == day), None)
    share = coming[0].ahead if coming and day == known.today else 1.0
    shown = dict(_UNKNOWN)
    if prediction and own:
        shown = _range(float(spent or 0), own.expected, prediction.reach(1.0) * share**0.5)
    return {"date": day.isoformat(), "cost_usd": text_of(spent), **shown}


def _budget(
    budget: Decimal | None, known: Spend, prediction: Prediction | None, coming: list[_Coming]
) -> dict[str, Any]:
    reached: list[date | None] = [None, None, None]
    past = _reached(known, budget) if budget is not None else None
    if past:
        reached = [past] * 3
    elif budget is not None and prediction:
        left = float(budget - (known.spent or 0))
        reached = [_when(left, prediction, coming, side) for side in (0, 1, -1)]
    on = reached[0]
    names = ("budget_reached_on", "budget_reached_earliest", "budget_reached_latest")
    return {
        "budget_usd": text_of(budget),
        **{name: day and day.isoformat() for name, day in zip(names, reached, strict=True)},
        "days_until_budget": max(0, (on - known.today).days) if on else None,
    }


def _reached(known: Spend, budget: Decimal) -> date | None:
    """Return on which day of the past the month's spend came to the budget."""
    days = [day for day in known.month if day <= known.today]
    sums = accumulate(known.of_day(day) or Decimal(0) for day in days)
    return next((day for day, total in zip(days, sums, strict=True) if total >= budget), None)


def _when(left: float, prediction: Prediction, coming: list[_Coming], side: int) -> date | None:
    total = 0.0
    for one in coming:
        total += one.expected
        if total + side * prediction.reach(one.ahead) >= left:
            return one.day
    return None


REASONS: Final = {
    "no_prices": "no request of the history has a price",
    "no_history": f"{{days}} whole days of history; a forecast needs {DAYS_MIN}",
    "short_history": "{days} whole days of history; forecasts of the past, which tell a method's errors, need "
    f"{RHYTHM_DAYS_MIN}",
    "one_outlier": "1 day of the history was far from what is usual and is left out",
    "outliers": "{outliers} days of the history were far from what is usual; as many are expected again",
}
"""What is to be minded about a forecast, or why there is none, by its code."""


def _remark(known: Spend, days: int, prediction: Prediction | None) -> dict[str, Any]:
    code, outliers = _code(known, days, prediction), prediction.outliers if prediction else 0
    reason = REASONS[code].format(days=days, outliers=outliers) if code else None
    return {"outlier_days": outliers, "reason_code": code, "reason": reason}


def _code(known: Spend, days: int, prediction: Prediction | None) -> str | None:
    if known.unpriced_hours and not known.hours:
        return "no_prices"
    if prediction is None:
        return "no_history"
    if days < RHYTHM_DAYS_MIN:
        return "short_history"
    return {0: None, 1: "one_outlier"}.get(prediction.outliers, "outliers")


def _estimate(value: float) -> str | None:
    return text_of(Decimal(f"{value:.6g}"))
