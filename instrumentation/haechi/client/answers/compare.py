"""What `compare` answers. Written by docs/make_client.py: change the API's models instead."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from haechi.client._answer import Answer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ComparedSide(Answer):
    """One of the two sides. Percentiles are within 0.4 % of the exact ones.

    Attributes:
        independent_units: sessions, and traces without one, that the requests belong to; counted to about 1 %
        tokens_per_second: mean over the requests that have it
    """

    label: str
    from_: datetime
    to: datetime
    requests: int
    independent_units: int
    requests_per_minute: float
    error_rate: float | None
    avg_latency_ms: float | None
    p50_latency_ms: float | None
    p95_latency_ms: float | None
    p99_latency_ms: float | None
    avg_ttft_ms: float | None
    p50_ttft_ms: float | None
    p95_ttft_ms: float | None
    p99_ttft_ms: float | None
    tokens_per_second: float | None
    input_tokens_per_request: float | None
    output_tokens_per_request: float | None
    total_cost_usd: Decimal | None
    cost_per_request_usd: Decimal | None
    unpriced_requests: int
    cached_share: float | None
    avg_quality_score: float | None
    hallucination_rate: float | None
    thumbs_up_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Difference(Answer):
    """One metric: a less b, and where the true difference lies.

    Attributes:
        relative: difference / b; None where b is 0 or not known
        confidence: of this line alone
        verdict: whether a is higher than b beyond chance; `too few` where no interval can be given
    """

    metric: str
    unit: Literal["requests", "requests/min", "share", "ms", "tokens/s", "tokens", "usd", "score"]
    a: float | Decimal | None
    b: float | Decimal | None
    difference: float | Decimal | None
    relative: float | None
    low: float | Decimal | None
    high: float | Decimal | None
    confidence: float
    method: str
    verdict: Literal["higher", "lower", "no clear difference", "too few"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Comparison(Answer):
    """Two windows, or two values of a dimension, side by side."""

    a: ComparedSide
    b: ComparedSide
    differences: list[Difference]
