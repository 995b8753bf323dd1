"""One trace: its tree, what was said in it, and what was judged.

Guarantee: spans of the caller's project alone; at most `limits.TRACE_SPANS_MAX` of them, the earliest, and the number
of those left out. Sums are over the spans shown.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from haechi_collector.query import limits
from haechi_collector.query.engine import Engine, Row, Table
from haechi_collector.query.money import text_of
from haechi_collector.query.scope import standing
from haechi_collector.query.series import iso
from haechi_collector.query.statement import Statement, Values
from haechi_collector.query.trace_content import Conversation, contexts
from haechi_collector.query.trace_tree import Node, decimal_of, trace_span, tree

_CALLS_MAX: Final = 1_000
_WHOLE_SPANS_MAX: Final = 1_000
"""Spans of a trace that is read by one statement, words and all; each statement looks through the index of ids. In no
order, because the engine would look for the first ones, 1 ms, where all are wanted."""
_SHOWN: Final = (
    *("span_id", "parent_span_id", "name", "kind", "service_name", "status_code", "error_type"),
    *("operation", "provider", "request_model", "ttft_ns"),
    "toUnixTimestamp64Nano(start_time) AS start",
    "toInt64(least(duration_ns, 4611686018427387904)) AS duration",
    "input_tokens AS input",
    "output_tokens AS output",
    "cost_usd AS cost",
)
_SPOKE: Final = "usage_source != 'repeated' AND operation NOT IN ('invoke_agent', 'invoke_workflow', 'execute_tool')"
"""An agent's span repeats what its calls say."""

_SAID: Final = ("system_instructions AS instructions", "input_messages AS asked", "output_messages AS answered")
_FOUND: Final = "retrieved_context AS context"
"""A retrieval has its documents, whichever batch it came in; a call has those that came with it."""

_IN_ORDER: Final = "ORDER BY start_time, span_id LIMIT"
_JUDGED: Final = ("id", "span_id", "name", "value", "label", "source", "evaluator", "explanation")


async def trace(engine: Engine, trace_id: str, project: str | None) -> dict[str, Any] | None:
    """Return the trace, None when there is none.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    told, judged = await asyncio.gather(engine.ask(_whole(trace_id, project)), engine.ask(_scores(trace_id, project)))
    if not told.rows:
        return None
    told.rows.sort(key=lambda row: (row["start"], row["span_id"]))
    said, found = _parts(told)
    if len(told.rows) > _WHOLE_SPANS_MAX:
        told, said, found = await asyncio.gather(
            engine.ask(_spans(trace_id, project)),
            engine.ask(_said(trace_id, project)),
            engine.ask(_documents(trace_id, project)),
        )
    nodes = tree(told.rows)
    begin = min(node.start for node in nodes)
    tops = [node for node in nodes if node.depth == 0]
    costs = [top.cost for top in tops if top.cost is not None]
    return {
        "trace_id": trace_id,
        "start_time": iso(begin),
        "duration_ms": (max(node.end for node in nodes) - begin) / 1e6,
        "span_count": told.groups,
        "spans": [_span(node, begin) for node in nodes],
        "spans_left_out": told.groups - len(nodes),
        "total_input_tokens": sum(top.input_tokens for top in tops),
        "total_output_tokens": sum(top.output_tokens for top in tops),
        "total_cost_usd": text_of(sum(costs[1:], costs[0])) if costs else None,
        **_content(said, found),
        "scores": [_score(row) for row in judged.rows],
    }


def _of(columns: Sequence[str], trace_id: str, project: str | None, tail: str) -> Statement:
    values = Values()
    where = _where(trace_id, project, values)
    return Statement(f"SELECT {', '.join(columns)} FROM spans WHERE {where} {tail}", values.bound)  # noqa: S608  bound values


def _where(trace_id: str, project: str | None, values: Values) -> str:
    own = f"project = {values.text(project)} AND " if project is not None else ""
    return f"{own}trace_id = {values.text(trace_id)}"


def _whole(trace_id: str, project: str | None) -> Statement:
    said = [f"if({_SPOKE}, {column}, '') AS {name}" for column, _, name in (one.partition(" AS ") for one in _SAID)]
    return _of((*_SHOWN, *said, _FOUND), trace_id, project, f"LIMIT {_WHOLE_SPANS_MAX + 1}")


def _parts(whole: Table) -> tuple[Table, Table]:
    """Return what `_said` and `_documents` would find."""
    said = [row for row in whole.rows if row["asked"] or row["answered"]]
    found = [row for row in whole.rows if row["context"]]
    return Table(said, groups=len(said)), Table(found, groups=len(found))


def _spans(trace_id: str, project: str | None) -> Statement:
    return _of(_SHOWN, trace_id, project, f"{_IN_ORDER} {limits.TRACE_SPANS_MAX}")


def _said(trace_id: str, project: str | None) -> Statement:
    tail = f"AND {_SPOKE} AND (input_messages != '' OR output_messages != '') {_IN_ORDER} {_CALLS_MAX}"
    return _of(("span_id", *_SAID), trace_id, project, tail)


def _documents(trace_id: str, project: str | None) -> Statement:
    return _of(("span_id", _FOUND), trace_id, project, f"AND retrieved_context != '' {_IN_ORDER} {_CALLS_MAX}")


def _scores(trace_id: str, project: str | None) -> Statement:
    values = Values()
    columns = ", ".join([*_JUDGED, "toUnixTimestamp64Nano(timestamp) AS at"])
    where = _where(trace_id, project, values)
    tail = f"ORDER BY timestamp, id LIMIT {limits.TRACE_SPANS_MAX}"
    return Statement(f"SELECT {columns} FROM {standing(where)} {tail}", values.bound)  # noqa: S608  bound values


def _content(said: Table, found: Table) -> dict[str, Any]:
    conversation = Conversation()
    for call in said.rows:
        conversation.add(call)
    documents, is_short = contexts(found.rows, limits.TRACE_CONTENT_CHARS_MAX)
    is_cut = any(table.groups > len(table.rows) for table in (said, found))
    return {
        "conversation": conversation.messages,
        "retrieved_context": documents,
        "content_left_out": is_cut or is_short or conversation.is_cut,
    }


def _span(node: Node, begin: int) -> dict[str, Any]:
    row = node.row
    return {
        "span_id": row["span_id"],
        "parent_span_id": row["parent_span_id"],
        "name": row["name"],
        "kind": row["kind"],
        "service": row["service_name"],
        "start_time": iso(node.start),
        "status": row["status_code"],
        "error_type": row["error_type"],
        "operation": row["operation"],
        "provider": row["provider"],
        "model": row["request_model"],
        "ttft_ms": None if row["ttft_ns"] is None else row["ttft_ns"] / 1e6,
        "input_tokens": row["input"],
        "output_tokens": row["output"],
        "cost_usd": text_of(decimal_of(row["cost"])),
        "total_cost_usd": text_of(node.cost),
        **trace_span(node, begin),
    }


def _score(row: Row) -> dict[str, Any]:
    return {**{name: row[name] for name in _JUDGED}, "timestamp": iso(row["at"])}
