"""What can be filtered by: the values of a dimension in a window, with how often each occurs.

Guarantee: every value that a span of the window has is counted, also those that a limit left out, whose number is told.
The dimension's own filter does not count, so that a menu shows the alternatives to what is chosen; all others do.
"""

from dataclasses import dataclass, replace
from typing import Any

from haechi_collector.query.dimensions import FILTERS, Dimension
from haechi_collector.query.engine import Engine
from haechi_collector.query.figures import call_sql
from haechi_collector.query.scope import Scope
from haechi_collector.query.series import iso
from haechi_collector.query.statement import Statement, Values


@dataclass(frozen=True, slots=True)
class FacetsQuestion:
    """Values of which dimension, of which spans; ``prefix`` is how they begin, in any case."""

    dimension: Dimension
    scope: Scope
    prefix: str = ""
    limit: int = 50


async def facets(engine: Engine, question: FacetsQuestion) -> dict[str, Any]:
    """Answer it.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    table = await engine.ask(_statement(question))
    window = question.scope.window
    return {
        "from": iso(window.from_ns),
        "to": iso(window.to_ns),
        "dimension": question.dimension.name,
        "values": table.rows,
        "values_in_all": table.groups,
    }


def _statement(question: FacetsQuestion) -> Statement:
    values = Values()
    scope = _without_own(question.scope, question.dimension)
    own = question.dimension.sql(values)
    where = f"{scope.spans(values)} AND value != ''"
    if question.prefix:
        where += f" AND startsWith(lowerUTF8(value), lowerUTF8({values.text(question.prefix)}))"
    columns = f"{own} AS value, count() AS spans, countIf({call_sql(values)}) AS requests"
    tail = f"GROUP BY value ORDER BY requests DESC, spans DESC, value LIMIT {values.number(question.limit)}"
    return Statement(f"SELECT {columns} FROM spans WHERE {where} {tail}", values.bound)  # noqa: S608  bound values


def _without_own(scope: Scope, dimension: Dimension) -> Scope:
    filters = {name: wanted for name, wanted in scope.filters.items() if FILTERS[name] != dimension.column}
    attributes = {key: wanted for key, wanted in scope.attributes.items() if key != dimension.key}
    return replace(scope, filters=filters, attributes=attributes)
