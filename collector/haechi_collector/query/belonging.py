"""Which spans belong to a session or a user: those that carry its id, and those that carry none in its traces.

Why: many applications put the ids on the root span alone, and the calls below it have none. A span that carries an id
belongs to that one; one that carries none to the one that the earliest span of its trace names, inside the window.

What it costs where every span carries an id (`is_whole`): one look through the column, which the engine remembers.
Where ids stand on roots alone, a hash table of the traces in question: for one page of a list a small one, for an order
by requests, errors or cost one of all traces of the window.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from haechi_collector.query.engine import Engine
from haechi_collector.query.scope import Scope
from haechi_collector.query.statement import Statement, Values

COLUMNS: Final = (
    "trace_id, parent_span_id, name, service_name, start_time, duration_ns, status_code, operation, usage_source, "
    "request_model, input_tokens, output_tokens, cost_usd, cost_source, user_id"
)
"""What `Belonging` gives beside ``owner`` and ``session_id``."""


async def is_whole(engine: Engine, column: str, scope: Scope) -> bool:
    """Tell whether every span of the window carries an id.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    values = Values()
    where = f"{Scope(scope.window, scope.project).spans(values)} AND {column} = ''"
    sql = f"SELECT 1 AS lacking FROM spans WHERE {where} LIMIT 1"  # noqa: S608  bound values
    return not (await engine.ask(Statement(sql, values.bound))).rows


@dataclass(frozen=True, slots=True)
class Belonging:
    """Spans by who they belong to.

    Attributes:
        column: ``session_id`` or ``user_id``.
        mine: whose spans: SQL of a column that holds their ids.
        scope: the window, the project and the filters that each span must meet.
        is_whole: every span of the window carries an id, so that nothing has to be looked for.
    """

    column: str
    mine: Callable[[str], str]
    scope: Scope
    is_whole: bool = False

    def few(self, values: Values) -> str:
        """Return what stands behind FROM for some sessions or users: their traces are found first."""
        if self.is_whole:
            return f"({self._own(values, _itself)})"
        theirs = f"SELECT trace_id FROM spans WHERE {self._carrying(values)} AND {self.mine(self.column)}"  # noqa: S608  bound values
        lacking = f"{self._lacking(values)} AND trace_id IN ({theirs})"
        return self._both(values, lacking, f"trace_id IN ({theirs})", _itself)

    def all(self, values: Values, also: str) -> str:
        """Return the same for all, ``owner`` being a hash: the traces with spans that lack an id are found first.

        ``also`` is SQL of ours that must hold for spans that lack one. Hashes take a third of the memory of ids.
        """
        if self.is_whole:
            return self.carried(values)
        used = f"(SELECT count() > 0 FROM (SELECT 1 FROM spans WHERE {self._carrying(values)} LIMIT 1))"  # noqa: S608  bound values
        lacking = f"{self._lacking(values)} AND {also} AND {used}"
        traces = f"SELECT sipHash64(trace_id) FROM spans WHERE {lacking}"  # noqa: S608  bound values
        return self._both(values, lacking, f"sipHash64(trace_id) IN ({traces})", _hash)

    def carried(self, values: Values) -> str:
        """Return those alone that carry an id; ``owner`` is its hash."""
        return f"({self._own(values, _hash)})"

    def _both(self, values: Values, lacking: str, named: str, told: Callable[[str], str]) -> str:
        first = f"(start_time, {_hash(self.column)})"
        owners = (
            f"SELECT {told('trace_id')} AS trace, argMin({told(self.column)}, {first}) AS owner,"  # noqa: S608  bound values
            f" argMin(session_id, {first}) AS met FROM spans WHERE {self._carrying(values)} AND {named} GROUP BY trace"
        )
        lent = (
            f"SELECT owner, if(session_id = '', met, session_id) AS session_id, {COLUMNS}"  # noqa: S608  bound values
            f" FROM (SELECT {told('trace_id')} AS trace, session_id, {COLUMNS} FROM spans WHERE {lacking}) AS s"
            f" INNER JOIN ({owners}) AS t USING (trace) WHERE {self.mine('owner')}"
        )
        return f"({self._own(values, told)} UNION ALL {lent})"

    def _own(self, values: Values, told: Callable[[str], str]) -> str:
        where = f"{self.scope.spans(values)} AND {self.column} != '' AND {self.mine(self.column)}"
        return f"SELECT {told(self.column)} AS owner, session_id, {COLUMNS} FROM spans WHERE {where}"  # noqa: S608  bound values

    def _carrying(self, values: Values) -> str:
        return f"{Scope(self.scope.window, self.scope.project).spans(values)} AND {self.column} != ''"

    def _lacking(self, values: Values) -> str:
        return f"{self.scope.spans(values)} AND {self.column} = ''"


def _itself(name: str) -> str:
    return name


def _hash(name: str) -> str:
    return f"sipHash64({name})"
