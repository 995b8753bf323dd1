"""What does it cost: money by any dimension and over time, what has no price, and what caching saved.

Guarantee: sums are exact to the last of 12 places, in every row and in the total, and leave this module as text
(`money`). A request without a price adds nothing and is counted in ``unpriced_requests``; a group of such requests
alone costs None, not 0. A request is priced when it has a cost, 0 included.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from haechi_collector.errors import WrongParameter
from haechi_collector.query import limits
from haechi_collector.query.dimensions import dimension
from haechi_collector.query.engine import Engine, Row, Table
from haechi_collector.query.grouped import Grouped, totals_of
from haechi_collector.query.kept import Measure
from haechi_collector.query.money import each, text_of
from haechi_collector.query.series import iso
from haechi_collector.query.statement import Statement, Values

_ORDER: Final = "cost DESC NULLS LAST, requests DESC"
_MODELS_MAX: Final = 100
_MEASURES: Final = (
    Measure("requests", "count()"),
    Measure("cost", "sum(cost_usd)"),
    Measure("priced", "count(cost_usd)"),
    Measure("unpriced", "countIf(cost_source = 'unpriced')"),
    Measure("input", "sum(input_tokens)"),
    Measure("output", "sum(output_tokens)"),
    Measure("cached", "sum(cache_read_tokens)"),
    Measure("priced_tokens", "sumIf(input_tokens + output_tokens, cost_usd IS NOT NULL)"),
)
_TOKENS: Final = (
    Measure("requests", "count()"),
    Measure("input_tokens", "sum(input_tokens)"),
    Measure("output_tokens", "sum(output_tokens)"),
)
_OF_MODEL: Final = tuple(dimension(name, "group_by") for name in ("provider", "model", "response_model"))
_USERS: Final = Measure("users", "uniqExactIf(user_id, user_id != '')")
_RATE: Final = "toDecimal128OrZero(cost_details['{bucket}.rate'], 15)"


@dataclass(frozen=True, slots=True)
class CostsQuestion:
    """Costs of which groups; ``users`` and ``savings`` read columns that are larger than all others together."""

    grouped: Grouped
    users: bool = False
    savings: bool = False

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What is measured of each group."""
        return (*_MEASURES, _USERS) if self.users else _MEASURES


async def costs(engine: Engine, question: CostsQuestion) -> dict[str, Any]:
    """Answer it.

    Raises:
        WrongParameter: the series would have too many points.
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    grouped, window = question.grouped, question.grouped.scope.window
    table = await engine.ask(grouped.rows(question.measures, _ORDER))
    total = totals_of(table, grouped.by)
    unpriced, saved = await asyncio.gather(
        _unpriced_models(engine, question, total["unpriced"]), _saved(engine, question, total["cached"])
    )
    answer: dict[str, Any] = {
        "from": iso(window.from_ns),
        "to": iso(window.to_ns),
        "groups": table.groups if grouped.by else 0,
        "total": {**_figures(total), **saved},
        "rows": [{"group": grouped.group(row), **_figures(row)} for row in (table.rows if grouped.by else [])],
        "unpriced_models": unpriced,
    }
    if grouped.step_s:
        answer |= {"interval_s": grouped.step_s, "series": await _series(engine, question, table)}
    return answer


async def _series(engine: Engine, question: CostsQuestion, rows: Table) -> list[dict[str, Any]]:
    grouped, most = question.grouped, limits.QUESTION_POINTS_MAX
    is_cut = bool(grouped.by) and rows.groups > len(rows.rows)
    table = await engine.ask(grouped.series(question.measures, most, _ORDER if is_cut else ""))
    if len(table.rows) > most:
        raise WrongParameter("interval", f"more than {most} points; take a longer interval or a smaller limit")
    return [{**grouped.point(row), **_figures(row)} for row in table.rows]


async def _unpriced_models(engine: Engine, question: CostsQuestion, unpriced: int) -> list[dict[str, Any]]:
    if not unpriced:
        return []
    grouped = Grouped(question.grouped.scope, _OF_MODEL, limits.QUESTION_GROUPS_MAX, is_unpriced=True)
    table = await engine.ask(grouped.rows(_TOKENS, "requests DESC"))
    found: dict[tuple[str, str], Counter[str]] = {}
    for row in table.rows:  # one per model that was asked for and that answered
        provider, asked, answered = (row[f"g{n}"] for n in range(3))
        found.setdefault((provider, answered or asked), Counter()).update({one.name: row[one.name] for one in _TOKENS})
    most = sorted(found.items(), key=lambda pair: (-pair[1]["requests"], pair[0]))[:_MODELS_MAX]
    return [{"provider": provider, "model": model, **sums} for (provider, model), sums in most]


async def _saved(engine: Engine, question: CostsQuestion, cached: int) -> dict[str, Any]:
    """Return what reading from the provider's cache saved: the receipts' rates of input less those of cached input."""
    if not question.savings:
        return {}
    if not cached:
        return {"cache_saved_usd": "0", "cache_saved_unknown_requests": 0}
    values = Values()
    source = question.grouped.scope.source_of_requests(values, "cache_read_tokens > 0")
    rates = f"{_RATE.format(bucket='input')} AS full, {_RATE.format(bucket='cache_read')} AS reduced"
    known = "mapContains(cost_details, 'input.rate') AND mapContains(cost_details, 'cache_read.rate')"
    inner = f"SELECT cache_read_tokens AS tokens, {known} AS known, {rates} FROM {source}"  # noqa: S608  bound values
    sql = f"SELECT sumIf(toDecimal128(tokens, 0) * (full - reduced), known) AS saved, countIf(NOT known) AS unknown FROM ({inner})"  # noqa: S608, E501  bound values
    row = (await engine.ask(Statement(sql, values.bound))).rows[0]
    return {"cache_saved_usd": text_of(Decimal(row["saved"])), "cache_saved_unknown_requests": row["unknown"]}


def _figures(row: Row) -> dict[str, Any]:
    cost = None if row["cost"] is None else Decimal(row["cost"])
    figures = {
        "requests": row["requests"],
        "cost_usd": text_of(cost),
        "priced_requests": row["priced"],
        "unpriced_requests": row["unpriced"],
        "cost_per_request_usd": text_of(each(cost, row["priced"])),
        "cost_per_1000_tokens_usd": text_of(each(cost and cost * 1000, row["priced_tokens"])),
        "input_tokens": row["input"],
        "output_tokens": row["output"],
        "cache_read_tokens": row["cached"],
        "cached_share": row["cached"] / row["input"] if row["input"] else None,
    }
    if "users" in row:
        figures |= {"users": row["users"], "cost_per_user_usd": text_of(each(cost, row["users"]))}
    return figures
