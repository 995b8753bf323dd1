"""Which traces: search by every filter and by text, in pages.

Guarantee: a trace is found when one of its spans meets all filters and texts, and stands on one page only. Pages follow
the order without gaps (`cursor`). What is shown of a trace (cost, tokens, spans) is of all of it, not of the spans that
were found.

The order of a trace comes from the spans that were found: the earliest start, the longest duration, or the sum of cost,
the greatest first; then the trace id. Text is looked for as it stands, in any case, in what was asked and answered; the
text of a message is JSON in the store, so what is looked for is escaped the same way.
"""

from collections.abc import Sequence
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
from haechi_collector.stages.dialects import dialects

Order = Literal["newest", "slowest", "dearest"]

_PLACES: Final[dict[Order, str]] = {
    "newest": "toInt128(toUnixTimestamp64Nano(min(start_time)))",
    "slowest": "toInt128(max(duration_ns))",
    "dearest": "toInt128(ifNull(sum(cost_usd), toDecimal128(0, 12)) * 1000000000000)",
}
_TEXTS: Final = ("input_messages", "output_messages", "system_instructions")
_AROUND_NS: Final = 3_600 * 10**9
"""How long before and after the found spans the rest of a trace is looked for."""


@dataclass(frozen=True, slots=True)
class TracesQuestion:
    """Which traces, in which order, which page."""

    scope: Scope
    texts: Sequence[str] = ()
    order: Order = "newest"
    limit: int = 50
    cursor: str = ""

    @property
    def words(self) -> str:
        """Everything but the window and the page, to hold a cursor against."""
        filters = [
            sorted((k, sorted(v)) for k, v in kind.items()) for kind in (self.scope.filters, self.scope.attributes)
        ]
        return orjson.dumps([filters, sorted(self.texts), self.order]).decode("utf-8")


async def traces(engine: Engine, question: TracesQuestion) -> dict[str, Any]:
    """Answer it.

    Raises:
        WrongParameter: the cursor is none, or of another question.
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    after = read_cursor(question.cursor, question.words) if question.cursor else None
    scope = replace(question.scope, window=after.window) if after else question.scope
    found = (await engine.ask(_search(question, scope, after))).rows
    page, is_more = found[: question.limit], len(found) > question.limit
    shown = (await engine.ask(_details(scope, page))).rows if page else []
    by_id = {row["trace_id"]: row for row in shown}
    last = page[-1] if page and is_more else None
    return {
        "from": iso(scope.window.from_ns),
        "to": iso(scope.window.to_ns),
        "traces": [_trace(by_id[row["trace_id"]]) for row in page if row["trace_id"] in by_id],
        "next_cursor": Cursor(scope.window, last["place"], last["trace_id"]).write(question.words) if last else None,
    }


def _search(question: TracesQuestion, scope: Scope, after: Cursor | None) -> Statement:
    values = Values()
    source = _source(scope, sorted(filter(None, question.texts), key=len), values)
    having = ""
    if after:
        having = f" HAVING (place, trace_id) < (toInt128({values.text(after.place)}), {values.text(after.trace_id)})"
    columns = f"trace_id, {_PLACES[question.order]} AS place, min(toUnixTimestamp64Nano(start_time)) AS first"
    tail = f"GROUP BY trace_id{having} ORDER BY place DESC, trace_id DESC LIMIT {values.number(question.limit + 1)}"
    inner = f"SELECT {columns} FROM {source} {tail}"  # noqa: S608  bound values
    sql = (
        f"SELECT trace_id, toString(place) AS place, first FROM ({inner}) ORDER BY toInt128(place) DESC, trace_id DESC"  # noqa: S608  bound values
    )
    return Statement(sql, values.bound)


def _source(scope: Scope, texts: Sequence[str], values: Values) -> str:
    """Return what stands behind FROM to read the spans that meet filters and texts.

    Where texts alone narrow the window, the longest comes first, column by column: the engine remembers of each column
    in which granules (8,192 rows) it has found a text, whatever the window, and passes over the others the next time.
    """
    if not texts or not scope.is_wide:
        return f"spans WHERE {' AND '.join([scope.spans(values), *(_holds(text, values) for text in texts)])}"
    *others, longest = texts
    ways = []
    for n, column in enumerate(_TEXTS):
        seen = [f"NOT {_found(one, longest, values)}" for one in _TEXTS[:n]]
        where = " AND ".join([scope.spans(values), *seen, *(_holds(text, values) for text in others)])
        ways.append(f"SELECT * FROM spans PREWHERE {_found(column, longest, values)} WHERE {where}")  # noqa: S608  bound values
    return f"({' UNION ALL '.join(ways)})"


def _holds(text: str, values: Values) -> str:
    return f"({' OR '.join(_found(column, text, values) for column in _TEXTS)})"


def _found(column: str, text: str, values: Values) -> str:
    place = values.text(orjson.dumps(text)[1:-1].decode())
    # The byte-wise search folds ASCII alone and is several times as fast; Korean has no case.
    is_plain = all(character.isascii() or character.lower() == character.upper() for character in text)
    return f"positionCaseInsensitive{'' if is_plain else 'UTF8'}({column}, {place}) > 0"


def _details(scope: Scope, page: Sequence[Row]) -> Statement:
    values = Values()
    ids = values.text(",".join(row["trace_id"] for row in page))  # one value: the store takes 200 of them
    low, high = min(row["first"] for row in page) - _AROUND_NS, max(row["first"] for row in page) + _AROUND_NS
    own = f" AND project = {values.text(scope.project)}" if scope.project is not None else ""
    where = f"start_time >= {values.time(max(low, 0))} AND start_time < {values.time(high)}{own}"
    call = f"(operation IN {values.texts(sorted(dialects().words.inference))} AND usage_source != 'repeated')"
    first = "(parent_span_id != '', start_time)"
    columns = (
        "trace_id, toUnixTimestamp64Nano(min(start_time)) AS begin,"
        " toInt64(max(toUnixTimestamp64Nano(start_time) + duration_ns)) - begin AS duration,"
        f" argMin(name, {first}) AS root, argMin(service_name, {first}) AS service, count() AS spans,"
        f" countIf(status_code = 'error') AS errors, countIf({call}) AS requests,"
        f" arraySort(groupUniqArrayIf(20)(request_model, {call} AND request_model != '')) AS models,"
        " max(user_id) AS user, max(session_id) AS session, max(prompt_name) AS prompt, max(prompt_version) AS version,"
        " sum(input_tokens) AS input, sum(output_tokens) AS output, sum(cost_usd) AS cost,"
        f" countIf({call} AND cost_source = 'unpriced') AS unpriced,"
        " argMinIf(left(input_messages, 4000), start_time, input_messages != '') AS asked,"
        " argMaxIf(left(output_messages, 4000), start_time, output_messages != '') AS answered"
    )
    among = f"trace_id IN splitByChar(',', {ids})"
    sql = f"SELECT {columns} FROM spans WHERE {where} AND {among} GROUP BY trace_id"  # noqa: S608  bound values
    return Statement(sql, values.bound)


def _trace(row: Row) -> dict[str, Any]:
    return {
        "trace_id": row["trace_id"],
        "start_time": iso(row["begin"]),
        "duration_ms": row["duration"] / 1e6,
        "name": row["root"],
        "service": row["service"],
        "spans": row["spans"],
        "errors": row["errors"],
        "requests": row["requests"],
        "models": row["models"],
        "user": row["user"],
        "session": row["session"],
        "prompt": row["prompt"],
        "prompt_version": row["version"],
        "input_tokens": row["input"],
        "output_tokens": row["output"],
        "cost_usd": text_of(decimal_of(row["cost"])),
        "unpriced_requests": row["unpriced"],
        "input_excerpt": excerpt(row["asked"]),
        "output_excerpt": excerpt(row["answered"]),
    }
