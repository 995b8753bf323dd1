"""What the doctor says of room: how fast the tables grow, and when they are full."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from haechi_collector.config import Config
from haechi_collector.doctor_keeping import _outlook, bytes_a_day, in_force, keeping_checks

TODAY = date(2026, 11, 22)
GIB = 1024**3


def told(daily: dict[int, int], **bounds: int) -> dict[str, Any]:
    """What a collector tells whose tables have so many bytes, by days before today."""
    return {
        "retention_days": 90,
        "retention_bytes_max": 0,
        "content_days": 0,
        "tables": {"spans": {"bytes": sum(daily.values()), "first_day": "2026-11-01", "days": len(daily), "rows": 1}},
        "bytes_by_day": {str(TODAY - timedelta(days=age)): size for age, size in daily.items()},
    } | bounds


@pytest.mark.parametrize(
    ("daily", "rate"),
    [({0: 500, 1: 100, 2: 300}, 200), ({0: 500}, 500), ({}, 0), ({30: 1000, 1: 10}, 10)],
)
def test_the_rate_is_that_of_whole_days(daily: dict[int, int], rate: int) -> None:
    """Of the last seven; of today alone when there is no other."""
    assert bytes_a_day(told(daily), TODAY) == rate


def test_what_fits_is_said_to_fit() -> None:
    """All days that are kept, at the present rate."""
    check = _outlook(told({1: GIB}), 200 * GIB, TODAY)
    assert (check.state, "which fits" in check.finding) == ("ok", True)


def test_a_disk_that_is_soon_full_is_warned_of() -> None:
    """In days, with what can be done."""
    check = _outlook(told({1: 10 * GIB}), 20 * GIB, TODAY)
    assert check.state == "warn"
    assert "full in 2.0 days" in check.finding
    assert "retention_days" in check.remedy


def test_the_bound_counts_where_it_is_tighter_than_the_disk() -> None:
    """What is left of it, not of the disk."""
    check = _outlook(told({1: 10 * GIB}, retention_bytes_max=110 * GIB), 900 * GIB, TODAY)
    assert "full in 10.0 days" in check.finding


def test_nothing_is_said_of_what_does_not_grow() -> None:
    """Nor of a server's disk, which others use."""
    assert _outlook(told({}), 1, TODAY).finding == "nothing grows yet"
    assert "of a server" in _outlook(told({1: 5}), None, TODAY).finding


def test_the_bounds_are_said_in_words() -> None:
    """As they are in force."""
    assert in_force(told({})) == "rows are kept 90 days, their words as long, in any size"
    short = in_force(told({}, content_days=7, retention_bytes_max=GIB, retention_days=0))
    assert short == "rows are kept for ever, their words 7 days, in at most 1,024 MiB"


def test_without_a_collector_there_is_nothing_to_say(tmp_path: Path) -> None:
    """Retention works while one runs."""
    assert list(keeping_checks(Config(data_dir=tmp_path))) == []
    assert list(keeping_checks(Config(data_dir=tmp_path / "none"))) == []
