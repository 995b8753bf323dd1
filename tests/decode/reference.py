"""What a batch must hold, by walking protobuf's own objects one by one: slow, plain, and sharing no code with decode.

The classes are opentelemetry-proto's, recursive as they are, but with strings as bytes, so that requests with
invalid UTF-8 can be made and read. Fields that the contract ignores are left out.
"""

import base64
import math
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pyarrow as pa
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

Row = dict[str, Any]
FILES = [
    *(common_pb2, resource_pb2, trace_pb2, logs_pb2, metrics_pb2),
    *(trace_service_pb2, logs_service_pb2, metrics_service_pb2),
]
IGNORED = {"entity_refs", "key_strindex", "string_value_strindex"}
IDS = {"trace_id", "span_id", "parent_span_id"}
KINDS = dict.fromkeys(["array_value", "kvlist_value"], 5) | {
    None: 0,
    "string_value": 1,
    "bool_value": 2,
    "int_value": 3,
    "double_value": 4,
    "bytes_value": 6,
}
LISTS = ["bounds", "bucket_counts", "positive_counts", "negative_counts"]
BLANK_POINT: Row = {name: [] for name in LISTS} | {
    **dict.fromkeys(["count", "scale", "zero_count", "positive_offset", "negative_offset"], 0),
    **dict.fromkeys(["value", "sum", "min", "max", "zero_threshold"], 0.0),
    "exemplars": "",
    "temporality": "",
}


def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    for module in FILES:
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            kept = [field for field in message.field if field.name not in IGNORED]
            for part in (message, *message.nested_type):
                for field in part.field:
                    field.type = field.TYPE_BYTES if field.type == field.TYPE_STRING else field.type
            if len(kept) < len(message.field):
                copies = [type(field).FromString(field.SerializeToString()) for field in kept]
                del message.field[:]
                message.field.extend(copies)
        pool.AddSerializedFile(file.SerializeToString())
    return pool


POOL = _pool()


def message_class(name: str) -> Any:
    return GetMessageClass(POOL.FindMessageTypeByName(f"opentelemetry.proto.{name}"))


TRACES = message_class("collector.trace.v1.ExportTraceServiceRequest")
LOGS = message_class("collector.logs.v1.ExportLogsServiceRequest")
METRICS = message_class("collector.metrics.v1.ExportMetricsServiceRequest")


def text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def plain(value: Any) -> Any:
    member = value.WhichOneof("value")
    found = getattr(value, member) if member else None
    readers: dict[str | None, Callable[[Any], Any]] = {
        "string_value": text,
        "bytes_value": lambda raw: base64.b64encode(raw).decode(),
        "double_value": double,
        "array_value": lambda array: [plain(item) for item in array.values],
        "kvlist_value": lambda listed: pairs(listed.values),
    }
    return readers[member](found) if member in readers else found


def double(value: float) -> Any:
    if math.isnan(value):
        return "NaN"
    return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, value)


def pairs(items: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        found[text(item.key)] = plain(item.value)
    return found


def shown(value: Any) -> str:
    found = plain(value)
    if found is None:
        return ""
    return found if isinstance(found, str) else orjson.dumps(found).decode()


def text_map(items: Any) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for item in items:
        found[text(item.key)] = shown(item.value)
    return list(found.items())


def entry(item: Any) -> Row:
    value, member = item.value, item.value.WhichOneof("value")
    found: Row = {"key": text(item.key), "kind": KINDS[member], "text": "", "int": 0, "double": 0.0}
    if member in {"string_value", "array_value", "kvlist_value", "bytes_value"}:
        found["text"] = shown(value)
    if member in {"int_value", "bool_value"}:
        found["int"] = int(getattr(value, member))
    if member == "double_value":
        found["double"] = value.double_value
    return found


def entries(message: Any, *dropped: str) -> list[Row]:
    found = [entry(item) for item in message.attributes]
    for what in dropped:
        count = getattr(message, f"dropped_{what}_count")
        if count:
            key = f"otel.dropped_{what}_count"
            found.append({"key": key, "kind": 3, "text": "", "int": count, "double": 0.0})
    return found


def time(nanoseconds: int) -> int:
    return min(nanoseconds, 2**63 - 1)


def name_of(code: int, names: str) -> str:
    known = names.split(",")
    return known[code] if 0 <= code < len(known) else str(code)


def json_or_blank(items: list[Any]) -> str:
    return orjson.dumps(items).decode() if items else ""


def source(resource: Any, scope: Any, schema_url: bytes) -> Row:
    attributes = dict(text_map(resource.attributes))
    return {
        "service_name": attributes.get("service.name", ""),
        "service_version": attributes.get("service.version", ""),
        "environment": attributes.get("deployment.environment.name") or attributes.get("deployment.environment", ""),
        "resource_attributes": list(attributes.items()),
        "scope_name": text(scope.name),
        "scope_version": text(scope.version),
        "scope_attributes": text_map(scope.attributes),
        "schema_url": text(schema_url),
    }


def event(item: Any) -> Row:
    found = {
        "time_unix_nano": item.time_unix_nano,
        "name": text(item.name),
        "attributes": pairs(item.attributes),
    }
    if item.dropped_attributes_count:
        found["dropped_attributes_count"] = item.dropped_attributes_count
    return found


def link(item: Any) -> Row:
    found = {
        "trace_id": item.trace_id.hex(),
        "span_id": item.span_id.hex(),
        "trace_state": text(item.trace_state),
        "attributes": pairs(item.attributes),
    }
    for extra in ("dropped_attributes_count", "flags"):
        if getattr(item, extra):
            found[extra] = getattr(item, extra)
    return found


def backwards(span: Any) -> list[Row]:
    early = span.start_time_unix_nano - span.end_time_unix_nano
    if early <= 0 or not span.end_time_unix_nano:
        return []
    number = min(early, 2**63 - 1)
    return [{"key": "haechi.end_before_start_ns", "kind": 3, "text": "", "int": number, "double": 0.0}]


def spans(request: Any) -> Iterator[Row]:
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            where = source(resource.resource, scope.scope, scope.schema_url or resource.schema_url)
            for span in scope.spans:
                yield {
                    "trace_id": span.trace_id.hex(),
                    "span_id": span.span_id.hex(),
                    "parent_span_id": span.parent_span_id.hex(),
                    "trace_state": text(span.trace_state),
                    "flags": span.flags,
                    "name": text(span.name),
                    "kind": name_of(span.kind, ",internal,server,client,producer,consumer"),
                    "start_time": time(span.start_time_unix_nano),
                    "duration_ns": max(0, span.end_time_unix_nano - span.start_time_unix_nano),
                    "status_code": name_of(span.status.code, "unset,ok,error"),
                    "status_message": text(span.status.message),
                    "attributes": entries(span, "attributes", "events", "links") + backwards(span),
                    "events": json_or_blank([event(item) for item in span.events]),
                    "links": json_or_blank([link(item) for item in span.links]),
                } | where


def logs(request: Any) -> Iterator[Row]:
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            where = source(resource.resource, scope.scope, scope.schema_url or resource.schema_url)
            for record in scope.log_records:
                yield {
                    "timestamp": time(record.time_unix_nano),
                    "observed_timestamp": time(record.observed_time_unix_nano),
                    "trace_id": record.trace_id.hex(),
                    "span_id": record.span_id.hex(),
                    "flags": record.flags,
                    "severity_number": record.severity_number,
                    "severity_text": text(record.severity_text),
                    "event_name": text(record.event_name),
                    "body_kind": KINDS[record.body.WhichOneof("value")],
                    "body": shown(record.body),
                    "attributes": entries(record, "attributes"),
                } | where


def exemplar(item: Any) -> Row:
    member = item.WhichOneof("value")
    return {
        "time_unix_nano": item.time_unix_nano,
        "value": None if member is None else double(getattr(item, member)),
        "trace_id": item.trace_id.hex(),
        "span_id": item.span_id.hex(),
        "attributes": pairs(item.filtered_attributes),
    }


def point(kind: str, data: Any, item: Any) -> Row:
    found: Row = BLANK_POINT | {
        "time": time(item.time_unix_nano),
        "start_time": time(item.start_time_unix_nano),
        "type": kind,
        "is_monotonic": kind == "sum" and data.is_monotonic,
        "flags": item.flags,
        "attributes": entries(item),
    }
    if kind not in {"gauge", "summary"}:
        found["temporality"] = name_of(data.aggregation_temporality, ",delta,cumulative")
    if kind != "summary":
        found["exemplars"] = json_or_blank([exemplar(one) for one in item.exemplars])
    return found | POINTS[kind](item)


def number_point(item: Any) -> Row:
    member = item.WhichOneof("value")
    return {"value": float(getattr(item, member)) if member else 0.0}


def histogram_point(item: Any) -> Row:
    found = {name: getattr(item, name) for name in ("count", "sum", "min", "max")}
    counts = [float(count) for count in item.bucket_counts]
    return found | {"bounds": list(item.explicit_bounds), "bucket_counts": counts}


def exponential_point(item: Any) -> Row:
    names = ("count", "sum", "min", "max", "scale", "zero_count", "zero_threshold")
    return {name: getattr(item, name) for name in names} | {
        "positive_offset": item.positive.offset,
        "positive_counts": list(item.positive.bucket_counts),
        "negative_offset": item.negative.offset,
        "negative_counts": list(item.negative.bucket_counts),
    }


def summary_point(item: Any) -> Row:
    return {
        "count": item.count,
        "sum": item.sum,
        "bounds": [one.quantile for one in item.quantile_values],
        "bucket_counts": [one.value for one in item.quantile_values],
    }


POINTS: dict[str, Callable[[Any], Row]] = {
    "gauge": number_point,
    "sum": number_point,
    "histogram": histogram_point,
    "exponential_histogram": exponential_point,
    "summary": summary_point,
}


def metric_points(request: Any) -> Iterator[Row]:
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            where = source(resource.resource, scope.scope, scope.schema_url or resource.schema_url)
            for metric in scope.metrics:
                named = {
                    "metric_name": text(metric.name),
                    "metric_description": text(metric.description),
                    "unit": text(metric.unit),
                    "metric_metadata": text_map(metric.metadata),
                }
                kind = metric.WhichOneof("data")
                if kind:
                    data = getattr(metric, kind)
                    yield from (point(kind, data, item) | named | where for item in data.data_points)


def rows(batch: pa.RecordBatch) -> list[Row]:
    """Return a batch's rows, times as nanoseconds."""
    numbers = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(numbers, names=batch.schema.names).to_pylist()


def exact(found: list[Row]) -> list[str]:
    """Return rows in a form in which NaN equals NaN and 0.0 differs from -0.0, columns in one order."""
    return [repr(sorted(row.items())) for row in found]


READERS: dict[str, tuple[Any, Callable[[Any], Iterator[Row]]]] = {
    "traces": (TRACES, spans),
    "logs": (LOGS, logs),
    "metrics": (METRICS, metric_points),
}
