"""What `spans` keeps summed up, and which questions that answers.

Guarantee: an answer is that of the rows, for any window. Whole hours of it come from a projection of the table
(migration 0004), the edges from the rows; the engine reads the rows itself where a part has no projection yet, and
everywhere while late content waits to be merged that could change a figure.

A *measure* comes in parts: one SQL that sums up some of the rows, word for word as the projection has it, and one that
puts parts together. Counts and costs stay exact, percentiles stay as in `quantiles`.

Source: https://clickhouse.com/docs/engines/table-engines/mergetree-family/mergetree#projections
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from haechi_collector.query.quantiles import quantiles_merged, quantiles_sql
from haechi_collector.query.scope import Scope, Window
from haechi_collector.query.statement import Values

_HOUR_S: Final = 3_600
_END_S: Final = 2**32
"""The engine counts hours in 32 bits of seconds."""

OF_EDGES: Final = "SETTINGS optimize_use_projections = 0"
"""What is read from rows, as they are; to look for a projection takes 2 ms."""

_LATE: Final = frozenset({"user_id", "session_id", "sum(cache_read_tokens)"})
"""Keys and parts that late content may change in stored spans (`stages.normalize_logs`)."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of a group: its name, the SQL over a share of the rows, and the function that puts shares together.

    ``whole`` is the SQL over all rows where that is not ``part``.
    """

    name: str
    part: str
    together: str = "sum"
    whole: str = ""

    @property
    def over_rows(self) -> str:
        """SQL over rows, with its name."""
        return f"{self.whole or self.part} AS {self.name}"


_STATES: Final = {
    "duration_ns": "quantilesBFloat16State(0.5, 0.95, 0.99)(duration_ns)",
    "ttft_ns": "quantilesBFloat16StateIf(0.5, 0.95, 0.99)(assumeNotNull(ttft_ns), ttft_ns IS NOT NULL)",
}
"""Values counted for any quantiles; the ones that it names are part of its name only."""


def quantiles_of(name: str, value: str, levels: Sequence[float]) -> Measure:
    """Return the measure of quantiles of a column or other SQL; `quantiles.near` reads what it gives."""
    return Measure(name, _STATES.get(value, ""), quantiles_merged(levels), quantiles_sql(levels, value))


@dataclass(frozen=True, slots=True)
class Projection:
    """One projection: how long its steps are, by which columns it sums up, and what."""

    name: str
    step_s: int
    columns: frozenset[str]
    parts: frozenset[str]

    @property
    def start(self) -> str:
        """SQL of a step's start."""
        if self.step_s == _HOUR_S:
            return "toStartOfHour(start_time)"
        return f"toStartOfInterval(start_time, toIntervalHour({self.step_s // _HOUR_S}))"

    @property
    def settings(self) -> str:
        """SQL that makes the engine read this one at once.

        It would first look which rows it had to read without a projection, 5 us for each granule of the window.
        """
        return f"SETTINGS use_primary_key = 0, preferred_optimize_projection_name = '{self.name}'"


_CALL: Final = ("project", "operation", "usage_source")
_COSTS: Final = frozenset(
    [
        *("count()", "sum(cost_usd)", "count(cost_usd)", "countIf(cost_source = 'unpriced')"),
        *("sum(input_tokens)", "sum(output_tokens)", "sum(cache_read_tokens)"),
        "sumIf(input_tokens + output_tokens, cost_usd IS NOT NULL)",
    ]
)
_DURATIONS: Final = frozenset(
    f"{function}({column})" for function in ("count", "sum", "min", "max") for column in _STATES
) | frozenset(_STATES.values())
PROJECTIONS: Final = (
    Projection(
        "latency_by_hour",
        _HOUR_S,
        frozenset([*_CALL, "provider", "request_model"]),
        _DURATIONS
        | {
            *("count()", "countIf(status_code = 'error')", "sum(cost_usd)", "count(cost_usd)"),
            "countIf(cost_source = 'unpriced')",
        },
    ),
    Projection(
        "costs_by_hour",
        _HOUR_S,
        frozenset(
            [
                *(*_CALL, "provider", "request_model", "response_model", "service_name", "environment"),
                *("prompt_name", "prompt_version", "experiment", "variant", "cost_source"),
            ]
        ),
        _COSTS,
    ),
    Projection("costs_by_user", 6 * _HOUR_S, frozenset([*_CALL, "user_id"]), _COSTS),
)
"""The projections of migration 0004."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The steps of a window that a projection answers: from ``first_s`` up to ``after_s``, seconds since 1970."""

    projection: Projection
    window: Window
    first_s: int
    after_s: int
    is_settled: bool
    """Whether no late content can change what is asked for."""

    def steps(self, values: Values) -> str:
        """Return the condition on a projection's rows: the whole steps."""
        start = self.projection.start
        low, high = (f"toDateTime({values.number(s)}, 'UTC')" for s in (self.first_s, self.after_s))
        return f"{start} >= {low} AND {start} < {high}"

    def edges(self, values: Values) -> str:
        """Return the condition on the spans of the window before and after the whole steps, '' when there are none."""
        first, after = self.first_s * 10**9, self.after_s * 10**9
        ends = [(self.window.from_ns, first), (after, self.window.to_ns)]
        told = [
            f"start_time >= {values.time(low)} AND start_time < {values.time(high)}" for low, high in ends if low < high
        ]
        return f"({' OR '.join(told)})" if told else ""


def kept(scope: Scope, by: Sequence[str], measures: Sequence[Measure], step_s: int = 0) -> Kept | None:
    """Return what answers a question; None when nothing does, or for less than half of its window.

    Args:
        scope: which requests.
        by: columns that they are grouped by; '' stands for an attribute.
        measures: what is asked for.
        step_s: length of the steps of a series, 0 for none.
    """
    columns, parts = {*by, *scope.columns}, {measure.part for measure in measures}
    late = bool((columns | parts) & _LATE)
    for projection in PROJECTIONS:
        if scope.attributes or not (columns <= projection.columns and parts <= projection.parts):
            continue
        length, window = projection.step_s, scope.window
        first_s, after_s = -(-window.from_ns // (length * 10**9)) * length, window.to_ns // (length * 10**9) * length
        is_most = 2 * (after_s - first_s) >= window.seconds and after_s > first_s
        if is_most and after_s < _END_S and step_s % length == 0:
            return Kept(projection, window, first_s, after_s, not late)
    return None
