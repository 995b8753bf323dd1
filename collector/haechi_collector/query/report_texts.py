"""Whose texts a report reads: the newest requests of the window, as many as it may.

Guarantee: texts of about `limits.REPORT_TEXT_REQUESTS_MAX` requests or `limits.REPORT_TEXT_TOKENS_MAX` input tokens are
read at most, from a begin that the answer tells; the begin is found from columns of numbers alone.
"""

from decimal import Decimal
from typing import Final

from haechi_collector.query import limits
from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.recommendation import Looked, narrowed
from haechi_collector.query.scope import Scope
from haechi_collector.query.statement import Statement, Values

TEXT: Final = "concat(tool_definitions, system_instructions, input_messages)"
"""What a request sends, in the order in which providers cache it."""

SAME: Final = f"sipHash128(project, provider, request_model, operation, {TEXT})"
"""Equal for requests that ask one model the same."""

UNIT: Final = "if(session_id = '', trace_id, session_id)"
_STEPS: Final = 400


async def looked_at(engine: Engine, scope: Scope) -> tuple[Looked, Looked]:
    """Return the requests of the window, and those of them whose texts are read.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    window = scope.window
    step_ns = max(1, (window.to_ns - window.from_ns) // _STEPS)
    rows = (await engine.ask(_steps(scope, step_ns))).rows
    read = _newest(rows)
    all_, newest = _looked(scope, rows), _looked(scope, read)
    if len(read) == len(rows):
        return all_, all_
    begin = window.from_ns + min(row["step"] for row in read) * step_ns
    return all_, Looked(narrowed(scope, begin), newest.requests, newest.cost)


def _steps(scope: Scope, step_ns: int) -> Statement:
    values = Values()
    step = (
        f"intDiv(toUnixTimestamp64Nano(start_time) - {values.number(scope.window.from_ns)}, {values.number(step_ns)})"
    )
    columns = f"{step} AS step, count() AS requests, sum(input_tokens) AS tokens, sum(cost_usd) AS cost"
    source = scope.source_of_requests(values)
    sql = f"SELECT {columns} FROM {source} GROUP BY step ORDER BY step DESC"  # noqa: S608  bound values
    return Statement(sql, values.bound, scope.is_wide)


def _newest(rows: list[Row]) -> list[Row]:
    """Return the newest steps that may be read together, one at least."""
    requests = tokens = 0
    for number, row in enumerate(rows):
        requests, tokens = requests + row["requests"], tokens + row["tokens"]
        if number and (requests > limits.REPORT_TEXT_REQUESTS_MAX or tokens > limits.REPORT_TEXT_TOKENS_MAX):
            return rows[:number]
    return rows


def _looked(scope: Scope, rows: list[Row]) -> Looked:
    costs = [Decimal(row["cost"]) for row in rows if row["cost"] is not None]
    return Looked(scope, sum(row["requests"] for row in rows), sum(costs, Decimal(0)) if costs else None)
