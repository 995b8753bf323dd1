"""Confidence intervals of a difference, as plain formulas on a handful of numbers.

Guarantee: each interval is for one number alone and covers it at the stated confidence or a little more, which
``tests/query/test_intervals.py`` holds by simulation. What cannot be told from so few observations is None.

* Shares: Wilson's score limits of each side, joined by squares (Newcombe's method 10). Never outside -1 to 1, and right
  at shares of 0 and 1.
* Means and ratios: Welch's t.
* Counts of arrivals: score limits of a Poisson mean, joined in the same way.
* Quantiles: order statistics, which need no distribution. The ranks are those of the exact binomial distribution; the
  limits of the two sides are joined in the same way.

Sources: Newcombe, Statistics in Medicine 17 (1998) 873-890. Welch, Biometrika 34 (1947) 28-35. Zou and Donner,
Statistics in Medicine 27 (2008) 1693-1702 (joining the limits of two sides: MOVER). David and Nagaraja, Order
Statistics, 3rd ed. (2003), section 7.1. Abramowitz and Stegun, 26.7.5 (quantiles of t).
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

CONFIDENCE: Final = 0.95
_RANKS_SPREAD: Final = 12.0
"""Standard deviations of a binomial count beyond which nothing is summed; less than 1e-30 lies there."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From low to high, both in the unit of the estimate."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean or ratio with its standard error and the degrees of freedom of that."""

    value: float
    error: float
    freedom: float


def z_of(confidence: float = CONFIDENCE) -> float:
    """Return how many standard errors a two-sided normal interval spans on each side."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def t_of(freedom: float, confidence: float = CONFIDENCE) -> float:
    """Return the same for Student's t; within 0.001 of it from 9 degrees of freedom on, at 90 to 95 %."""
    z = z_of(confidence)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    return z + sum(term / freedom ** (n + 1) for n, term in enumerate(terms))


def welch(a: Estimate, b: Estimate, confidence: float = CONFIDENCE) -> Interval:
    """Return the interval of the difference of two means."""
    variances = a.error**2, b.error**2
    error = math.sqrt(sum(variances))
    difference = a.value - b.value
    if error == 0.0:
        return Interval(difference, difference)
    shares = (variances[0] / error**2) ** 2 / a.freedom + (variances[1] / error**2) ** 2 / b.freedom
    reach = t_of(1 / shares, confidence) * error
    return Interval(difference - reach, difference + reach)


def wilson(share: float, observations: float, confidence: float = CONFIDENCE) -> Interval:
    """Return the score interval of a share; the number of observations need not be whole."""
    z2 = z_of(confidence) ** 2
    middle = share + z2 / (2 * observations)
    reach = math.sqrt(z2 * (share * (1 - share) + z2 / (4 * observations)) / observations)
    scale = 1 + z2 / observations
    low = 0.0 if share == 0.0 else (middle - reach) / scale
    high = 1.0 if share == 1.0 else (middle + reach) / scale
    return Interval(max(0.0, low), min(1.0, high))


def arrivals(count: float, confidence: float = CONFIDENCE) -> Interval:
    """Return the score interval of the mean of a Poisson count."""
    z2 = z_of(confidence) ** 2
    reach = math.sqrt(z2 * (count + z2 / 4))
    return Interval(max(0.0, count + z2 / 2 - reach), count + z2 / 2 + reach)


def joined(a: float, of_a: Interval, b: float, of_b: Interval) -> Interval:
    """Return the interval of ``a - b`` from the intervals of the two."""
    below = math.hypot(a - of_a.low, of_b.high - b)
    above = math.hypot(of_a.high - a, b - of_b.low)
    return Interval(a - b - below, a - b + above)


def ranks(observations: int, level: float, confidence: float = CONFIDENCE) -> tuple[int, int] | None:
    """Return between which order statistics, counted from 1, a quantile lies; None for too few observations.

    The chance that the quantile is below the first or above the second is at most half of the rest, each.
    """
    if observations < 1:
        return None
    middle, spread = observations * level, math.sqrt(observations * level * (1 - level))
    first = max(0, math.floor(middle - _RANKS_SPREAD * spread - 40))
    last = min(observations, math.ceil(middle + _RANKS_SPREAD * spread + 40))
    counts = np.arange(first, last + 1)
    steps = np.log((observations - counts[:-1]) / (counts[:-1] + 1) * (level / (1 - level)))
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    weights = np.exp(logs - logs.max())
    below = np.cumsum(weights) / weights.sum()  # P(count <= counts)
    rest = (1 - confidence) / 2
    low = int(counts[np.searchsorted(below, rest, "right")])
    high = int(counts[np.searchsorted(below, 1 - rest, "left")]) + 1
    return (low, high) if low >= 1 and high <= observations else None
