"""OTLP's messages as this room reads them: protobuf classes, and readers from bytes to Arrow.

Guarantee: every type here is wire compatible with opentelemetry-proto. Made from its own descriptors when the
program starts, in private pools, with these differences:

* ``string`` fields are ``bytes``, so that one invalid UTF-8 sequence costs a repair and not the request.
* ``ArrayValue.values`` and ``KeyValueList.values`` are ``bytes``, so that no type is recursive: a parser never
  descends further than the types are deep, and the walk over nested values counts its own depth.
* Fields that no column keeps are unknown fields: ``Resource.entity_refs`` and the profiles-only string indexes.

For Arrow, in addition, what is read per distinct value or rarely (resource, scope, arrays, events ...) is
``repeated bytes``: repeated, so that a second occurrence shows.

Source: opentelemetry-proto 1.x, ``opentelemetry/proto/{trace,logs,metrics,common,resource}/v1``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import ptars
from google.protobuf.descriptor import FileDescriptor  # type: ignore[import-untyped]
from google.protobuf.descriptor_pb2 import (  # type: ignore[import-untyped]
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool  # type: ignore[import-untyped]
from google.protobuf.message_factory import GetMessageClass  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

_PACKAGE: Final = "opentelemetry.proto."
_IGNORED: Final = {"entity_refs", "key_strindex", "string_value_strindex"}
_NESTED: Final = {("ArrayValue", "values"), ("KeyValueList", "values")}
_OPAQUE: Final = {"resource", "scope", "array_value", "kvlist_value", "events", "links", "exemplars", "metadata"}
_COUNTED: Final = {"attributes", "filtered_attributes", "metadata", "quantile_values", "values"}

_Edit = Callable[[DescriptorProto], None]


@dataclass(frozen=True, slots=True)
class Signal:
    """How one kind of request is read."""

    name: str
    request: Any
    """The protobuf class of the request."""
    columns: Any
    """ptars handler: request bytes to nested Arrow columns."""
    counts: Any
    """ptars handler that keeps lists only, to learn how much a large body holds."""


def _files(*roots: FileDescriptor) -> Iterator[FileDescriptor]:
    """Yield the files and what they import, imports first, each once."""
    seen: set[str] = set()

    def walk(file: FileDescriptor) -> Iterator[FileDescriptor]:
        if file.name not in seen:
            seen.add(file.name)
            for imported in file.dependencies:
                yield from walk(imported)
            yield file

    for root in roots:
        yield from walk(root)


_FILES: Final = list(_files(trace_service_pb2.DESCRIPTOR, logs_service_pb2.DESCRIPTOR, metrics_service_pb2.DESCRIPTOR))


def _pool(*edits: _Edit) -> DescriptorPool:
    pool = DescriptorPool()
    for file in _FILES:
        copy = FileDescriptorProto()
        file.CopyToProto(copy)
        for message in [m for top in copy.message_type for m in (top, *top.nested_type)]:
            for edit in edits:
                edit(message)
        pool.AddSerializedFile(copy.SerializeToString())
    return pool


def _keep(message: DescriptorProto, fields: list[FieldDescriptorProto]) -> None:
    kept = [FieldDescriptorProto.FromString(field.SerializeToString()) for field in fields]
    del message.field[:]
    message.field.extend(kept)
    if not any(field.HasField("oneof_index") for field in kept):
        del message.oneof_decl[:]  # a oneof without members is no descriptor


def _as_bytes(field: FieldDescriptorProto) -> None:
    field.type = FieldDescriptorProto.TYPE_BYTES
    field.ClearField("type_name")


def _flat_bytes(message: DescriptorProto) -> None:
    _keep(message, [field for field in message.field if field.name not in _IGNORED])
    for field in message.field:
        if field.type == FieldDescriptorProto.TYPE_STRING or (message.name, field.name) in _NESTED:
            _as_bytes(field)


def _make_opaque(field: FieldDescriptorProto) -> None:
    _as_bytes(field)
    field.label = FieldDescriptorProto.LABEL_REPEATED
    field.ClearField("oneof_index")


def _opaque(message: DescriptorProto) -> None:
    for field in message.field:
        if field.name in _OPAQUE:
            _make_opaque(field)


def _lists_only(message: DescriptorProto) -> None:
    for field in message.field:
        if field.name in _COUNTED:
            _make_opaque(field)
    kept = [f for f in message.field if f.type == FieldDescriptorProto.TYPE_MESSAGE or f.name in _COUNTED]
    _keep(message, kept)


_OBJECTS: Final = _pool(_flat_bytes)
_COLUMNS: Final = _pool(_flat_bytes, _opaque)
_COUNTS: Final = _pool(_flat_bytes, _lists_only)


def message_class(name: str) -> Any:
    """Return the protobuf class of a message, named as below ``opentelemetry.proto.``."""
    return GetMessageClass(_OBJECTS.FindMessageTypeByName(_PACKAGE + name))


def _handler(pool: DescriptorPool, name: str) -> Any:
    descriptor = pool.FindMessageTypeByName(_PACKAGE + name)
    return ptars.HandlerPool([descriptor.file]).get_for_message(descriptor)


def _signal(name: str, request: str) -> Signal:
    return Signal(name, message_class(request), _handler(_COLUMNS, request), _handler(_COUNTS, request))


TRACES: Final = _signal("traces", "collector.trace.v1.ExportTraceServiceRequest")
LOGS: Final = _signal("logs", "collector.logs.v1.ExportLogsServiceRequest")
METRICS: Final = _signal("metrics", "collector.metrics.v1.ExportMetricsServiceRequest")
