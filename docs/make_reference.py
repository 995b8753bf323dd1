"""Write the reference tables of docs/ from the code: `python docs/make_reference.py`."""

import re
from pathlib import Path

from haechi._config import Config
from haechi._settings import SETTINGS as SDK_SETTINGS
from haechi_collector.config import SETTINGS
from haechi_collector.store.migrate import migrations
from haechi_collector.telemetry import DEFINITIONS

DOCS = Path(__file__).parent


def settings() -> str:
    """Return docs/settings.md."""
    rows = "\n".join(
        f"| `{name}` | `--{name.replace('_', '-')}` | `HAECHI_{name.upper()}` "
        f"| {_default(s.default)} | {s.metadata['help']} |"
        for name, s in SETTINGS.items()
    )
    return f"""# Settings

Each setting has one name and three spellings. Highest first: command line, environment, the TOML file given with
`--config` (or `HAECHI_CONFIG`), the default. An unknown key or a value that does not fit stops the program with one
line that names it as you typed it.

| TOML key | option | environment | default | meaning |
|---|---|---|---|---|
{rows}

## The SDK's settings

What runs inside an application ([how it gets in](run.md)) is set by the environment or by arguments of `haechi.init`,
which come first. A value in the environment that does not fit is named in one warning, and the default holds: a setting
never stops an application. A wrong argument is a `ValueError` that names it.

| argument of `haechi.init` | environment | default | meaning |
|---|---|---|---|
{_sdk_rows()}

OpenTelemetry's own variables hold too: `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_PROPAGATORS`,
`OTEL_EXPORTER_OTLP_*` (addresses, headers, certificates, compression), attribute and span limits.
"""


def _sdk_rows() -> str:
    defaults = Config()
    return "\n".join(
        f"| {f'`{s.name}`' if s.argument else ''} | {', '.join(f'`{name}`' for name in s.variables)} "
        f"| {_sdk_default(getattr(defaults, s.name))} | {s.help} |"
        for s in SDK_SETTINGS
    )


def _sdk_default(value: object) -> str:
    return _default(", ".join(value) or None) if isinstance(value, (tuple, frozenset)) else _default(value)


def _default(value: object) -> str:
    return "" if value is None else f"`{value}`".lower() if isinstance(value, bool) else f"`{value}`"


def metrics() -> str:
    """Return docs/metrics.md."""
    rows = "\n".join(
        f"| `{d.name}` | {d.kind.__name__.lower()} | {', '.join(f'`{x}`' for x in d.labels)} | {d.help} | {d.remedy} |"
        for d in DEFINITIONS
    )
    return f"""# The collector's own metrics

`GET :8318/metrics`, in Prometheus' text format.

| metric | type | labels | meaning | when it looks wrong |
|---|---|---|---|---|
{rows}
"""


MEANING = {
    "project": "the project of the key that sent it; `default` without keys",
    "trace_id": "lowercase hex",
    "span_id": "lowercase hex",
    "parent_span_id": "lowercase hex; '' for a root",
    "name": "as the emitter named it",
    "kind": "internal, server, client, producer, consumer, or ''",
    "service_name": "`service.name` of the resource",
    "service_version": "`service.version` of the resource",
    "environment": "`deployment.environment.name` of the resource",
    "start_time": "UTC, nanoseconds",
    "duration_ns": "0 where the end lies before the start",
    "status_code": "unset, ok, error",
    "status_message": "the emitter's words",
    "error_type": "folded over dialects, such as rate_limit",
    "operation": "`gen_ai.operation.name`: chat, embeddings, execute_tool, invoke_agent, ...; '' for no LLM span",
    "provider": "`gen_ai.provider.name`",
    "request_model": "the model that was asked for",
    "response_model": "the model that answered; for embeddings that told none, the one that was asked for",
    "input_tokens": "with cached tokens; 0 where `usage_source` is repeated",
    "output_tokens": "with reasoning tokens; 0 where `usage_source` is repeated",
    "cache_read_tokens": "part of `input_tokens`",
    "cache_write_tokens": "part of `input_tokens`",
    "reasoning_tokens": "part of `output_tokens`",
    "usage_source": "reported, counted (by tiktoken), repeated (another span carries this call's usage), none",
    "cost_usd": "NULL for unpriced, never 0 for unknown; a plain sum is right",
    "cost_source": "price_book, reported (by the emitter), unpriced, '' for no call",
    "cost_details": "the receipt: per bucket tokens, rate and amount; price book and version",
    "ttft_ns": "time to first token of a stream; NULL when not told",
    "is_streaming": "whether the answer was streamed",
    "finish_reasons": "stop, length, tool_call, content_filter, error, or the provider's word",
    "user_id": "`user.id` and its spellings",
    "session_id": "conversation or session",
    "prompt_name": "name of the prompt's template",
    "prompt_version": "its version",
    "experiment": "experiment the call belongs to",
    "variant": "its variant",
    "input_messages": "JSON in the convention's shape, `[{role, parts}]`",
    "output_messages": "the same, with `finish_reason`",
    "system_instructions": "JSON list of parts",
    "tool_definitions": "JSON",
    "retrieved_context": "the documents that the answer should be grounded in",
    "attributes_string": "whatever has no column of its own",
    "attributes_number": "the same, numbers; usage as it was reported stays here",
    "attributes_bool": "the same, booleans",
    "resource_attributes": "all attributes of the resource",
    "events": "JSON list, '' for none",
    "links": "JSON list, '' for none",
    "scope_name": "the instrumentation that made it",
    "scope_version": "its version",
    "dialect": "the map that normalised it (docs/dialects.md)",
    "ingested_at": "when the collector took it",
    "scores.id": "the sender's (`haechi.score.id`), else made of what the score says",
    "scores.is_replaceable": "the sender chose the id: a later score with it takes this one's place",
    "scores.trace_id": "the trace that is judged",
    "scores.span_id": "the span that is judged; '' for the trace as a whole",
    "scores.name": "what is judged: quality, hallucination, user_feedback, ...",
    "scores.value": "NULL where the judgement is a label alone",
    "scores.label": "a word instead of the number or beside it: thumbs_up",
    "scores.source": "check, judge (a model), human, client",
    "scores.evaluator": "who or what judged",
    "scores.evaluator_version": "its version",
    "scores.explanation": "why, in the judge's words",
    "scores.timestamp": "when it was judged",
}
TABLES = {
    "spans": "One row per span. Counts, costs and tokens are kept summed up by the hour, by user for six hours\n"
    "(projections `latency_by_hour`, `costs_by_hour`, `costs_by_user`); the engine reads them instead of rows\n"
    "where a query sums up by their columns, and by `toStartOfHour(start_time)` if by time.",
    "logs": "One row per log record. GenAI content that came this way is in its span too.",
    "metric_points": "One row per data point of any kind; columns that a kind does not have are 0 or empty.",
    "scores": "Judgements on spans: evaluations, feedback, checks. A score that is sent again with its id replaces\n"
    "the earlier one in every answer of the API; in SQL, the last word on each:\n"
    "`SELECT * FROM scores ORDER BY ingested_at DESC, timestamp DESC LIMIT 1 BY project, id`.",
    "dead_letters": "Rows that could not be stored, with the reason; `payload` is an Arrow IPC stream of them.",
    "deletions": "One row per run of `haechi delete`: how many rows of which tables, never what they were.",
    "ledger": "What each collector accepted and what became of it (docs/delivery.md); `ledger_now`: the latest.",
    "price_audit": "One row per run of `haechi reprice`.",
}


def tables() -> str:
    """Return docs/tables.md, from the migrations."""
    sql = "".join(m.text for m in migrations())
    parts = [f"## `{name}`\n\n{text}\n\n{_columns(name, sql)}" for name, text in TABLES.items()]
    return "\n".join(
        [
            "# Tables\n\nDatabase `haechi`. Names are a public contract; queries on them may be kept. `otel_traces`",
            "shows the spans under the column names of the OpenTelemetry Collector's ClickHouse exporter.\n",
            *parts,
        ]
    )


def _columns(table: str, sql: str) -> str:
    body = re.search(rf"CREATE TABLE IF NOT EXISTS haechi\.{table}\n\((.*?)\n\)\nENGINE", sql, re.DOTALL)
    if body is None:
        raise LookupError(table)
    rows = re.findall(r"^    (\w+) ((?:\w+)(?:\([^\n]*?\))?)(?: CODEC.*)?,?$", body[1], re.MULTILINE)
    added = rf"ALTER TABLE haechi\.{table} ADD COLUMN IF NOT EXISTS (\w+) ([\w()]+)"
    rows += re.findall(added, sql)
    changed = dict(re.findall(rf"ALTER TABLE haechi\.{table} MODIFY COLUMN (\w+) ([\w()]+)", sql))
    lines = [
        f"| `{name}` | {changed.get(name, kind)} | {MEANING.get(f'{table}.{name}', MEANING.get(name, ''))} |"
        for name, kind in rows
        if name != "INDEX"
    ]
    return "\n".join(["| column | type | meaning |", "|---|---|---|", *lines, ""])


PAGES = {"settings.md": settings, "metrics.md": metrics, "tables.md": tables}

if __name__ == "__main__":
    for page, text in PAGES.items():
        (DOCS / page).write_text(text(), "utf-8")
