"""Scores as the API takes them.

Guarantee: a score without an id is given one before it is sent, so that a request that is sent again stores it once.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, Literal, NotRequired, Required, TypedDict
from uuid import uuid4

SCORES_MAX: Final = 1_000
"""Scores of one request, as the API has it."""


class Score(TypedDict):
    """A judgement on a trace, or on a span of it; with a value, a label, or both (docs/api.md)."""

    trace_id: Required[str]
    name: Required[str]
    span_id: NotRequired[str | None]
    value: NotRequired[float | None]
    label: NotRequired[str | None]
    explanation: NotRequired[str | None]
    source: NotRequired[Literal["human", "judge", "client", "check"]]
    evaluator: NotRequired[str | None]
    evaluator_version: NotRequired[str | None]
    timestamp: NotRequired[datetime | None]
    id: NotRequired[str | None]


def bodies(scores: Iterable[Score]) -> Iterator[list[dict[str, Any]]]:
    """Yield what each request holds."""
    left = iter(scores)
    while some := list(islice(left, SCORES_MAX)):
        yield [_written(one) for one in some]


def _written(score: Score) -> dict[str, Any]:
    told: dict[str, Any] = {key: value for key, value in score.items() if value is not None}
    at = score.get("timestamp")
    if at is not None:
        if at.tzinfo is None:
            raise ValueError(f"timestamp: {at} has no time zone; write datetime(..., tzinfo=UTC)")
        told["timestamp"] = at.astimezone(UTC).isoformat()
    if score.get("value") is not None:
        told["value"] = float(told["value"])
    return {**told, "id": score.get("id") or uuid4().hex}
