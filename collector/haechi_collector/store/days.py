"""The tables as days: what each holds, and how a whole one leaves.

Guarantee: a day is a partition of a table, by the UTC day of its rows' own time, and with it the late content that was
written into its rows. Dropping one costs milliseconds whatever its size, frees its files at once on the embedded store
(a ClickHouse server keeps them for its ``old_parts_lifetime``, 8 minutes), and does nothing when it is gone already, so
that several collectors may do it at once. In a cluster sizes are those of the fullest node.

Source: ClickHouse's ``system.parts``; patch parts of lightweight updates are in partitions ``patch-<hash>-<day>``.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from haechi_collector.errors import StoreError
from haechi_collector.store.client import StoreClient
from haechi_collector.store.cluster import quoted
from haechi_collector.store.lexer import literal

TABLES: Final[Mapping[str, str]] = {
    "spans": "start_time",
    "logs": "timestamp",
    "metric_points": "time",
    "scores": "timestamp",
    "dead_letters": "ingested_at",
}
"""Tables that are kept by days, and the column that says the day."""

_NO_DAY: Final = "19000101"
_NO_SUCH_DATA_PART: Final = 232
_ATTEMPTS: Final = 5
_POLL_S: Final = 0.1
_MUTATION_SETTINGS: Final = {"mutations_sync": 0, "max_query_size": 64 * 1024 * 1024, "max_ast_elements": 500_000}


@dataclass(frozen=True, slots=True)
class Day:
    """One day of one table. ``bytes`` are on disk, compressed; ``rows`` as they were inserted."""

    table: str
    date: date
    rows: int
    bytes: int

    @property
    def partition(self) -> str:
        """ClickHouse's id of the partition."""
        return f"{self.date:%Y%m%d}"

    @property
    def condition(self) -> str:
        """SQL that is true for the day's rows."""
        return f"toYYYYMMDD({TABLES[self.table]}) = {self.partition}"


class Days:
    """The days of one store. Safe for many threads.

    Args:
        client: of a user that may alter the tables.
        cluster: the cluster's name, None for a server alone.
    """

    def __init__(self, client: StoreClient, cluster: str | None = None) -> None:
        self._client, self._cluster = client, cluster

    def today(self) -> date:
        """Return the day in UTC by the store's clock."""
        rows = self._client.query("SELECT toUnixTimestamp(now()) AS now_s", needs_database=False)
        return datetime.fromtimestamp(rows["now_s"][0].as_py(), UTC).date()

    def all(self) -> list[Day]:
        """Return every day that holds something, oldest first."""
        parts = self._everywhere("system.parts")
        tables = ", ".join(literal(self.local(table)) for table in TABLES)
        rows = self._client.query(
            f"""
            SELECT name, day, max(rows_here) AS row_count, max(bytes_here) AS bytes
            FROM (
                SELECT hostName() AS node, table AS name, right(partition_id, 8) AS day,
                    sum(bytes_on_disk) AS bytes_here, sumIf(rows, NOT startsWith(partition_id, 'patch-')) AS rows_here
                FROM {parts}
                WHERE active AND database = {{database:String}} AND table IN ({tables})
                    AND match(partition_id, '(^|-)[0-9]{{8}}$')
                GROUP BY node, name, day)
            GROUP BY name, day ORDER BY day, name
            """,  # noqa: S608  our own words
            {"database": self._client.dsn.database},
        )
        return [
            Day(row["name"].removesuffix("_local"), _date(row["day"]), row["row_count"], row["bytes"])
            for row in rows.to_pylist()
        ]

    def drop(self, day: Day) -> None:
        """Drop a day; nothing happens when it is gone."""
        self.alter(day.table, f"DROP PARTITION ID {literal(day.partition)}")

    def release(self, table: str) -> None:
        """Have the files removed that merges and mutations have replaced, as far as their lifetime is over."""
        self.alter(table, f"DROP PARTITION ID {literal(_NO_DAY)}")

    def count(self, day: Day, condition: str) -> int:
        """Return how many rows of a day fulfil a condition."""
        sql = f"SELECT count() AS found FROM {day.table} WHERE {day.condition} AND ({condition})"  # noqa: S608  our own
        return int(self._client.query(sql)["found"][0].as_py())

    def rewrite(self, day: Day, change: str, condition: str) -> None:
        """Change or delete rows of a day, in its files: when this returns, none holds what was there before.

        On a ClickHouse server the replaced files stay for its ``old_parts_lifetime``.

        Args:
            day: the rows' day.
            change: ``DELETE``, or ``UPDATE column = value, ...``.
            condition: which rows.

        Raises:
            StoreError: ClickHouse cannot carry it out.
        """
        where = f"IN PARTITION ID {literal(day.partition)}"
        self._mutate(day.table, f"{change} {where} WHERE {condition}")
        if self._cluster is None:
            for _ in range(_ATTEMPTS):
                if self._apply_patches(day.table, day.partition):
                    break
        self.release(day.table)

    def _mutate(self, table: str, action: str) -> None:
        """Start a mutation and wait for its end however long it takes, which one statement must not."""
        self.alter(table, action, _MUTATION_SETTINGS)
        found = self._everywhere("system.mutations")
        while True:
            rows = self._client.query(
                f"SELECT latest_fail_reason AS reason FROM {found} "  # noqa: S608  our own words
                "WHERE database = {database:String} AND table = {table:String} AND NOT is_done",
                {"database": self._client.dsn.database, "table": self.local(table)},
            )
            if not rows.num_rows:
                return
            reason = "".join(rows["reason"].to_pylist())
            if reason:
                raise StoreError(f"ClickHouse cannot rewrite {table}: {' '.join(reason.split())[:300]}")
            time.sleep(_POLL_S)

    def _apply_patches(self, table: str, partition: str) -> bool:
        """Write late content into the rows' own files and drop its patch parts; False when they merged meanwhile."""
        rows = self._client.query(
            "SELECT name FROM system.parts WHERE active AND rows > 0 "
            "AND database = {database:String} AND table = {table:String} "
            "AND startsWith(partition_id, 'patch-') AND endsWith(partition_id, {day:String})",
            {"database": self._client.dsn.database, "table": table, "day": partition},
        )
        names = rows["name"].to_pylist()
        if names:
            self._mutate(table, f"APPLY PATCHES IN PARTITION ID {literal(partition)}")
        for name in names:  # known before the patches were applied, so that none holds what was not
            try:
                self.alter(table, f"DROP PART {literal(name)}")
            except StoreError as error:
                if error.clickhouse_code != _NO_SUCH_DATA_PART:
                    raise
                return False
        return True

    def alter(self, table: str, action: str, settings: Mapping[str, Any] | None = None) -> None:
        """Run an ALTER TABLE on every node that holds rows of the table."""
        where = "" if self._cluster is None else f" ON CLUSTER {quoted(self._cluster)}"
        self._client.command(f"ALTER TABLE {self.local(table)}{where} {action}", settings)

    def _everywhere(self, table: str) -> str:
        return table if self._cluster is None else f"clusterAllReplicas({literal(self._cluster)}, {table})"

    def local(self, table: str) -> str:
        """Return the name of the table that holds the rows."""
        return table if self._cluster is None else f"{table}_local"


def _date(partition: str) -> date:
    return date(int(partition[:4]), int(partition[4:6]), int(partition[6:]))
