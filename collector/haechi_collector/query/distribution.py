"""The distribution of a duration as counts of steps, and the quantiles that it tells.

Guarantee: a quantile is within 0.4 % of the exact one by nearest rank, as in `quantiles`: a step is 1/128 of its value
wide and the middle is told, within the least and greatest value.
"""

import math
import struct
from dataclasses import dataclass
from itertools import accumulate

from haechi_collector.query.clusters import Ratio, Sums
from haechi_collector.query.engine import Row
from haechi_collector.query.intervals import Interval, ranks
from haechi_collector.query.quantiles import near


@dataclass(frozen=True, slots=True)
class Distribution:
    """Steps from the lowest up, and how many values are at or below each."""

    steps: list[int]
    until: list[int]
    least: float
    most: float

    @classmethod
    def of(cls, rows: list[Row], least: float, most: float) -> "Distribution":
        """Read the rows of `compare_side.Side.distribution`."""
        return cls([row["step"] for row in rows], list(accumulate(row["requests"] for row in rows)), least, most)

    @property
    def count(self) -> int:
        """How many values there are."""
        return self.until[-1] if self.until else 0

    def step(self, rank: int) -> int:
        """Return in which step the value of that rank lies, counted from 1."""
        return self.steps[next(n for n, until in enumerate(self.until) if until >= rank)]

    def at(self, rank: int) -> float:
        """Return the value of that rank."""
        found: float = struct.unpack("<f", struct.pack("<I", self.step(rank) << 16))[0]
        value = near(found, self.least, self.most)
        assert value is not None  # noqa: S101  there are values
        return value

    def rank(self, level: float) -> int:
        """Return the nearest rank of a quantile."""
        return min(max(1, math.ceil(level * self.count)), self.count)

    def interval(self, level: float, below: Sums, requests: Sums, units: float) -> Interval | None:
        """Return between which values a quantile lies; None for too few.

        The ranks are those of as many independent observations as the share of values at or below the quantile has
        (Woodruff, Journal of the American Statistical Association 47 (1952) 635-646).

        Args:
            level: of the quantile.
            below: per group of units, values at or below the step of the quantile.
            requests: per group of units, all values.
            units: how many units there are.
        """
        independent = Ratio(below, requests).observations(units)
        found = ranks(int(independent), level) if independent else None
        if found is None or independent is None:
            return None
        scale = self.count / int(independent)
        low, high = max(1, math.floor(found[0] * scale)), min(self.count, math.ceil(found[1] * scale))
        return Interval(self.at(low), self.at(high))
