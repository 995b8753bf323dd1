"""What one span answers, for the OpenAPI."""

from typing import Any, Literal

from pydantic import Field

from haechi_collector.api.models import Money, Time
from haechi_collector.api.models_answer import Answer
from haechi_collector.api.models_people import JudgedTrace

_PARTS = [{"role": "user", "parts": [{"type": "text", "content": "배송은 언제 오나요?"}]}]


class Text(Answer):
    """A text that may be JSON: parsed, or as it stands."""

    parsed: Any = Field(description="JSON in the convention's shape; null where it is none", examples=[_PARTS])
    text: str = Field(description="As it stands, where it does not parse or is cut", examples=[""])
    chars: int = Field(description="Characters of the whole", examples=[84])
    is_cut: bool = Field(description="More than 1,000,000 characters", examples=[False])


class ReceiptLine(Answer):
    """One bucket of tokens."""

    bucket: str = Field(description="input, cache_read, cache_write, output, ...", examples=["input"])
    tokens: int = Field(examples=[158])
    rate_usd: Money = Field(description="Per token", examples=["0.00000015"])
    amount_usd: Money = Field(examples=["0.0000237"])


class Receipt(Answer):
    """How a cost came about; the lines and the rounding add up to it."""

    lines: list[ReceiptLine]
    rounding_usd: Money = Field(description="null without lines", examples=["0"])
    remarks: dict[str, str] = Field(
        description="price_book, priced_as, tier, reported, unpriced (why), ...",
        examples=[{"priced_as": "gpt-4o-mini"}],
    )


class Attribute(Answer):
    """One attribute, with its type."""

    key: str = Field(examples=["gen_ai.request.temperature"])
    type: Literal["string", "number", "bool"]
    value: str | float | bool | None = Field(description="null for not-a-number", examples=[0.2])
    is_cut: bool = Field(description="More than 10,000 characters", examples=[False])


class ScoreOfSpan(JudgedTrace):
    """A judgement on the span."""

    evaluator_version: str = Field(examples=["1.2.0"])


class Span(Answer):
    """Everything of one span."""

    project: str = Field(examples=["default"])
    trace_id: str = Field(examples=["5b8efff798038103d269b633813fc60c"])
    span_id: str = Field(examples=["051581bf3cb55c13"])
    parent_span_id: str = Field(examples=[""])
    name: str = Field(examples=["chat gpt-4o-mini"])
    kind: str = Field(examples=["client"])
    service: str = Field(examples=["support-bot"])
    service_version: str = Field(examples=["1.4.0"])
    environment: str = Field(examples=["production"])
    start_time: Time
    duration_ms: float = Field(examples=[2911.2])
    status: str = Field(examples=["unset"])
    status_message: Text
    error_type: str = Field(examples=[""])
    operation: str = Field(examples=["chat"])
    provider: str = Field(examples=["openai"])
    request_model: str = Field(examples=["gpt-4o-mini"])
    response_model: str = Field(examples=["gpt-4o-mini-2024-07-18"])
    input_tokens: int = Field(examples=[1310])
    output_tokens: int = Field(examples=[84])
    cache_read_tokens: int = Field(examples=[1152])
    cache_write_tokens: int = Field(examples=[0])
    reasoning_tokens: int = Field(examples=[0])
    usage_source: str = Field(description="reported, counted, repeated or none", examples=["reported"])
    cost_usd: Money
    cost_source: str = Field(examples=["price_book"])
    receipt: Receipt
    ttft_ms: float | None = Field(examples=[412.0])
    is_streaming: bool = Field(examples=[True])
    finish_reasons: list[str] = Field(examples=[["stop"]])
    user: str = Field(examples=["user-0007"])
    session: str = Field(examples=["session-0042"])
    prompt: str = Field(examples=["support-answer"])
    prompt_version: str = Field(examples=["3"])
    experiment: str = Field(examples=[""])
    variant: str = Field(examples=[""])
    input_messages: Text
    output_messages: Text
    system_instructions: Text
    tool_definitions: Text
    retrieved_context: Text
    attributes: list[Attribute]
    resource_attributes: list[Attribute]
    attributes_left_out: int = Field(description="More than 1,000 of one type", examples=[0])
    events: Text
    links: Text
    scope_name: str = Field(examples=["haechi"])
    scope_version: str = Field(examples=["0.1.0"])
    dialect: str = Field(examples=["otel_genai"])
    ingested_at: Time
    scores: list[ScoreOfSpan]
