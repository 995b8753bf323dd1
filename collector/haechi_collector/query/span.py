"""One span: everything that was stored of it.

Guarantee: of the caller's project alone; every column is shown, attributes with their types. Texts that are JSON are
shown parsed, others, and those too long to be whole, as they stand (`limits.SPAN_TEXT_CHARS_MAX` of them). The receipt
adds up to the cost (`receipt`). Of two spans with one id the one that came last is shown.
"""

import asyncio
from typing import Any, Final

import orjson

from haechi_collector.query import limits
from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.money import text_of
from haechi_collector.query.receipt import receipt
from haechi_collector.query.scope import standing
from haechi_collector.query.series import iso
from haechi_collector.query.statement import Statement, Values
from haechi_collector.query.trace_tree import decimal_of

_AS_STORED: Final = (
    *("project", "trace_id", "span_id", "parent_span_id", "name", "kind", "service_version", "environment"),
    *("error_type", "operation", "provider", "request_model", "response_model"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "usage_source"),
    *("cost_source", "finish_reasons", "prompt_version", "experiment", "variant"),
    *("scope_name", "scope_version", "dialect"),
)
_RENAMED: Final = {
    "service": "service_name",
    "status": "status_code",
    "user": "user_id",
    "session": "session_id",
    "prompt": "prompt_name",
}
_TEXTS: Final = (
    *("input_messages", "output_messages", "system_instructions", "tool_definitions", "retrieved_context"),
    *("events", "links", "status_message"),
)
_MAPS: Final = {
    "attributes_string": "string",
    "attributes_number": "number",
    "attributes_bool": "bool",
    "resource_attributes": "string",
}
_JUDGED: Final = (
    *("id", "span_id", "name", "value", "label", "source", "evaluator", "evaluator_version", "explanation"),
)


async def span(engine: Engine, trace_id: str, span_id: str, project: str | None) -> dict[str, Any] | None:
    """Return the span, None when there is none.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    told, judged = await asyncio.gather(
        engine.ask(_span(trace_id, span_id, project)), engine.ask(_scores(trace_id, span_id, project))
    )
    if not told.rows:
        return None
    row = told.rows[0]
    cost = decimal_of(row["cost"])
    return {
        **{name: row[name] for name in (*_AS_STORED, *_RENAMED)},
        "start_time": iso(row["begin"]),
        "duration_ms": row["duration_ns"] / 1e6,
        "is_streaming": bool(row["is_streaming"]),
        "ttft_ms": None if row["ttft_ns"] is None else row["ttft_ns"] / 1e6,
        "cost_usd": text_of(cost),
        "receipt": receipt(row["cost_details"], cost),
        **{name: _text(row, name) for name in _TEXTS},
        "attributes": [one for column in _MAPS if column != "resource_attributes" for one in _attributes(row, column)],
        "resource_attributes": _attributes(row, "resource_attributes"),
        "attributes_left_out": sum(max(0, row[f"{c}_count"] - limits.SPAN_ATTRIBUTES_MAX) for c in _MAPS),
        "ingested_at": iso(row["arrived"]),
        "scores": [_score(one) for one in judged.rows],
    }


def _where(trace_id: str, span_id: str, project: str | None, values: Values) -> str:
    own = f"project = {values.text(project)} AND " if project is not None else ""
    return f"{own}trace_id = {values.text(trace_id)} AND span_id = {values.text(span_id)}"


def _span(trace_id: str, span_id: str, project: str | None) -> Statement:
    values = Values()
    columns = [
        *_AS_STORED,
        *(f"{column} AS {name}" for name, column in _RENAMED.items()),
        "toUnixTimestamp64Nano(start_time) AS begin, duration_ns, is_streaming, ttft_ns, cost_details",
        "toString(cost_usd) AS cost, toUnixTimestamp64Nano(ingested_at) AS arrived",
        *(f"leftUTF8({c}, {limits.SPAN_TEXT_CHARS_MAX}) AS {c}_shown, lengthUTF8({c}) AS {c}_chars" for c in _TEXTS),
        *(_map(column, type_) for column, type_ in _MAPS.items()),
    ]
    where = _where(trace_id, span_id, project, values)
    sql = f"SELECT {', '.join(columns)} FROM spans WHERE {where} ORDER BY ingested_at DESC LIMIT 1"  # noqa: S608  bound values
    return Statement(sql, values.bound)


def _map(column: str, type_: str) -> str:
    most, chars = limits.SPAN_ATTRIBUTES_MAX, limits.SPAN_ATTRIBUTE_CHARS_MAX
    value = f"leftUTF8(v, {chars}), lengthUTF8(v) > {chars}" if type_ == "string" else "v, false"
    return (
        f"arrayMap((k, v) -> tuple(toString(k), {value}), arraySlice(mapKeys({column}), 1, {most}),"
        f" arraySlice(mapValues({column}), 1, {most})) AS {column}_shown, length({column}) AS {column}_count"
    )


def _scores(trace_id: str, span_id: str, project: str | None) -> Statement:
    values = Values()
    columns = ", ".join([*_JUDGED, "toUnixTimestamp64Nano(timestamp) AS at"])
    where = _where(trace_id, span_id, project, values)
    tail = f"ORDER BY timestamp, id LIMIT {limits.SPAN_SCORES_MAX}"
    return Statement(f"SELECT {columns} FROM {standing(where)} {tail}", values.bound)  # noqa: S608  bound values


def _text(row: Row, name: str) -> dict[str, Any]:
    text, chars = row[f"{name}_shown"], row[f"{name}_chars"]
    is_cut = chars > limits.SPAN_TEXT_CHARS_MAX
    parsed = None if is_cut or not text else _parsed(text)
    return {"parsed": parsed, "text": "" if parsed is not None else text, "chars": chars, "is_cut": is_cut}


def _parsed(text: str) -> Any:
    if text[0] not in "[{":
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _attributes(row: Row, column: str) -> list[dict[str, Any]]:
    found = []
    for one in row[f"{column}_shown"]:
        # The engine writes a tuple as a list, one with names as an object.
        key, value, is_cut = one.values() if isinstance(one, dict) else one
        found.append({"key": key, "type": _MAPS[column], "value": value, "is_cut": bool(is_cut)})
    return found


def _score(row: Row) -> dict[str, Any]:
    return {**{name: row[name] for name in _JUDGED}, "timestamp": iso(row["at"])}
