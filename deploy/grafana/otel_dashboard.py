"""The dashboard on the view `otel_traces`, whose columns are those of the OpenTelemetry Collector's exporter."""

from typing import Any

from panels import Panel, Row, Variable, dashboard

_MODEL = "SpanAttributes['gen_ai.request.model']"
_ENVIRONMENT = "ResourceAttributes['deployment.environment.name']"
_IN_TIME = "FROM otel_traces\nWHERE $__timeFilter(Timestamp)"
_IS_MODEL = f"{_MODEL} IN (${{model:singlequote}})"
_PLACE = f"""
  AND $__conditionalAll(ServiceName IN (${{service:singlequote}}), $service)
  AND $__conditionalAll({_ENVIRONMENT} IN (${{environment:singlequote}}), $environment)"""
_FROM = f"{_IN_TIME}{_PLACE}\n  AND $__conditionalAll({_IS_MODEL}, $model)"
# A root names no model: the traces of a model are those with a call of it.
_ROOTS = f"""{_IN_TIME}{_PLACE} AND ParentSpanId = ''
  AND $__conditionalAll(TraceId IN (SELECT TraceId {_IN_TIME} AND {_IS_MODEL}), $model)"""
_LLM = f"{_FROM} AND {_MODEL} != ''"
_TIME = "$__timeInterval(Timestamp) AS time"


def _tokens(kind: str) -> str:
    return f"sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.{kind}_tokens']))"


def _over_time(title: str, columns: str, where: str, unit: str, **own: Any) -> Panel:
    return Panel(title, f"SELECT {_TIME},\n  {columns}\n{where}\nGROUP BY ALL ORDER BY time", unit=unit, **own)


_RED = Row(
    "Services",
    (
        _over_time("Spans by service", "ServiceName AS service, count() / $__interval_s AS spans", _FROM, "reqps"),
        _over_time(
            "Failed spans", "ServiceName AS service, countIf(StatusCode = 'Error') / count() AS failed", _FROM,
            "percentunit",
        ),
        _over_time(
            "Duration of traces",
            ",\n  ".join(f"quantile(0.{level})(Duration / 1e6) AS p{level}" for level in (50, 95, 99)),
            _ROOTS,
            "ms",
            text="Of spans without a parent",
        ),
        _over_time("Spans by kind", "SpanKind AS kind, count() AS spans", _FROM, "short", stacked=True),
        Panel(
            "Operations",
            "SELECT ServiceName AS Service, SpanName AS Operation, count() AS Count,\n"
            "  countIf(StatusCode = 'Error') / count() AS Failed, quantile(0.5)(Duration / 1e6) AS P50,\n"
            f"  quantile(0.99)(Duration / 1e6) AS P99\n{_FROM}\nGROUP BY ALL ORDER BY P99 DESC LIMIT 50",
            "table", units={"Failed": "percentunit", "P50": "ms", "P99": "ms"}, width=24,
        ),
    ),
)  # fmt: skip
_GENAI = Row(
    "Models, by the GenAI conventions",
    (
        _over_time("Calls by model", f"{_MODEL} AS model, count() AS calls", _LLM, "short", stacked=True),
        _over_time(
            "Tokens", f"{_tokens('input')} AS input,\n  {_tokens('output')} AS output", _LLM, "short", stacked=True
        ),
        Panel(
            "Models",
            f"SELECT {_MODEL} AS Model, SpanAttributes['gen_ai.provider.name'] AS Provider, count() AS Calls,\n"
            "  countIf(StatusCode = 'Error') / count() AS Failed, quantile(0.95)(Duration / 1e6) AS P95,\n"
            f"  {_tokens('input')} AS Input, {_tokens('output')} AS Output\n{_LLM}\n"
            "GROUP BY ALL ORDER BY Calls DESC LIMIT 50",
            "table", units={"Failed": "percentunit", "P95": "ms"},
        ),
        Panel(
            "Errors",
            "SELECT SpanAttributes['error.type'] AS Type, ServiceName AS Service, count() AS Count,\n"
            f"  anyLast(StatusMessage) AS Message, anyLast(TraceId) AS Trace\n{_FROM} AND StatusCode = 'Error'\n"
            "GROUP BY ALL ORDER BY Count DESC LIMIT 50",
            "table", links=("Trace",),
        ),
    ),
)  # fmt: skip
_TRACES = Row(
    "Traces",
    (
        Panel(
            "Slowest traces",
            "SELECT Timestamp AS Time, TraceId AS Trace, ServiceName AS Service, SpanName AS Operation,\n"
            f"  Duration / 1e6 AS Duration, StatusCode AS Status\n{_ROOTS}\nORDER BY Duration DESC LIMIT 50",
            "table",
            units={"Duration": "ms"},
            links=("Trace",),
            width=24,
        ),
    ),
)


def otel_dashboard() -> dict[str, Any]:
    """Return it."""
    columns = {"service": "ServiceName", "model": _MODEL, "environment": _ENVIRONMENT}
    values = {
        name: f"SELECT DISTINCT {column} AS value FROM otel_traces WHERE $__timeFilter(Timestamp) AND value != '' "
        "ORDER BY value LIMIT 1000"
        for name, column in columns.items()
    }
    return dashboard(
        "haechi-otel",
        "Haechi: OpenTelemetry traces",
        "Rate, errors and duration of every service, on the columns of the OpenTelemetry ClickHouse exporter.",
        [_RED, _GENAI, _TRACES],
        [Variable(name, name.capitalize(), sql) for name, sql in values.items()],
    )
