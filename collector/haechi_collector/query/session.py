"""One session: its traces in the order of their start, what was asked and answered, and how it was judged.

Guarantee: of the caller's project alone. Figures are of the spans that belong to the session (`belonging`); the traces
shown are its earliest up to a limit, and the number of those left out is told. Texts and judgements are read for those
alone.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from haechi_collector.query import judgements, limits
from haechi_collector.query.belonging import Belonging
from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.figures import END, call_sql
from haechi_collector.query.money import text_of
from haechi_collector.query.scope import Scope
from haechi_collector.query.series import iso
from haechi_collector.query.sessions import COLUMN, session_measures, session_of
from haechi_collector.query.statement import Statement, Values
from haechi_collector.query.trace_content import excerpt
from haechi_collector.query.trace_tree import decimal_of

_JUDGED: Final = ("id", "span_id", "name", "value", "label", "source", "evaluator", "explanation")


async def session(engine: Engine, id_: str, scope: Scope, limit: int) -> dict[str, Any] | None:
    """Return a session within a window, None when it has no span there.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    told, found = await asyncio.gather(engine.ask(_totals(id_, scope)), engine.ask(_traces(id_, scope, limit)))
    if not found.rows:
        return None
    ids = [row["trace_id"] for row in found.rows]
    said, judged, figures = await asyncio.gather(
        engine.ask(_said(id_, scope, ids)),
        engine.ask(_scores(scope, ids)),
        judgements.judged_one(engine, COLUMN, id_, scope),
    )
    texts = {row["trace_id"]: row for row in said.rows}
    scores: dict[str, list[dict[str, Any]]] = {}
    for row in judged.rows:
        scores.setdefault(row["trace_id"], []).append(_score(row))
    return {
        "from": iso(scope.window.from_ns),
        "to": iso(scope.window.to_ns),
        **session_of(told.rows[0]),
        **judgements.judged(figures),
        "timeline": [_trace(row, texts.get(row["trace_id"]), scores.get(row["trace_id"], [])) for row in found.rows],
        "traces_left_out": found.groups - len(found.rows),
    }


def _spans(id_: str, scope: Scope, values: Values) -> str:
    return Belonging(COLUMN, lambda name: f"{name} = {values.text(id_)}", scope).few(values)


def _totals(id_: str, scope: Scope) -> Statement:
    values = Values()
    columns = ", ".join(session_measures(values))
    return Statement(f"SELECT {columns} FROM {_spans(id_, scope, values)}", values.bound)  # noqa: S608  bound values


def _traces(id_: str, scope: Scope, limit: int) -> Statement:
    values = Values()
    call = call_sql(values)
    first = "(parent_span_id != '', start_time)"
    columns = (
        "trace_id, toUnixTimestamp64Nano(min(start_time)) AS begin,"
        f" {END} - begin AS duration,"
        f" argMin(name, {first}) AS root, argMin(service_name, {first}) AS service, count() AS spans,"
        f" countIf({call}) AS requests, countIf({call} AND status_code = 'error') AS errors,"
        " max(status_code = 'error') AS failed,"
        f" arraySort(groupUniqArrayIf(20)(request_model, {call} AND request_model != '')) AS models,"
        " sum(input_tokens) AS input, sum(output_tokens) AS output, sum(cost_usd) AS cost,"
        f" countIf({call} AND cost_source = 'unpriced') AS unpriced"
    )
    tail = f"GROUP BY trace_id ORDER BY begin, trace_id LIMIT {values.number(limit)}"
    return Statement(f"SELECT {columns} FROM {_spans(id_, scope, values)} {tail}", values.bound)  # noqa: S608  bound values


def _said(id_: str, scope: Scope, ids: Sequence[str]) -> Statement:
    values = Values()
    columns = (
        "trace_id, argMinIf(left(input_messages, 4000), start_time, input_messages != '') AS asked,"
        " argMaxIf(left(output_messages, 4000), start_time, output_messages != '') AS answered"
    )
    own = f"session_id IN ('', {values.text(id_)}) AND (input_messages != '' OR output_messages != '')"
    where = f"{scope.spans(values)} AND {_among(ids, values)} AND {own}"
    return Statement(f"SELECT {columns} FROM spans WHERE {where} GROUP BY trace_id", values.bound)  # noqa: S608  bound values


def _among(ids: Sequence[str], values: Values) -> str:
    return f"trace_id IN splitByChar(',', {values.text(','.join(ids))})"


def _scores(scope: Scope, ids: Sequence[str]) -> Statement:
    values = Values()
    columns = ", ".join(["trace_id", *_JUDGED, "toUnixTimestamp64Nano(timestamp) AS at"])
    where = f"{judgements.after(scope, values)} AND {_among(ids, values)}"
    tail = f"ORDER BY timestamp, id LIMIT {limits.SESSION_SCORES_MAX}"
    return Statement(f"SELECT {columns} FROM scores FINAL WHERE {where} {tail}", values.bound)  # noqa: S608  bound values


def _trace(row: Row, said: Row | None, scores: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "trace_id": row["trace_id"],
        "start_time": iso(row["begin"]),
        "duration_ms": row["duration"] / 1e6,
        "name": row["root"],
        "service": row["service"],
        "spans": row["spans"],
        "requests": row["requests"],
        "errors": row["errors"],
        "is_failed": bool(row["failed"]),
        "models": row["models"],
        "input_tokens": row["input"],
        "output_tokens": row["output"],
        "cost_usd": text_of(decimal_of(row["cost"])),
        "unpriced_requests": row["unpriced"],
        "input_excerpt": excerpt(said["asked"]) if said else "",
        "output_excerpt": excerpt(said["answered"]) if said else "",
        "scores": scores,
    }


def _score(row: Row) -> dict[str, Any]:
    return {**{name: row[name] for name in _JUDGED}, "timestamp": iso(row["at"])}
