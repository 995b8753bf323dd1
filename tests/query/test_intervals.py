"""Intervals cover the true difference as often as they say: by seeded simulation, and against known values."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from haechi_collector.query.clusters import GROUPS, UNITS_MIN, Ratio, overdispersion
from haechi_collector.query.distribution import Distribution
from haechi_collector.query.intervals import (
    Estimate,
    Interval,
    arrivals,
    joined,
    ranks,
    t_of,
    welch,
    wilson,
    z_of,
)

Floats = npt.NDArray[np.float64]
ROUNDS = 2_000
NOISE = 3 * math.sqrt(0.95 * 0.05 / ROUNDS)
"""What a coverage of 95 % may be off by in so many rounds."""


def covered(of: Callable[[np.random.Generator], tuple[Interval, float]], seed: int, rounds: int = ROUNDS) -> float:
    """How many intervals hold the truth."""
    draw = np.random.default_rng(seed)
    found = [of(draw) for _ in range(rounds)]
    return sum(interval.low <= truth <= interval.high for interval, truth in found) / rounds


def ratio(values: Floats, units: npt.NDArray[np.int64], draw: np.random.Generator) -> Ratio:
    """Values over their number, by the groups that their units fall into."""
    groups = draw.integers(0, GROUPS, int(units.max()) + 1)[units]
    counts = np.bincount(groups, minlength=GROUPS).astype(np.float64)
    sums = np.bincount(groups, values, GROUPS)
    return Ratio(sums[counts > 0], counts[counts > 0])


def mean(values: Floats, units: npt.NDArray[np.int64], draw: np.random.Generator) -> Estimate:
    found = ratio(values, units, draw).estimate()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("freedom", "confidence", "expected"),
    [(9, 0.95, 2.2622), (9, 0.9, 1.8331), (9, 0.8, 1.3830), (20, 0.95, 2.0860), (255, 0.95, 1.9693)],
)
def test_quantiles_of_t_are_those_of_the_tables(freedom: float, confidence: float, expected: float) -> None:
    """To the third decimal, from the least degrees of freedom that are used."""
    assert t_of(freedom, confidence) == pytest.approx(expected, abs=1e-3)


def test_quantiles_of_the_normal_distribution() -> None:
    """1.96 at 95 %."""
    assert z_of() == pytest.approx(1.959964, abs=1e-6)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [((56, 70), (48, 80), (0.0524, 0.3339)), ((9, 10), (3, 10), (0.1705, 0.8090)), ((10, 10), (0, 20), (0.6791, 1.0))],
)
def test_newcombes_own_examples(a: tuple[int, int], b: tuple[int, int], expected: tuple[float, float]) -> None:
    """Method 10 of the paper's table II, to four decimals."""
    share_a, share_b = a[0] / a[1], b[0] / b[1]
    found = joined(share_a, wilson(share_a, a[1]), share_b, wilson(share_b, b[1]))
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("share_a", "share_b", "size"), [(0.02, 0.05, 200), (0.3, 0.3, 40), (0.5, 0.9, 100)])
def test_intervals_of_shares_cover(share_a: float, share_b: float, size: int) -> None:
    """Small shares and few observations too."""

    def one(draw: np.random.Generator) -> tuple[Interval, float]:
        a, b = draw.binomial(size, share_a) / size, draw.binomial(size, share_b) / size
        return joined(a, wilson(a, size), b, wilson(b, size)), share_a - share_b

    assert 0.95 - NOISE - 0.005 <= covered(one, 1) <= 0.99


@pytest.mark.parametrize(("mean_a", "mean_b"), [(4.0, 2.0), (30.0, 50.0), (1_000.0, 1_000.0)])
def test_intervals_of_counts_cover(mean_a: float, mean_b: float) -> None:
    """Of arrivals that are independent."""

    def one(draw: np.random.Generator) -> tuple[Interval, float]:
        a, b = float(draw.poisson(mean_a)), float(draw.poisson(mean_b))
        return joined(a, arrivals(a), b, arrivals(b)), mean_a - mean_b

    assert 0.95 - NOISE - 0.005 <= covered(one, 2) <= 0.99


@pytest.mark.parametrize("size", [25, 60, 2_000])
def test_intervals_of_means_cover(size: int) -> None:
    """Of few requests, and of more than there are groups; the spreads of the sides differ."""

    def one(draw: np.random.Generator) -> tuple[Interval, float]:
        units = np.arange(size)
        a, b = draw.normal(100, 10, size), draw.normal(90, 30, size)
        return welch(mean(a, units, draw), mean(b, units, draw)), 10.0

    assert 0.95 - NOISE - 0.01 <= covered(one, 3) <= 0.97


def test_intervals_of_skewed_means_cover_with_enough_requests() -> None:
    """Durations are log-normal: 200 on each side cover 93 % and more."""

    def one(draw: np.random.Generator) -> tuple[Interval, float]:
        units = np.arange(200)
        a, b = draw.lognormal(0, 1, 200), draw.lognormal(0.2, 1, 200)
        return welch(mean(a, units, draw), mean(b, units, draw)), math.exp(0.5) - math.exp(0.7)

    assert covered(one, 4) >= 0.93


@pytest.mark.parametrize("sessions", [60, 600])
def test_dependent_requests_do_not_feign_certainty(sessions: int) -> None:
    """Ten requests of a session are alike: as independent ones they would cover half of the time."""
    units = np.repeat(np.arange(sessions), 10)
    alone = np.arange(len(units))

    def side(draw: np.random.Generator) -> Floats:
        return np.asarray(np.repeat(draw.normal(0, 1, sessions), 10) + draw.normal(0, 0.3, len(units)))

    def one(draw: np.random.Generator) -> tuple[Interval, float]:
        return welch(mean(side(draw), units, draw), mean(side(draw), units, draw)), 0.0

    def naive(draw: np.random.Generator) -> tuple[Interval, float]:
        return welch(mean(side(draw), alone, draw), mean(side(draw), alone, draw)), 0.0

    assert 0.93 <= covered(one, 5, 1_000) <= 0.97
    assert covered(naive, 5, 1_000) < 0.6


def test_shares_of_dependent_requests_cover() -> None:
    """A session fails as a whole or not at all."""
    units = np.repeat(np.arange(100), 8)

    def one(draw: np.random.Generator) -> tuple[Interval, float]:
        limits = []
        for _ in range(2):
            failed = np.repeat(draw.random(100) < 0.2, 8).astype(np.float64)
            found = ratio(failed, units, draw)
            observations = found.observations(100.0)
            assert observations is not None
            assert found.value is not None
            limits.append((found.value, wilson(found.value, observations)))
        return joined(*limits[0], *limits[1]), 0.0

    assert 0.94 <= covered(one, 6, 1_000) <= 0.98


@pytest.mark.parametrize(("size", "level"), [(20, 0.5), (500, 0.5), (100, 0.95), (400, 0.99), (5_000, 0.99)])
def test_order_statistics_cover_a_quantile_of_any_distribution(size: int, level: float) -> None:
    """At least 95 %, as they are exact; the ranks depend on no value."""
    found = ranks(size, level)
    assert found is not None
    draw = np.random.default_rng(7)
    sorted_ = np.sort(draw.random((ROUNDS * 2, size)), axis=1)
    inside = (sorted_[:, found[0] - 1] <= level) & (level <= sorted_[:, found[1] - 1])
    assert inside.mean() >= 0.95 - NOISE
    assert inside.mean() <= 0.99


@pytest.mark.parametrize(("least", "level"), [(6, 0.5), (72, 0.95), (368, 0.99)])
def test_a_quantile_of_too_few_has_no_interval(least: int, level: float) -> None:
    """Of 367 values the greatest is below p99 too often (0.99^367 > 2.5 %)."""
    assert ranks(0, level) is None
    assert ranks(least - 1, level) is None
    assert ranks(least, level) is not None


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_differences_of_percentiles_cover(level: float) -> None:
    """Log-normal durations, read from the steps of a distribution as the engine counts them."""
    shift = 0.2
    z = {0.5: 0.0, 0.95: 1.6448536, 0.99: 2.3263479}[level]
    truth = math.exp(z) - math.exp(z + shift)

    def side(draw: np.random.Generator, middle: float) -> tuple[float, Interval]:
        values = np.sort(draw.lognormal(middle, 1, 1_000)).astype(np.float32)
        steps, counts = np.unique(values.view(np.uint32) >> 16, return_counts=True)
        rows = [{"step": int(step), "requests": int(n)} for step, n in zip(steps, counts, strict=True)]
        spread = Distribution.of(rows, float(values[0]), float(values[-1]))
        below = (values.view(np.uint32) >> 16 <= spread.step(spread.rank(level))).astype(np.float64)
        groups = draw.integers(0, GROUPS, len(values))
        interval = spread.interval(
            level, np.bincount(groups, below, GROUPS), np.bincount(groups, minlength=GROUPS).astype(np.float64), 1_000
        )
        assert interval is not None
        return spread.at(spread.rank(level)), interval

    def one(draw: np.random.Generator) -> tuple[Interval, float]:
        return joined(*side(draw, 0.0), *side(draw, shift)), truth

    assert 0.94 <= covered(one, 8, 500) <= 0.995


def test_independent_requests_are_not_overdispersed_and_sessions_are() -> None:
    """Sessions of ten requests each: the count varies ten times as much."""
    draw = np.random.default_rng(9)
    alone = np.bincount(draw.integers(0, GROUPS, 20_000), minlength=GROUPS).astype(np.float64)
    assert overdispersion(alone) == pytest.approx(1.0, abs=0.2)
    assert overdispersion(np.bincount(draw.integers(0, GROUPS, 20_000), minlength=GROUPS) * 10.0) == pytest.approx(
        10, rel=0.2
    )
    assert overdispersion(np.array([1.0, 1.0])) == pytest.approx(1.0, abs=0.01)


def test_too_few_units_give_no_error() -> None:
    """However many requests they have."""
    few = np.full(UNITS_MIN - 1, 1_000.0)
    assert Ratio(few / 2, few).estimate() is None
    assert Ratio(few / 2, few).observations(9.0) is None
    assert Ratio(np.zeros(0), np.zeros(0)).value is None


def test_a_share_without_exceptions_counts_its_units() -> None:
    """No error in 500 requests of 20 sessions tells as much as 20 requests do."""
    groups = np.full(20, 25.0)
    assert Ratio(np.zeros(20), groups).observations(20.0) == 20.0
    assert Ratio(groups, groups).observations(1_000.0) == 500.0


def test_equal_values_have_no_error() -> None:
    """A difference of two constants is known."""
    found = welch(Estimate(3.0, 0.0, 99), Estimate(1.0, 0.0, 99))
    assert (found.low, found.high) == (2.0, 2.0)
