"""A day of traffic of a pretend application, as rows: every column that questions read has several values."""

import json
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tests.questions import SECOND, T0_NS, call, score, span

CALLS = 240
IDS = {"trace_id": f"{3:032x}", "span_id": f"{11:016x}", "session_id": "session/3", "user_id": "user-3"}
"""A trace, a span of it, a session and a user that are there."""

_MODELS = {"gpt-4o": "openai", "claude-sonnet": "anthropic", "in-house": "vllm"}
_DOCUMENTS = "반품은 30일 안에 할 수 있습니다."


def spans(seed: int = 1) -> list[dict[str, Any]]:
    """Traces of a root, a retrieval, and a call; every fifth call failed, those of one model have no price."""
    r = random.Random(seed)
    return [row for number in range(CALLS) for row in _trace(number, r)]


def _trace(number: int, r: random.Random) -> Iterator[dict[str, Any]]:
    trace_id, begin = f"{number:032x}", T0_NS + number * 240 * SECOND
    common = {
        "trace_id": trace_id,
        "service_name": r.choice(["support-bot", "search"]),
        "environment": r.choice(["production", "staging"]),
        "user_id": f"user-{r.randrange(7)}",
        "session_id": f"session/{number // 4}",
        "resource_attributes": [("region", "kr"), ("deployment.environment.name", "production")],
    }
    root = f"{3 * number:016x}"
    yield span(3 * number, **common, start_time=begin, name="answer", span_id=root, duration_ns=3 * SECOND)
    yield span(
        3 * number + 1,
        **common,
        start_time=begin + SECOND // 10,
        name="retrieve",
        operation="retrieval",
        parent_span_id=root,
        retrieved_context=_DOCUMENTS,
    )
    yield _call(number, root, begin + SECOND // 2, {**common, "span_id": f"{3 * number + 2:016x}"}, r)


def _call(number: int, root: str, begin: int, common: dict[str, Any], r: random.Random) -> dict[str, Any]:
    model = r.choice(list(_MODELS))
    is_failed, is_streaming = number % 5 == 0, number % 2 == 0
    duration = int(r.lognormvariate(20.5, 0.7))
    return call(
        3 * number + 2,
        **common,
        parent_span_id=root,
        start_time=begin,
        name=f"chat {model}",
        kind="client",
        duration_ns=duration,
        provider=_MODELS[model],
        request_model=model,
        response_model=model,
        status_code="error" if is_failed else "ok",
        error_type=r.choice(["rate_limit", "timeout"]) if is_failed else "",
        status_message="429: too many requests" if is_failed else "",
        input_tokens=r.randrange(100, 3000),
        output_tokens=r.randrange(10, 500),
        cache_read_tokens=r.choice([0, 64]),
        cost_usd=None if model == "in-house" else Decimal(r.randrange(10**6, 10**9)).scaleb(-12),
        cost_source="unpriced" if model == "in-house" else "price_book",
        is_streaming=is_streaming,
        ttft_ns=duration // 5 if is_streaming else None,
        finish_reasons=["stop"],
        prompt_name="support-answer",
        prompt_version=str(number % 2 + 1),
        experiment="reranker",
        variant=r.choice("ab"),
        input_messages=_messages("user", "환불은 어떻게 하나요?"),
        output_messages=_messages("assistant", "30일 안에 반품하세요."),
        attributes_string=[("tenant", r.choice(["acme", "가"]))],
        attributes_number=[("temperature", 0.5)],
        attributes_bool=[("vip", True)],
        dialect="otel_genai",
    )


def scores() -> list[dict[str, Any]]:
    """A judgement of quality and of grounding for every call, feedback for every third."""
    rows = []
    for number in range(CALLS):
        where = {"trace_id": f"{number:032x}", "span_id": f"{3 * number + 2:016x}"}
        when = {"timestamp": T0_NS + number * 240 * SECOND + SECOND}
        own = {**where, **when}
        rows.append(score(number, **own, id=f"q{number}", name="quality", value=0.8, source="judge", evaluator="judge"))
        is_wrong = float(number % 10 == 0)
        rows.append(score(number, **own, id=f"h{number}", name="hallucination", value=is_wrong, source="check"))
        if number % 3 == 0:
            label = "thumbs_up" if number % 2 else "thumbs_down"
            feedback = {"name": "user_feedback", "label": label, "source": "human", "value": float(number % 2)}
            rows.append(score(number, **own, id=f"f{number}", **feedback))
    return rows


def _messages(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}], ensure_ascii=False)
