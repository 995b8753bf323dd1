"""Our own questions on their way to the store, and its answers as Python values.

Guarantee: a statement runs read-only, within the limits on time, memory and rows read, and is stopped in the engine
when its asker leaves. Text comes as it is stored; decimals come as text with all their digits, whole numbers exact,
not-a-number as None.
"""

import re
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from haechi_collector.errors import StoreError, StoreUnavailable, TooExpensive
from haechi_collector.query import limits
from haechi_collector.query.sql import Query, SqlReader
from haechi_collector.query.statement import Statement

Row = dict[str, Any]

_SETTINGS: Final = {
    "max_execution_time": str(limits.QUESTION_SECONDS_MAX),
    "max_rows_to_read": str(limits.QUESTION_ROWS_READ_MAX),
    "output_format_json_quote_64bit_integers": "0",
    "output_format_json_quote_decimals": "1",
    "output_format_json_quote_denormals": "0",
    "output_format_json_validate_utf8": "1",
    "wait_end_of_query": "1",
}
_WIDE: Final = {"optimize_move_to_prewhere": "0"}
"""Reading some columns first pays where few rows are left for the others; else it costs a fifth more."""

_NOT_KEPT: Final = {"optimize_use_projections": "0"}
"""Looking at projections that cannot answer costs 2 ms, more with many parts."""

_SETTLED: Final = {"apply_patch_parts": "0"}
"""The engine reads no projection while any late content waits to be merged; it may where that changes nothing."""

_TOO_MUCH: Final[dict[int, str]] = {
    158: "reads too many rows",
    159: "takes too long",
    160: "takes too long",
    241: "needs too much memory",
    307: "reads too much",
    396: "has too large an answer",
}
_CODE: Final = re.compile(rb"Code: (\d+)")
_EMPTY: Final = re.compile(rb'\s*\],\s*"totals":\s*(\{[^{}]*\})')
"""How chdb 4.4 begins an answer with totals and no rows: the totals first, the head after them."""


@dataclass(frozen=True, slots=True)
class Table:
    """An answer: its rows, the row over all groups ({} without WITH TOTALS), and how many rows a LIMIT cut from."""

    rows: list[Row]
    totals: Row = field(default_factory=dict)
    groups: int = 0


class Engine:
    """Asks the store. Safe for many tasks of one event loop."""

    def __init__(self, reader: SqlReader) -> None:
        self._reader = reader

    async def ask(self, statement: Statement) -> Table:
        """Run a SELECT.

        Raises:
            TooExpensive: it needs more than one question may.
            StoreUnavailable, StoreError: the store does not answer, or refuses.
        """
        query = Query(
            f"{statement.sql} FORMAT JSON",
            str(uuid.uuid4()),
            names_settings=statement.is_kept,
            settings={
                **_SETTINGS,
                **(_WIDE if statement.is_wide else {}),
                **({} if statement.is_kept else _NOT_KEPT),
                **(_SETTLED if statement.is_settled else {}),
            },
            parameters=statement.values,
        )
        answer = await self._reader.run(query)
        try:
            body = b"".join([chunk async for chunk in answer.chunks()])
        finally:
            await answer.close()
        if answer.status != 200:
            raise _error(int(answer.headers.get("x-clickhouse-exception-code", 0)), body)
        return _table(body)


def _table(body: bytes) -> Table:
    empty = _EMPTY.match(body)
    if empty:
        return Table([], orjson.loads(empty[1]))
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:  # an error that came after the first bytes
        found = _CODE.search(body[-4096:])
        raise _error(int(found[1]) if found else 0, body[-4096:]) from None
    return Table(read["data"], read.get("totals", {}), read.get("rows_before_limit_at_least", read["rows"]))


def _error(code: int, body: bytes) -> StoreError:
    if code in _TOO_MUCH:
        return TooExpensive(f"the question {_TOO_MUCH[code]}: shorten the window or filter more", code)
    text = " ".join(body.decode("utf-8", "replace").split())[:500]
    if code in {0, 202}:
        return StoreUnavailable(f"the store does not answer: {text}", code)
    return StoreError(text, code)
