"""What `forecast` answers. Written by docs/make_client.py: change the API's models instead."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from haechi.client._answer import Answer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ForecastDay(Answer):
    """One day of the month. The present day has both what was spent so far and the forecast of the whole day.

    Attributes:
        date: A day in UTC
        cost_usd: spent, exact; None for days to come
    """

    date: date
    cost_usd: Decimal | None
    forecast_usd: Decimal | None
    low_usd: Decimal | None
    high_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Forecast(Answer):
    """What the calendar month (UTC) will cost.

    Attributes:
        at: the moment the forecast is made for
        spent_usd: since the first of the month, exact
        forecast_usd: of the whole month: spent and to come
        confidence: chance that the month ends between low and high
        unpriced_requests: of the month so far; they are in no amount here
        budget_usd: as it was asked for
        budget_reached_on: null where it is not reached in this month, or not known
        budget_reached_earliest: by the high end of the interval
        budget_reached_latest: by the low end of the interval
        days_until_budget: from the present day; 0 when it is reached already
        based_on_days: whole days of history that the forecast rests on
        outlier_days: days of the history that were far from what is usual
        reason_code: `reason` for programs
        reason: why there is no forecast, or what to mind about it
    """

    month: str
    at: datetime
    spent_usd: Decimal | None
    forecast_usd: Decimal | None
    low_usd: Decimal | None
    high_usd: Decimal | None
    confidence: float
    unpriced_requests: int
    days: list[ForecastDay]
    budget_usd: Decimal | None
    budget_reached_on: date | None
    budget_reached_earliest: date | None
    budget_reached_latest: date | None
    days_until_budget: int | None
    method: str | None
    based_on_days: int
    outlier_days: int
    reason_code: Literal["no_prices", "no_history", "short_history", "one_outlier", "outliers"] | None
    reason: str | None
