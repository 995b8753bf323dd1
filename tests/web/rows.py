"""Rows that every page has something of: two projects, models, versions, sessions, errors, unpriced calls, scores."""

import random
from decimal import Decimal
from typing import Any

from tests.questions import call, score, span

HOSTILE = "<img src=x onerror=\"document.title='pwned'\"><script>document.title='pwned'</script>"
"""A model's name that tries to run something."""

MODELS = ("gpt-4o", "claude-sonnet", "모델", HOSTILE)
COUNT = 600


def spans_and_scores() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Spans from 14:13:20 to about 14:43, a call every three seconds."""
    draw = random.Random(5)
    calls = [_call(draw, number * 3) for number in range(COUNT)]
    roots = [
        span(number * 3 + 1, name="answer", project="default", trace_id=f"{number * 3:032x}", operation="invoke_agent")
        for number in range(COUNT)
        if number % 3
    ]
    scores = [
        score(number * 3, name=name, value=value, source="check")
        for number in range(0, COUNT, 4)
        for name, value in (("quality", draw.random()), ("hallucination", float(draw.random() < 0.1)))
        if number % 8 or name == "quality"
    ]
    scores = [{**one, "id": f"{one['name']}-{one['id']}"} for one in scores]
    return [*calls, *roots], scores


def _call(draw: random.Random, number: int) -> dict[str, Any]:
    model = draw.choice(MODELS)
    version = draw.choice(("v2", "v3"))
    priced = model != "모델"
    tokens = draw.randrange(100, 2000)
    seconds = draw.lognormvariate(0, 0.6) * (1.5 if version == "v3" else 1.0)
    return call(
        number,
        project="other" if number % 9 == 0 else "default",
        name=f"chat {model}",
        request_model=model,
        response_model=model,
        user_id=f"user-{draw.randrange(20)}",
        session_id=f"session-{number // 12}",
        service_name=draw.choice(("support-bot", "검색")),
        prompt_name="answer",
        prompt_version=version,
        status_code="error" if draw.random() < 0.05 else "ok",
        duration_ns=int(seconds * 1e9),
        ttft_ns=int(seconds * 3e8) if draw.random() < 0.5 else None,
        input_tokens=tokens,
        output_tokens=draw.randrange(10, 300),
        cache_read_tokens=50 if draw.random() < 0.3 else 0,
        cost_usd=Decimal(draw.randrange(1, 10**10)).scaleb(-12) if priced else None,
        cost_source="price_book" if priced else "unpriced",
        input_messages='[{"role":"user","parts":[{"type":"text","content":"환불은 언제 되나요?"}]}]',
        output_messages='[{"role":"assistant","parts":[{"type":"text","content":"<b>사흘</b> 안에요."}]}]',
        attributes_string=[("tenant", draw.choice(("acme", "가나")))],
    )
