"""Deleting a trace, a user or a session from every table, down to the files.

Guarantees: when `delete` returns, no row of the selection is in any table and, on the embedded store, no file of the
store holds one (a ClickHouse server keeps replaced files for its ``old_parts_lifetime``, 8 minutes); the audit row in
``deletions`` says who, when, what kind and how many, and nothing of what it was. Running it again is harmless; one that
was cut off is simply run again.

What belongs to a user or a session: every trace in which it occurs, whole, because the other spans and log records of
a trace hold the same words; and records and points that name it in their attributes. Scores go with their trace, dead
letters when they hold the id anywhere, whole.

Method: a mutation (``ALTER TABLE … DELETE IN PARTITION``) of the days that hold such rows. A lightweight DELETE only
masks the rows and needs the same rewriting afterwards to be gone from the files. Late content, which lightweight
updates keep in patch parts, is applied and its parts are dropped.
"""

import getpass
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import pyarrow as pa

from haechi_collector.limits import DELETE_TRACES_MAX
from haechi_collector.store.client import StoreClient
from haechi_collector.store.days import TABLES, Day, Days
from haechi_collector.store.insert import Inserter
from haechi_collector.store.lexer import literal

Kind = Literal["trace", "user", "session"]

_COLUMNS: Final = {"user": "user_id", "session": "session_id"}
_ATTRIBUTES: Final = {
    "user": ("user.id", "enduser.id"),
    "session": ("session.id", "gen_ai.conversation.id"),
}
_LONG: Final = {"max_query_size": 64 * 1024 * 1024, "max_ast_elements": 500_000}
_AUDITED: Final = ("spans", "logs", "metric_points", "scores", "dead_letters")


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be deleted: everything of one trace, user or session, in one project or in all (``None``)."""

    kind: Kind
    id: str
    project: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of one day that belong to a selection, and the SQL that is true for them."""

    day: Day
    rows: int
    condition: str


class Deleter:
    """Finds and deletes rows in one store.

    Args:
        client: of a user that may alter the tables.
        cluster: the cluster's name, None for a server alone.
    """

    def __init__(self, client: StoreClient, cluster: str | None = None) -> None:
        self._client, self._days = client, Days(client, cluster)

    def find(self, selection: Selection) -> list[Found]:
        """Return what belongs to a selection, by table and day.

        Raises:
            StoreError, StoreUnavailable: ClickHouse refused, or did not answer.
        """
        days = self._days.all()
        traces = self.traces(selection)
        chunks = [traces[n : n + DELETE_TRACES_MAX] for n in range(0, len(traces), DELETE_TRACES_MAX)] or [[]]
        found = []
        for number, chunk in enumerate(chunks):
            for table in TABLES:
                condition = _condition(table, selection, chunk, is_first=number == 0)
                if condition:
                    found += self._found(table, condition, days)
        return found

    def traces(self, selection: Selection) -> list[str]:
        """Return the ids of the traces in which the selection occurs."""
        if selection.kind == "trace":
            return [selection.id]
        condition = f"{_COLUMNS[selection.kind]} = {literal(selection.id)}{_in_project(selection)}"
        sql = f"SELECT DISTINCT trace_id FROM spans WHERE {condition} AND trace_id != '' ORDER BY 1"  # noqa: S608  literals
        traces: list[str] = self._client.query(sql)["trace_id"].to_pylist()
        return traces

    def delete(self, selection: Selection, found: Sequence[Found]) -> Iterator[Found]:
        """Delete what `find` found; yield each part when it is gone, and leave the audit row.

        Raises:
            StoreError, StoreUnavailable: ClickHouse refused, or did not answer; what was yielded is gone.
        """
        started_at, done = datetime.now(UTC), dict.fromkeys(_AUDITED, 0)
        try:
            for part in found:
                self._days.rewrite(part.day, "DELETE", part.condition)
                done[part.day.table] += part.rows
                yield part
        finally:
            self._audit(selection, started_at, done)

    def _found(self, table: str, condition: str, days: Sequence[Day]) -> list[Found]:
        column = TABLES[table]
        sql = f"SELECT toYYYYMMDD({column}) AS day, count() AS found FROM {table} WHERE {condition} GROUP BY day"  # noqa: S608
        rows = self._client.query(sql, settings=_LONG)
        counts = {str(row["day"]): row["found"] for row in rows.to_pylist()}
        mine = [day for day in days if day.table == table and day.partition in counts]
        return [Found(day, counts[day.partition], condition) for day in mine]

    def _audit(self, selection: Selection, started_at: datetime, done: dict[str, int]) -> None:
        time = pa.timestamp("ns", tz="UTC")
        columns = {
            "id": pa.array([str(uuid.uuid4())]),
            "started_at": pa.array([started_at], time),
            "finished_at": pa.array([datetime.now(UTC)], time),
            "requested_by": pa.array([getpass.getuser()]),
            "kind": pa.array([selection.kind]),
            "project": pa.array([selection.project or ""]),
            **{table: pa.array([done[table]], pa.uint64()) for table in _AUDITED},
        }
        Inserter(self._client).insert("deletions", pa.RecordBatch.from_pydict(columns), columns["id"][0].as_py())


def _condition(table: str, selection: Selection, traces: Sequence[str], *, is_first: bool) -> str:
    """Return SQL that is true for a table's rows of these traces, '' when there can be none.

    What is not found by trace is looked for with the first of several lists of traces.
    """
    ways = []
    if table in {"spans", "logs", "scores"} and traces:
        ways.append(f"trace_id IN ({', '.join(map(literal, traces))})")
    if is_first and selection.kind != "trace" and table in {"logs", "metric_points"}:
        ways += [f"attributes_string[{literal(key)}] = {literal(selection.id)}" for key in _ATTRIBUTES[selection.kind]]
    if is_first and table == "dead_letters":
        ways.append(f"position(payload, {literal(selection.id)}) > 0")
    return f"({' OR '.join(ways)}){_in_project(selection)}" if ways else ""


def _in_project(selection: Selection) -> str:
    return "" if selection.project is None else f" AND project = {literal(selection.project)}"
