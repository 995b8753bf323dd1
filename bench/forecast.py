"""How good is the forecast of a month's spend: error and coverage in a back-test, beside naive methods.

    python bench/forecast.py [--series 60] [--seed 1] [directory of CSV files]

Synthetic series of daily spend, of eight kinds (a weekly rhythm with noise; growth; a wandering level; a step up or
down; lone outliers; days without spend; weekends without spend; a launch that grows fast), each drawn with its own
parameters. A directory adds real series: CSV files with ``timestamp,value``, summed by day, of eight weeks and more
(the Numenta Anomaly Benchmark has some).

Each series is cut at several days, so that 1 to 30 days remain. The method is given at most eight weeks before the
cut (once also ten days alone) and forecasts the sum of the rest. Prints one JSON object: for each kind, method and
number of days to come the median of |error| / what was spent, and for ours how many of the stated 80 % intervals
hold the truth, and how wide they are.
"""

import argparse
import csv
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from haechi_collector.query.forecast_model import CONFIDENCE, predict
from haechi_collector.query.spend import HISTORY_DAYS

Days = npt.NDArray[np.float64]
LENGTH = 150
CUTS = (60, 75, 90, 105, 118)
AHEAD = (1, 7, 14, 30)
WEEK = np.arange(LENGTH) % 7


def rhythm(draw: np.random.Generator, weekend: float | None = None, noise: float | None = None) -> Days:
    """A level, weekdays of their own, noise in proportion."""
    share = np.ones(7) + draw.normal(0, 0.05, 7)
    share[5:] *= draw.uniform(0.2, 1.1) if weekend is None else weekend
    spread = draw.uniform(0.05, 0.35) if noise is None else noise
    level = np.exp(draw.normal(3, 1))
    return np.asarray(level * share[WEEK] * draw.lognormal(-(spread**2) / 2, spread, LENGTH))


def growth(draw: np.random.Generator) -> Days:
    """By up to 2 % a day, up or down."""
    return rhythm(draw) * np.exp(draw.uniform(-0.01, 0.02) * np.arange(LENGTH))


def wandering(draw: np.random.Generator) -> Days:
    """A level that takes a step of a few percent each day."""
    return rhythm(draw) * np.exp(np.cumsum(draw.normal(0, draw.uniform(0.01, 0.05), LENGTH)))


def step(draw: np.random.Generator) -> Days:
    """A release that changes the spend for good, once in a while."""
    level = np.ones(LENGTH)
    for at in draw.integers(20, LENGTH, draw.integers(1, 4)):
        level[at:] *= draw.uniform(0.5, 2)
    return rhythm(draw) * level


def outliers(draw: np.random.Generator) -> Days:
    """Three days in a hundred cost up to eight times as much."""
    loud = draw.random(LENGTH) < 0.03
    return rhythm(draw) * np.where(loud, draw.uniform(3, 8, LENGTH), 1)


def gaps(draw: np.random.Generator) -> Days:
    """One day in twenty without spend."""
    return rhythm(draw) * (draw.random(LENGTH) > 0.05)


def weekdays(draw: np.random.Generator) -> Days:
    """Nothing at weekends."""
    return rhythm(draw, weekend=0.0)


def launch(draw: np.random.Generator) -> Days:
    """Fast growth that levels off."""
    days = np.arange(LENGTH)
    return rhythm(draw) / (1 + np.exp(-(days - draw.uniform(40, 90)) / draw.uniform(6, 15)))


KINDS: dict[str, Callable[[np.random.Generator], Days]] = {
    function.__name__: function for function in (rhythm, growth, wandering, step, outliers, gaps, weekdays, launch)
}


def mean_of_month(history: Days, ahead: int) -> float:
    """The month so far, drawn on: the mean of the last 28 days."""
    return float(history[-28:].mean()) * ahead


def last_week(history: Days, ahead: int) -> float:
    """Seasonal naive: last week again."""
    return float(history[-7:][np.arange(ahead) % 7].sum())


def last_week_with_drift(history: Days, ahead: int) -> float:
    """Seasonal naive with the drift of the history."""
    weeks = len(history) // 7
    drift = (history[-7:].mean() - history[: len(history) - 7 * (weeks - 1)][-7:].mean()) / max(1, 7 * (weeks - 1))
    days = history[-7:][np.arange(ahead) % 7] + drift * (7 * (np.arange(ahead) // 7 + 1))
    return float(np.maximum(days, 0).sum())


def weekday_means(history: Days, ahead: int) -> float:
    """The mean of each weekday over four weeks."""
    weeks = history[len(history) % 7 :][-28:].reshape(-1, 7)
    return float(weeks.mean(axis=0)[np.arange(ahead) % 7].sum())


NAIVE = (mean_of_month, last_week, last_week_with_drift, weekday_means)


def judged(history: Days, coming: Days) -> dict[str, float]:
    """Return each method's |error| / truth, and of ours whether the interval holds and how wide it is."""
    truth, ahead = float(coming.sum()), len(coming)
    found = predict(history, ahead)
    assert found is not None
    reach, sum_ = found.reach(ahead), float(found.days.sum())
    scale = truth or 1.0
    errors = {method.__name__: abs(method(history, ahead) - truth) / scale for method in NAIVE}
    inside = max(0.0, sum_ - reach) <= truth <= sum_ + reach
    return {**errors, "haechi": abs(sum_ - truth) / scale, "covered": float(inside), "width": 2 * reach / scale}


def real(folder: Path) -> Iterator[Days]:
    """Yield the daily sums of the files that are long enough."""
    for path in sorted(folder.rglob("*.csv")):
        by_day: dict[str, float] = defaultdict(float)
        with path.open() as file:
            for row in csv.DictReader(file):
                by_day[row["timestamp"][:10]] += float(row["value"])
        days = np.array(list(by_day.values())[1:-1])
        if len(days) > HISTORY_DAYS + AHEAD[1] and days.min() >= 0:
            yield days


def summary(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return medians of errors and of the width, and the share covered."""
    names = [*(method.__name__ for method in NAIVE), "haechi", "width"]
    told = {name: round(float(np.median([row[name] for row in rows])), 3) for name in names}
    return {**told, "coverage": round(float(np.mean([row["covered"] for row in rows])), 3), "forecasts": len(rows)}


def measure(series: list[Days], cuts: tuple[int, ...], known: int) -> dict[str, dict[str, float]]:
    """Return the summary for each number of days to come."""
    told = {}
    for ahead in AHEAD:
        rows = [
            judged(days[max(0, cut - known) : cut], days[cut : cut + ahead])
            for days in series
            for cut in cuts
            if cut + ahead <= len(days) and cut > known // 2
        ]
        if rows:
            told[f"{ahead} days"] = summary(rows)
    return told


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=60, help="synthetic series of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("folder", type=Path, nargs="?", help="CSV files of real series")
    asked = parser.parse_args()
    draw = np.random.default_rng(asked.seed)
    made = {kind: [function(draw) for _ in range(asked.series)] for kind, function in KINDS.items()}
    everything = [days for series in made.values() for days in series]
    answer = {
        "confidence": CONFIDENCE,
        "all kinds, 56 days known": measure(everything, CUTS, HISTORY_DAYS),
        "all kinds, 21 days known": measure(everything, CUTS, 21),
        "all kinds, 10 days known": measure(everything, CUTS, 10),
        **{kind: measure(series, CUTS, HISTORY_DAYS) for kind, series in made.items()},
    }
    if asked.folder:
        series = list(real(asked.folder))
        answer["real series"] = {"series": len(series), **measure(series, tuple(range(56, 400, 7)), HISTORY_DAYS)}
    json.dump(answer, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
