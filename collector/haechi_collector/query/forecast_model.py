"""The next days of a daily series, with the errors that the same method made before.

Guarantee: nothing is made up. Fewer than `DAYS_MIN` whole days give None. The interval comes from forecasts of the
past: from every earlier day on the method forecasts what came then, and what it missed by is kept (rolling origin).

Method: spend of a day = level x share of its weekday. The shares are means of each day over the seven days around it.
The level and its trend are a least-squares line through the days, older ones discounted by half every `half_life`
days; the trend is damped. Which half-life and which damping is chosen by the errors of the past.

Days far from what is usual for their weekday are cut down to it before all that. A lone one is left at that; of
several, as many are expected again, and the interval is wider for them.

The error of a sum over h days is taken to have the variance ``a h + b h^2 + c h^3``: a from days that differ by
themselves, b from a level that was off for all of them, c from a level that wanders. All are fitted to the errors of
the past.

Source: Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed. (2021), sections 5.10 and 8.2;
Hampel's filter: Pearson, IEEE Transactions on Control Systems Technology 10 (2002) 55-63. Measured by
``bench/forecast.py``.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from haechi_collector.query.intervals import t_of

Days = npt.NDArray[np.float64]

DAYS_MIN: Final = 7
"""Whole days of history below which nothing is forecast. Fewer: a week's rhythm would be taken for a trend."""

RHYTHM_DAYS_MIN: Final = 14
"""Days from which on forecasts of the past can be made; before, the last week is repeated."""

CONFIDENCE: Final = 0.8
_WEEK: Final = 7
_HALF_LIVES: Final = (4.0, 10.0, 30.0)
_DAMPINGS: Final = (0.0, 0.9, 0.98)
_ORIGINS_MAX: Final = 42
_OUTLIER: Final = 6.0
"""Scaled median deviations beyond which a day is cut down."""

_OFF_MIN: Final = 0.5
_OFF_MIN_EARLY: Final = 3.0
"""Of what is usual, within which no day is far from it; in the first three weeks, which do not tell weekdays apart."""

_SHARE_MIN: Final = 0.1
"""Of a mean day; a weekday of less is not expected to vary less than one of this."""

_WANDER: Final = 0.025
"""Part of itself by which a level is taken to wander in a day at least. Less: a month ahead too few intervals hold."""


@dataclass(frozen=True, slots=True)
class Method:
    """How the level is drawn through the days; a damping of 0 is no trend."""

    half_life: float
    damping: float

    @property
    def name(self) -> str:
        """For people."""
        trend = f", trend damped by {self.damping:g}" if self.damping else ""
        return f"weekday shares of a level with a half-life of {self.half_life:g} days{trend}"


METHODS: Final = tuple(Method(half_life, damping) for half_life in _HALF_LIVES for damping in _DAMPINGS)


@dataclass(frozen=True, slots=True)
class Prediction:
    """Expected values of the coming days, and how far their sums may be off.

    Attributes:
        days: from the first day after the history on.
        variances: of a day by itself, of what all days have in common, of a level that wanders.
        freedom: degrees of freedom of those.
        outliers: days of the history that were cut down.
        method: by which it was made.
    """

    days: Days
    variances: tuple[float, float, float]
    freedom: float
    outliers: int
    method: str

    def reach(self, days: float) -> float:
        """Return how far a sum over so many days may be off, up and down."""
        own, shared, wandering = self.variances
        variance = own * days + shared * days**2 + wandering * days**3
        return t_of(self.freedom, CONFIDENCE) * math.sqrt(variance)


def predict(history: Days, horizon: int) -> Prediction | None:
    """Predict the days after a history of whole days; None where it is too short."""
    if len(history) < DAYS_MIN:
        return None
    clean = without_outliers(history)
    excess = history - clean
    outliers = int(np.count_nonzero(excess))
    again = excess if outliers > 1 else np.zeros(1)
    if len(history) < RHYTHM_DAYS_MIN:
        days, variances, method = _last_week(clean, horizon)
    else:
        days, variances, method = _best(clean, horizon)
    level = float(clean[-_WEEK:].mean())
    own, shared, wandering = variances
    floor = (_WANDER * level) ** 2 / 3
    return Prediction(
        np.maximum(0.0, days + again.mean()),
        (own + float((again**2).mean()), shared, max(wandering, floor)),
        max(9.0, (len(history) - RHYTHM_DAYS_MIN) / 2),
        outliers,
        method,
    )


def _last_week(history: Days, horizon: int) -> tuple[Days, tuple[float, float, float], str]:
    variance = float(history.var(ddof=1))
    days = history[-_WEEK:][np.arange(horizon) % _WEEK]
    return days, (variance, variance / len(history), 0.0), "last week again"


def _best(history: Days, horizon: int) -> tuple[Days, tuple[float, float, float], str]:
    count = len(history)
    missed: dict[Method, list[Days]] = {method: [] for method in METHODS}
    for origin in range(max(_WEEK, count - _ORIGINS_MAX), count):
        known, came = history[:origin], history[origin : origin + horizon]
        shares = weekday_shares(known)
        for method in METHODS:
            missed[method].append(np.cumsum(came - drawn(known, shares, method, len(came))))
    ahead = np.concatenate([np.arange(1.0, len(errors) + 1) for errors in missed[METHODS[0]]])
    errors = {method: np.concatenate(found) / ahead for method, found in missed.items()}
    best = min(METHODS, key=lambda method: float(np.abs(errors[method]).sum()))
    days = drawn(history, weekday_shares(history), best, horizon)
    return days, _variances(ahead, errors[best] ** 2), best.name


def _variances(ahead: Days, squares: Days) -> tuple[float, float, float]:
    """Fit ``a / h + b + c h`` to the squared errors of means over h days; none is negative."""
    columns = np.column_stack([1 / ahead, np.ones_like(ahead), ahead])
    kept = [0, 1, 2]
    while True:
        found = np.linalg.lstsq(columns[:, kept], squares, rcond=None)[0]
        if found.min() >= 0 or len(kept) == 1:
            fitted = dict(zip(kept, np.maximum(found, 0.0), strict=True))
            return float(fitted.get(0, 0.0)), float(fitted.get(1, 0.0)), float(fitted.get(2, 0.0))
        del kept[int(found.argmin())]


def drawn(history: Days, shares: Days, method: Method, horizon: int) -> Days:
    """Return the coming days by one method; ``shares`` are those of the history."""
    count = len(history)
    ages = np.arange(1.0 - count, 1.0)
    share = shares[np.arange(count) % _WEEK]
    weights = 0.5 ** (-ages / method.half_life) * share
    sums = [float((weights * share) @ ages**power) for power in range(3)]
    values = [float((weights * history) @ ages**power) for power in range(2)]
    level, slope = (values[0] / sums[0] if sums[0] else 0.0), 0.0
    spread = sums[0] * sums[2] - sums[1] ** 2
    if method.damping and spread > 0:
        level = (values[0] * sums[2] - values[1] * sums[1]) / spread
        slope = (values[1] * sums[0] - values[0] * sums[1]) / spread
    ahead = np.cumsum(method.damping ** np.arange(1, horizon + 1))
    coming = shares[(count + np.arange(horizon)) % _WEEK]
    return np.maximum(0.0, (level + slope * ahead) * coming)


def weekday_shares(history: Days) -> Days:
    """Return what each weekday is of the mean day, that of the first day of the history first."""
    if len(history) < _WEEK + 1:
        return np.ones(_WEEK)
    means = np.convolve(history, np.ones(_WEEK) / _WEEK, "valid")
    inner = np.arange(_WEEK // 2, _WEEK // 2 + len(means))
    known = means > 0
    ratios, at = history[inner[known]] / means[known], inner[known] % _WEEK
    counts = np.bincount(at, minlength=_WEEK)
    shares = (np.bincount(at, ratios, _WEEK) + 0.1) / (counts + 0.1)
    return np.asarray(shares * (_WEEK / float(shares.sum())))


def without_outliers(history: Days) -> Days:
    """Return the days, those far from what is usual for their weekday cut down to the edge of it.

    What is usual is the median share of the weekday times the median of such levels over the week around the day.
    """
    usual = np.ones(_WEEK)
    overall = float(np.median(history))
    if len(history) >= 3 * _WEEK and overall > 0:
        usual = np.array([np.median(history[day::_WEEK]) for day in range(_WEEK)]) / overall
    share = usual[np.arange(len(history)) % _WEEK]
    levels = np.divide(history, share, out=np.full(len(history), np.nan), where=share > 0)
    half = _WEEK // 2
    around = np.lib.stride_tricks.sliding_window_view(np.pad(levels, half, constant_values=np.nan), _WEEK)
    level = np.nanmedian(np.where(np.isnan(around).all(axis=1)[:, None], overall, around), axis=1)
    unit = level * np.maximum(share, _SHARE_MIN)
    off = np.divide(history - level * share, unit, out=np.zeros(len(history)), where=unit > 0)
    least = _OFF_MIN if len(history) >= 3 * _WEEK else _OFF_MIN_EARLY
    limit = max(least, _OUTLIER * 1.4826 * float(np.median(np.abs(off))))
    return np.where(np.abs(off) > limit, level * share + np.copysign(limit, off) * unit, history)
