"""What was measured of one side of a comparison.

Guarantee: two or three rounds of statements, whatever the number of requests: sums and distributions together, then how
many requests lie below each quantile. Money is summed exactly. What is not known is None.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np

from haechi_collector.query.clusters import Ratio, Sums
from haechi_collector.query.compare_side import Side, Timing
from haechi_collector.query.distribution import Distribution
from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.intervals import Interval
from haechi_collector.query.money import each

LEVELS: Final = (0.5, 0.95, 0.99)
TIMINGS: Final[tuple[Timing, ...]] = ("duration_ns", "ttft_ns")
_COUNTS: Final[dict[Timing, tuple[str, str, str]]] = {
    "duration_ns": ("requests", "duration_min", "duration_max"),
    "ttft_ns": ("streamed", "ttft_min", "ttft_max"),
}


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile in nanoseconds, and between which values it lies; None where that cannot be told."""

    value: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Measured:
    """One side: its rows of sums by group of units, its judgements, its percentiles by timing and level."""

    side: Side
    rows: Sequence[Row]
    judgements: Sequence[Row]
    percentiles: dict[tuple[Timing, float], Percentile]

    def sums(self, name: str) -> Sums:
        """Return a sum of each group that has requests."""
        return _column(self.rows, name)

    def total(self, name: str) -> int:
        """Return a whole number over all groups."""
        return sum(row[name] or 0 for row in self.rows)

    def ratio(self, top: str, bottom: str) -> Ratio:
        """Return one sum over another."""
        rows = self.judgements if bottom in _JUDGED else self.rows
        return Ratio(_column(rows, top), _column(rows, bottom))

    def units(self, of: str) -> float:
        """Return how many units the requests, or the judgements, belong to."""
        rows = self.judgements if of in _JUDGED else self.rows
        return float(sum(row["units"] for row in rows))

    @property
    def cost(self) -> Decimal | None:
        """The exact sum; None where nothing has a price."""
        priced = [Decimal(row["cost"]) for row in self.rows if row["cost"] is not None]
        return sum(priced, Decimal(0)) if priced else None

    @property
    def cost_each(self) -> Decimal | None:
        """Per priced request."""
        return each(self.cost, self.total("priced"))


_JUDGED: Final = frozenset({"qualities", "checked", "thumbs"})


def _column(rows: Sequence[Row], name: str) -> Sums:
    return np.array([float(row[name] or 0) for row in rows])


async def measured(engine: Engine, side: Side) -> Measured:
    """Measure one side.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    sums, judged, *found = await asyncio.gather(
        engine.ask(side.sums()), engine.ask(side.judged()), *(engine.ask(side.distribution(t)) for t in TIMINGS)
    )
    spread = {
        timing: Distribution.of(table.rows, *_ends(sums.rows, timing))
        for timing, table in zip(TIMINGS, found, strict=True)
    }
    wanted = [(timing, level) for timing in TIMINGS for level in LEVELS if spread[timing].count]
    below = await _below(engine, side, [(t, spread[t].step(spread[t].rank(level))) for t, level in wanted])
    empty = {(t, level): Percentile(None, None) for t in TIMINGS for level in LEVELS}
    percentiles = {key: _percentile(key, spread[key[0]], below, n, sums.rows) for n, key in enumerate(wanted)}
    return Measured(side, sums.rows, judged.rows, {**empty, **percentiles})


def _ends(rows: Sequence[Row], timing: Timing) -> tuple[float, float]:
    _, least, most = _COUNTS[timing]
    seen = [row for row in rows if row[least] is not None]
    return min((row[least] for row in seen), default=0.0), max((row[most] for row in seen), default=0.0)


async def _below(engine: Engine, side: Side, steps: list[tuple[Timing, int]]) -> dict[Any, Row]:
    if not steps:
        return {}
    return {row["g"]: row for row in (await engine.ask(side.below(steps))).rows}


def _percentile(
    key: tuple[Timing, float], spread: Distribution, below: dict[Any, Row], number: int, rows: Sequence[Row]
) -> Percentile:
    timing, level = key
    counts = _column(rows, _COUNTS[timing][0])
    # A request may have come between the two statements.
    under = np.minimum([below[row["g"]][f"n{number}"] if row["g"] in below else 0 for row in rows], counts)
    units = float(sum(row["units"] for row in rows))
    return Percentile(spread.at(spread.rank(level)), spread.interval(level, under, counts, units))
