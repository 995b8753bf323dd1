"""Decoded batches as a test writes them: attributes as Python values."""

import json
from typing import Any

import pyarrow as pa

from haechi_collector.batch import DECODED_LOGS, DECODED_METRIC_POINTS, DECODED_SPANS, Kind
from haechi_collector.stages.normalize import Normalized, NormalizedLogs, normalize_logs, normalize_spans

START = 1_700_000_000_000_000_000

Attributes = dict[str, Any] | list[tuple[str, Any]]


def entry(key: str, value: Any) -> dict[str, Any]:
    """Return one attribute as `batch.ATTRIBUTE`; lists and dicts as JSON."""
    empty = {"key": key, "kind": Kind.EMPTY, "text": "", "int": 0, "double": 0.0}
    match value:
        case None:
            return empty
        case bool():
            return {**empty, "kind": Kind.BOOL, "int": int(value)}
        case int():
            return {**empty, "kind": Kind.INT, "int": value}
        case float():
            return {**empty, "kind": Kind.DOUBLE, "double": value}
        case str():
            return {**empty, "kind": Kind.TEXT, "text": value}
        case _:
            return {**empty, "kind": Kind.JSON, "text": compact(value)}


def entries(attributes: Attributes) -> list[dict[str, Any]]:
    pairs = attributes.items() if isinstance(attributes, dict) else attributes
    return [entry(key, value) for key, value in pairs]


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def event(name: str, attributes: dict[str, Any] | None = None, after_ns: int = 0) -> dict[str, Any]:
    """Return a span event ``after_ns`` nanoseconds after `START`."""
    return {"time_unix_nano": START + after_ns, "name": name, "attributes": attributes or {}}


def span(attributes: Attributes, scope: str = "", events: list[Any] | None = None, **columns: Any) -> dict[str, Any]:
    """Return a row of `batch.DECODED_SPANS`; ``columns`` replace what is said here."""
    row = {
        **_blank(DECODED_SPANS),
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "span_id": "b7ad6b7169203331",
        "start_time": START,
        "duration_ns": 5_000_000_000,
        "status_code": "unset",
        "scope_name": scope,
        "attributes": entries(attributes),
        "events": compact(events) if events else "",
    }
    return row | columns


def log(attributes: Attributes, event_name: str = "", body: Any = "", **columns: Any) -> dict[str, Any]:
    """Return a row of `batch.DECODED_LOGS`."""
    row = {
        **_blank(DECODED_LOGS),
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "span_id": "b7ad6b7169203331",
        "timestamp": START,
        "event_name": event_name,
        "body": body if isinstance(body, str) else compact(body),
        "attributes": entries(attributes),
    }
    return row | columns


def point(attributes: Attributes, **columns: Any) -> dict[str, Any]:
    """Return a row of `batch.DECODED_METRIC_POINTS`."""
    return {**_blank(DECODED_METRIC_POINTS), "attributes": entries(attributes)} | columns


def _blank(schema: pa.Schema) -> dict[str, Any]:
    return {field.name: _zero(field.type) for field in schema}


def _zero(type_: pa.DataType) -> Any:
    if pa.types.is_string(type_):
        return ""
    return [] if pa.types.is_map(type_) or pa.types.is_list(type_) else 0 if not pa.types.is_boolean(type_) else False


def normalize(*rows: dict[str, Any]) -> Normalized:
    """Normalise rows of `span`."""
    return normalize_spans(pa.RecordBatch.from_pylist(list(rows), DECODED_SPANS), project="shop", ingested_at_ns=7)


def normalize_records(*rows: dict[str, Any]) -> NormalizedLogs:
    """Normalise rows of `log`."""
    return normalize_logs(pa.RecordBatch.from_pylist(list(rows), DECODED_LOGS), project="shop", ingested_at_ns=7)


def value(normal: Normalized, column: str, row: int = 0) -> Any:
    """Return one value: of a column of the table, or of the arrays beside it."""
    array = normal.spans.column(column) if column in normal.spans.schema.names else getattr(normal, column)
    found = array[row]
    return json.loads(found.as_py()) if column in JSON_COLUMNS and found.as_py() else found.as_py()


JSON_COLUMNS = {"input_messages", "output_messages", "system_instructions", "tool_definitions"}


def text_message(role: str, content: str, **more: Any) -> dict[str, Any]:
    """Return a message of one text."""
    return {"role": role, "parts": [{"type": "text", "content": content}], **more}
