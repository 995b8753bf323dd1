"""Models used where a cheaper one was judged as good.

Guarantee: a cheaper model is named only where quality scores of the same service and prompt show that it is not worse:
the lower limit of the difference of means (Welch, one-sided 95 %) lies above ``-MARGIN`` times the dearer one's mean,
with `SCORES_MIN` scored traces of each. The saving is the dearer one's cost less its own tokens at the cheaper one's
highest rates of the receipts, exact; without a rate for input and output there is none.

A score of a trace counts for the model that alone made the requests of the prompt in that trace.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import permutations
from typing import Any, Final

from haechi_collector.query import limits
from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.intervals import Estimate, welch
from haechi_collector.query.recommendation import Looked, Recommendation, named
from haechi_collector.query.statement import Statement, Values

MARGIN: Final = 0.05
"""Of the dearer one's mean quality, by which the cheaper one may be worse."""

SCORES_MIN: Final = 30
_ONE_SIDED: Final = 0.9
"""A two-sided interval of 90 % has 95 % above its lower limit."""

_MODELS_MAX: Final = 200
_BUCKETS: Final = {
    "input": "input",
    "cached": "cache_read",
    "written": "cache_write",
    "output": "output",
    "request": "request",
}
"""Of a receipt, by the name that they have here."""

_KEYS: Final = ("service_name", "prompt_name", "provider", "request_model")


@dataclass(frozen=True, slots=True)
class _Used:
    """A model as one prompt used it."""

    row: Row
    scored: int
    quality: Estimate

    @property
    def cost(self) -> Decimal:
        return Decimal(self.row["cost"])

    def price_of(self, other: "_Used") -> Decimal | None:
        """Return what the tokens of another one cost at this one's rates; None without a rate."""
        wanted = other.row
        if any(wanted[name] and not self.row[f"has_{name}"] for name in ("input", "output")):
            return None
        rates = {name: Decimal(self.row[f"{name}_rate"]) for name in _BUCKETS if self.row[f"has_{name}"]}
        # Tokens of a bucket without a rate are billed with the input that they are part of.
        rest = wanted["input"] - wanted["cached"] - wanted["written"]
        counts = {"input": rest, **{name: wanted[name] for name in ("cached", "written", "output")}}
        tokens = (count * rates.get(name, rates.get("input", Decimal(0))) for name, count in counts.items())
        calls: Decimal = wanted["requests"] * rates.get("request", Decimal(0))
        return sum(tokens, calls)


async def cheaper_models(engine: Engine, looked: Looked) -> list[Recommendation]:
    """Return for each prompt and model the cheaper one that saves most.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    scores = (await engine.ask(_scores(looked))).rows
    if len(scores) < 2:
        return []
    used = (await engine.ask(_usage(looked))).rows
    judged = {tuple(row[key] for key in _KEYS): row for row in scores}
    groups: dict[tuple[str, str], list[_Used]] = {}
    for row in used:
        score = judged.get(tuple(row[key] for key in _KEYS))
        if score:
            groups.setdefault((row["service_name"], row["prompt_name"]), []).append(_used(row, score))
    return [one for models in groups.values() for one in _cheaper(looked, models)]


def _used(row: Row, score: Row) -> _Used:
    count = score["scored"]
    error = math.sqrt(max(0.0, score["spread"]) / count)
    return _Used(row, count, Estimate(score["quality"], error, count - 1))


def _cheaper(looked: Looked, models: Sequence[_Used]) -> list[Recommendation]:
    best: dict[int, tuple[Decimal, _Used, _Used, float]] = {}
    for (number, dear), (_, cheap) in permutations(enumerate(models), 2):
        price, low = cheap.price_of(dear), welch(cheap.quality, dear.quality, _ONE_SIDED).low
        if price is None or price >= dear.cost or low <= -MARGIN * abs(dear.quality.value):
            continue
        saving = dear.cost - price
        if number not in best or saving > best[number][0]:
            best[number] = saving, dear, cheap, low
    return [_recommended(looked, *one) for one in best.values()]


def _scores(looked: Looked) -> Statement:
    values = Values()
    keys = ", ".join(_KEYS)
    source = looked.scope.source_of_requests(values)
    calls = f"SELECT trace_id, span_id, {keys} FROM {source}"  # noqa: S608  bound values
    where = f"{looked.scope.scores(values)} AND name = 'quality' AND isNotNull(value)"
    scores = f"SELECT trace_id, span_id, id, value FROM scores FINAL WHERE {where}"  # noqa: S608  bound values
    only = ", ".join(f"any(c.{key}) AS {key}" for key in _KEYS)
    models = "uniqExact((c.service_name, c.prompt_name, c.provider, c.request_model))"
    per_score = (
        f"SELECT s.trace_id AS trace, any(s.value) AS value, {only}"  # noqa: S608  bound values
        f" FROM ({calls}) AS c INNER JOIN ({scores}) AS s ON c.trace_id = s.trace_id"
        f" WHERE s.span_id = '' OR s.span_id = c.span_id GROUP BY s.trace_id, s.id HAVING {models} = 1"
    )
    per_trace = f"SELECT {keys}, trace, avg(value) AS mean FROM ({per_score}) GROUP BY {keys}, trace"  # noqa: S608  bound values
    sql = (
        f"SELECT {keys}, count() AS scored, avg(mean) AS quality, varSamp(mean) AS spread"  # noqa: S608  bound values
        f" FROM ({per_trace}) GROUP BY {keys} HAVING scored >= {SCORES_MIN}"
        f" ORDER BY scored DESC, {keys} LIMIT {_MODELS_MAX}"
    )
    return Statement(sql, values.bound)


def _usage(looked: Looked) -> Statement:
    values = Values()
    source = looked.scope.source_of_requests(values, "cost_usd IS NOT NULL")
    rates = [
        column
        for name, bucket in _BUCKETS.items()
        for column in (
            f"max(toDecimal128OrZero(cost_details['{bucket}.rate'], 15)) AS {name}_rate",
            f"countIf(mapContains(cost_details, '{bucket}.rate')) > 0 AS has_{name}",
        )
    ]
    sums = (
        "count() AS requests, sum(input_tokens) AS input, sum(cache_read_tokens) AS cached,"
        " sum(cache_write_tokens) AS written, sum(output_tokens) AS output, sum(cost_usd) AS cost"
    )
    keys = ", ".join(_KEYS)
    tail = f"GROUP BY {keys} ORDER BY cost DESC, {keys} LIMIT {limits.QUESTION_GROUPS_MAX}"
    return Statement(f"SELECT {keys}, {sums}, {', '.join(rates)} FROM {source} {tail}", values.bound)  # noqa: S608  bound values


def _recommended(looked: Looked, saving: Decimal, dear: _Used, cheap: _Used, low: float) -> Recommendation:
    row, other = dear.row, cheap.row
    who = named(row["prompt_name"], row["service_name"])
    evidence: dict[str, Any] = {
        "service": row["service_name"],
        "prompt": row["prompt_name"],
        "provider": row["provider"],
        "model": row["request_model"],
        "cheaper_provider": other["provider"],
        "cheaper_model": other["request_model"],
        "requests": row["requests"],
        "quality": round(dear.quality.value, 6),
        "cheaper_quality": round(cheap.quality.value, 6),
        "scored": dear.scored,
        "cheaper_scored": cheap.scored,
        "difference_low": round(low, 6),
        "margin": round(MARGIN * abs(dear.quality.value), 6),
    }
    return Recommendation(
        "cheaper_model",
        f"{other['request_model']} was judged as good as {row['request_model']} ({who})",
        saving,
        looked,
        evidence,
        looked.traces(
            service=row["service_name"], prompt=row["prompt_name"], model=row["request_model"], order="dearest"
        ),
        (
            f"A mean quality lower by up to {MARGIN:.0%} is as good; shown with 95 % confidence.",
            "The cheaper model takes as many tokens, and was given tasks that are as hard.",
        ),
    )
