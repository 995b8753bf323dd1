"""The metrics of a comparison: what each is, and which interval its difference has.

Guarantee: one line per metric; the figures of a side and the differences are read from the same value.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from haechi_collector.query.clusters import UNITS_MIN, overdispersion
from haechi_collector.query.compare_measured import Measured
from haechi_collector.query.compare_side import Timing
from haechi_collector.query.intervals import Interval, arrivals, joined, welch, wilson

Unit = Literal["requests", "requests/min", "share", "ms", "tokens/s", "tokens", "usd", "score"]
_NS_PER_MS: Final = 1e6
_PLACES: Final[dict[Unit, int]] = {"share": 6, "score": 6}


@dataclass(frozen=True, slots=True)
class Metric:
    """One of them. ``places`` are the decimals shown; the interval is None for too few units."""

    name: str
    unit: Unit
    method: str
    value: Callable[[Measured], float | Decimal | None]
    interval: Callable[[Measured, Measured], Interval | None]
    places: int = 3


def _requests(name: str, unit: Unit, per_minute: bool) -> Metric:
    def scale(of: Measured) -> float:
        return 60 / of.side.scope.window.seconds if per_minute else 1.0

    def value(of: Measured) -> float:
        return of.total("requests") * scale(of)

    def interval(a: Measured, b: Measured) -> Interval | None:
        spreads = _spread(a), _spread(b)
        if None in spreads or not any(spreads):
            return None
        # A side without any request tells nothing about how they hang together; the other one does.
        limits = [
            _arrivals(of, own or max(s or 0 for s in spreads), scale(of))
            for of, own in zip((a, b), spreads, strict=True)
        ]
        return joined(value(a), limits[0], value(b), limits[1])

    return Metric(name, unit, "poisson-score", value, interval)


def _spread(of: Measured) -> float | None:
    """Return the overdispersion of a side, 0 for one without requests; None for too few units."""
    used = of.ratio("requests", "requests").used
    if 0 < used < UNITS_MIN:
        return None
    return overdispersion(of.sums("requests")) if used else 0.0


def _arrivals(of: Measured, spread: float, scale: float) -> Interval:
    limits = arrivals(of.total("requests") / spread)
    return Interval(limits.low * spread * scale, limits.high * spread * scale)


def _mean(name: str, unit: Unit, top: str, bottom: str) -> Metric:
    scale, places = (1 / _NS_PER_MS if unit == "ms" else 1.0), _PLACES.get(unit, 3)

    def value(of: Measured) -> float | None:
        found = of.ratio(top, bottom).value
        return None if found is None else found * scale

    return Metric(name, unit, "welch", value, _welch(top, bottom, scale), places)


def _welch(top: str, bottom: str, scale: float) -> Callable[[Measured, Measured], Interval | None]:
    def interval(a: Measured, b: Measured) -> Interval | None:
        of_a, of_b = a.ratio(top, bottom).estimate(), b.ratio(top, bottom).estimate()
        if of_a is None or of_b is None:
            return None
        found = welch(of_a, of_b)
        return Interval(found.low * scale, found.high * scale)

    return interval


def _share(name: str, top: str, bottom: str) -> Metric:
    def value(of: Measured) -> float | None:
        return of.ratio(top, bottom).value

    def limits(of: Measured) -> tuple[float, Interval] | None:
        ratio = of.ratio(top, bottom)
        observations = ratio.observations(of.units(bottom))
        if observations is None or ratio.value is None:
            return None
        return ratio.value, wilson(ratio.value, observations)

    def interval(a: Measured, b: Measured) -> Interval | None:
        of_a, of_b = limits(a), limits(b)
        return joined(*of_a, *of_b) if of_a and of_b else None

    return Metric(name, "share", "newcombe", value, interval, _PLACES["share"])


def _percentile(name: str, timing: Timing, level: float) -> Metric:
    def value(of: Measured) -> float | None:
        found = of.percentiles[timing, level].value
        return None if found is None else found / _NS_PER_MS

    def interval(a: Measured, b: Measured) -> Interval | None:
        of_a, of_b = a.percentiles[timing, level], b.percentiles[timing, level]
        if of_a.interval is None or of_b.interval is None or of_a.value is None or of_b.value is None:
            return None
        found = joined(of_a.value, of_a.interval, of_b.value, of_b.interval)
        return Interval(found.low / _NS_PER_MS, found.high / _NS_PER_MS)

    return Metric(name, "ms", "order-statistics", value, interval)


def _cost(of: Measured) -> Decimal | None:
    return of.cost_each


METRICS: Final = (
    _requests("requests", "requests", per_minute=False),
    _requests("requests_per_minute", "requests/min", per_minute=True),
    _share("error_rate", "errors", "requests"),
    _mean("avg_latency_ms", "ms", "duration", "requests"),
    _percentile("p50_latency_ms", "duration_ns", 0.5),
    _percentile("p95_latency_ms", "duration_ns", 0.95),
    _percentile("p99_latency_ms", "duration_ns", 0.99),
    _mean("avg_ttft_ms", "ms", "ttft", "streamed"),
    _percentile("p50_ttft_ms", "ttft_ns", 0.5),
    _percentile("p95_ttft_ms", "ttft_ns", 0.95),
    _percentile("p99_ttft_ms", "ttft_ns", 0.99),
    _mean("tokens_per_second", "tokens/s", "speed", "timed"),
    _mean("input_tokens_per_request", "tokens", "input", "requests"),
    _mean("output_tokens_per_request", "tokens", "output", "requests"),
    Metric("cost_per_request_usd", "usd", "welch", _cost, _welch("cost", "priced", 1.0)),
    _mean("cached_share", "share", "cached", "input"),
    _mean("avg_quality_score", "score", "quality", "qualities"),
    _share("hallucination_rate", "hallucinated", "checked"),
    _share("thumbs_up_rate", "up", "thumbs"),
)
"""In the order in which they are shown."""
