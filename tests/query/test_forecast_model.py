"""The forecast of a daily series: what it expects, when it says nothing, and that its intervals hold."""

import numpy as np
import numpy.typing as npt
import pytest

from haechi_collector.query.forecast_model import DAYS_MIN, RHYTHM_DAYS_MIN, predict, weekday_shares, without_outliers

Floats = npt.NDArray[np.float64]
WEEK = np.array([10.0, 10.0, 10.0, 10.0, 10.0, 3.0, 1.0])


def weeks(count: int) -> Floats:
    """Whole weeks of the same rhythm."""
    return np.tile(WEEK, count)


@pytest.mark.parametrize("days", [0, 1, DAYS_MIN - 1])
def test_too_few_days_are_no_history(days: int) -> None:
    """No number is made up."""
    assert predict(np.ones(days), 10) is None


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_a_rhythm_that_repeats_is_continued(count: int) -> None:
    """From the first week on, to a few percent of the sum."""
    found = predict(weeks(count), 14)
    assert found is not None
    assert found.days.sum() == pytest.approx(2 * WEEK.sum(), rel=0.05)
    assert found.days[:5].min() > 2 * found.days[5:7].max()


def test_days_without_spend_stay_without() -> None:
    """Weekends at which nothing runs cost next to nothing; nothing at all stays nothing, with certainty."""
    found = predict(np.tile([5.0, 5.0, 5.0, 5.0, 5.0, 0.0, 0.0], 8), 7)
    assert found is not None
    assert found.days[5:].max() < 0.2
    nothing = predict(np.zeros(20), 10)
    assert nothing is not None
    assert (float(nothing.days.sum()), nothing.reach(10)) == (0.0, 0.0)


@pytest.mark.parametrize("at", [3, 20, 40, 54, 55])
def test_one_outlier_changes_next_to_nothing(at: int) -> None:
    """Fifty times the usual on any day, the last one too."""
    draw = np.random.default_rng(1)
    days = weeks(8) * draw.lognormal(0, 0.1, 56)
    loud = days.copy()
    loud[at] *= 50
    calm, found = predict(days, 14), predict(loud, 14)
    assert calm is not None
    assert found is not None
    assert found.outliers == 1 + calm.outliers
    assert found.days.sum() == pytest.approx(calm.days.sum(), rel=0.1)


def test_outliers_that_come_again_are_expected_again() -> None:
    """Four loud days in eight weeks: their mean is in the forecast, their chance in the interval."""
    draw = np.random.default_rng(2)
    days = np.full(56, 10.0) * draw.lognormal(0, 0.05, 56)
    loud = days.copy()
    loud[[5, 19, 30, 44]] += 100.0
    calm, found = predict(days, 14), predict(loud, 14)
    assert calm is not None
    assert found is not None
    assert found.days.sum() - calm.days.sum() == pytest.approx(400 / 56 * 14, rel=0.1)
    assert found.reach(14) > 3 * calm.reach(14)


def test_growth_is_followed_and_never_below_nothing() -> None:
    """A steady rise goes on, a steady fall ends at zero."""
    rising, falling = np.arange(56.0) + 10, 60 - np.arange(56.0)
    up, down = predict(rising, 10), predict(falling, 30)
    assert up is not None
    assert down is not None
    assert up.days.sum() == pytest.approx(sum(range(66, 76)), rel=0.05)
    assert down.days.min() >= 0.0


def test_a_step_is_no_outlier() -> None:
    """Twice as much since ten days is the new level."""
    days = np.concatenate([np.full(46, 10.0), np.full(10, 20.0)]) * np.random.default_rng(3).lognormal(0, 0.05, 56)
    found = predict(days, 7)
    assert found is not None
    assert found.days.mean() == pytest.approx(20, rel=0.15)


def test_a_longer_sum_is_less_certain() -> None:
    """The reach grows faster than a lone day's error would, and never shrinks."""
    days = weeks(8) * np.random.default_rng(4).lognormal(0, 0.2, 56)
    found = predict(days, 30)
    assert found is not None
    reaches = [found.reach(days) for days in (1.0, 7.0, 30.0)]
    assert reaches[0] < reaches[1] < reaches[2]
    assert reaches[2] >= reaches[0] * 30**0.5


@pytest.mark.parametrize(("known", "most"), [(10, 1.0), (21, 0.95), (56, 0.92)])
def test_intervals_hold_as_often_as_they_say(known: int, most: float) -> None:
    """80 % of the sums of two weeks lie inside, over series with a rhythm, noise and a level that wanders.

    In ten days noise cannot be told from rhythm, so that the interval is wider than it need be.
    """
    draw = np.random.default_rng(5)
    held = []
    for _ in range(120):
        level = np.exp(np.cumsum(draw.normal(0, 0.02, 70)))
        days = np.resize(WEEK, 70) * level * draw.lognormal(0, draw.uniform(0.1, 0.3), 70)
        found = predict(days[56 - known : 56], 14)
        assert found is not None
        held.append(abs(found.days.sum() - days[56:].sum()) <= found.reach(14))
    assert 0.7 <= np.mean(held) <= most


def test_shares_of_weekdays_add_up_to_a_week() -> None:
    """Whatever the days are, from the first one on."""
    draw = np.random.default_rng(6)
    for count in (1, 7, 8, 20, 56):
        shares = weekday_shares(draw.random(count) * (draw.random(count) > 0.3))
        assert shares.sum() == pytest.approx(7)
        assert shares.min() >= 0


def test_a_weekend_is_no_outlier() -> None:
    """Days that are usual for their weekday are left as they are."""
    days = weeks(8) * np.random.default_rng(7).lognormal(0, 0.05, 56)
    assert np.array_equal(without_outliers(days), days)


def test_two_weeks_are_needed_to_look_back() -> None:
    """Before, the last week is repeated, and says so."""
    before, after = predict(weeks(2)[: RHYTHM_DAYS_MIN - 1], 7), predict(weeks(2), 7)
    assert before is not None
    assert after is not None
    assert before.method == "last week again"
    assert after.method.startswith("weekday shares")
