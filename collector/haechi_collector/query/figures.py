"""What a group of spans comes to, in one row: the figures that lists of sessions and users share.

Guarantee: costs are exact, percentiles as in `quantiles`. Requests, errors and unpriced requests are model calls, each
counted once; tokens and costs stand on those alone, so that they are plain sums. Unknown is None, never 0.
"""

from typing import Any, Final

from haechi_collector.query.engine import Row
from haechi_collector.query.money import each, text_of
from haechi_collector.query.quantiles import near, quantiles_sql
from haechi_collector.query.series import iso
from haechi_collector.query.statement import Values
from haechi_collector.query.trace_tree import decimal_of
from haechi_collector.stages.dialects import dialects

END: Final = "max(toUnixTimestamp64Nano(start_time) + toInt64(least(duration_ns, 4611686018427387904)))"
"""The SQL of when the last span ended, in nanoseconds since the epoch."""

_LEVEL: Final = (0.95,)
_MODELS_MAX: Final = 20


def call_sql(values: Values) -> str:
    """Return the condition that a span is a model call, counted once."""
    return f"(operation IN {values.texts(sorted(dialects().words.inference))} AND usage_source != 'repeated')"


def measures(values: Values) -> tuple[str, ...]:
    """Return SQL over ``spans`` for `figures`."""
    call = call_sql(values)
    duration = f"if({call}, duration_ns, NULL)"
    return (
        "min(toUnixTimestamp64Nano(start_time)) AS begin",
        f"{END} AS end",
        "uniqExact(trace_id) AS traces",
        "uniqExactIf(trace_id, status_code = 'error') AS failed_traces",
        f"countIf({call}) AS requests",
        f"countIf({call} AND status_code = 'error') AS errors",
        "sum(input_tokens) AS input",
        "sum(output_tokens) AS output",
        "sum(cost_usd) AS cost",
        f"countIf({call} AND cost_usd IS NOT NULL) AS priced",
        f"countIf({call} AND cost_source = 'unpriced') AS unpriced",
        f"arraySort(groupUniqArrayIf({_MODELS_MAX})(request_model, {call} AND request_model != '')) AS models",
        f"{quantiles_sql(_LEVEL, duration)} AS latency",
        f"min({duration}) AS latency_min",
        f"max({duration}) AS latency_max",
    )


def figures(row: Row) -> dict[str, Any]:
    """Return what was measured of a group."""
    requests, cost = row["requests"], decimal_of(row["cost"])
    p95 = near((row["latency"] or [None])[0], row["latency_min"], row["latency_max"])
    return {
        "first_time": iso(row["begin"]),
        "last_time": iso(row["end"]),
        "traces": row["traces"],
        "failed_traces": row["failed_traces"],
        "requests": requests,
        "errors": row["errors"],
        "error_rate": row["errors"] / requests if requests else None,
        "input_tokens": row["input"],
        "output_tokens": row["output"],
        "cost_usd": text_of(cost),
        "cost_per_request_usd": text_of(each(cost, row["priced"])),
        "unpriced_requests": row["unpriced"],
        "models": row["models"],
        "p95_latency_ms": None if p95 is None else round(p95 / 1e6, 3),
    }
