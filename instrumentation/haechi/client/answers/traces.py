"""What `traces` answers. Written by docs/make_client.py: change the API's models instead."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from haechi.client._answer import Answer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Context(Answer):
    """What an answer should be grounded in."""

    span_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FoundTrace(Answer):
    """A trace that the search found. Cost and tokens are those of the whole trace.

    Attributes:
        name: of the root span, else of the earliest one
        requests: model calls
    """

    trace_id: str
    start_time: datetime
    duration_ms: float
    name: str
    service: str
    spans: int
    errors: int
    requests: int
    models: list[str]
    user: str
    session: str
    prompt: str
    prompt_version: str
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    unpriced_requests: int
    input_excerpt: str
    output_excerpt: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Message(Answer):
    """One message of the conversation, and the call in which it first appears."""

    span_id: str
    role: str
    parts: list[Any]
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ScoreOfTrace(Answer):
    """A judgement on the trace ('' for span_id) or on a span of it."""

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
class TraceSpan(Answer):
    """A span of a tree, in depth-first order. `total_*` are of it and all below it.

    Attributes:
        is_orphan: its parent is not (yet) here
        is_critical: the trace would have been shorter had this span been
        critical_ms: how much of the critical path is spent in it itself
        offset_ms: from the start of the trace
    """

    span_id: str
    parent_span_id: str
    depth: int
    is_orphan: bool
    is_critical: bool
    critical_ms: float
    name: str
    kind: str
    service: str
    start_time: datetime
    offset_ms: float
    duration_ms: float
    status: str
    error_type: str
    operation: str
    provider: str
    model: str
    ttft_ms: float | None
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    total_input_tokens: int
    total_output_tokens: int
    total_cost_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Trace(Answer):
    """A trace as a tree."""

    trace_id: str
    start_time: datetime
    duration_ms: float
    span_count: int
    spans: list[TraceSpan]
    spans_left_out: int
    total_input_tokens: int
    total_output_tokens: int
    total_cost_usd: Decimal | None
    conversation: list[Message]
    retrieved_context: list[Context]
    content_left_out: bool
    scores: list[ScoreOfTrace]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Traces(Answer):
    """A page of the search.

    Attributes:
        next_cursor: for the next page; None on the last one
    """

    from_: datetime
    to: datetime
    traces: list[FoundTrace]
    next_cursor: str | None
