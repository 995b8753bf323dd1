"""Prompts whose beginning is the same every time: what a provider's cache would save, and what examples weigh.

Guarantee: what is the same is counted as `prefixes` does; money is tokens at the rates of the receipts, exact.

Caching: a request that follows another one of its group within `prefixes.CACHE_S` would read the prefix from the
cache, less what it has read from it already; any other one would write it, at the rate of writing where the
provider has one. Prefixes below `prefixes.PREFIX_TOKENS_MIN` are not cached.

Examples: pairs of messages that are in every request of a group (`examples`). What they cost is what would go
with them.
"""

import asyncio
from decimal import Decimal
from typing import Any

from haechi_collector.query.cache_rates import CacheRates, cache_rates
from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.prefixes import CACHE_S, PREFIX_TOKENS_MIN, Group, groups_of
from haechi_collector.query.recommendation import Looked, Recommendation, named


async def prompts(engine: Engine, looked: Looked) -> list[Recommendation]:
    """Return what caching would save and what examples weigh, by prompt and model.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    groups = await groups_of(engine, looked)
    # The price book is opened once, which takes a while.
    rates = await asyncio.to_thread(lambda: [_rates(group, looked) for group in groups])
    cached = [_caching(looked, group, known) for group, known in zip(groups, rates, strict=True)]
    return [one for one in (*cached, *(_few_shot(looked, group) for group in groups)) if one]


def _rates(group: Group, looked: Looked) -> list[tuple[Row, CacheRates]]:
    at_ns = looked.scope.window.to_ns
    found = ((row, cache_rates(group.row, row["rate"], row["reduced_rate"], at_ns)) for row in group.sums)
    return [(row, rates) for row, rates in found if rates is not None]


def _caching(looked: Looked, group: Group, known: list[tuple[Row, CacheRates]]) -> Recommendation | None:
    saving = sum((row["gained"] * rates.gain - row["lost"] * rates.loss for row, rates in known), Decimal(0))
    if saving <= 0:
        return None
    tokens = _total(group, "same") // _total(group, "requests")
    return Recommendation(
        "prompt_caching",
        f"{_who(group)} begins with the same {tokens:,} tokens in all {_total(group, 'requests'):,} requests",
        saving,
        looked,
        {
            **_evidence(group),
            "prefix_tokens": tokens,
            "prefix_share": _total(group, "same") / _total(group, "input"),
            "cached_share": _total(group, "read") / _total(group, "input"),
            "requests_soon_after_another": _total(group, "soon"),
            "tokens_to_cache": _total(group, "gained"),
            "input_rates_usd": [f"{rates.full:f}" for _, rates in known],
            "cached_rates_usd": [f"{rates.cached:f}" for _, rates in known],
            "rates_from": sorted({rates.source for _, rates in known}),
        },
        _traces(looked, group),
        (
            "Tokens of the prefix are its share of the text of a request.",
            f"The provider caches prefixes of {PREFIX_TOKENS_MIN:,} tokens and more for {CACHE_S // 60} minutes.",
        ),
    )


def _few_shot(looked: Looked, group: Group) -> Recommendation | None:
    weights = [_weight(row) for row in group.sums]
    saving = sum((weight or Decimal(0) for weight in weights), Decimal(0))
    if not group.examples.pairs or None in weights or not saving:
        return None
    tokens = _total(group, "shown_full") + _total(group, "shown_cached")
    pairs = group.examples.pairs
    return Recommendation(
        "few_shot",
        f"{pairs} example{'s' * (pairs > 1)} in {_who(group)}: {tokens // _total(group, 'requests'):,} tokens of every"
        " request",
        saving,
        looked,
        {
            **_evidence(group),
            "examples": pairs,
            "example_tokens": tokens // _total(group, "requests"),
            "example_share": tokens / _total(group, "input"),
        },
        _traces(looked, group),
        (
            "Tokens of the examples are their share of the text of a request.",
            "The saving is all that they cost; whether answers stay as good without them has to be tried.",
        ),
    )


def _weight(row: Row) -> Decimal | None:
    """Return what examples cost: as many of them at the cached rate as can have been read from the cache."""
    if (row["shown_full"] and not row["rate"]) or (row["shown_cached"] and not row["reduced_rate"]):
        return None
    full = row["shown_full"] * Decimal(row["rate"] or 0)
    return Decimal(full + row["shown_cached"] * Decimal(row["reduced_rate"] or 0))


def _total(group: Group, name: str) -> int:
    return sum(row[name] for row in group.sums)


def _who(group: Group) -> str:
    row = group.row
    return f"{named(row['prompt_name'], row['service_name'])} on {row['request_model'] or 'no model'}"


def _evidence(group: Group) -> dict[str, Any]:
    row = group.row
    return {
        "service": row["service_name"],
        "provider": row["provider"],
        "model": row["request_model"],
        "prompt": row["prompt_name"],
        "prompt_version": row["prompt_version"],
        "requests": _total(group, "requests"),
    }


def _traces(looked: Looked, group: Group) -> dict[str, str | list[str]]:
    row = group.row
    return looked.traces(
        service=row["service_name"],
        model=row["request_model"],
        prompt=row["prompt_name"],
        prompt_version=row["prompt_version"],
        order="dearest",
    )
