"""What is kept, by age and by size on disk: whole days leave, the oldest first.

Guarantees: rows whose own time lies more than ``retention_days`` before today leave within `RETENTION_EVERY_S`; while
the tables take more than the bound on disk, the oldest day leaves, of all tables together, so that a trace keeps its
logs and scores as long as its spans; today never leaves for its size. Each drop is a line of the log and counted in
``haechi_dropped_rows_total``. Any number of collectors may do it on the same tables: dropping a day twice is nothing.

With ``content_days`` the words of older calls are emptied (prompts, answers, instructions, tools, retrieved documents,
span events, and the bodies of GenAI log records), while tokens, costs and times stay; and dead letters leave, which
hold rows as they came. What an emitter put into attributes that no column takes stays there.

The default bound is a share of what the disk has for the tables when the collector starts. It does not follow the disk
later, so that another program that fills it does not drive history out.
"""

import logging
import shutil
import threading
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from haechi_collector.errors import StoreError
from haechi_collector.limits import MIB, RETENTION_DISK_SHARE, RETENTION_EVERY_S
from haechi_collector.store.days import TABLES, Day, Days
from haechi_collector.telemetry import Metrics

logger = logging.getLogger(__name__)

_STOP_S: Final = 5.0
_CONTENT: Final = {
    "spans": (
        ("input_messages", "output_messages", "system_instructions", "tool_definitions", "retrieved_context", "events"),
        "1",
    ),
    "logs": (("body",), "startsWith(event_name, 'gen_ai.') OR mapContains(attributes_string, 'gen_ai.system')"),
}
"""Per table the columns that hold words, and the rows in which they do."""


class Retention:
    """Keeps the tables within bounds until it is stopped.

    Args:
        days: of the tables.
        keep_days: how many days before today are kept; 0 for ever.
        bytes_max: bytes on disk that all tables may take together, 0 for no bound; or the directory whose disk has the
            tables, for the default bound, which is set at the first look.
        content_days: how many days before today keep their words; 0 for all.
        metrics: where drops are counted.
    """

    def __init__(self, days: Days, keep_days: int, bytes_max: int | Path, content_days: int, metrics: Metrics) -> None:
        self._days, self._metrics = days, metrics
        self._bytes_max = bytes_max
        self.keep_days, self.content_days = keep_days, content_days
        self._emptied: set[tuple[str, date]] = set()  # days whose words are known to be gone, until midnight
        self._emptied_on = date.min
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    def start(self) -> None:
        """Look at once, and then again and again."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after what is under way. May be called twice, and without a start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)  # a day that is being rewritten is not waited for; ClickHouse goes on with it

    def _run(self) -> None:
        while True:
            try:
                self.apply()
            except (StoreError, OSError) as error:  # the store is gone for a while, or the disk: the next look is soon
                logger.warning("retention waits: %s", error)
            if self._stopping.wait(RETENTION_EVERY_S):
                return

    @property
    def bytes_max(self) -> int:
        """Bytes on disk that all tables may take together, 0 for no bound.

        Raises:
            StoreError, StoreUnavailable: the first look at the disk needs the tables' size, and they do not tell.
        """
        if isinstance(self._bytes_max, Path):
            self._bytes_max = bytes_max_of_disk(self._bytes_max, self._days)
        return self._bytes_max

    def apply(self) -> list[Day]:
        """Drop what is over the bounds; return it.

        Raises:
            StoreError, StoreUnavailable: ClickHouse refused, or did not answer.
        """
        today = self._days.today()
        days = self._days.all()
        dropped = [self._drop(day, "age") for day in days if self._is_old(day, today)]
        kept = [day for day in days if day not in dropped]
        dropped += self._shrink(kept, today)
        self._empty_content([day for day in kept if day not in dropped], today)
        for table in TABLES:
            size = sum(day.bytes for day in days if day.table == table and day not in dropped)
            self._metrics.gauge("haechi_table_bytes", table).set(size)
        return dropped

    def _is_old(self, day: Day, today: date) -> bool:
        keep = self.keep_days
        if day.table == "dead_letters" and self.content_days:
            keep = min(keep, self.content_days) if keep else self.content_days
        return keep > 0 and day.date < today - timedelta(days=keep)

    def _shrink(self, days: list[Day], today: date) -> list[Day]:
        """Drop the oldest days of all tables until the rest fits."""
        if not self.bytes_max:
            return []
        dropped: list[Day] = []
        size = sum(day.bytes for day in days)
        for oldest in sorted({day.date for day in days if day.date < today}):
            if size <= self.bytes_max:
                break
            leaving = [day for day in days if day.date == oldest]
            dropped += [self._drop(day, "size") for day in leaving]
            size -= sum(day.bytes for day in leaving)
        if size > self.bytes_max:
            logger.warning(
                "today's rows alone take %d MiB, retention_bytes_max is %d MiB; nothing older is left to drop",
                *(size // MIB, self.bytes_max // MIB),
            )
        return dropped

    def _drop(self, day: Day, reason: str) -> Day:
        self._days.drop(day)
        logger.info(
            "dropped %s of %s for its %s: %d rows, %.1f MiB", day.date, day.table, reason, day.rows, day.bytes / MIB
        )
        self._metrics.counter("haechi_dropped_rows_total", day.table, reason).inc(day.rows)
        return day

    # --- words ----------------------------------------------------------------------------------------------

    def _empty_content(self, days: list[Day], today: date) -> None:
        """Empty the words of days past ``content_days``; each day is looked at once a day, for rows that came late."""
        if not self.content_days:
            return
        if self._emptied_on != today:
            self._emptied_on = today
            self._emptied.clear()
        last = today - timedelta(days=self.content_days)
        for day in days:
            if day.table in _CONTENT and day.date < last and (day.table, day.date) not in self._emptied:
                self._empty(day)
                self._emptied.add((day.table, day.date))

    def _empty(self, day: Day) -> None:
        columns, which = _CONTENT[day.table]
        has_words = " OR ".join(f"notEmpty({column})" for column in columns)
        condition = f"({has_words}) AND ({which})"
        if not self._days.count(day, condition):
            return
        emptied = ", ".join(f"{column} = ''" for column in columns)
        self._days.rewrite(day, f"UPDATE {emptied}", condition)
        logger.info("emptied the content of %s of %s, older than %d days", day.date, day.table, self.content_days)


def bytes_max_of_disk(directory: Path, days: Days) -> int:
    """Return the default bound: `RETENTION_DISK_SHARE` of what is free on the disk of ``directory`` or the tables'."""
    taken = sum(day.bytes for day in days.all())
    return int((shutil.disk_usage(directory).free + taken) * RETENTION_DISK_SHARE)
