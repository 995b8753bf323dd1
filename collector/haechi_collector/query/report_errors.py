"""Money for requests that failed, and money that has no price.

Guarantee: sums of stored costs, exact. A retry is the same request (`report_texts.SAME`) that begins within a minute
after the failed one ended; what it cost is told as evidence and is no part of the saving, because it may have been the
one that was answered.
"""

from decimal import Decimal
from typing import Final

from haechi_collector.query import limits
from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.money import text_of
from haechi_collector.query.recommendation import Looked, Recommendation
from haechi_collector.query.report_texts import SAME
from haechi_collector.query.statement import Statement, Values

RETRY_S: Final = 60
_KEYS: Final = ("service_name", "provider", "request_model")
_BEGIN: Final = "toUnixTimestamp64Nano(start_time)"
_END: Final = f"{_BEGIN} + toInt64(least(duration_ns, 4611686018427387904))"


async def paid_errors(engine: Engine, all_: Looked, texts: Looked) -> list[Recommendation]:
    """Return what failed requests cost, by service, model and type of error.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    values = Values()
    source = all_.scope.source_of_requests(values, "status_code = 'error' AND cost_usd > 0")
    columns = "count() AS requests, sum(cost_usd) AS cost, sum(input_tokens) AS input, sum(output_tokens) AS output"
    keys = ", ".join([*_KEYS, "error_type"])
    tail = f"GROUP BY {keys} ORDER BY cost DESC, {keys} LIMIT {limits.REPORT_OF_A_KIND_MAX}"
    rows = (await engine.ask(Statement(f"SELECT {keys}, {columns} FROM {source} {tail}", values.bound))).rows  # noqa: S608  bound values
    retries = await _retries(engine, texts) if rows else {}
    return [_paid(all_, row, retries.get(tuple(row[key] for key in _KEYS))) for row in rows]


async def _retries(engine: Engine, texts: Looked) -> dict[tuple[str, ...], Row]:
    values = Values()
    source = texts.scope.source_of_requests(values, "input_messages != ''")
    keys = ", ".join(_KEYS)
    columns = f"{keys}, {SAME} AS same, span_id, cost_usd, status_code, {_BEGIN} AS begin, {_END} AS ended"
    before = "OVER (PARTITION BY same ORDER BY begin, span_id ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING)"
    inner = f"SELECT {columns} FROM {source}"  # noqa: S608  bound values
    middle = f"SELECT *, any(status_code) {before} AS failed, begin - any(ended) {before} AS pause FROM ({inner})"  # noqa: S608  bound values
    where = f"failed = 'error' AND pause BETWEEN 0 AND {RETRY_S * 10**9}"
    sql = f"SELECT {keys}, count() AS requests, sum(cost_usd) AS cost FROM ({middle}) WHERE {where} GROUP BY {keys}"  # noqa: S608  bound values
    rows = (await engine.ask(Statement(sql, values.bound))).rows
    return {tuple(row[key] for key in _KEYS): row for row in rows}


def _paid(looked: Looked, row: Row, retries: Row | None) -> Recommendation:
    kind = row["error_type"] or "error"
    shown = looked.traces(status="error", model=row["request_model"], service=row["service_name"], order="dearest")
    if row["error_type"]:
        shown["attr:error.type"] = row["error_type"]
    return Recommendation(
        "paid_errors",
        f"{row['requests']} failed requests ({kind}) of {row['request_model'] or 'no model'} were paid for",
        Decimal(row["cost"]),
        looked,
        {
            "service": row["service_name"],
            "provider": row["provider"],
            "model": row["request_model"],
            "error_type": row["error_type"],
            "requests": row["requests"],
            "input_tokens": row["input"],
            "output_tokens": row["output"],
            "retried_within_a_minute": retries["requests"] if retries else 0,
            "retries_cost_usd": text_of(Decimal(retries["cost"])) if retries and retries["cost"] is not None else None,
        },
        shown,
        ("Their answers were of no use.", "Retries are those of the service and model, after any type of error."),
    )


async def unpriced(engine: Engine, looked: Looked) -> list[Recommendation]:
    """Return the models that nobody has priced; what they cost cannot be known.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    values = Values()
    source = looked.scope.source_of_requests(values, "cost_source = 'unpriced'")
    keys = "provider, request_model, response_model, why"
    columns = "count() AS requests, sum(input_tokens) AS input, sum(output_tokens) AS output"
    read = keys.replace("why", "cost_details['unpriced'] AS why")
    tail = f"GROUP BY {keys} ORDER BY requests DESC, {keys} LIMIT {limits.REPORT_OF_A_KIND_MAX}"
    rows = (await engine.ask(Statement(f"SELECT {read}, {columns} FROM {source} {tail}", values.bound))).rows  # noqa: S608  bound values
    return [
        Recommendation(
            "unpriced",
            f"{row['requests']} requests of {_model(row) or 'no model'} have no price",
            None,
            looked,
            {
                "provider": row["provider"],
                "model": _model(row),
                "why": row["why"],
                "requests": row["requests"],
                "input_tokens": row["input"],
                "output_tokens": row["output"],
            },
            looked.traces(model=row["request_model"], provider=row["provider"]),
            ("A price file gives them one, and `haechi reprice` bills what is stored.",),
        )
        for row in rows
    ]


def _model(row: Row) -> str:
    return str(row["response_model"] or row["request_model"])
