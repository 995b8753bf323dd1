"""Which attributes there are: keys with their type and how many spans have them.

Guarantee: bounded work. At most `limits.ATTRIBUTE_SPANS_MAX` spans are read, the newest of the window; the answer tells
from when on they are, and ``is_sampled`` when the window holds more. Within them every key is counted exactly.

Cost: one light pass over the window's start times finds where the newest begin; keys are read without their values.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from haechi_collector.query import limits
from haechi_collector.query.engine import Engine
from haechi_collector.query.scope import Scope
from haechi_collector.query.series import iso
from haechi_collector.query.statement import Statement, Values

_MAPS: Final[Mapping[str, tuple[str, str]]] = {
    "attributes_string": ("string", "span"),
    "attributes_number": ("number", "span"),
    "attributes_bool": ("bool", "span"),
    "resource_attributes": ("string", "resource"),
}
"""The type of each map's values, and whose attributes it holds."""


async def attribute_keys(engine: Engine, scope: Scope, limit: int) -> dict[str, Any]:
    """Answer it.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    cut = (await engine.ask(_first_beyond(scope))).rows
    read = replace(scope, window=replace(scope.window, from_ns=cut[0]["t"] + 1)) if cut else scope
    table = await engine.ask(_keys(read, limit))
    spans = await engine.ask(_count(read))
    return {
        "from": iso(read.window.from_ns),
        "to": iso(read.window.to_ns),
        "is_sampled": bool(cut),
        "spans": spans.rows[0]["spans"],
        "attributes": table.rows,
        "attributes_in_all": table.groups,
    }


def _first_beyond(scope: Scope) -> Statement:
    """Ask for the newest span that is not read."""
    values = Values()
    tail = f"ORDER BY start_time DESC LIMIT 1 OFFSET {limits.ATTRIBUTE_SPANS_MAX}"
    newest = f"SELECT start_time FROM spans WHERE {scope.spans(values)} {tail}"  # noqa: S608  bound values
    return Statement(f"SELECT toUnixTimestamp64Nano(start_time) AS t FROM ({newest})", values.bound)  # noqa: S608  bound values


def _keys(scope: Scope, limit: int) -> Statement:
    values = Values()
    where = scope.spans(values)
    each = [
        f"SELECT arrayJoin(mapKeys({column})) AS key, '{type_}' AS type, '{where_}' AS of, count() AS spans"  # noqa: S608  words of our own
        f" FROM spans WHERE {where} GROUP BY key"
        for column, (type_, where_) in _MAPS.items()
    ]
    tail = f"ORDER BY spans DESC, key, of, type LIMIT {values.number(limit)}"
    return Statement(f"SELECT key, type, of, spans FROM ({' UNION ALL '.join(each)}) {tail}", values.bound)  # noqa: S608  bound values


def _count(scope: Scope) -> Statement:
    values = Values()
    return Statement(f"SELECT count() AS spans FROM spans WHERE {scope.spans(values)}", values.bound)  # noqa: S608  bound values
