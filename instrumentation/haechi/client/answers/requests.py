"""What `requests` answers. Written by docs/make_client.py: change the API's models instead."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from haechi.client._answer import Answer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FailureGroup(Answer):
    """Failed requests with the same kind of error, model and message.

    Attributes:
        message: numbers and ids as #
        users: distinct ones that are known
        latest_message: as it came, up to 500 characters
    """

    error_type: str
    model: str
    message: str
    requests: int
    users: int
    cost_usd: Decimal | None
    first_time: datetime
    last_time: datetime
    latest_message: str
    latest_trace_id: str
    latest_span_id: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FoundRequest(Answer):
    """One model call.

    Attributes:
        parent_span_id: '' for a root
        model: the one that was asked for
        response_model: the one that answered
        ttft_ms: time to first token; None when not told
        cost_source: price_book, reported, unpriced or ''
        status_message: up to 1,000 characters
    """

    start_time: datetime
    trace_id: str
    span_id: str
    parent_span_id: str
    service: str
    operation: str
    provider: str
    model: str
    response_model: str
    prompt: str
    prompt_version: str
    user: str
    session: str
    duration_ms: float
    ttft_ms: float | None
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cost_usd: Decimal | None
    cost_source: str
    status: str
    error_type: str
    status_message: str
    input_excerpt: str
    output_excerpt: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Requests(Answer):
    """A page of single requests.

    Attributes:
        next_cursor: for the next page; None on the last one
        failures: with `order=failing`, on the first page: all failed requests by kind, the greatest first
        failure_groups: how many kinds there are; `failures` holds up to 100
    """

    from_: datetime
    to: datetime
    order: Literal["slowest", "slowest_ttft", "dearest", "most_tokens", "failing", "newest"]
    requests: list[FoundRequest]
    next_cursor: str | None
    failures: list[FailureGroup] = field(default_factory=list)
    failure_groups: int = 0
