"""What `summary` answers. Written by docs/make_client.py: change the API's models instead."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from haechi.client._answer import Answer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ModelShare(Answer):
    """One model of a summary."""

    model: str
    requests: int
    share: float
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Summary(Answer):
    """The figures of a window.

    Attributes:
        total_requests: model calls, each counted once
        unpriced_requests: those with usage that nobody has priced
        avg_quality_score: mean of the scores named quality
    """

    from_: datetime
    to: datetime
    total_requests: int
    requests_per_minute: float
    error_rate: float | None
    avg_latency_ms: float | None
    p50_latency_ms: float | None
    p95_latency_ms: float | None
    p99_latency_ms: float | None
    p50_ttft_ms: float | None
    p95_ttft_ms: float | None
    p99_ttft_ms: float | None
    total_cost_usd: Decimal | None
    cost_per_request_usd: Decimal | None
    unpriced_requests: int
    avg_quality_score: float | None
    hallucination_rate: float | None
    thumbs_up_rate: float | None
    model_distribution: list[ModelShare]
