"""What ``/api/v1/costs/report`` answers, for the OpenAPI."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from haechi_collector.api.models import Money, Time

Kind = Literal["prompt_caching", "few_shot", "repeated_requests", "cheaper_model", "paid_errors", "unpriced"]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Recommendation(_Answer):
    """One way to spend less, with the figures it comes from."""

    kind: Kind
    title: str = Field(examples=["support-answer on gpt-4o-mini sends the same first 2,140 tokens every time"])
    saving_usd: Money = Field(description="In the window that was looked at; null where it cannot be known")
    saving_per_month_usd: Money = Field(description="The same in 30 days")
    share_of_cost: float | None = Field(description="Of the cost of the window that was looked at", examples=[0.12])
    evidence: dict[str, Any] = Field(examples=[{"requests": 1204, "prefix_tokens": 2140}])
    traces: dict[str, str | list[str]] = Field(
        description="Parameters of /api/v1/traces that show examples",
        examples=[{"from": "2026-11-21T09:00:00Z", "to": "2026-11-22T09:00:00Z", "prompt": "support-answer"}],
    )
    assumptions: list[str] = Field(examples=[["Cached input costs half"]])


class Report(_Answer):
    """What could be saved, the greatest amount first. The amounts overlap and do not add up."""

    from_: Time = Field(alias="from")
    to: Time
    requests: int = Field(examples=[31])
    cost_usd: Money
    texts_from: Time = Field(description="Texts were read from here on; later than `from` when there are too many")
    is_sampled: bool = Field(description="Whether texts of a part of the window alone were read")
    recommendations: list[Recommendation]
