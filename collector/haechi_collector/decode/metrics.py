"""``ExportMetricsServiceRequest`` to ``batch.DECODED_METRIC_POINTS``.

Guarantee: one row for each data point of all five kinds, in the order of the request; a metric without points
has none. Each kind is one pass over all its points; the passes are then put in the order of their metrics.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from haechi_collector.batch import DECODED_METRIC_POINTS
from haechi_collector.decode import arrays, wire
from haechi_collector.decode.ids import BINARY, IdForm
from haechi_collector.decode.points import KINDS, TEMPORALITIES, Columns, point_columns
from haechi_collector.decode.schema import METRICS
from haechi_collector.decode.source import rows_of, source_columns, text_maps
from haechi_collector.decode.values import KEY_VALUE, ValueReader


def decode(bodies: Sequence[bytes], ids: IdForm = BINARY) -> wire.Decoded:
    """Return the data points of serialized requests.

    Raises:
        Undecodable: a body is no such request, or they hold more than the limits allow.
    """
    return wire.read(bodies, METRICS, lambda requests: _flatten(requests, ids))


def _flatten(requests: wire.Requests, ids: IdForm) -> wire.Decoded:
    reader = ValueReader()
    rows = rows_of(requests, "scope_metrics", "metrics")
    _check_kinds(rows.items)
    points, owner = _points(rows.items, ids, reader)
    columns = points | _metric_columns(rows.items, owner, reader) | source_columns(rows, rows.scope[owner], reader)
    ordered = [columns[name] for name in DECODED_METRIC_POINTS.names]
    # The owners ascend: the points of a request lie between those of its first metric and of the next one's.
    bounds = np.searchsorted(owner, rows.bounds)
    return wire.Decoded(pa.RecordBatch.from_arrays(ordered, schema=DECODED_METRIC_POINTS), bounds)


def _check_kinds(metrics: pa.StructArray) -> None:
    members = np.zeros(len(metrics), np.uint8)
    for kind in KINDS:
        members += arrays.present(metrics.field(kind))
    if members.max(initial=0) > 1:
        raise wire.Odd


def _points(metrics: pa.StructArray, ids: IdForm, reader: ValueReader) -> tuple[Columns, arrays.Index]:
    """Return the columns of all points, and the metric of each."""
    parts: list[Columns] = []
    owners: list[arrays.Index] = []
    for kind in KINDS:
        lists = metrics.field(kind).field("data_points")
        if len(lists.values) or (kind == KINDS[-1] and not parts):
            owner = arrays.parents_of(lists)
            parts.append(point_columns(kind, lists.values, ids, reader) | _kind_columns(metrics, kind, owner))
            owners.append(owner)
    if len(parts) == 1:
        return parts[0], owners[0]
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    together = {name: pa.concat_arrays([part[name] for part in parts]) for name in parts[0]}
    return {name: column.take(pa.array(order)) for name, column in together.items()}, owner[order]


def _kind_columns(metrics: pa.StructArray, kind: str, owner: arrays.Index) -> Columns:
    """Return what a metric says once about all its points."""
    data = metrics.field(kind)
    codes: arrays.Numbers = np.zeros(len(owner), np.int32)
    if kind not in {"gauge", "summary"}:
        codes = arrays.numbers(data.field("aggregation_temporality"))[owner]
    monotonic: arrays.Numbers = np.zeros(len(owner), np.bool_)
    if kind == "sum":
        monotonic = arrays.numbers(data.field("is_monotonic"))[owner]
    return {
        "type": pa.array([kind]).take(pa.array(np.zeros(len(owner), np.int32))),
        "temporality": arrays.named(codes, TEMPORALITIES),
        "is_monotonic": pa.array(monotonic),
    }


def _metric_columns(metrics: pa.StructArray, owner: arrays.Index, reader: ValueReader) -> Columns:
    columns = {
        "metric_name": arrays.text(metrics.field("name")),
        "metric_description": arrays.text(metrics.field("description")),
        "unit": arrays.text(metrics.field("unit")),
    }
    for name, texts in columns.items():
        arrays.check_spread(name, arrays.lengths_of(texts).astype(np.int64), owner)
    columns["metric_metadata"] = _metadata(metrics.field("metadata"), owner, reader)
    return arrays.spread(columns, owner)


def _metadata(lists: pa.Array, owner: arrays.Index, reader: ValueReader) -> pa.Array:
    rows = np.flatnonzero(arrays.lengths_of(lists))
    # A loop over metrics, but only over those that have metadata.
    maps = [reader.texts([wire.parse(KEY_VALUE, raw) for raw in lists[row].as_py()]) for row in rows.tolist()]
    sizes = np.zeros(len(lists), np.int64)
    sizes[rows] = arrays.lengths_of(arrays.joined(lists))[rows]
    arrays.check_spread("metric metadata", sizes, owner)
    index = np.zeros(len(lists), np.int64)
    index[rows] = np.arange(1, len(rows) + 1)
    return text_maps([{}, *maps]).take(pa.array(index))
