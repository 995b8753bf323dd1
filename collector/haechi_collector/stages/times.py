"""Times that partitions can bear: rows of impossible times are stored under the time they came, and say so.

Guarantee: after `correct_times` every time lies between the oldest day that is kept and a day from now, and one block
touches at most `BLOCK_DAYS_MAX` days, so that no request makes more parts than that. A row that is changed keeps its
own time in ``attributes_string['haechi.original_time']`` and carries the reason in ``['haechi.time_corrected']``:

* ``missing``: it was 0, which OTLP says is unknown;
* ``too_old``: before the first day that retention keeps, so that its partition would be dropped at once;
* ``in_future``: more than a day ahead of this machine's clock;
* ``scattered``: on one of the rarest days of a block with more than `BLOCK_DAYS_MAX` of them.

Durations are never changed. History within retention keeps its times, in whatever order it comes. The time of arrival
is the journal's, so a block that is prepared again after a crash gets the same times. Where all times are fine,
nothing but their least and greatest is looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from haechi_collector.batch import TIME
from haechi_collector.limits import BLOCK_DAYS_MAX, TIME_AHEAD_S, TIME_PAST_DAYS_MAX
from haechi_collector.stages.map_entries import Rows, with_column, with_entries
from haechi_schemas.attributes import ORIGINAL_TIME, TIME_CORRECTED

Nanoseconds = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

DAY_NS: Final = 86_400 * 10**9
_REASONS: Final = pa.array(["missing", "too_old", "in_future", "scattered"])
_MISSING, _TOO_OLD, _IN_FUTURE, _SCATTERED = range(4)


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """Which times are stored as they are, in nanoseconds since the epoch; both ends belong to it."""

    first_ns: int
    last_ns: int

    @classmethod
    def around(cls, received_ns: int, retention_days: int) -> "TimeWindow":
        """Return the window of rows that came at that time; ``retention_days`` 0 keeps for ever."""
        days = min(retention_days or TIME_PAST_DAYS_MAX, TIME_PAST_DAYS_MAX)
        first_ns = received_ns - received_ns % DAY_NS - days * DAY_NS
        return cls(first_ns, received_ns + int(TIME_AHEAD_S * 10**9))


def correct_times(
    rows: pa.RecordBatch, column: str, received_ns: int, window: TimeWindow, instead: str = ""
) -> tuple[pa.RecordBatch, Mapping[str, int]]:
    """Return the rows with each wrong time of ``column`` set to the time of arrival, and how many for which reason.

    Args:
        rows: of one of the tables; one without ``attributes_string`` is corrected without a mark.
        column: the time that the table's partitions go by.
        received_ns: the time of arrival.
        window: which times are fine.
        instead: a column whose time is taken, without a mark, where that of ``column`` is missing and this one is
            fine; '' for none.
    """
    times = _nanoseconds(rows, column)
    if not len(times) or (_within(times.min(), window) and _within(times.max(), window) and not _is_wide(times)):
        return rows, {}
    if instead:
        rows, times = _filled(rows, column, times, _nanoseconds(rows, instead), window)
    reasons = _reasons(times, window)
    wrong = np.flatnonzero(reasons >= 0)
    if not len(wrong):
        return rows, {}
    changed = times.copy()
    changed[wrong] = received_ns
    corrected = with_column(rows, column, _column(changed))
    words = _REASONS.take(pa.array(reasons[wrong]))
    if "attributes_string" in rows.schema.names:
        corrected = _marked(corrected, wrong, words, times[wrong])
    return corrected, {item["values"]: item["counts"] for item in pc.value_counts(words).to_pylist()}


def _marked(rows: pa.RecordBatch, wrong: Rows, reasons: pa.Array, own: Nanoseconds) -> pa.RecordBatch:
    keys = pa.concat_arrays([pa.repeat(TIME_CORRECTED, len(wrong)), pa.repeat(ORIGINAL_TIME, len(wrong))])
    values = pa.concat_arrays([reasons, pc.cast(pa.array(own), pa.string())])
    marked = with_entries(rows.column("attributes_string"), np.concatenate([wrong, wrong]), keys, values)
    return with_column(rows, "attributes_string", marked)


def _nanoseconds(rows: pa.RecordBatch, column: str) -> Nanoseconds:
    return np.asarray(rows.column(column).cast(pa.int64()).to_numpy())


def _column(times: Nanoseconds) -> pa.Array:
    return pa.Array.from_buffers(TIME, len(times), [None, pa.py_buffer(times)])


def _within(time_ns: np.int64, window: TimeWindow) -> bool:
    return window.first_ns <= int(time_ns) <= window.last_ns


def _is_wide(times: Nanoseconds) -> bool:
    return int(times.max()) - int(times.min()) > BLOCK_DAYS_MAX * DAY_NS


def _filled(
    rows: pa.RecordBatch, column: str, times: Nanoseconds, other: Nanoseconds, window: TimeWindow
) -> tuple[pa.RecordBatch, Nanoseconds]:
    """Take the other time where this one is missing and the other is fine."""
    told = (times == 0) & (other >= window.first_ns) & (other <= window.last_ns)
    if not told.any():
        return rows, times
    filled = np.where(told, other, times)
    return with_column(rows, column, _column(filled)), filled


def _reasons(times: Nanoseconds, window: TimeWindow) -> npt.NDArray[np.int64]:
    """Return for each row the place of its reason, -1 where its time is fine."""
    reasons = np.full(len(times), -1, np.int64)
    reasons[times < window.first_ns] = _TOO_OLD
    reasons[times > window.last_ns] = _IN_FUTURE
    reasons[times == 0] = _MISSING
    fine = np.flatnonzero(reasons < 0)
    reasons[fine[_on_rare_days(times[fine])]] = _SCATTERED
    return reasons


def _on_rare_days(times: Nanoseconds) -> Mask:
    """Tell which times lie on other days than the `BLOCK_DAYS_MAX` with the most rows (of equal ones the latest)."""
    days, day_of_row, counts = np.unique(times // DAY_NS, return_inverse=True, return_counts=True)
    if len(days) <= BLOCK_DAYS_MAX:
        return np.zeros(len(times), np.bool_)
    kept = np.zeros(len(days), np.bool_)
    kept[np.lexsort((days, counts))[-BLOCK_DAYS_MAX:]] = True
    rare: Mask = ~kept[day_of_row]
    return rare
