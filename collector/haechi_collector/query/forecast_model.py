"""The next days of a daily series, with the errors that the same method made before.

Guarantee: nothing is made up. Fewer than `DAYS_MIN` whole days give None. The interval comes from forecasts of the
past: at every earlier day the method is given what was known then, and what it missed by is kept (rolling origin).

Method: spend of a day = level x share of its weekday. The shares are means of each day over the seven days around
it. The level and its trend are a least-squares line through the days, older ones discounted by half every
`half_life` days; the trend is damped. Which half-life, and whether with a trend, is chosen by the errors of the
past. Lone outliers are cut down to what is usual around them before all that.

The error of a sum over h days is taken to have the variance ``a h + b h^2``: a from days that differ by themselves, b
from a level that was off for all of them. Both are fitted to the errors of the past.

Source: Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed. (2021), sections 5.10 and 8.2;
Hampel's filter: Pearson, IEEE Transactions on Control Systems Technology 10 (2002) 55-63. Measured by
``bench/forecast.py``.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from haechi_collector.query.intervals import t_of

Days = npt.NDArray[np.float64]

DAYS_MIN: Final = 7
"""Whole days of history below which nothing is forecast. Fewer: a week's rhythm would be taken for a trend."""

CONFIDENCE: Final = 0.8
_WEEK: Final = 7
_RHYTHM_DAYS_MIN: Final = 14
"""Days from which on weekdays are told apart; before, all days are alike."""

_HALF_LIVES: Final = (4.0, 10.0, 30.0)
_DAMPING: Final = 0.9
_ORIGINS_MAX: Final = 42
_OUTLIER: Final = 5.0
"""Scaled median deviations beyond which a lone day is cut down."""


@dataclass(frozen=True, slots=True)
class Method:
    """How the level is drawn through the days."""

    half_life: float
    trend: bool

    @property
    def name(self) -> str:
        """For people."""
        return f"weekday shares of a level, half-life {self.half_life:g} days" + (", damped trend" * self.trend)


METHODS: Final = tuple(Method(half_life, trend) for half_life in _HALF_LIVES for trend in (False, True))


@dataclass(frozen=True, slots=True)
class Prediction:
    """Expected values of the coming days, and how far their sums may be off.

    Attributes:
        days: from the first day after the history on.
        own: variance of one day by itself.
        shared: variance of what all days have in common.
        freedom: how much both rest on.
        method: by which it was made.
    """

    days: Days
    own: float
    shared: float
    freedom: float
    method: str

    def reach(self, days: float) -> float:
        """Return how far a sum over so many days may be off, up and down."""
        return t_of(self.freedom, CONFIDENCE) * math.sqrt(self.own * days + self.shared * days**2)


def predict(history: Days, horizon: int) -> Prediction | None:
    """Predict the days after a history of whole days; None where it is too short."""
    if len(history) < DAYS_MIN:
        return None
    if len(history) < _RHYTHM_DAYS_MIN:
        return _by_mean(history, horizon)
    clean = without_outliers(history)
    tried = {method: list(_missed(clean, method, horizon)) for method in METHODS}
    best = min(METHODS, key=lambda method: sum(abs(error) / days for days, error in tried[method]))
    own, shared = _variances(tried[best])
    freedom = max(9.0, (len(history) - _RHYTHM_DAYS_MIN) / 2)
    return Prediction(_drawn(clean, best, horizon), own, shared, freedom, best.name)


def _by_mean(history: Days, horizon: int) -> Prediction:
    clean = without_outliers(history)
    variance = float(clean.var(ddof=1))
    days = np.full(horizon, clean.mean())
    return Prediction(days, variance, variance / len(clean) * 2, 9.0, "mean of the days")


def without_outliers(history: Days) -> Days:
    """Return the days with lone outliers cut down: those far from the median of the week around them."""
    half = _WEEK // 2
    padded = np.pad(history, half, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, _WEEK)
    middle = np.median(around, axis=1)
    off = history - middle
    scale = 1.4826 * float(np.median(np.abs(off)))
    if scale == 0.0:
        return history
    return middle + np.clip(off, -_OUTLIER * scale, _OUTLIER * scale)


def _missed(history: Days, method: Method, horizon: int) -> Iterator[tuple[int, float]]:
    """Yield for each earlier day and each number of days from it what a sum over them was off by."""
    first = max(_WEEK, len(history) - _ORIGINS_MAX)
    for origin in range(first, len(history)):
        ahead = min(horizon, len(history) - origin)
        errors = np.cumsum(history[origin : origin + ahead] - _drawn(history[:origin], method, ahead))
        yield from ((days + 1, float(error)) for days, error in enumerate(errors))


def _variances(missed: list[tuple[int, float]]) -> tuple[float, float]:
    """Fit ``a h + b h^2`` to the squared errors; neither is negative."""
    days = np.array([float(n) for n, _ in missed])
    squares = np.array([error**2 for _, error in missed]) / days**2
    # (error / h)^2 = a / h + b
    columns = np.column_stack([1 / days, np.ones_like(days)])
    own, shared = np.linalg.lstsq(columns, squares, rcond=None)[0]
    if shared < 0:
        return float((squares / days).sum() / (1 / days**2).sum()), 0.0
    if own < 0:
        return 0.0, float(squares.mean())
    return float(own), float(shared)


def _drawn(history: Days, method: Method, horizon: int) -> Days:
    """Return the coming days by one method."""
    count = len(history)
    shares = weekday_shares(history)
    ages = np.arange(1 - count, 1, dtype=np.float64)
    at = np.arange(count) % _WEEK
    weights = np.sqrt(0.5 ** (-ages / method.half_life))
    columns = np.column_stack([shares[at], shares[at] * ages]) if method.trend else shares[at][:, None]
    found = np.linalg.lstsq(columns * weights[:, None], history * weights, rcond=None)[0]
    level, slope = float(found[0]), float(found[1]) if method.trend else 0.0
    ahead = np.cumsum(_DAMPING ** np.arange(1, horizon + 1))
    coming = (count + np.arange(horizon)) % _WEEK
    return np.maximum(0.0, (level + slope * ahead) * shares[coming])


def weekday_shares(history: Days) -> Days:
    """Return what each weekday is of the mean day, the first day of the history first; all 1 in the first two weeks."""
    if len(history) < _RHYTHM_DAYS_MIN:
        return np.ones(_WEEK)
    means = np.convolve(history, np.ones(_WEEK) / _WEEK, "valid")
    inner = history[_WEEK // 2 : _WEEK // 2 + len(means)]
    known = means > 0
    at = (np.arange(len(means)) + _WEEK // 2) % _WEEK
    shares = np.ones(_WEEK)
    for day in range(_WEEK):
        ratios = inner[(at == day) & known] / means[(at == day) & known]
        if len(ratios):
            shares[day] = (ratios.sum() + 0.5) / (len(ratios) + 0.5)
    total = float(shares.sum())
    return np.asarray(shares * (_WEEK / total))
