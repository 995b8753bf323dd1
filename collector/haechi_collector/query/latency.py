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
from haechi_collector.query.kept import Measure, quantiles_of
from haechi_collector.query.quantiles import name_of, near
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

_READ: Final[dict[Metric, tuple[str, float]]] = {
    "duration": ("duration_ns", 1e-6),
    "ttft": ("ttft_ns", 1e-6),
    "tokens_per_second": (METRICS["tokens_per_second"][0], 1.0),
}
"""What is read of each metric, as `kept` knows it, and how many of its units that is."""

_ORDER: Final = "requests DESC"


@dataclass(frozen=True, slots=True)
class LatencyQuestion:
    """Which metric, at which levels, of which groups."""

    grouped: Grouped
    metric: Metric
    levels: tuple[float, ...]

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What is measured of each group, in the units of the columns."""
        value = _READ[self.metric][0]
        return (
            Measure("requests", "count()"),
            Measure("errors", "countIf(status_code = 'error')"),
            Measure("measured", f"count({value})"),
            Measure("summed", f"sum({value})"),
            Measure("least", f"min({value})", "min"),
            Measure("most", f"max({value})", "max"),
            quantiles_of("found", value, self.levels),
        )

    def shown(self, value: float | None) -> float | None:
        """Return a measured value in the unit of the metric, to a thousandth of it."""
        return None if value is None else round(value * _READ[self.metric][1], 3)


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
    requests, measured, shown = row["requests"], row["measured"], question.shown
    found = zip(question.levels, row["found"] or [None] * len(question.levels), strict=True)
    return {
        "requests": requests,
        "requests_per_minute": requests * 60 / seconds,
        "errors": row["errors"],
        "error_rate": row["errors"] / requests if requests else None,
        "measured": measured,
        "avg": shown(row["summed"] / measured) if measured else None,
        "min": shown(row["least"]) if measured else None,
        "max": shown(row["most"]) if measured else None,
        "quantiles": {name_of(level): shown(near(v, row["least"], row["most"])) for level, v in found},
    }
