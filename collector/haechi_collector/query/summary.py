"""How is it going: the figures of a window on one line each, and the models behind them.

Guarantee: two statements, one over the requests and one over their judgements. Costs are exact; percentiles as in
`quantiles`. What nobody has priced, measured or judged is None, never 0.
"""

import asyncio
from decimal import Decimal
from typing import Any, Final

from haechi_collector.query.dimensions import dimension
from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.grouped import Grouped
from haechi_collector.query.judgements import THUMBS, UP
from haechi_collector.query.kept import Measure, quantiles_of
from haechi_collector.query.money import each, text_of
from haechi_collector.query.quantiles import DEFAULT, name_of, near
from haechi_collector.query.scope import Scope
from haechi_collector.query.series import iso
from haechi_collector.query.statement import Statement, Values

_MODELS_MAX: Final = 100
_MEASURES: Final = (
    Measure("requests", "count()"),
    Measure("errors", "countIf(status_code = 'error')"),
    Measure("cost", "sum(cost_usd)"),
    Measure("priced", "count(cost_usd)"),
    Measure("unpriced", "countIf(cost_source = 'unpriced')"),
    Measure("duration", "sum(duration_ns)"),
    quantiles_of("latency", "duration_ns", DEFAULT),
    Measure("latency_min", "min(duration_ns)", "min"),
    Measure("latency_max", "max(duration_ns)", "max"),
    quantiles_of("ttft", "ttft_ns", DEFAULT),
    Measure("ttft_min", "min(ttft_ns)", "min"),
    Measure("ttft_max", "max(ttft_ns)", "max"),
)


async def summary(engine: Engine, scope: Scope) -> dict[str, Any]:
    """Answer it.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    grouped = Grouped(scope, (dimension("model", "group_by"),), _MODELS_MAX)
    table, judged = await asyncio.gather(
        engine.ask(grouped.rows(_MEASURES, "requests DESC")), engine.ask(_judgements(scope))
    )
    return {
        "from": iso(scope.window.from_ns),
        "to": iso(scope.window.to_ns),
        **_figures(table.totals, scope.window.seconds),
        **_qualities(judged.rows[0]),
        "model_distribution": [_model(row, table.totals["requests"]) for row in table.rows],
    }


def _judgements(scope: Scope) -> Statement:
    values = Values()
    sql = (
        "SELECT avgIf(value, name = 'quality') AS quality, avgIf(value > 0.5, name = 'hallucination') AS hallucination,"  # noqa: S608  bound values
        f" avgIf({UP}, {THUMBS}) AS thumbs FROM scores FINAL WHERE {scope.scores(values)}"
    )
    return Statement(sql, values.bound)


def _figures(row: Row, seconds: float) -> dict[str, Any]:
    requests = row["requests"]
    cost = None if row["cost"] is None else Decimal(row["cost"])
    return {
        "total_requests": requests,
        "requests_per_minute": requests * 60 / seconds,
        "error_rate": row["errors"] / requests if requests else None,
        "avg_latency_ms": _ms(row["duration"] / requests) if requests else None,
        **_percentiles(row, "latency"),
        **_percentiles(row, "ttft"),
        "total_cost_usd": text_of(cost),
        "cost_per_request_usd": text_of(each(cost, row["priced"])),
        "unpriced_requests": row["unpriced"],
    }


def _percentiles(row: Row, what: str) -> dict[str, float | None]:
    found = zip(DEFAULT, row[what] or [None] * len(DEFAULT), strict=True)
    ends = row[f"{what}_min"], row[f"{what}_max"]
    return {f"{name_of(level)}_{what}_ms": _ms(near(value, *ends)) for level, value in found}


def _ms(nanoseconds: float | None) -> float | None:
    return None if nanoseconds is None else round(nanoseconds / 1e6, 3)


def _qualities(row: Row) -> dict[str, float | None]:
    return {
        "avg_quality_score": row["quality"],
        "hallucination_rate": row["hallucination"],
        "thumbs_up_rate": row["thumbs"],
    }


def _model(row: Row, requests: int) -> dict[str, Any]:
    return {
        "model": row["g0"],
        "requests": row["requests"],
        "share": row["requests"] / requests,
        "cost_usd": text_of(None if row["cost"] is None else Decimal(row["cost"])),
    }
