"""What a block may do to the tables: how many partitions it touches, how many words it adds to dictionaries.

Guarantee: every batch on its way to a table passes `Bounds.apply` once, right after it was normalised; what that
changes is counted in ``haechi_corrected_times_total`` and ``haechi_overflow_values_total``. See `times` and
`known_values` for what is promised.
"""

from typing import Final

import pyarrow as pa

from haechi_collector.stages.known_values import KnownValues
from haechi_collector.stages.times import TimeWindow, correct_times
from haechi_collector.telemetry import Metrics

_TIMES: Final = {
    "spans": ("start_time", ""),
    "logs": ("timestamp", "observed_timestamp"),
    "metric_points": ("time", ""),
    "scores": ("timestamp", ""),
}
"""Per table the column that its partitions go by, and the one that stands in for it where it is missing."""


class Bounds:
    """Keeps batches within bounds. Safe for many threads.

    Args:
        retention_days: how many days are kept; 0 for ever.
        metrics: where changes are counted.
        known: the values known so far.
    """

    def __init__(self, retention_days: int, metrics: Metrics, known: KnownValues | None = None) -> None:
        self._retention_days, self._metrics = retention_days, metrics
        self._known = known or KnownValues()

    def apply(self, rows: pa.RecordBatch, table: str, project: str, received_ns: int) -> pa.RecordBatch:
        """Return rows that the table can bear; the same object when nothing was wrong.

        Args:
            rows: of the table; or ``content``, what log records tell of spans, which has no time.
            table: a key of `known_values.BOUNDED`.
            project: whose rows they are.
            received_ns: when they came, nanoseconds since the epoch.
        """
        if not rows.num_rows:
            return rows
        if table in _TIMES:
            window = TimeWindow.around(received_ns, self._retention_days)
            column, instead = _TIMES[table]
            rows, reasons = correct_times(rows, column, received_ns, window, instead)
            for reason, count in reasons.items():
                self._metrics.counter("haechi_corrected_times_total", table, reason).inc(count)
        rows, moved = self._known.limit(rows, table, project, received_ns)
        for column, count in moved.items():
            self._metrics.counter("haechi_overflow_values_total", column).inc(count)
        return rows
