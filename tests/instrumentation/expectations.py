"""What a span must say, from what the stand-in said: shared by the tests of providers."""

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from tests.standin.facts import Facts

from haechi.pricing import PriceBook, Usage
from haechi_schemas import attributes as names

USAGE = {
    names.USAGE_INPUT_TOKENS: "input_tokens",
    names.USAGE_OUTPUT_TOKENS: "output_tokens",
    names.USAGE_CACHE_READ_TOKENS: "cache_read_tokens",
    names.USAGE_CACHE_WRITE_TOKENS: "cache_write_tokens",
    names.USAGE_CACHE_WRITE_1H_TOKENS: "cache_write_1h_tokens",
    names.USAGE_REASONING_TOKENS: "reasoning_tokens",
}


@cache
def book() -> PriceBook:
    """The price book, read once."""
    return PriceBook.load()


def cost_usd(provider: str, models: tuple[str, ...], usage: dict[str, int]) -> float:
    """The price book's own answer for a call in January 2026, which is when the tests' clock begins."""
    schedule = book().schedule(provider, *models)
    assert schedule is not None
    rates = schedule.at(datetime(2026, 1, 1, tzinfo=UTC))
    assert rates is not None
    return float(rates.cost(Usage(**{USAGE[name]: count for name, count in usage.items()})).cost)


def counts(told: Facts, hour: int = 0) -> dict[str, int]:
    """The token attributes; kinds that the provider does not tell are absent."""
    found = {name: getattr(told, field, hour) for name, field in USAGE.items()}
    return {name: count for name, count in found.items() if count}


def answer(told: Facts, ids: list[str]) -> list[dict[str, Any]]:
    """The answer in the convention's message shape; ``ids`` are those of its tool calls."""
    calls = [
        {"type": "tool_call", "id": id_, "name": call.name, "arguments": call.arguments}
        for id_, call in zip(ids, told.tool_calls, strict=False)
    ]
    thought = [{"type": "reasoning", "content": told.reasoning}] if told.reasoning else []
    text = [{"type": "text", "content": told.text}] if told.text else []
    return [{"role": "assistant", "parts": [*thought, *text, *calls], "finish_reason": told.finish_reason}]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """A span's attributes as plain values, those that hold JSON decoded."""
    found = dict(span.attributes or {})
    return {name: _plain(value) for name, value in found.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("["):
        return json.loads(value)
    return list(value) if isinstance(value, tuple) else value


def everything(span: ReadableSpan) -> str:
    """All that a span carries, as one text to search."""
    events = [(event.name, dict(event.attributes or {})) for event in span.events]
    return json.dumps([span.name, dict(span.attributes or {}), events, span.status.description], ensure_ascii=False)
