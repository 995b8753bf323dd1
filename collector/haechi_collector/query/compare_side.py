"""One side of a comparison: which requests it has, and the statements that measure them.

Guarantee: an answer has at most `clusters.GROUPS` rows of sums, or one row per step of a distribution: a value's first
16 bits as a float, 1/128 of it wide, at most 32,768 of them. Memory does not grow with the requests.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from haechi_collector.query.clusters import GROUPS
from haechi_collector.query.dimensions import Dimension
from haechi_collector.query.judgements import THUMBS, UP
from haechi_collector.query.latency import METRICS
from haechi_collector.query.scope import Scope
from haechi_collector.query.statement import Statement, Values

Timing = Literal["duration_ns", "ttft_ns"]

_DAY_NS: Final = 86_400 * 10**9
_UNIT: Final = "if(session_id = '', trace_id, session_id)"
_SPEED: Final = METRICS["tokens_per_second"][0]
_SUMS: Final = (
    "count() AS requests",
    "uniqCombined(14)(unit) AS units",
    "countIf(status_code = 'error') AS errors",
    "sum(duration_ns) AS duration",
    "min(duration_ns) AS duration_min",
    "max(duration_ns) AS duration_max",
    "count(ttft_ns) AS streamed",
    "sum(ttft_ns) AS ttft",
    "min(ttft_ns) AS ttft_min",
    "max(ttft_ns) AS ttft_max",
    f"sum({_SPEED}) AS speed",
    f"count({_SPEED}) AS timed",
    "sum(input_tokens) AS input",
    "sum(output_tokens) AS output",
    "sum(cache_read_tokens) AS cached",
    "sum(cost_usd) AS cost",
    "count(cost_usd) AS priced",
    "countIf(cost_source = 'unpriced') AS unpriced",
)
_JUDGED: Final = (
    "uniqCombined(14)(trace_id) AS units",
    "sumIf(ifNull(value, 0), name = 'quality') AS quality",
    "countIf(name = 'quality' AND value IS NOT NULL) AS qualities",
    "countIf(value > 0.5 AND name = 'hallucination') AS hallucinated",
    "countIf(name = 'hallucination' AND value IS NOT NULL) AS checked",
    f"countIf({UP} AND {THUMBS}) AS up",
    f"countIf({THUMBS} AND {UP} IS NOT NULL) AS thumbs",
)


def step_sql(value: str) -> str:
    """Return the step of a value in its distribution: the first 16 bits of it as a float."""
    return f"bitShiftRight(reinterpretAsUInt32(toFloat32({value})), 16)"


@dataclass(frozen=True, slots=True)
class Side:
    """Requests of a scope, and of one value of a dimension if there is one."""

    label: str
    scope: Scope
    by: Dimension | None = None
    value: str = ""

    def sums(self) -> Statement:
        """Return the sums of each group of units."""
        values = Values()
        inner = f"*, {_UNIT} AS unit"
        source = f"(SELECT {inner} FROM {self._source(values)})"  # noqa: S608  bound values
        return self._statement(values, f"cityHash64(unit) % {GROUPS} AS g", _SUMS, source, "g")

    def distribution(self, timing: Timing) -> Statement:
        """Return how many requests have each step of a duration, from the lowest up."""
        values = Values()
        source = self._source(values, f"isNotNull({timing})")
        return self._statement(values, f"{step_sql(timing)} AS step", ("count() AS requests",), source, "step")

    def below(self, steps: Sequence[tuple[Timing, int]]) -> Statement:
        """Return how many requests of each group of units are at or below each of some steps."""
        values = Values()
        columns = [
            f"countIf({step_sql(f'assumeNotNull({t})')} <= {values.number(step)} AND isNotNull({t})) AS n{n}"
            for n, (t, step) in enumerate(steps)
        ]
        source = self._source(values)
        return self._statement(values, f"cityHash64({_UNIT}) % {GROUPS} AS g", columns, source, "g")

    def judged(self) -> Statement:
        """Return the sums of the judgements of each group of traces."""
        values = Values()
        source = f"scores FINAL WHERE {self._scores(values)}"
        return self._statement(values, f"cityHash64(trace_id) % {GROUPS} AS g", _JUDGED, source, "g")

    def _statement(self, values: Values, key: str, columns: Sequence[str], source: str, by: str) -> Statement:
        sql = f"SELECT {', '.join([key, *columns])} FROM {source} GROUP BY {by} ORDER BY {by}"  # noqa: S608  bound values
        return Statement(sql, values.bound, self.by is None and self.scope.is_wide)

    def _source(self, values: Values, also: str = "1") -> str:
        return self.scope.source_of_requests(values, f"{self._own(values)} AND {also}")

    def _own(self, values: Values) -> str:
        return "1" if self.by is None else f"{self.by.sql(values)} = {values.text(self.value)}"

    def _scores(self, values: Values) -> str:
        """Return the condition on ``scores``, as `Scope.scores` has it, for the traces of this side."""
        if self.by is None:
            return self.scope.scores(values)
        window = self.scope.window
        earlier = replace(self.scope, window=replace(window, from_ns=max(0, window.from_ns - _DAY_NS)))
        traces = f"SELECT trace_id FROM spans WHERE {earlier.spans(values)} AND {self._own(values)}"  # noqa: S608  bound values
        return f"{replace(self.scope, filters={}, attributes={}).scores(values)} AND trace_id IN ({traces})"
