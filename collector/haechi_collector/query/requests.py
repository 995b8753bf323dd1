"""Top and tail: single requests in an order, one page of them, with everything that explains the place of each.

Guarantee: every request that has what the order is about (a time to first token, a price, an error) stands on one page
only; pages follow the order without gaps (`cursor`). Of equals the one with the greater trace and span id comes first.
Finding reads light columns; texts are read for the page's requests alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import orjson

from haechi_collector.query.cursor import Cursor, read_cursor
from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.money import text_of
from haechi_collector.query.scope import Scope
from haechi_collector.query.series import iso
from haechi_collector.query.statement import Statement, Values
from haechi_collector.query.trace_content import excerpt
from haechi_collector.query.trace_tree import decimal_of

Order = Literal["slowest", "slowest_ttft", "dearest", "most_tokens", "failing", "newest"]

_PLACES: Final[Mapping[Order, tuple[str, str]]] = {
    "slowest": ("toInt128(duration_ns)", "1"),
    "slowest_ttft": ("toInt128(assumeNotNull(ttft_ns))", "ttft_ns IS NOT NULL"),
    "dearest": ("toInt128(toDecimal128(assumeNotNull(cost_usd), 12) * 1000000000000)", "cost_usd IS NOT NULL"),
    "most_tokens": ("toInt128(input_tokens) + toInt128(output_tokens)", "1"),
    "failing": ("toInt128(toUnixTimestamp64Nano(start_time))", "status_code = 'error'"),
    "newest": ("toInt128(toUnixTimestamp64Nano(start_time))", "1"),
}
"""The SQL of each order's place, and which requests have one."""

_AS_STORED: Final = (
    *("trace_id", "span_id", "parent_span_id", "operation", "provider", "response_model", "prompt_version"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cost_source", "error_type"),
)
_RENAMED: Final = {
    "service": "service_name",
    "model": "request_model",
    "prompt": "prompt_name",
    "user": "user_id",
    "session": "session_id",
    "status": "status_code",
}
_MESSAGE_CHARS: Final = 1_000


@dataclass(frozen=True, slots=True)
class RequestsQuestion:
    """Which requests, in which order, which page."""

    scope: Scope
    order: Order = "newest"
    limit: int = 50
    cursor: str = ""

    @property
    def words(self) -> str:
        """Everything but the window and the page, to hold a cursor against."""
        filters = [
            sorted((k, sorted(v)) for k, v in kind.items()) for kind in (self.scope.filters, self.scope.attributes)
        ]
        return orjson.dumps([filters, self.order]).decode()


async def requests(engine: Engine, question: RequestsQuestion) -> dict[str, Any]:
    """Answer it.

    Raises:
        WrongParameter: the cursor is none, or of another question.
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    after = read_cursor(question.cursor, question.words) if question.cursor else None
    scope = replace(question.scope, window=after.window) if after else question.scope
    found = (await engine.ask(_search(question, scope, after))).rows
    page = found[: question.limit]
    shown = (await engine.ask(_details(scope, page))).rows if page else []
    by_ids = {(row["trace_id"], row["span_id"]): row for row in shown}
    last = page[-1] if len(found) > question.limit else None
    cursor = Cursor(scope.window, last["place"], _ids(last)).write(question.words) if last else None
    return {
        "from": iso(scope.window.from_ns),
        "to": iso(scope.window.to_ns),
        "order": question.order,
        "requests": [_request(by_ids[row["trace_id"], row["span_id"]]) for row in page],
        "next_cursor": cursor,
    }


def _ids(row: Row) -> str:
    return f"{row['trace_id']}/{row['span_id']}"


def _search(question: RequestsQuestion, scope: Scope, after: Cursor | None) -> Statement:
    values = Values()
    place, has_one = _PLACES[question.order]
    where = f"{scope.requests(values)} AND {has_one}"
    if after:
        trace_id, _, span_id = after.trace_id.partition("/")
        at = f"(toInt128({values.text(after.place)}), {values.text(trace_id)}, {values.text(span_id)})"
        where += f" AND ({place}, trace_id, span_id) < {at}"
    columns = f"trace_id, span_id, {place} AS place, toUnixTimestamp64Nano(start_time) AS begin"
    tail = f"ORDER BY place DESC, trace_id DESC, span_id DESC LIMIT {values.number(question.limit + 1)}"
    inner = f"SELECT {columns} FROM spans WHERE {where} {tail}"  # noqa: S608  bound values
    sql = f"SELECT trace_id, span_id, toString(place) AS place, begin FROM ({inner})"  # noqa: S608  bound values
    return Statement(f"{sql} ORDER BY toInt128(place) DESC, trace_id DESC, span_id DESC", values.bound)


def _details(scope: Scope, page: Sequence[Row]) -> Statement:
    values = Values()
    begins = [row["begin"] for row in page]
    own = f" AND project = {values.text(scope.project)}" if scope.project is not None else ""
    when = f"start_time >= {values.time(min(begins))} AND start_time <= {values.time(max(begins))}{own}"
    traces, ids = (values.text(",".join(row[name] for row in page)) for name in ("trace_id", "span_id"))
    where = f"{when} AND trace_id IN splitByChar(',', {traces}) AND span_id IN splitByChar(',', {ids})"
    columns = ", ".join(
        [
            *_AS_STORED,
            *(f"{column} AS {name}" for name, column in _RENAMED.items()),
            "toUnixTimestamp64Nano(start_time) AS begin, duration_ns, ttft_ns, toString(cost_usd) AS cost",
            f"leftUTF8(status_message, {_MESSAGE_CHARS}) AS message",
            "left(input_messages, 4000) AS asked, left(output_messages, 4000) AS answered",
        ]
    )
    return Statement(f"SELECT {columns} FROM spans WHERE {where}", values.bound)  # noqa: S608  bound values


def _request(row: Row) -> dict[str, Any]:
    return {
        "start_time": iso(row["begin"]),
        **{name: row[name] for name in (*_AS_STORED, *_RENAMED)},
        "duration_ms": row["duration_ns"] / 1e6,
        "ttft_ms": None if row["ttft_ns"] is None else row["ttft_ns"] / 1e6,
        "cost_usd": text_of(decimal_of(row["cost"])),
        "status_message": row["message"],
        "input_excerpt": excerpt(row["asked"]),
        "output_excerpt": excerpt(row["answered"]),
    }
