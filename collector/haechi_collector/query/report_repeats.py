"""Requests that were answered identically before.

Guarantee: the saving is the sum of the stored costs of the repeats, exact; the first of each is paid for. A repeat is
the same request (`report_texts.SAME`) as one that began within a day before it. Failed requests are
neither.
"""

from decimal import Decimal
from typing import Final

from haechi_collector.query import limits
from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.recommendation import Looked, Recommendation, named
from haechi_collector.query.report_texts import SAME
from haechi_collector.query.statement import Statement, Values

HORIZON_S: Final = 86_400
_KEYS: Final = ("service_name", "provider", "request_model", "operation", "prompt_name")


async def repeats(engine: Engine, looked: Looked) -> list[Recommendation]:
    """Return what repeated requests cost, by service, model and prompt.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    values = Values()
    source = looked.scope.source_of_requests(values, "status_code != 'error' AND input_messages != ''")
    keys = ", ".join(_KEYS)
    inner = f"SELECT {keys}, {SAME} AS same, span_id, start_time AS begin, cost_usd FROM {source}"  # noqa: S608  bound values
    before = "any(begin) OVER (PARTITION BY same ORDER BY begin, span_id ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING)"
    number = "row_number() OVER (PARTITION BY same ORDER BY begin, span_id)"
    middle = f"SELECT *, {before} AS before, {number} AS number FROM ({inner})"  # noqa: S608  bound values
    again = f"number > 1 AND begin <= before + toIntervalSecond({HORIZON_S})"
    columns = (
        f"countIf({again}) AS repeats, sumIf(cost_usd, {again}) AS saving, count() AS requests,"
        f" sum(cost_usd) AS cost, uniqCombinedIf(same, {again}) AS texts"
    )
    tail = f"GROUP BY {keys} HAVING saving > 0 ORDER BY saving DESC, {keys} LIMIT {limits.REPORT_OF_A_KIND_MAX}"
    rows = (await engine.ask(Statement(f"SELECT {keys}, {columns} FROM ({middle}) {tail}", values.bound))).rows  # noqa: S608  bound values
    return [_repeated(looked, row) for row in rows]


def _repeated(looked: Looked, row: Row) -> Recommendation:
    who = named(row["prompt_name"], row["service_name"])
    return Recommendation(
        "repeated_requests",
        f"{row['repeats']} of {row['requests']} {row['operation']} requests ({who}, {row['request_model']})"
        " were answered identically before",
        Decimal(row["saving"]),
        looked,
        {
            "service": row["service_name"],
            "provider": row["provider"],
            "model": row["request_model"],
            "operation": row["operation"],
            "prompt": row["prompt_name"],
            "requests": row["requests"],
            "repeats": row["repeats"],
            "repeated_share": row["repeats"] / row["requests"],
            "distinct_repeated": row["texts"],
            "horizon_s": HORIZON_S,
        },
        looked.traces(
            service=row["service_name"],
            model=row["request_model"],
            operation=row["operation"],
            prompt=row["prompt_name"],
            order="dearest",
        ),
        (
            "An answer may be given again for a day.",
            "Parameters such as the temperature are taken to be the same, and a fresh answer not to be wanted.",
        ),
    )
