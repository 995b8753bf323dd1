"""``ExportLogsServiceRequest`` to ``batch.DECODED_LOGS``.

Guarantee: one row for each log record, in the order of the request; times are clamped as those of spans. A body
that is no text is JSON, but bytes are base64 and doubles without a number in JSON are their names; ``body_kind``
tells them apart.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from haechi_collector.batch import DECODED_LOGS, Kind
from haechi_collector.decode import arrays, wire
from haechi_collector.decode.attributes import Values, attribute_lists, values_of
from haechi_collector.decode.ids import BINARY, IdForm
from haechi_collector.decode.schema import LOGS
from haechi_collector.decode.source import rows_of, source_columns
from haechi_collector.decode.values import ValueReader, json_text, number


def decode(bodies: Sequence[bytes], ids: IdForm = BINARY) -> wire.Decoded:
    """Return the log records of serialized requests.

    Raises:
        Undecodable: a body is no such request, or they hold more than the limits allow.
    """
    return wire.read(bodies, LOGS, lambda requests: _flatten(requests, ids))


def _flatten(requests: wire.Requests, ids: IdForm) -> wire.Decoded:
    reader = ValueReader()
    rows = rows_of(requests, "scope_logs", "log_records")
    columns = _record_columns(rows.items, ids, reader) | source_columns(rows, rows.scope, reader)
    ordered = [columns[name] for name in DECODED_LOGS.names]
    return wire.Decoded(pa.RecordBatch.from_arrays(ordered, schema=DECODED_LOGS), rows.bounds)


def _record_columns(records: pa.StructArray, ids: IdForm, reader: ValueReader) -> dict[str, pa.Array]:
    body = values_of(records.field("body"), reader)
    dropped = arrays.numbers(records.field("dropped_attributes_count"))
    return {
        "timestamp": arrays.times(arrays.numbers(records.field("time_unix_nano"))),
        "observed_timestamp": arrays.times(arrays.numbers(records.field("observed_time_unix_nano"))),
        "trace_id": ids.column(records.field("trace_id")),
        "span_id": ids.column(records.field("span_id")),
        "flags": records.field("flags"),
        "severity_number": records.field("severity_number"),
        "severity_text": arrays.text(records.field("severity_text")),
        "event_name": arrays.text(records.field("event_name")),
        "body_kind": pa.array(body.kind),
        "body": _body_text(body),
        "attributes": attribute_lists(
            records.field("attributes"), reader, [("otel.dropped_attributes_count", dropped)]
        ),
    }


def _body_text(body: Values) -> pa.Array:
    texts = body.text
    flags = np.flatnonzero(body.kind == Kind.BOOL)
    texts = arrays.replaced(texts, flags, pa.array(["false", "true"]).take(pa.array(body.int[flags])))
    whole = np.flatnonzero(body.kind == Kind.INT)
    texts = arrays.replaced(texts, whole, pa.array(body.int[whole]).cast(pa.string()))
    doubles = np.flatnonzero(body.kind == Kind.DOUBLE)
    # A loop over records, but only over those whose whole body is a double.
    words = [json_text(number(value)).strip('"') for value in body.double[doubles].tolist()]
    return arrays.replaced(texts, doubles, pa.array(words, pa.string()))
