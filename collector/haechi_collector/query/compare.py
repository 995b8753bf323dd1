"""What differs between two windows, or between two values of a dimension, and what of it is more than chance.

Guarantee: every difference is a less b, with an interval that covers the true one at 95 % for that line alone, allowing
for requests of one session or trace that hang together (`clusters`, `intervals`). Costs are exact; limits of intervals
are not, and money in them has six digits. Too few units give no interval and no verdict.
"""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from haechi_collector.query.compare_measured import Measured, measured
from haechi_collector.query.compare_metrics import METRICS, Metric
from haechi_collector.query.compare_side import Side
from haechi_collector.query.engine import Engine
from haechi_collector.query.intervals import CONFIDENCE
from haechi_collector.query.money import text_of
from haechi_collector.query.series import iso


@dataclass(frozen=True, slots=True)
class CompareQuestion:
    """The two sides; they share no request."""

    a: Side
    b: Side


async def compare(engine: Engine, question: CompareQuestion) -> dict[str, Any]:
    """Answer it.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    a, b = await asyncio.gather(measured(engine, question.a), measured(engine, question.b))
    return {"a": _figures(a), "b": _figures(b), "differences": [_difference(metric, a, b) for metric in METRICS]}


def _figures(of: Measured) -> dict[str, Any]:
    window = of.side.scope.window
    shown = {metric.name: _shown(metric, metric.value(of)) for metric in METRICS}
    return {
        "label": of.side.label,
        "from": iso(window.from_ns),
        "to": iso(window.to_ns),
        "independent_units": round(of.units("requests")),
        "total_cost_usd": text_of(of.cost),
        "unpriced_requests": of.total("unpriced"),
        **shown,
        "requests": of.total("requests"),
    }


def _difference(metric: Metric, a: Measured, b: Measured) -> dict[str, Any]:
    values = metric.value(a), metric.value(b)
    interval = metric.interval(a, b)
    low, high = (interval.low, interval.high) if interval else (None, None)
    difference = _less(*values)
    return {
        "metric": metric.name,
        "unit": metric.unit,
        "a": _shown(metric, values[0]),
        "b": _shown(metric, values[1]),
        "difference": _shown(metric, difference),
        "relative": round(float(difference) / float(values[1]), 6) if difference is not None and values[1] else None,
        "low": _limit(metric, low),
        "high": _limit(metric, high),
        "confidence": CONFIDENCE,
        "method": metric.method,
        "verdict": _verdict(low, high),
    }


def _less(a: float | Decimal | None, b: float | Decimal | None) -> float | Decimal | None:
    if a is None or b is None:
        return None
    return a - b if isinstance(a, Decimal) and isinstance(b, Decimal) else float(a) - float(b)


def _verdict(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "too few"
    if low > 0:
        return "higher"
    return "lower" if high < 0 else "no clear difference"


def _shown(metric: Metric, value: float | Decimal | None) -> float | str | None:
    if value is None:
        return None
    return text_of(value) if isinstance(value, Decimal) else round(value, metric.places)


def _limit(metric: Metric, value: float | None) -> float | str | None:
    if value is None:
        return None
    return text_of(Decimal(f"{value:.6g}")) if metric.unit == "usd" else round(value, metric.places)
