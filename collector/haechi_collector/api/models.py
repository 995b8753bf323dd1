"""What the questions answer, for the OpenAPI. Money is text, see `query.money`."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Money = Annotated[
    str | None,
    Field(
        description="US dollars, exact, as text; null where nothing has a price",
        examples=["12.0348125"],
        json_schema_extra={"format": "decimal"},
    ),
]
Share = Annotated[float | None, Field(description="From 0 to 1; null where there is nothing to count", examples=[0.02])]
Time = Annotated[
    str,
    Field(description="RFC 3339, UTC", examples=["2026-11-22T09:00:00Z"], json_schema_extra={"format": "date-time"}),
]
Group = Annotated[dict[str, str], Field(examples=[{"model": "gpt-4o-mini"}])]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """RFC 9457 problem details; ``parameter`` names the wrong one."""

    type: str = Field("about:blank", examples=["about:blank"])
    title: str = Field(examples=["Bad Request"])
    status: int = Field(examples=[400])
    detail: str = Field(examples=["from: the window is empty: from must be before to"])
    code: str | None = Field(None, examples=["wrong_parameter"])
    parameter: str | None = Field(None, examples=["from"])


class ModelShare(_Answer):
    """One model of a summary."""

    model: str = Field(examples=["gpt-4o-mini"])
    requests: int = Field(examples=[31])
    share: float = Field(examples=[0.75])
    cost_usd: Money


class Summary(_Answer):
    """The figures of a window."""

    from_: Time = Field(alias="from")
    to: Time
    total_requests: int = Field(description="Model calls, each counted once", examples=[5008])
    requests_per_minute: float = Field(examples=[3.5])
    error_rate: Share
    avg_latency_ms: float | None = Field(examples=[1120.4])
    p50_latency_ms: float | None = Field(examples=[812.4])
    p95_latency_ms: float | None = Field(examples=[2911.2])
    p99_latency_ms: float | None = Field(examples=[5120.9])
    p50_ttft_ms: float | None = Field(examples=[301.2])
    p95_ttft_ms: float | None = Field(examples=[702.6])
    p99_ttft_ms: float | None = Field(examples=[1203.0])
    total_cost_usd: Money
    cost_per_request_usd: Money
    unpriced_requests: int = Field(description="Those with usage that nobody has priced", examples=[0])
    avg_quality_score: float | None = Field(description="Mean of the scores named quality", examples=[0.91])
    hallucination_rate: Share
    thumbs_up_rate: Share
    model_distribution: list[ModelShare]


class _Latency(_Answer):
    requests: int = Field(examples=[31])
    requests_per_minute: float = Field(examples=[3.5])
    errors: int = Field(examples=[1])
    error_rate: Share
    measured: int = Field(description="Requests that have the metric", examples=[31])
    avg: float | None = Field(examples=[1120.4])
    min: float | None = Field(examples=[203.1])
    max: float | None = Field(examples=[5302.7])
    quantiles: dict[str, float | None] = Field(examples=[{"p50": 812.4, "p95": 2911.0, "p99": 5120.9}])


class LatencyTotal(_Latency):
    """Over all groups."""


class LatencyRow(_Latency):
    """One group."""

    group: Group


class LatencyPoint(LatencyRow):
    """One group in one step of time."""

    time: Time


class Bin(_Answer):
    """Requests with ``low <= value < high``."""

    low: float = Field(examples=[512.0])
    high: float = Field(examples=[608.9])
    requests: int = Field(examples=[31])


class Cell(Bin):
    """A bin in one step of time."""

    time: Time


class Latency(_Answer):
    """Percentiles over groups and time."""

    from_: Time = Field(alias="from")
    to: Time
    metric: Literal["duration", "ttft", "tokens_per_second"]
    unit: Literal["ms", "tokens/s"]
    groups: int = Field(description="Groups that there are; `rows` holds up to `limit` of them", examples=[3])
    total: LatencyTotal
    rows: list[LatencyRow]
    interval_s: int | None = Field(None, examples=[3600])
    series: list[LatencyPoint] | None = None
    histogram: list[Bin] | None = None
    heatmap: list[Cell] | None = None


class _Costs(_Answer):
    requests: int = Field(examples=[31])
    cost_usd: Money
    priced_requests: int = Field(examples=[29])
    unpriced_requests: int = Field(examples=[0])
    cost_per_request_usd: Money
    cost_per_1000_tokens_usd: Money
    input_tokens: int = Field(examples=[41200])
    output_tokens: int = Field(examples=[3920])
    cache_read_tokens: int = Field(examples=[1152])
    cached_share: Share
    users: int | None = Field(None, examples=[7])
    cost_per_user_usd: Money = None


class CostsTotal(_Costs):
    """Over all groups."""

    cache_saved_usd: Money = None
    cache_saved_unknown_requests: int | None = Field(
        None, description="Cached requests without a rate to compare with", examples=[0]
    )


class CostsRow(_Costs):
    """One group."""

    group: Group


class CostsPoint(CostsRow):
    """One group in one step of time."""

    time: Time


class UnpricedModel(_Answer):
    """A model that the price book does not know."""

    provider: str
    model: str
    requests: int = Field(examples=[31])
    input_tokens: int = Field(examples=[41200])
    output_tokens: int = Field(examples=[3920])


class Costs(_Answer):
    """Money over groups and time."""

    from_: Time = Field(alias="from")
    to: Time
    groups: int = Field(examples=[3])
    total: CostsTotal
    rows: list[CostsRow]
    unpriced_models: list[UnpricedModel]
    interval_s: int | None = Field(None, examples=[3600])
    series: list[CostsPoint] | None = None


class FoundTrace(_Answer):
    """A trace that the search found. Cost and tokens are those of the whole trace."""

    trace_id: str
    start_time: Time
    duration_ms: float
    name: str = Field(description="Of the root span, else of the earliest one")
    service: str
    spans: int
    errors: int = Field(examples=[1])
    requests: int = Field(description="Model calls", examples=[31])
    models: list[str]
    user: str
    session: str
    prompt: str
    prompt_version: str
    input_tokens: int = Field(examples=[41200])
    output_tokens: int = Field(examples=[3920])
    cost_usd: Money
    unpriced_requests: int = Field(examples=[0])
    input_excerpt: str
    output_excerpt: str


class Traces(_Answer):
    """A page of the search."""

    from_: Time = Field(alias="from")
    to: Time
    traces: list[FoundTrace]
    next_cursor: str | None = Field(description="For the next page; null on the last one")


class TraceSpan(_Answer):
    """A span of a tree, in depth-first order. ``total_*`` are of it and all below it."""

    span_id: str
    parent_span_id: str
    depth: int = Field(examples=[1])
    is_orphan: bool = Field(description="Its parent is not (yet) here")
    is_critical: bool = Field(description="The trace would have been shorter had this span been")
    critical_ms: float = Field(description="How much of the critical path is spent in it itself", examples=[812.4])
    name: str
    kind: str
    service: str
    start_time: Time
    offset_ms: float = Field(description="From the start of the trace", examples=[40.2])
    duration_ms: float
    status: str
    error_type: str
    operation: str
    provider: str
    model: str
    ttft_ms: float | None
    input_tokens: int = Field(examples=[41200])
    output_tokens: int = Field(examples=[3920])
    cost_usd: Money
    total_input_tokens: int = Field(examples=[2700])
    total_output_tokens: int = Field(examples=[210])
    total_cost_usd: Money


class Message(_Answer):
    """One message of the conversation, and the call in which it first appears."""

    span_id: str
    role: str = Field(examples=["user"])
    parts: list[Any] = Field(examples=[[{"type": "text", "content": "배송은 언제 오나요?"}]])
    finish_reason: str | None = Field(None, examples=["stop"])


class Context(_Answer):
    """What an answer should be grounded in."""

    span_id: str
    text: str


class ScoreOfTrace(_Answer):
    """A judgement on the trace ('' for span_id) or on a span of it."""

    id: str
    span_id: str
    name: str
    value: float | None
    label: str
    source: str
    evaluator: str
    explanation: str
    timestamp: Time


class Trace(_Answer):
    """A trace as a tree."""

    trace_id: str
    start_time: Time
    duration_ms: float
    span_count: int = Field(examples=[6])
    spans: list[TraceSpan]
    spans_left_out: int = Field(examples=[0])
    total_input_tokens: int = Field(examples=[2700])
    total_output_tokens: int = Field(examples=[210])
    total_cost_usd: Money
    conversation: list[Message]
    retrieved_context: list[Context]
    content_left_out: bool
    scores: list[ScoreOfTrace]
