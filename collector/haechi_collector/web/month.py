"""This month's cost as pages show it: what was spent, what is to come, and when a budget is used up."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from haechi_collector.errors import WrongParameter
from haechi_collector.query.forecast import ForecastQuestion, forecast
from haechi_collector.query.scope import Scope, Window
from haechi_collector.web import formats
from haechi_collector.web import words_overview as words
from haechi_collector.web.charts import Line, milliseconds, stacked, with_projection
from haechi_collector.web.html import Html, tag
from haechi_collector.web.language import Translator
from haechi_collector.web.view import Options, View
from haechi_collector.web.widgets import money

Answer = Mapping[str, Any]


async def month(view: View, scope: Scope) -> dict[str, Any]:
    """Return ``/api/v1/costs/forecast`` of now, for the filters and the page's parameter ``budget_usd``.

    Raises:
        WrongParameter: the budget is no amount.
    """
    now = datetime.now(UTC)
    window = Window(0, int(now.timestamp()) * 10**9)
    question = ForecastQuestion(replace(scope, window=window), now.replace(microsecond=0), _budget(view))
    return await forecast(view.engine, question)


def _budget(view: View) -> Decimal | None:
    text = view.state.get("budget_usd")
    try:
        budget = Decimal(text) if text else None
    except InvalidOperation:
        budget = Decimal(-1)
    if budget is not None and not (budget.is_finite() and 0 < budget < Decimal(10) ** 12):
        raise WrongParameter("budget_usd", "expected an amount in US dollars such as 500 or 99.50")
    return budget


def forecast_chart(t: Translator, answer: Answer) -> Options | None:
    """Return the days of the month: what was spent as bars, what is expected as a line inside its interval."""
    days = [(milliseconds(f"{day['date']}T12:00:00+00:00"), day) for day in answer["days"]]
    spent = Line(t(words.SPENT), [(time, _amount(day["cost_usd"])) for time, day in days], "--series-1")
    options = stacked([spent], "usd")
    if options is None or answer["forecast_usd"] is None:
        return options
    low, expected, high = (
        Line(name, [(time, _amount(day[key])) for time, day in days], "--series-3")
        for name, key in ((" ", "low_usd"), (t(words.EXPECTED), "forecast_usd"), ("  ", "high_usd"))
    )
    return with_projection(options, high, low, expected)


def _amount(text: str | None) -> float | None:
    return None if text is None else float(text)


def forecast_note(t: Translator, answer: Answer) -> Html:
    """Return the expected total of the month, or why there is none."""
    if answer["forecast_usd"] is None:
        return money(answer["spent_usd"], "month_spent_usd")
    low, high = formats.money(answer["low_usd"]), formats.money(answer["high_usd"])
    text = t(words.FORECAST_NOTE, amount=formats.money(answer["forecast_usd"]), low=low, high=high)
    return tag("span", text, data_name="month_forecast_usd", data_value=answer["forecast_usd"])
