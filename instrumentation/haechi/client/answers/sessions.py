"""What `sessions` answers. Written by docs/make_client.py: change the API's models instead."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from haechi.client._answer import Answer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class JudgedTrace(Answer):
    """A judgement on a trace ('' for span_id) or on a span of it.

    Attributes:
        value: None where the judgement is a label alone
        source: check, judge, human or client
    """

    id: str
    span_id: str
    name: str
    value: float | None
    label: str
    source: str
    evaluator: str
    explanation: str
    timestamp: datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ListedSession(Answer):
    """A session of the list.

    Attributes:
        first_time: start of the first span
        last_time: end of the last span
        failed_traces: those with a failed span of any kind
        requests: model calls
        errors: failed model calls
        models: up to 20
        avg_quality_score: of the traces, as in the summary
        user: the latest one
        duration_ms: from the first span's start to the last one's end
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
    session: str
    user: str
    duration_ms: float
    first_question_excerpt: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SessionTrace(Answer):
    """A trace of a timeline; figures of its spans that carry the session's id.

    Attributes:
        name: of the root span, else of the earliest one
        errors: failed model calls
        is_failed: A span of any kind failed
    """

    trace_id: str
    start_time: datetime
    duration_ms: float
    name: str
    service: str
    spans: int
    requests: int
    errors: int
    is_failed: bool
    models: list[str]
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    unpriced_requests: int
    input_excerpt: str
    output_excerpt: str
    scores: list[JudgedTrace]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Session(Answer):
    """One session.

    Attributes:
        first_time: start of the first span
        last_time: end of the last span
        failed_traces: those with a failed span of any kind
        requests: model calls
        errors: failed model calls
        models: up to 20
        avg_quality_score: of the traces, as in the summary
        user: the latest one
        duration_ms: from the first span's start to the last one's end
        timeline: by start, the earliest first
        traces_left_out: later ones than `limit` shows
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
    session: str
    user: str
    duration_ms: float
    from_: datetime
    to: datetime
    timeline: list[SessionTrace]
    traces_left_out: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Sessions(Answer):
    """A page of sessions.

    Attributes:
        next_cursor: for the next page; None on the last one
    """

    from_: datetime
    to: datetime
    sessions: list[ListedSession]
    next_cursor: str | None
