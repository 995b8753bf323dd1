"""Dashboards' queries as Grafana and its ClickHouse plug-in send them.

Expanded here as documented, by code of our own: template variables (`${name:singlequote}`, `$name`), then the plug-in's
macros. Source: https://grafana.com/docs/plugins/grafana-clickhouse-datasource (macros), and pkg/macros of
grafana/clickhouse-datasource 4.20.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

ALL = "$__all"


@dataclass(frozen=True)
class Sent:
    """What a viewer chose.

    Attributes:
        begin, end: the time range.
        step_s: the interval that Grafana works out from range, width and the panel's least one.
        chosen: values by variable; none is all.
    """

    begin: datetime
    end: datetime
    step_s: int
    chosen: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def expand(self, sql: str) -> str:
        """Return the statement that reaches ClickHouse.

        Raises:
            ValueError: a macro or a variable is left that nobody expands.
        """
        sql = self._conditional(sql)
        for name, values in self.chosen.items():
            quoted = ",".join("'" + value.replace("'", "\\'") + "'" for value in values)
            sql = sql.replace(f"${{{name}:singlequote}}", quoted)
        sql = re.sub(r"\$__(\w+)(?:\(([^()]*)\))?", self._macro, sql)
        if "$" in sql:
            raise ValueError(f"nobody expands this: {sql[sql.index('$') :][:80]}")
        return sql

    def _conditional(self, sql: str) -> str:
        """``$__conditionalAll(condition, $variable)`` is the condition, or true where all values are meant."""
        macro = "$__conditionalAll("
        while (at := sql.find(macro)) >= 0:
            end = _closing(sql, at + len(macro) - 1)
            condition, _, name = sql[at + len(macro) : end].rpartition(",")
            is_chosen = bool(self.chosen.get(name.strip().removeprefix("$")))
            sql = f"{sql[:at]}{condition if is_chosen else '1=1'}{sql[end + 1 :]}"
        return sql

    def _macro(self, found: re.Match[str]) -> str:
        name, argument = found.groups(default="")
        begin, end = (f"toDateTime({int(one.timestamp())})" for one in (self.begin, self.end))
        words = {
            "fromTime": begin,
            "toTime": end,
            "timeFilter": f"{argument} >= {begin} AND {argument} <= {end}",
            "timeInterval": f"toStartOfInterval(toDateTime({argument}), INTERVAL {self.step_s} second)",
            "interval_s": str(self.step_s),
        }
        return words.get(name, found[0])


def _closing(text: str, at: int) -> int:
    depth = 0
    for place in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise ValueError(f"not closed: {text[at:]}")
