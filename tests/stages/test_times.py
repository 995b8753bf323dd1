"""Impossible times are stored under the time they came, and say so; possible ones are left alone."""

import numpy as np
import pyarrow as pa
import pytest
from tests.stages.payloads import log, normalize, normalize_records, span

from haechi_collector.batch import SCORES, TIME
from haechi_collector.limits import BLOCK_DAYS_MAX
from haechi_collector.stages.times import DAY_NS, TimeWindow, correct_times

NOW = 1_790_000_000 * 10**9
WINDOW = TimeWindow.around(NOW, 90)
FIRST = NOW - NOW % DAY_NS - 90 * DAY_NS


def corrected(*starts: int, window: TimeWindow = WINDOW) -> tuple[list[int], list[dict[str, str]]]:
    """The start times after the stage, and each row's marks."""
    spans = normalize(*(span({"a": "b"}, start_time=start) for start in starts)).spans
    rows, _ = correct_times(spans, "start_time", NOW, window)
    marks = [{k: v for k, v in entries if k.startswith("haechi.")} for entries in rows["attributes_string"].to_pylist()]
    return rows["start_time"].cast(pa.int64()).to_pylist(), marks


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (0, "missing"),
        (1, "too_old"),
        (FIRST - 1, "too_old"),
        (NOW + DAY_NS + 1, "in_future"),
        (2**63 - 1, "in_future"),
    ],
)
def test_an_impossible_time_becomes_the_time_of_arrival(start: int, reason: str) -> None:
    """The row says why, and keeps its own time to the nanosecond."""
    times, marks = corrected(start, NOW - 5)
    assert times == [NOW, NOW - 5]
    assert marks == [{"haechi.time_corrected": reason, "haechi.original_time": str(start)}, {}]


@pytest.mark.parametrize("start", [FIRST, NOW - 30 * DAY_NS, NOW, NOW + DAY_NS])
def test_a_time_within_retention_is_kept(start: int) -> None:
    """Backfilled history, and clocks that run ahead by less than a day."""
    assert corrected(start) == ([start], [{}])


def test_nothing_is_copied_where_all_is_fine() -> None:
    """The very batch that came is handed on."""
    spans = normalize(span({}, start_time=NOW), span({}, start_time=NOW - DAY_NS)).spans
    rows, reasons = correct_times(spans, "start_time", NOW, WINDOW)
    assert rows is spans
    assert reasons == {}


def test_what_a_row_had_stays() -> None:
    """Its attributes, its duration, and every column of its neighbours."""
    spans = normalize(*(span({"k": str(n)}, start_time=n * 7, duration_ns=n) for n in range(3))).spans.slice(1)
    rows, reasons = correct_times(spans, "start_time", NOW, WINDOW)
    assert [dict(m)["k"] for m in rows["attributes_string"].to_pylist()] == ["1", "2"]
    assert rows["duration_ns"].to_pylist() == [1, 2]
    assert reasons == {"too_old": 2}
    assert rows.schema == spans.schema


def test_one_block_touches_a_bounded_number_of_days() -> None:
    """Of a thousand days the fullest stay; rows of the others are marked as scattered."""
    window = TimeWindow.around(NOW, 0)
    starts = [NOW - day * DAY_NS for day in range(1000)] + [NOW - 999 * DAY_NS]
    times, marks = corrected(*starts, window=window)
    assert len({time // DAY_NS for time in times}) == BLOCK_DAYS_MAX
    assert times[999] == times[1000] == NOW - 999 * DAY_NS
    scattered = [mark for mark in marks if mark]
    assert len(scattered) == 1000 - BLOCK_DAYS_MAX
    assert {mark["haechi.time_corrected"] for mark in scattered} == {"scattered"}


def test_a_year_of_history_in_any_order_keeps_its_times() -> None:
    """When retention allows it."""
    starts = [NOW - day * DAY_NS for day in range(365)]
    assert corrected(*starts, window=TimeWindow.around(NOW, 0))[0] == starts


def test_a_log_record_without_a_time_takes_when_it_was_observed() -> None:
    """As OTLP says; only a record with neither is marked."""
    times = {"observed_timestamp": NOW - 3}
    logs = normalize_records(log({}, timestamp=0, **times), log({}, timestamp=0), log({}, timestamp=NOW, **times)).logs
    rows, reasons = correct_times(logs, "timestamp", NOW, WINDOW, "observed_timestamp")
    assert rows["timestamp"].cast(pa.int64()).to_pylist() == [NOW - 3, NOW, NOW]
    assert reasons == {"missing": 1}


def test_rows_without_attributes_are_corrected_too() -> None:
    """Scores have no map to carry a mark."""
    columns = [pa.array([5, NOW], TIME) if f.name == "timestamp" else pa.nulls(2, f.type) for f in SCORES]
    scores = pa.RecordBatch.from_arrays(columns, names=SCORES.names)
    rows, reasons = correct_times(scores, "timestamp", NOW, WINDOW)
    assert rows["timestamp"].cast(pa.int64()).to_pylist() == [NOW, NOW]
    assert reasons == {"too_old": 1}


def test_keeping_for_ever_still_has_a_first_day() -> None:
    """Ten years: a wrong clock must not make a partition in 1970."""
    assert corrected(1, window=TimeWindow.around(NOW, 0))[0] == [NOW]
    assert np.ptp([WINDOW.first_ns, WINDOW.last_ns]) < 92 * DAY_NS
