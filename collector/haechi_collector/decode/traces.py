"""``ExportTraceServiceRequest`` to ``batch.DECODED_SPANS``.

Guarantee: one row for each span, in the order of the request. Times are clamped to what 64 bits of signed
nanoseconds hold (year 2262); a span that ends before it starts has duration 0, and an entry
``haechi.end_before_start_ns`` that says by how much.

Events and links are JSON and only rows that have some cost anything. Beside the keys that always stand there,
``dropped_attributes_count`` and a link's ``flags`` are written when they are not 0.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from haechi_collector.batch import DECODED_SPANS
from haechi_collector.decode import arrays, wire
from haechi_collector.decode.attributes import attribute_lists
from haechi_collector.decode.ids import BINARY, IdForm
from haechi_collector.decode.schema import TRACES, message_class
from haechi_collector.decode.source import rows_of, source_columns
from haechi_collector.decode.values import ValueReader, json_lists, utf8
from haechi_schemas.attributes import END_BEFORE_START_NS

_KINDS: Final = pa.array(["", "internal", "server", "client", "producer", "consumer"])
_STATUSES: Final = pa.array(["unset", "ok", "error"])
_DROPPED: Final = ("attributes", "events", "links")
_EVENT: Final = message_class("trace.v1.Span.Event")
_LINK: Final = message_class("trace.v1.Span.Link")


def decode(bodies: Sequence[bytes], ids: IdForm = BINARY) -> wire.Decoded:
    """Return the spans of serialized requests.

    Raises:
        Undecodable: a body is no such request, or they hold more than the limits allow.
    """
    return wire.read(bodies, TRACES, lambda requests: _flatten(requests, ids))


def _flatten(requests: wire.Requests, ids: IdForm) -> wire.Decoded:
    reader = ValueReader()
    rows = rows_of(requests, "scope_spans", "spans")
    columns = _span_columns(rows.items, ids, reader) | source_columns(rows, rows.scope, reader)
    ordered = [columns[name] for name in DECODED_SPANS.names]
    return wire.Decoded(pa.RecordBatch.from_arrays(ordered, schema=DECODED_SPANS), rows.bounds)


def _span_columns(spans: pa.StructArray, ids: IdForm, reader: ValueReader) -> dict[str, pa.Array]:
    start = arrays.numbers(spans.field("start_time_unix_nano"))
    end = arrays.numbers(spans.field("end_time_unix_nano"))
    status = spans.field("status")
    dropped = [(f"otel.dropped_{of}_count", arrays.numbers(spans.field(f"dropped_{of}_count"))) for of in _DROPPED]
    backwards = np.where(end > 0, np.where(end < start, start - end, np.uint64(0)), np.uint64(0))
    dropped.append((END_BEFORE_START_NS, np.minimum(backwards, np.uint64(2**63 - 1))))
    return {
        "trace_id": ids.column(spans.field("trace_id")),
        "span_id": ids.column(spans.field("span_id")),
        "parent_span_id": ids.column(spans.field("parent_span_id")),
        "trace_state": arrays.text(spans.field("trace_state")),
        "flags": spans.field("flags"),
        "name": arrays.text(spans.field("name")),
        "kind": arrays.named(arrays.numbers(spans.field("kind")), _KINDS),
        "start_time": arrays.times(start),
        "duration_ns": pa.array(np.where(end > start, end - start, np.uint64(0))),
        "status_code": arrays.named(arrays.numbers(status.field("code")), _STATUSES),
        "status_message": arrays.text(status.field("message")),
        "attributes": attribute_lists(spans.field("attributes"), reader, dropped),
        "events": json_lists(spans.field("events"), lambda raw: _event(raw, reader)),
        "links": json_lists(spans.field("links"), lambda raw: _link(raw, ids, reader)),
    }


def _event(raw: bytes, reader: ValueReader) -> dict[str, object]:
    event = wire.parse(_EVENT, raw)
    shown = {"time_unix_nano": event.time_unix_nano, "name": utf8(event.name)}
    return shown | _details(event, reader)


def _link(raw: bytes, ids: IdForm, reader: ValueReader) -> dict[str, object]:
    link = wire.parse(_LINK, raw)
    shown: dict[str, object] = {"trace_id": ids.one(link.trace_id), "span_id": ids.one(link.span_id)}
    shown["trace_state"] = utf8(link.trace_state)
    return shown | _details(link, reader) | ({"flags": link.flags} if link.flags else {})


def _details(message: Any, reader: ValueReader) -> dict[str, object]:
    shown: dict[str, object] = {"attributes": reader.attributes(message.attributes)}
    if message.dropped_attributes_count:
        shown["dropped_attributes_count"] = message.dropped_attributes_count
    return shown
