"""How is it spread: a histogram of a latency metric, and a heatmap of it over time.

Guarantee: every measured value is in exactly one bin; bins are counted exactly. A bin is a quarter of a doubling wide
(19 %), so that 1 ms and 10 minutes fit into one picture; it holds ``low <= value < high``. Zero has a bin of its own.
"""

import math
from typing import Any, Final

from haechi_collector.errors import WrongParameter
from haechi_collector.query import limits
from haechi_collector.query.engine import Engine
from haechi_collector.query.latency import METRICS, LatencyQuestion
from haechi_collector.query.series import iso, step_sql
from haechi_collector.query.statement import Statement, Values

_PER_DOUBLING: Final = 4
_ZERO: Final = -1000


def _bin(metric_sql: str) -> str:
    return f"if(value > 0, toInt32(floor(log2(value) * {_PER_DOUBLING})), {_ZERO}) AS bin".replace("value", metric_sql)


def _statement(question: LatencyQuestion, *, by_time: bool) -> Statement:
    values = Values()
    grouped, value = question.grouped, METRICS[question.metric][0]
    time = f"{step_sql(values.number(grouped.step_s))} AS t, " if by_time else ""
    keys = "t, bin" if by_time else "bin"
    where = f"{grouped.scope.requests(values)} AND isNotNull({value})"
    tail = f"GROUP BY {keys} ORDER BY {keys} LIMIT {limits.QUESTION_POINTS_MAX + 1}"
    return Statement(f"SELECT {time}{_bin(value)}, count() AS requests FROM spans WHERE {where} {tail}", values.bound)  # noqa: S608  bound values


def edges(bin_: int) -> tuple[float, float]:
    """Return what a bin holds: from its low end up to its high end."""
    if bin_ == _ZERO:
        return 0.0, 0.0
    return math.exp2(bin_ / _PER_DOUBLING), math.exp2((bin_ + 1) / _PER_DOUBLING)


async def histogram(engine: Engine, question: LatencyQuestion) -> list[dict[str, Any]]:
    """Return the bins that hold anything, from the lowest up.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    table = await engine.ask(_statement(question, by_time=False))
    return [_cell(row["bin"], row["requests"]) for row in table.rows]


async def heatmap(engine: Engine, question: LatencyQuestion) -> list[dict[str, Any]]:
    """Return the cells that hold anything, by time and from the lowest up.

    Raises:
        WrongParameter: there are too many.
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    table = await engine.ask(_statement(question, by_time=True))
    if len(table.rows) > limits.QUESTION_POINTS_MAX:
        raise WrongParameter("interval", f"more than {limits.QUESTION_POINTS_MAX} cells; take a longer interval")
    return [{"time": iso(row["t"] * 10**9), **_cell(row["bin"], row["requests"])} for row in table.rows]


def _cell(bin_: int, requests: int) -> dict[str, Any]:
    low, high = edges(bin_)
    return {"low": low, "high": high, "requests": requests}
