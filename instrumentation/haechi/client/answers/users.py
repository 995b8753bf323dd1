"""What `users` answers. Written by docs/make_client.py: change the API's models instead."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from haechi.client._answer import Answer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ListedUser(Answer):
    """A user.

    Attributes:
        first_time: start of the first span
        last_time: end of the last span
        failed_traces: those with a failed span of any kind
        requests: model calls
        errors: failed model calls
        models: up to 20
        avg_quality_score: of the traces, as in the summary
        days_active: days in UTC
    """

    first_time: datetime
    last_time: datetime
    traces: int
    failed_traces: int
    requests: int
    errors: int
    error_rate: float | None
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    cost_per_request_usd: Decimal | None
    unpriced_requests: int
    models: list[str]
    p95_latency_ms: float | None
    avg_quality_score: float | None
    hallucination_rate: float | None
    thumbs_up: int
    thumbs_down: int
    user: str
    days_active: int
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UsageOfDay(Answer):
    """One day in UTC."""

    traces: int
    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    unpriced_requests: int
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UsageOfModel(Answer):
    """One model.

    Attributes:
        share: of the requests, from 0 to 1
    """

    traces: int
    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    unpriced_requests: int
    model: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UsageOfSession(Answer):
    """One session.

    Attributes:
        last_time: start of its last span
    """

    traces: int
    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    unpriced_requests: int
    session: str
    first_time: datetime
    last_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class User(Answer):
    """One user.

    Attributes:
        first_time: start of the first span
        last_time: end of the last span
        failed_traces: those with a failed span of any kind
        requests: model calls
        errors: failed model calls
        models: up to 20
        avg_quality_score: of the traces, as in the summary
        days_active: days in UTC
        daily: days with spans, by time
        model_distribution: up to 100, those with the most requests first
        newest_sessions: up to 100, the newest first
    """

    first_time: datetime
    last_time: datetime
    traces: int
    failed_traces: int
    requests: int
    errors: int
    error_rate: float | None
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    cost_per_request_usd: Decimal | None
    unpriced_requests: int
    models: list[str]
    p95_latency_ms: float | None
    avg_quality_score: float | None
    hallucination_rate: float | None
    thumbs_up: int
    thumbs_down: int
    user: str
    days_active: int
    sessions: int
    from_: datetime
    to: datetime
    daily: list[UsageOfDay]
    model_distribution: list[UsageOfModel]
    newest_sessions: list[UsageOfSession]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Users(Answer):
    """A page of users.

    Attributes:
        next_cursor: for the next page; None on the last one
    """

    from_: datetime
    to: datetime
    users: list[ListedUser]
    next_cursor: str | None
