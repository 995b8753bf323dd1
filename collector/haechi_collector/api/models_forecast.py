"""What ``/api/v1/costs/forecast`` answers, for the OpenAPI."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from haechi_collector.api.models import Money, Time

Day = Annotated[str, Field(description="A day in UTC", examples=["2026-11-22"], json_schema_extra={"format": "date"})]
Estimate = Annotated[
    str | None,
    Field(
        description="US dollars as text, six digits; null where there is no forecast",
        examples=["412.5"],
        json_schema_extra={"format": "decimal"},
    ),
]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ForecastDay(_Answer):
    """One day of the month. The present day has both what was spent so far and the forecast of the whole day."""

    date: Day
    cost_usd: Money = Field(description="Spent, exact; null for days to come")
    forecast_usd: Estimate
    low_usd: Estimate
    high_usd: Estimate


class Forecast(_Answer):
    """What the calendar month (UTC) will cost."""

    month: str = Field(examples=["2026-11"])
    at: Time = Field(description="The moment the forecast is made for")
    spent_usd: Money = Field(description="Since the first of the month, exact")
    forecast_usd: Estimate = Field(description="Of the whole month: spent and to come")
    low_usd: Estimate
    high_usd: Estimate
    confidence: float = Field(description="Chance that the month ends between low and high", examples=[0.8])
    unpriced_requests: int = Field(description="Of the month so far; they are in no amount here", examples=[0])
    days: list[ForecastDay]
    budget_usd: Money = Field(description="As it was asked for")
    budget_reached_on: Day | None = Field(description="Null where it is not reached in this month, or not known")
    budget_reached_earliest: Day | None = Field(description="By the high end of the interval")
    budget_reached_latest: Day | None = Field(description="By the low end of the interval")
    days_until_budget: int | None = Field(
        description="From the present day; 0 when it is reached already", examples=[12]
    )
    method: str | None = Field(examples=["weekday profile on a damped level"])
    based_on_days: int = Field(description="Whole days of history that the forecast rests on", examples=[56])
    outlier_days: int = Field(description="Days of the history that were far from what is usual", examples=[0])
    reason_code: Literal["no_prices", "no_history", "short_history", "one_outlier", "outliers"] | None = Field(
        description="`reason` for programs", examples=[None]
    )
    reason: str | None = Field(description="Why there is no forecast, or what to mind about it", examples=[None])
