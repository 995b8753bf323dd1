"""How long does it take: percentiles of a duration over groups and over time, with errors and throughput.

Guarantee: percentiles as in `quantiles`; requests, errors and rates are exact. A metric that a request does not have
(time to first token of one that did not stream) does not count among the measured ones.

Tokens per second are output tokens over the time in which they came: the duration, less the time to the first token.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

from haechi_collector.errors import WrongParameter
from haechi_collector.query import limits
from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.grouped import Grouped, totals_of
from haechi_collector.query.quantiles import name_of, near, quantiles_sql
from haechi_collector.query.series import iso

Metric = Literal["duration", "ttft", "tokens_per_second"]

_GENERATING: Final = "(duration_ns - least(ifNull(ttft_ns, 0), duration_ns))"
METRICS: Final[dict[Metric, tuple[str, str]]] = {
    "duration": ("duration_ns / 1e6", "ms"),
    "ttft": ("ttft_ns / 1e6", "ms"),
    "tokens_per_second": (
        f"if(output_tokens > 0 AND {_GENERATING} > 0, output_tokens * 1e9 / {_GENERATING}, NULL)",
        "tokens/s",
    ),
}
"""The SQL of each metric, and its unit."""

_ORDER: Final = "requests DESC"


@dataclass(frozen=True, slots=True)
class LatencyQuestion:
    """Which metric, at which levels, of which groups."""

    grouped: Grouped
    metric: Metric
    levels: tuple[float, ...]

    @property
    def measures(self) -> tuple[str, ...]:
        """SQL of what is measured of each group."""
        value = METRICS[self.metric][0]
        return (
            "count() AS requests",
            "countIf(status_code = 'error') AS errors",
            f"count({value}) AS measured",
            f"avg({value}) AS average",
            f"min({value}) AS least",
            f"max({value}) AS most",
            f"{quantiles_sql(self.levels, value)} AS found",
        )


async def latency(engine: Engine, question: LatencyQuestion) -> dict[str, Any]:
    """Answer it.

    Raises:
        WrongParameter: the series would have too many points.
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    grouped, window = question.grouped, question.grouped.scope.window
    table = await engine.ask(grouped.rows(question.measures, _ORDER))
    rows = table.rows if grouped.by else []
    answer = {
        "from": iso(window.from_ns),
        "to": iso(window.to_ns),
        "metric": question.metric,
        "unit": METRICS[question.metric][1],
        "groups": table.groups if grouped.by else 0,
        "total": _figures(question, totals_of(table, grouped.by), window.seconds),
        "rows": [{"group": grouped.group(row), **_figures(question, row, window.seconds)} for row in rows],
    }
    if grouped.step_s:
        is_cut = bool(grouped.by) and table.groups > len(table.rows)
        answer |= {"interval_s": grouped.step_s, "series": await _series(engine, question, is_cut=is_cut)}
    return answer


async def _series(engine: Engine, question: LatencyQuestion, *, is_cut: bool) -> list[dict[str, Any]]:
    grouped, most = question.grouped, limits.QUESTION_POINTS_MAX
    table = await engine.ask(grouped.series(question.measures, most, _ORDER if is_cut else ""))
    if len(table.rows) > most:
        raise WrongParameter("interval", f"more than {most} points; take a longer interval or a smaller limit")
    return [{**grouped.point(row), **_figures(question, row, grouped.step_s)} for row in table.rows]


def _figures(question: LatencyQuestion, row: Row, seconds: float) -> dict[str, Any]:
    requests = row["requests"]
    found = zip(question.levels, row["found"] or [None] * len(question.levels), strict=True)
    return {
        "requests": requests,
        "requests_per_minute": requests * 60 / seconds,
        "errors": row["errors"],
        "error_rate": row["errors"] / requests if requests else None,
        "measured": row["measured"],
        "avg": rounded(row["average"]) if row["measured"] else None,
        "min": rounded(row["least"]) if row["measured"] else None,
        "max": rounded(row["most"]) if row["measured"] else None,
        "quantiles": {name_of(level): rounded(near(v, row["least"], row["most"])) for level, v in found},
    }


def rounded(value: float | None) -> float | None:
    """Return a measured value without digits that mean nothing: a thousandth of its unit."""
    return None if value is None else round(value, 3)
