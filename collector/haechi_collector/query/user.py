"""One user: what was used and spent, day by day, with which models, in which sessions.

Guarantee: of the caller's project alone, of the spans that belong to the user (`belonging`). Days are those of UTC;
one without spans is absent. The days add up to the totals, to the last digit of the cost; the newest sessions are shown
up to `limits.USER_SESSIONS_MAX`, the number of all is among the totals.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from haechi_collector.query import judgements, limits
from haechi_collector.query.belonging import Belonging, is_whole
from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.figures import call_sql
from haechi_collector.query.money import text_of
from haechi_collector.query.scope import Scope
from haechi_collector.query.series import iso
from haechi_collector.query.statement import Statement, Values
from haechi_collector.query.trace_tree import decimal_of
from haechi_collector.query.users import COLUMN, user_measures, user_of


@dataclass(frozen=True, slots=True)
class _By:
    """SQL of ours: the key, the spans that count, the order, how many."""

    key: str
    only: str
    order: str
    limit: int


_DAYS: Final = _By("toUnixTimestamp(toStartOfDay(start_time))", "1", "key", limits.USER_DAYS_MAX)
_MODELS: Final = _By("request_model", "{call}", "requests DESC, key", limits.USER_MODELS_MAX)
_SESSIONS: Final = _By("session_id", "session_id != ''", "end DESC, key", limits.USER_SESSIONS_MAX)


async def user(engine: Engine, id_: str, scope: Scope) -> dict[str, Any] | None:
    """Return a user within a window, None when there is no span of theirs.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    whole = await is_whole(engine, COLUMN, scope)
    told, days, models, met, judged = await asyncio.gather(
        engine.ask(_totals(id_, scope, whole=whole)),
        engine.ask(_grouped(id_, scope, _DAYS, whole=whole)),
        engine.ask(_grouped(id_, scope, _MODELS, whole=whole)),
        engine.ask(_grouped(id_, scope, _SESSIONS, whole=whole)),
        judgements.judged_one(engine, COLUMN, id_, scope),
    )
    total = told.rows[0]
    if not total["traces"]:
        return None
    return {
        "from": iso(scope.window.from_ns),
        "to": iso(scope.window.to_ns),
        **user_of(total),
        **judgements.judged(judged),
        "daily": [{"time": iso(row["key"] * 10**9), **_figures(row)} for row in days.rows],
        "model_distribution": [
            {"model": row["key"], **_figures(row), "share": row["requests"] / total["requests"]} for row in models.rows
        ],
        "newest_sessions": [
            {"session": row["key"], "first_time": iso(row["begin"]), "last_time": iso(row["end"]), **_figures(row)}
            for row in met.rows
        ],
    }


def _spans(id_: str, scope: Scope, values: Values, *, whole: bool) -> str:
    return Belonging(COLUMN, lambda name: f"{name} = {values.text(id_)}", scope, whole).few(values)


def _totals(id_: str, scope: Scope, *, whole: bool) -> Statement:
    values = Values()
    columns = ", ".join(user_measures(values))
    return Statement(f"SELECT {columns} FROM {_spans(id_, scope, values, whole=whole)}", values.bound)  # noqa: S608  bound values


def _grouped(id_: str, scope: Scope, by: _By, *, whole: bool) -> Statement:
    values = Values()
    call = call_sql(values)
    columns = (
        f"{by.key} AS key, toUnixTimestamp64Nano(min(start_time)) AS begin,"
        " toUnixTimestamp64Nano(max(start_time)) AS end, uniqExact(trace_id) AS traces,"
        f" countIf({call}) AS requests, countIf({call} AND status_code = 'error') AS errors,"
        " sum(input_tokens) AS input, sum(output_tokens) AS output, sum(cost_usd) AS cost,"
        f" countIf({call} AND cost_source = 'unpriced') AS unpriced"
    )
    source = f"{_spans(id_, scope, values, whole=whole)} WHERE {by.only.format(call=call)}"
    tail = f"GROUP BY key ORDER BY {by.order} LIMIT {by.limit}"
    return Statement(f"SELECT {columns} FROM {source} {tail}", values.bound)  # noqa: S608  bound values


def _figures(row: Row) -> dict[str, Any]:
    return {
        "traces": row["traces"],
        "requests": row["requests"],
        "errors": row["errors"],
        "input_tokens": row["input"],
        "output_tokens": row["output"],
        "cost_usd": text_of(decimal_of(row["cost"])),
        "unpriced_requests": row["unpriced"],
    }
