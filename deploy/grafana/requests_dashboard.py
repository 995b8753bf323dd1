"""The dashboard on our own tables: traffic, speed, money, quality, single traces, and the ledger."""

from typing import Any

from panels import Panel, Row, Variable, dashboard

from haechi_collector.stages.dialects import dialects

_CALLS = ", ".join(f"'{name}'" for name in sorted(dialects().words.inference))
_CHOSEN = (
    "$__conditionalAll(service_name IN (${service:singlequote}), $service) "
    "AND $__conditionalAll(request_model IN (${model:singlequote}), $model) "
    "AND $__conditionalAll(environment IN (${environment:singlequote}), $environment)"
)
_FROM = f"""FROM spans
WHERE $__timeFilter(start_time) AND operation IN ({_CALLS}) AND usage_source != 'repeated'
  AND {_CHOSEN}"""
_TIME = "$__timeInterval(start_time) AS time"
_MONEY = "currencyUSD"
_LISTED = {"Cost": _MONEY, "Duration": "ms", "TTFT": "ms"}
_LIST = """SELECT start_time AS Time, trace_id AS Trace, service_name AS Service, request_model AS Model,
  duration_ns / 1e6 AS Duration, ttft_ns / 1e6 AS TTFT, input_tokens AS Input, output_tokens AS Output,
  toFloat64(cost_usd) AS Cost"""
_SCORED = f"""FROM scores FINAL
WHERE $__timeFilter(timestamp) AND trace_id IN (SELECT trace_id {_FROM})"""


def _one(title: str, value: str, unit: str = "short", text: str = "") -> Panel:
    return Panel(title, f"SELECT {value} AS value\n{_FROM}", "stat", unit, width=4, height=4, text=text)


def _over_time(title: str, columns: str, unit: str, more: str = "", **own: Any) -> Panel:
    sql = f"SELECT {_TIME},\n  {columns}\n{_FROM}{more}\nGROUP BY ALL ORDER BY time"
    return Panel(title, sql, unit=unit, **own)


def _percentiles(column: str) -> str:
    return ",\n  ".join(f"quantile(0.{level})({column} / 1e6) AS p{level}" for level in (50, 95, 99))


def _by(title: str, column: str, name: str, more: str = "", text: str = "") -> Panel:
    sql = f"""SELECT {column} AS {name}, count() AS Requests, toFloat64(sum(cost_usd)) AS Cost,
  toFloat64(sum(cost_usd)) / countIf(cost_usd IS NOT NULL) AS Each,
  sum(input_tokens) AS Input, sum(output_tokens) AS Output, countIf(cost_source = 'unpriced') AS Unpriced
{_FROM}{more}
GROUP BY ALL ORDER BY Cost DESC NULLS LAST LIMIT 50"""
    return Panel(title, sql, "table", units={"Cost": _MONEY, "Each": _MONEY}, width=12, text=text)


_OVERVIEW = Row(
    "Overview",
    (
        _one("Requests", "count()", text="Model calls, each counted once"),
        _one("Error rate", "countIf(status_code = 'error') / nullIf(count(), 0)", "percentunit"),
        _one("p95 latency", "quantileOrNull(0.95)(duration_ns / 1e6)", "ms"),
        _one("p95 time to first token", "quantileOrNull(0.95)(ttft_ns / 1e6)", "ms", "Of requests that streamed"),
        _one("Cost", "toFloat64(sum(cost_usd))", _MONEY, "Of requests that have a price"),
        _one("Unpriced requests", "countIf(cost_source = 'unpriced')", text="With usage that nobody has priced"),
    ),
)
_TRAFFIC = Row(
    "Traffic and speed",
    (
        _over_time("Requests by model", "request_model AS model, count() * 60 / $__interval_s AS requests", "cpm"),
        _over_time(
            "Errors by type", "error_type, count() AS errors", "short", "\n  AND status_code = 'error'", stacked=True
        ),
        _over_time("Latency", _percentiles("duration_ns"), "ms"),
        _over_time("Time to first token", _percentiles("ttft_ns"), "ms", "\n  AND ttft_ns IS NOT NULL"),
        _over_time("p95 latency by model", "request_model AS model, quantile(0.95)(duration_ns / 1e6) AS p95", "ms"),
        _over_time(
            "Output speed by model",
            "request_model AS model,\n  quantile(0.5)(output_tokens * 1e9 / (duration_ns - ifNull(ttft_ns, 0))) AS p50",
            "short",
            "\n  AND output_tokens > 0 AND duration_ns > ifNull(ttft_ns, 0)",
            text="Median output tokens per second, without the time to the first one",
        ),
    ),
)
_COSTS = Row(
    "Money and tokens",
    (
        _over_time(
            "Cost by model", "request_model AS model, toFloat64(sum(cost_usd)) AS usd", _MONEY,
            "\n  AND cost_usd IS NOT NULL", stacked=True,
        ),
        _over_time(
            "Tokens",
            "sum(input_tokens - least(input_tokens, cache_read_tokens)) AS input,\n"
            "  sum(cache_read_tokens) AS cached,\n  sum(output_tokens) AS output",
            "short",
            stacked=True,
        ),
        _by("Cost by model", "request_model", "Model"),
        _by("Cost by prompt", "concat(prompt_name, ' ', prompt_version)", "Prompt", "\n  AND prompt_name != ''"),
        _by("Cost by user", "user_id", "User", "\n  AND user_id != ''", "Up to 50 users, the dearest first"),
        _by(
            "Models without a price", "request_model", "Model", "\n  AND cost_source = 'unpriced'",
            "Give them one: docs/prices.md, then haechi reprice",
        ),
    ),
)  # fmt: skip
_SCORES = Row(
    "Quality",
    (
        Panel(
            "Quality",
            f"SELECT $__timeInterval(timestamp) AS time, avg(value) AS quality\n{_SCORED} AND name = 'quality'\n"
            "GROUP BY time ORDER BY time",
            unit="percentunit",
            width=8,
            text="Mean of the scores named quality",
        ),
        Panel(
            "Hallucination rate",
            "SELECT $__timeInterval(timestamp) AS time, countIf(value > 0.5) / count() AS rate\n"
            f"{_SCORED} AND name = 'hallucination'\nGROUP BY time ORDER BY time",
            unit="percentunit",
            width=8,
            text="Share of the scores named hallucination above 0.5",
        ),
        Panel(
            "Feedback",
            "SELECT $__timeInterval(timestamp) AS time,\n"
            "  countIf(name = 'thumbs_up' OR label = 'thumbs_up') AS up,\n"
            "  countIf(name = 'thumbs_down' OR label = 'thumbs_down') AS down\n"
            f"{_SCORED} AND name IN ('user_feedback', 'thumbs_up', 'thumbs_down')\nGROUP BY time ORDER BY time",
            width=8,
            stacked=True,
        ),
    ),
)
_TRACES = Row(
    "Traces",
    (
        Panel(
            "Slowest requests", f"{_LIST}\n{_FROM}\nORDER BY duration_ns DESC LIMIT 20",
            "table", units=_LISTED, links=("Trace",),
        ),
        Panel(
            "Dearest requests", f"{_LIST}\n{_FROM} AND cost_usd IS NOT NULL\nORDER BY cost_usd DESC LIMIT 20",
            "table", units=_LISTED, links=("Trace",),
        ),
        Panel(
            "Newest errors",
            "SELECT start_time AS Time, trace_id AS Trace, service_name AS Service, request_model AS Model,\n"
            "  error_type AS Type, left(status_message, 200) AS Message, duration_ns / 1e6 AS Duration\n"
            f"{_FROM} AND status_code = 'error'\nORDER BY start_time DESC LIMIT 50",
            "table", units={"Duration": "ms"}, links=("Trace",), width=24,
        ),
    ),
)  # fmt: skip
_LEDGER = Row(
    "Ledger",
    (
        Panel(
            "Accepted is stored, queued or set aside",
            "SELECT signal AS Signal, accepted AS Accepted, stored AS Stored, queued AS Queued, dead AS Dead,\n"
            "  balances AS Balances\nFROM ledger_now ORDER BY Signal",
            "table",
            text="All collectors together, now; docs/delivery.md",
        ),
        Panel(
            "Waiting in the journal",
            "SELECT $__timeInterval(at) AS time, concat(collector, ' ', signal) AS series, max(queued) AS queued\n"
            "FROM ledger WHERE $__timeFilter(at)\nGROUP BY ALL ORDER BY time",
            text="Rows that were accepted and are not in a table yet",
        ),
    ),
)


def _values(column: str) -> str:
    return (
        f"SELECT DISTINCT {column} FROM spans WHERE $__timeFilter(start_time) AND {column} != '' "
        f"ORDER BY {column} LIMIT 1000"
    )


def requests_dashboard() -> dict[str, Any]:
    """Return it."""
    columns = {"service": "service_name", "model": "request_model", "environment": "environment"}
    return dashboard(
        "haechi-requests",
        "Haechi: LLM requests",
        "Traffic, speed, money, quality and single traces of LLM applications, on Haechi's own tables.",
        [_OVERVIEW, _TRAFFIC, _COSTS, _SCORES, _TRACES, _LEDGER],
        [Variable(name, name.capitalize(), _values(column)) for name, column in columns.items()],
    )
