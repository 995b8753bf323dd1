"""What single requests answer, for the OpenAPI."""

from typing import Literal

from pydantic import Field

from haechi_collector.api.models import Money, Time
from haechi_collector.api.models_answer import Answer

_TRACE_ID = "5b8efff798038103d269b633813fc60c"
_SPAN_ID = "051581bf3cb55c13"
_MESSAGE = "429: rate limit reached for requests per minute"


class FoundRequest(Answer):
    """One model call."""

    start_time: Time
    trace_id: str = Field(examples=[_TRACE_ID])
    span_id: str = Field(examples=[_SPAN_ID])
    parent_span_id: str = Field(description="'' for a root", examples=[""])
    service: str = Field(examples=["support-bot"])
    operation: str = Field(examples=["chat"])
    provider: str = Field(examples=["openai"])
    model: str = Field(description="The one that was asked for", examples=["gpt-4o-mini"])
    response_model: str = Field(description="The one that answered", examples=["gpt-4o-mini-2024-07-18"])
    prompt: str = Field(examples=["support-answer"])
    prompt_version: str = Field(examples=["3"])
    user: str = Field(examples=["user-0007"])
    session: str = Field(examples=["session-0042"])
    duration_ms: float = Field(examples=[2911.2])
    ttft_ms: float | None = Field(description="Time to first token; null when not told", examples=[412.0])
    input_tokens: int = Field(examples=[1310])
    output_tokens: int = Field(examples=[84])
    cache_read_tokens: int = Field(examples=[1152])
    cost_usd: Money
    cost_source: str = Field(description="price_book, reported, unpriced or ''", examples=["price_book"])
    status: str = Field(examples=["error"])
    error_type: str = Field(examples=["rate_limit"])
    status_message: str = Field(description="Up to 1,000 characters", examples=[_MESSAGE])
    input_excerpt: str = Field(examples=["배송은 언제 오나요?"])
    output_excerpt: str = Field(examples=["내일 도착합니다."])


class FailureGroup(Answer):
    """Failed requests with the same kind of error, model and message."""

    error_type: str = Field(examples=["rate_limit"])
    model: str = Field(examples=["gpt-4o-mini"])
    message: str = Field(
        description="Numbers and ids as #", examples=["429: rate limit reached for requests per minute"]
    )
    requests: int = Field(examples=[12])
    users: int = Field(description="Distinct ones that are known", examples=[7])
    cost_usd: Money
    first_time: Time
    last_time: Time
    latest_message: str = Field(description="As it came, up to 500 characters", examples=[_MESSAGE])
    latest_trace_id: str = Field(examples=[_TRACE_ID])
    latest_span_id: str = Field(examples=[_SPAN_ID])


class Requests(Answer):
    """A page of single requests."""

    from_: Time = Field(alias="from")
    to: Time
    order: Literal["slowest", "slowest_ttft", "dearest", "most_tokens", "failing", "newest"]
    requests: list[FoundRequest]
    next_cursor: str | None = Field(description="For the next page; null on the last one", examples=[None])
    failures: list[FailureGroup] = Field(
        [], description="With `order=failing`, on the first page: all failed requests by kind, the greatest first"
    )
    failure_groups: int = Field(0, description="How many kinds there are; `failures` holds up to 100", examples=[3])
