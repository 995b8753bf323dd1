"""A question over groups: one pass over the spans for the rows and for the row over all of them.

Guarantee: the rows, and the totals over all groups (those that a LIMIT left out too), come from one statement. A series
shows the same groups as the rows. What the table keeps summed up (`kept`) is read instead of rows where it gives the
same answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from haechi_collector.query.dimensions import Dimension
from haechi_collector.query.engine import Row, Table
from haechi_collector.query.kept import OF_EDGES, Kept, Measure, kept
from haechi_collector.query.scope import Scope
from haechi_collector.query.series import iso, step_sql
from haechi_collector.query.statement import Statement, Values


@dataclass(frozen=True, slots=True)
class _Source:
    """Where figures are read from: what stands behind FROM, and what is selected, keys first."""

    sql: str
    shown: tuple[str, ...]
    is_wide: bool = False
    is_kept: bool = False
    is_settled: bool = False

    def statement(self, sql: str, values: Values) -> Statement:
        """Return the statement over it."""
        return Statement(sql, values.bound, self.is_wide, self.is_kept, self.is_settled)


@dataclass(frozen=True, slots=True)
class Grouped:
    """Requests of a scope by dimensions.

    Attributes:
        scope: which requests.
        by: the dimensions; none for the totals alone.
        limit: groups that are shown.
        step_s: the interval of the series in seconds, 0 for none.
        is_unpriced: only requests without a price.
    """

    scope: Scope
    by: tuple[Dimension, ...] = ()
    limit: int = 100
    step_s: int = 0
    is_unpriced: bool = False

    def rows(self, measures: Sequence[Measure], order: str) -> Statement:
        """Return the statement of the rows. ``order`` is SQL of ours over names of measures."""
        values = Values()
        source = self._source(measures, values)
        tail = ""
        if self.by:
            names = self._names()
            tail = f" GROUP BY {names} WITH TOTALS ORDER BY {order}, {names} LIMIT {values.number(self.limit)}"
        return source.statement(f"SELECT {', '.join(source.shown)} FROM {source.sql}{tail}", values)  # noqa: S608  bound values

    def series(self, measures: Sequence[Measure], points_max: int, among: str = "") -> Statement:
        """Return the statement of the series, by time.

        Args:
            measures: as ``rows`` takes them.
            points_max: one more than that is asked for, so that too many are noticed.
            among: the order of the rows when a LIMIT cut them: the series then shows the groups that are left.
        """
        values = Values()
        source = self._source(measures, values, f"{step_sql(values.number(self.step_s))} AS t")
        sql, names = source.sql, ", ".join(["t", *([self._names()] if self.by else [])])
        if among and self.by:
            sql += f" AND ({self._names()}) IN ({self._first(measures, among, values)})"
        tail = f"GROUP BY {names} ORDER BY {names} LIMIT {values.number(points_max + 1)}"
        return source.statement(f"SELECT {', '.join(source.shown)} FROM {sql} {tail}", values)  # noqa: S608  bound values

    def _first(self, measures: Sequence[Measure], order: str, values: Values) -> str:
        """Return SQL that gives the groups that are shown."""
        source, names = self._source(measures, values), self._names()
        tail = f"GROUP BY {names} ORDER BY {order}, {names} LIMIT {values.number(self.limit)}"
        return f"SELECT {names} FROM (SELECT {', '.join(source.shown)} FROM {source.sql} {tail})"  # noqa: S608  bound values

    def _source(self, measures: Sequence[Measure], values: Values, time: str = "") -> "_Source":
        keys = [*([time] if time else []), *(f"{one.sql(values)} AS g{n}" for n, one in enumerate(self.by))]
        also = "cost_source = 'unpriced'" if self.is_unpriced else "1"
        columns = [*(one.column for one in self.by), *(["cost_source"] if self.is_unpriced else [])]
        found = kept(self.scope, columns, measures, self.step_s if time else 0)
        if found is not None:
            names = [key.rpartition(" ")[2] for key in keys]
            sums = [f"{one.together}(m{n}) AS {one.name}" for n, one in enumerate(measures)]
            shares = f"({self._shares(found, keys, measures, values, also)}) WHERE 1"
            return _Source(shares, (*names, *sums), self.scope.is_wide, is_kept=True, is_settled=found.is_settled)
        rows = f"spans WHERE {self.scope.requests(values)} AND {also}"
        if not time:
            rows = self.scope.source_of_requests(values, also)
        return _Source(
            rows, (*keys, *(one.over_rows for one in measures)), is_settled=False, is_wide=self.scope.is_wide
        )

    def _shares(self, found: Kept, keys: Sequence[str], measures: Sequence[Measure], values: Values, also: str) -> str:
        """Return SQL that sums up the whole steps, and the edges of the window, each as far as one row a group."""
        steps = [key.replace("(start_time)", f"({found.projection.start})") for key in keys]
        parts = [f"{one.part} AS m{n}" for n, one in enumerate(measures)]
        meant = f"{self.scope.requests_of_any_time(values)} AND {also}"
        # An empty share has no row: grouped by nothing at all it would have one, whose minimum is 0.
        grouped = f"GROUP BY {', '.join(key.rpartition(' ')[2] for key in keys) or 'project'}"
        told = [(steps, found.steps(values), found.projection.settings), (keys, found.edges(values), OF_EDGES)]
        return " UNION ALL ".join(
            f"SELECT {', '.join([*by, *parts])} FROM spans WHERE {where} AND {meant} {grouped} {settings}"  # noqa: S608  bound values
            for by, where, settings in told
            if where
        )

    def group(self, row: Row) -> dict[str, str]:
        """Return which group a row is: values by the dimension's name."""
        return {one.name: row[f"g{n}"] for n, one in enumerate(self.by)}

    def point(self, row: Row) -> dict[str, Any]:
        """Return when and which group a row of a series is."""
        return {"time": iso(row["t"] * 10**9), "group": self.group(row)}

    def _names(self) -> str:
        return ", ".join(f"g{n}" for n in range(len(self.by)))


def totals_of(table: Table, by: Sequence[Dimension]) -> Row:
    """Return the row over everything; without dimensions it is the only row."""
    return table.totals if by else table.rows[0]
