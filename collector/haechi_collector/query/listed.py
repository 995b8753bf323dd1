"""Which sessions, which users: one page of the values of a column, in an order.

Guarantee: a value is found when one of its spans (`belonging`) meets all filters, and stands on one page only; pages
follow the order without gaps (`cursor`). The order comes from the spans that were found, the greatest first; of equals
the one with the greater hash. Orders of time go by the spans that carry the value, where no filter is given.

Ids are what applications make of them: of any length, with any character. A page and its cursor therefore name them
by their 64-bit hashes, whose clashes (one in 10^13 for a page among a million) would leave one of the two out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson

from haechi_collector.query.belonging import Belonging, is_whole
from haechi_collector.query.cursor import Cursor, read_cursor
from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.figures import call_sql
from haechi_collector.query.scope import Scope, Window
from haechi_collector.query.statement import Statement, Values

ORDERS: Final[Mapping[str, str]] = {
    "newest": "toInt128(toUnixTimestamp64Nano(max(start_time)))",
    "longest": "toInt128(dateDiff('ns', min(start_time), max(start_time)) + argMax(duration_ns, start_time))",
    "dearest": "toInt128(ifNull(sum(cost_usd), toDecimal128(0, 12)) * 1000000000000)",
    "requests": "toInt128(countIf({call}))",
    "errors": "toInt128(countIf({call} AND status_code = 'error'))",
    "sessions": "toInt128(uniqExactIf(session_id, session_id != ''))",
    "days": "toInt128(uniqExact(toDate(start_time)))",
}
"""The SQL of each order's place."""

_OF_CALLS: Final = frozenset({"dearest", "requests", "errors"})


@dataclass(frozen=True, slots=True)
class ListQuestion:
    """Values of which column, of which spans, in which order (of `ORDERS`), which page."""

    column: str
    scope: Scope
    order: str = "newest"
    limit: int = 50
    cursor: str = ""

    @property
    def words(self) -> str:
        """Everything but the window and the page, to hold a cursor against."""
        filters = [
            sorted((k, sorted(v)) for k, v in kind.items()) for kind in (self.scope.filters, self.scope.attributes)
        ]
        return orjson.dumps([self.column, filters, self.order]).decode()


@dataclass(frozen=True, slots=True)
class Page:
    """The hashes of a page's values in their order, the window that it is of, and where the next one begins.

    ``is_whole`` says that every span of the window carries a value, see `belonging`.
    """

    hashes: Sequence[str]
    window: Window
    next_cursor: str | None
    is_whole: bool


async def page_of(engine: Engine, question: ListQuestion) -> Page:
    """Find a page.

    Raises:
        WrongParameter: the cursor is none, or of another question.
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    after = read_cursor(question.cursor, question.words) if question.cursor else None
    scope = replace(question.scope, window=after.window) if after else question.scope
    whole = await is_whole(engine, question.column, scope)
    found = (await engine.ask(_search(question, scope, after, whole=whole))).rows
    page = found[: question.limit]
    last = page[-1] if len(found) > question.limit else None
    cursor = Cursor(scope.window, last["place"], last["hash"]).write(question.words) if last else None
    return Page([row["hash"] for row in page], scope.window, cursor, whole)


def _search(question: ListQuestion, scope: Scope, after: Cursor | None, *, whole: bool) -> Statement:
    values = Values()
    place = ORDERS[question.order].format(call=call_sql(values))
    having = ""
    if after:
        # A cursor of ours holds a hash; a forged one is read as some number.
        at = f"(toInt128({values.text(after.place)}), toUInt64OrZero({values.text(after.trace_id)}))"
        having = f" HAVING (place, hash) < {at}"
    tail = f"GROUP BY owner{having} ORDER BY place DESC, hash DESC LIMIT {values.number(question.limit + 1)}"
    source = _source(question, Belonging(question.column, lambda _: "1", scope, whole), values)
    inner = f"SELECT owner AS hash, {place} AS place FROM {source} {tail}"  # noqa: S608  bound values
    sql = f"SELECT toString(hash) AS hash, toString(place) AS place FROM ({inner})"  # noqa: S608  bound values
    return Statement(f"{sql} ORDER BY toInt128(place) DESC, toUInt64(hash) DESC", values.bound)


def _source(question: ListQuestion, everyone: Belonging, values: Values) -> str:
    if not everyone.scope.is_wide:
        return everyone.all(values, "1")
    return everyone.all(values, call_sql(values)) if question.order in _OF_CALLS else everyone.carried(values)


def belonging(column: str, page: Page, scope: Scope, values: Values) -> str:
    """Return what stands behind FROM for the spans of a page's sessions or users, by their ``owner``."""
    return Belonging(column, lambda name: among(name, page.hashes, values), scope, page.is_whole).few(values)


def among(column: str, hashes: Sequence[str], values: Values) -> str:
    """Return the condition that a column has one of a page's values."""
    return f"sipHash64({column}) IN CAST(splitByChar(',', {values.text(','.join(hashes))}), 'Array(UInt64)')"


def in_order(hashes: Sequence[str], rows: Sequence[Row]) -> list[Row]:
    """Return rows with a ``hash`` in the order of a page."""
    by_hash = {row["hash"]: row for row in rows}
    return [by_hash[one] for one in hashes if one in by_hash]
