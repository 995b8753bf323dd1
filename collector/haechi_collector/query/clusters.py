"""Figures of requests that hang together, with an error that knows of it.

Requests of one session or trace resemble one another, so that 1,000 requests of 50 sessions tell less than 1,000 of
1,000. Each *unit* (the session, or the trace of a request without one) falls into one of `GROUPS` groups by a hash.
Units are independent, so the groups are, and how much their sums differ is the error of any ratio of sums, whatever the
dependence within a unit. The state is `GROUPS` rows, for any number of requests.

Guarantee: the error of a mean of independent requests is that of the textbook (within 5 % from 100 requests on, by
simulation). Fewer than `UNITS_MIN` groups with a request in them give no error at all.

Sources: Wolter, Introduction to Variance Estimation, 2nd ed. (2007), chapters 2 (random groups) and 6 (linearised
ratios); Korn and Graubard, Survey Methodology 24 (1998) 193-201 (effective number of observations of a share).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from haechi_collector.query.intervals import Estimate, t_of, z_of

GROUPS: Final = 256
"""Groups that the units fall into. Fewer: a less certain error; more: more rows to read, nothing gained."""

UNITS_MIN: Final = 10
"""Groups with a request in them below which no interval is given. Fewer: t is not to be trusted on skewed values."""

Sums = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A sum over another one: values over their number, errors over requests."""

    top: Sums
    bottom: Sums

    @property
    def total(self) -> float:
        """The lower sum."""
        return float(self.bottom.sum())

    @property
    def value(self) -> float | None:
        """The ratio; None over nothing."""
        return float(self.top.sum()) / self.total if self.total > 0 else None

    @property
    def used(self) -> int:
        """Groups that have something in them."""
        return int(np.count_nonzero(self.bottom))

    def estimate(self) -> Estimate | None:
        """Return the ratio with its error; None where too few units have a value."""
        value, used = self.value, self.used
        if value is None or used < UNITS_MIN:
            return None
        residuals = self.top - value * self.bottom
        variance = used / (used - 1) * float(residuals @ residuals) / self.total**2
        return Estimate(value, variance**0.5, used - 1)

    def observations(self, units: float) -> float | None:
        """Return of a share to how many independent observations it amounts; None where units are too few.

        Args:
            units: how many units there are; as many observations has a share of 0 or 1, which shows no error.
        """
        found = self.estimate()
        if found is None:
            return None
        if found.error == 0.0:
            return min(self.total, units)
        independent = found.value * (1 - found.value) / found.error**2
        certainty = (z_of() / t_of(found.freedom)) ** 2
        return min(self.total, independent * certainty)


def overdispersion(counts: Sums) -> float:
    """Return how many times the variance of the number of requests is that of independent arrivals; at least 1.

    Args:
        counts: requests of each group that has any; the others of `GROUPS` have none.
    """
    total = float(counts.sum())
    variance = GROUPS / (GROUPS - 1) * (float(counts @ counts) - total**2 / GROUPS)
    return max(1.0, variance / total) if total else 1.0
