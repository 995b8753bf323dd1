"""What ``/api/v1/compare`` answers, for the OpenAPI."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from haechi_collector.api.models import Money, Share, Time

Figure = Annotated[
    float | str | None,
    Field(description="A number; text where the unit is usd; null where it is not known", examples=[812.4]),
]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ComparedSide(_Answer):
    """One of the two sides. Percentiles are within 0.4 % of the exact ones."""

    label: str = Field(examples=["4"])
    from_: Time = Field(alias="from")
    to: Time
    requests: int
    independent_units: int = Field(
        description="Sessions, and traces without one, that the requests belong to; counted to about 1 %"
    )
    requests_per_minute: float
    error_rate: Share
    avg_latency_ms: float | None
    p50_latency_ms: float | None
    p95_latency_ms: float | None
    p99_latency_ms: float | None
    avg_ttft_ms: float | None
    p50_ttft_ms: float | None
    p95_ttft_ms: float | None
    p99_ttft_ms: float | None
    tokens_per_second: float | None = Field(description="Mean over the requests that have it")
    input_tokens_per_request: float | None
    output_tokens_per_request: float | None
    total_cost_usd: Money
    cost_per_request_usd: Money
    unpriced_requests: int
    cached_share: Share
    avg_quality_score: float | None
    hallucination_rate: Share
    thumbs_up_rate: Share


class Difference(_Answer):
    """One metric: a less b, and where the true difference lies."""

    metric: str = Field(examples=["p95_latency_ms"])
    unit: Literal["requests", "requests/min", "share", "ms", "tokens/s", "tokens", "usd", "score"]
    a: Figure
    b: Figure
    difference: Figure
    relative: float | None = Field(description="difference / b; null where b is 0 or not known", examples=[-0.18])
    low: Figure
    high: Figure
    confidence: float = Field(description="Of this line alone", examples=[0.95])
    method: str = Field(examples=["newcombe"])
    verdict: Literal["higher", "lower", "no clear difference", "too few"] = Field(
        description="Whether a is higher than b beyond chance; `too few` where no interval can be given"
    )


class Comparison(_Answer):
    """Two windows, or two values of a dimension, side by side."""

    a: ComparedSide
    b: ComparedSide
    differences: list[Difference]
