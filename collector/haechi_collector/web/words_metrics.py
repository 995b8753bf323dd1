"""The names of the figures that the API answers, by its own names for them, and of the verdicts of a comparison."""

from collections.abc import Mapping
from typing import Final

from haechi_collector.web import words
from haechi_collector.web.language import Word

P50_LATENCY: Final = Word("Latency p50", "지연 시간 p50")
P95_LATENCY: Final = Word("Latency p95", "지연 시간 p95")
P99_LATENCY: Final = Word("Latency p99", "지연 시간 p99")
AVG_LATENCY: Final = Word("Latency, mean", "평균 지연 시간")
P50_TTFT: Final = Word("First token p50", "첫 토큰 p50")
P95_TTFT: Final = Word("First token p95", "첫 토큰 p95")
P99_TTFT: Final = Word("First token p99", "첫 토큰 p99")
AVG_TTFT: Final = Word("First token, mean", "평균 첫 토큰")
COST_PER_REQUEST: Final = Word("Cost per request", "요청당 비용")
INPUT_PER_REQUEST: Final = Word("Input tokens per request", "요청당 입력 토큰")
OUTPUT_PER_REQUEST: Final = Word("Output tokens per request", "요청당 출력 토큰")
CACHED_SHARE: Final = Word("Cached input", "캐시된 입력")
QUALITY: Final = Word("Quality score", "품질 점수")
HALLUCINATIONS: Final = Word("Hallucination rate", "환각 비율")
THUMBS_UP: Final = Word("Thumbs up", "좋아요 비율")
UNPRICED: Final = Word("Unpriced", "가격 미상")

BY_NAME: Final[Mapping[str, Word]] = {
    "requests": words.REQUESTS,
    "requests_per_minute": words.REQUESTS_PER_MINUTE,
    "error_rate": words.ERROR_RATE,
    "avg_latency_ms": AVG_LATENCY,
    "p50_latency_ms": P50_LATENCY,
    "p95_latency_ms": P95_LATENCY,
    "p99_latency_ms": P99_LATENCY,
    "avg_ttft_ms": AVG_TTFT,
    "p50_ttft_ms": P50_TTFT,
    "p95_ttft_ms": P95_TTFT,
    "p99_ttft_ms": P99_TTFT,
    "tokens_per_second": words.TOKENS_PER_SECOND,
    "input_tokens_per_request": INPUT_PER_REQUEST,
    "output_tokens_per_request": OUTPUT_PER_REQUEST,
    "cost_per_request_usd": COST_PER_REQUEST,
    "cached_share": CACHED_SHARE,
    "avg_quality_score": QUALITY,
    "hallucination_rate": HALLUCINATIONS,
    "thumbs_up_rate": THUMBS_UP,
}
"""Every metric of ``/api/v1/compare``."""

BETTER: Final[Mapping[str, int]] = {
    "error_rate": -1,
    "avg_latency_ms": -1,
    "p50_latency_ms": -1,
    "p95_latency_ms": -1,
    "p99_latency_ms": -1,
    "avg_ttft_ms": -1,
    "p50_ttft_ms": -1,
    "p95_ttft_ms": -1,
    "p99_ttft_ms": -1,
    "tokens_per_second": 1,
    "cost_per_request_usd": -1,
    "cached_share": 1,
    "avg_quality_score": 1,
    "hallucination_rate": -1,
    "thumbs_up_rate": 1,
}
"""Whether more of it is good (1) or bad (-1); the others are neither."""
