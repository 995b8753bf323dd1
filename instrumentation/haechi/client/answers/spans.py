"""What `spans` answers. Written by docs/make_client.py: change the API's models instead."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from haechi.client._answer import Answer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Attribute(Answer):
    """One attribute, with its type.

    Attributes:
        value: None for not-a-number
        is_cut: more than 10,000 characters
    """

    key: str
    type: Literal["string", "number", "bool"]
    value: str | float | bool | None
    is_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReceiptLine(Answer):
    """One bucket of tokens.

    Attributes:
        bucket: input, cache_read, cache_write, output, ...
        rate_usd: per token
    """

    bucket: str
    tokens: int
    rate_usd: Decimal | None
    amount_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Receipt(Answer):
    """How a cost came about; the lines and the rounding add up to it.

    Attributes:
        rounding_usd: None without lines
        remarks: price_book, priced_as, tier, reported, unpriced (why), ...
    """

    lines: list[ReceiptLine]
    rounding_usd: Decimal | None
    remarks: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ScoreOfSpan(Answer):
    """A judgement on the span.

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
    evaluator_version: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Text(Answer):
    """A text that may be JSON: parsed, or as it stands.

    Attributes:
        parsed: JSON in the convention's shape; None where it is none
        text: as it stands, where it does not parse or is cut
        chars: characters of the whole
        is_cut: more than 1,000,000 characters
    """

    parsed: Any
    text: str
    chars: int
    is_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Span(Answer):
    """Everything of one span.

    Attributes:
        usage_source: reported, counted, repeated or none
        attributes_left_out: more than 1,000 of one type
    """

    project: str
    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: str
    service: str
    service_version: str
    environment: str
    start_time: datetime
    duration_ms: float
    status: str
    status_message: Text
    error_type: str
    operation: str
    provider: str
    request_model: str
    response_model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    usage_source: str
    cost_usd: Decimal | None
    cost_source: str
    receipt: Receipt
    ttft_ms: float | None
    is_streaming: bool
    finish_reasons: list[str]
    user: str
    session: str
    prompt: str
    prompt_version: str
    experiment: str
    variant: str
    input_messages: Text
    output_messages: Text
    system_instructions: Text
    tool_definitions: Text
    retrieved_context: Text
    attributes: list[Attribute]
    resource_attributes: list[Attribute]
    attributes_left_out: int
    events: Text
    links: Text
    scope_name: str
    scope_version: str
    dialect: str
    ingested_at: datetime
    scores: list[ScoreOfSpan]
