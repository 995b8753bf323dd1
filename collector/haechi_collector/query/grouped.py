"""A question over groups: one pass over the spans for the rows and for the row over all of them.

Guarantee: the rows, and the totals over all groups (those that a LIMIT left out too), come from one statement. A series
shows the same groups as the rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from haechi_collector.query.dimensions import Dimension
from haechi_collector.query.engine import Row, Table
from haechi_collector.query.scope import Scope
from haechi_collector.query.series import iso, step_sql
from haechi_collector.query.statement import Statement, Values


@dataclass(frozen=True, slots=True)
class Grouped:
    """Requests of a scope by dimensions.

    Attributes:
        scope: which requests.
        by: the dimensions; none for the totals alone.
        limit: groups that are shown.
        step_s: the interval of the series in seconds, 0 for none.
    """

    scope: Scope
    by: tuple[Dimension, ...] = ()
    limit: int = 100
    step_s: int = 0

    def rows(self, measures: Sequence[str], order: str) -> Statement:
        """Return the statement of the rows. ``measures`` and ``order`` are SQL of ours."""
        values = Values()
        keys = self._keys(values)
        source = self.scope.source_of_requests(values)
        tail = ""
        if keys:
            names = self._names()
            tail = f" GROUP BY {names} WITH TOTALS ORDER BY {order}, {names} LIMIT {values.number(self.limit)}"
        sql = f"SELECT {', '.join([*keys, *measures])} FROM {source}{tail}"  # noqa: S608  bound values
        return Statement(sql, values.bound, self.scope.is_wide)

    def series(self, measures: Sequence[str], points_max: int, among: str = "") -> Statement:
        """Return the statement of the series, by time.

        Args:
            measures: SQL of ours, as ``rows`` takes it.
            points_max: one more than that is asked for, so that too many are noticed.
            among: the order of the rows when a LIMIT cut them: the series then shows the groups that are left.
        """
        values = Values()
        keys = [f"{step_sql(values.number(self.step_s))} AS t", *self._keys(values)]
        where = self.scope.requests(values)
        if among and self.by:
            where += f" AND ({self._names()}) IN ({self._shown(among, values, where)})"
        names = ", ".join(["t", *([self._names()] if self.by else [])])
        tail = f"GROUP BY {names} ORDER BY {names} LIMIT {values.number(points_max + 1)}"
        sql = f"SELECT {', '.join([*keys, *measures])} FROM spans WHERE {where} {tail}"  # noqa: S608  bound values
        return Statement(sql, values.bound, self.scope.is_wide)

    def _shown(self, order: str, values: Values, where: str) -> str:
        tail = f"GROUP BY {self._names()} ORDER BY {order}, {self._names()} LIMIT {values.number(self.limit)}"
        return f"SELECT {', '.join(self._keys(values))} FROM spans WHERE {where} {tail}"  # noqa: S608  bound values

    def group(self, row: Row) -> dict[str, str]:
        """Return which group a row is: values by the dimension's name."""
        return {one.name: row[f"g{n}"] for n, one in enumerate(self.by)}

    def point(self, row: Row) -> dict[str, Any]:
        """Return when and which group a row of a series is."""
        return {"time": iso(row["t"] * 10**9), "group": self.group(row)}

    def _keys(self, values: Values) -> list[str]:
        return [f"{one.sql(values)} AS g{n}" for n, one in enumerate(self.by)]

    def _names(self) -> str:
        return ", ".join(f"g{n}" for n in range(len(self.by)))


def totals_of(table: Table, by: Sequence[Dimension]) -> Row:
    """Return the row over everything; without dimensions it is the only row."""
    return table.totals if by else table.rows[0]
