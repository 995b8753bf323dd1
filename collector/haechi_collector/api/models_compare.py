"""What ``/api/v1/compare`` answers, for the OpenAPI."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from haechi_collector.api.models import Money, Share, Time

Figure = Annotated[
    float | str | None,
    Field(
        description="A number; text where the unit is usd; null where it is not known",
        examples=[812.4],
        json_schema_extra={"format": "decimal"},
    ),
]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ComparedSide(_Answer):
    """One of the two sides. Percentiles are within 0.4 % of the exact ones."""

    label: str = Field(examples=["4"])
    from_: Time = Field(alias="from")
    to: Time
    requests: int = Field(examples=[31])
    independent_units: int = Field(
        description="Sessions, and traces without one, that the requests belong to; counted to about 1 %",
        examples=[420],
    )
    requests_per_minute: float = Field(examples=[3.5])
    error_rate: Share
    avg_latency_ms: float | None = Field(examples=[1120.4])
    p50_latency_ms: float | None = Field(examples=[812.4])
    p95_latency_ms: float | None = Field(examples=[2911.2])
    p99_latency_ms: float | None = Field(examples=[5120.9])
    avg_ttft_ms: float | None = Field(examples=[342.9])
    p50_ttft_ms: float | None = Field(examples=[301.2])
    p95_ttft_ms: float | None = Field(examples=[702.6])
    p99_ttft_ms: float | None = Field(examples=[1203.0])
    tokens_per_second: float | None = Field(description="Mean over the requests that have it", examples=[61.3])
    input_tokens_per_request: float | None = Field(examples=[1310.2])
    output_tokens_per_request: float | None = Field(examples=[84.6])
    total_cost_usd: Money
    cost_per_request_usd: Money
    unpriced_requests: int = Field(examples=[0])
    cached_share: Share
    avg_quality_score: float | None = Field(examples=[0.91])
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
