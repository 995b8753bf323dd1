"""What goes wrong: failed requests by kind of error, model and message.

Guarantee: every failed request of the window is in exactly one group, also in those that a limit left out, whose number
is told. Messages that differ in numbers and ids alone are one: those are written ``#``, but for an HTTP status in the
message (429, 503), which keeps groups apart.
"""

import re
from typing import Any, Final

from haechi_collector.query import limits
from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.money import text_of
from haechi_collector.query.scope import Scope
from haechi_collector.query.series import iso
from haechi_collector.query.statement import Statement, Values
from haechi_collector.query.trace_tree import decimal_of

_CHARS: Final = 500
_IDS: Final = (
    r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F-]{9,}"  # UUIDs
    r"|\b[A-Za-z]+_[0-9A-Za-z]*[0-9][0-9A-Za-z]*"  # req_011CSHoE
    r"|\b(?:0x)?[0-9a-fA-F]{12,}\b"
    r"|[0-9]+(?:[.,:][0-9]+)*"
)
"""What tells two messages of one kind apart, for the engine's RE2 and for Python."""

_CUT: Final = f"leftUTF8(status_message, {_CHARS})"
_NORMAL: Final = "trimBoth(replaceRegexpAll({cut}, '{ids}', '#'))".format(cut=_CUT, ids=_IDS.replace("\\", "\\\\"))
_CODE: Final = rf"extract({_CUT}, '\\b[45][0-9]{{2}}\\b')"


async def failures(engine: Engine, scope: Scope) -> dict[str, Any]:
    """Return the groups, the greatest first, and how many there are.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    values = Values()
    columns = (
        f"error_type, request_model AS model, {_CODE} AS code, {_NORMAL} AS normal, count() AS requests,"
        " toUnixTimestamp64Nano(min(start_time)) AS begin, toUnixTimestamp64Nano(max(start_time)) AS end,"
        f" argMax(({_CUT}, trace_id, span_id), start_time) AS latest, sum(cost_usd) AS cost,"
        " uniqExactIf(user_id, user_id != '') AS users"
    )
    where = f"{scope.requests(values)} AND status_code = 'error'"
    tail = "GROUP BY error_type, model, code, normal ORDER BY requests DESC, error_type, model, code, normal"
    sql = f"SELECT {columns} FROM spans WHERE {where} {tail} LIMIT {limits.FAILURES_MAX}"  # noqa: S608  bound values
    table = await engine.ask(Statement(sql, values.bound))
    return {"failures": [_group(row) for row in table.rows], "failure_groups": table.groups}


def _group(row: Row) -> dict[str, Any]:
    message, trace_id, span_id = _latest(row["latest"])
    return {
        "error_type": row["error_type"],
        "model": row["model"],
        "message": re.sub(_IDS, lambda found: found[0] if found[0] == row["code"] else "#", message),
        "requests": row["requests"],
        "users": row["users"],
        "cost_usd": text_of(decimal_of(row["cost"])),
        "first_time": iso(row["begin"]),
        "last_time": iso(row["end"]),
        "latest_message": message,
        "latest_trace_id": trace_id,
        "latest_span_id": span_id,
    }


def _latest(pair: Any) -> tuple[str, str, str]:
    # The engine writes a tuple as a list, one with names as an object.
    first, second, third = pair.values() if isinstance(pair, dict) else pair
    return str(first), str(second), str(third)
