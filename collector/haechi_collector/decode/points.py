"""The five kinds of data points, each as those columns of ``batch.DECODED_METRIC_POINTS`` that it has.

Guarantee: what a kind does not have, or a point leaves out (``sum``, ``min``, ``max``), is 0, '' or an empty list;
counts of a histogram's buckets become doubles, which are exact up to 2**53.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa

from haechi_collector.batch import DECODED_METRIC_POINTS
from haechi_collector.decode import arrays, wire
from haechi_collector.decode.attributes import attribute_lists
from haechi_collector.decode.ids import IdForm
from haechi_collector.decode.schema import message_class
from haechi_collector.decode.values import ValueReader, json_lists, number

Columns = dict[str, pa.Array]

TEMPORALITIES: Final = pa.array(["", "delta", "cumulative"])
_EXEMPLAR: Final = message_class("metrics.v1.Exemplar")
_COMMON: Final = (
    *("time", "start_time", "flags", "value", "count", "sum", "min", "max", "bounds", "bucket_counts", "scale"),
    *("zero_count", "zero_threshold", "positive_offset", "positive_counts", "negative_offset", "negative_counts"),
    *("exemplars", "attributes"),
)


def point_columns(kind: str, points: pa.StructArray, ids: IdForm, reader: ValueReader) -> Columns:
    """Return the columns of points of one kind, a row for each point.

    Raises:
        Odd: a value or an attribute has two members.
        Undecodable: something within is damaged.
    """
    columns = _KINDS[kind](points) | {
        "time": arrays.times(arrays.numbers(points.field("time_unix_nano"))),
        "start_time": arrays.times(arrays.numbers(points.field("start_time_unix_nano"))),
        "flags": points.field("flags"),
        "attributes": attribute_lists(points.field("attributes"), reader),
    }
    if kind != "summary":
        columns["exemplars"] = json_lists(points.field("exemplars"), lambda raw: _exemplar(raw, ids, reader))
    return {name: columns[name] if name in columns else _default(name, len(points)) for name in _COMMON}


def _default(name: str, count: int) -> pa.Array:
    kind = DECODED_METRIC_POINTS.field(name).type
    if pa.types.is_list(kind):
        return _lists(pa.array(np.zeros(count + 1, np.int32)), pa.array([], kind.value_type))
    return arrays.blank(count) if pa.types.is_string(kind) else pa.nulls(count, kind).fill_null(0)


def _lists(offsets: pa.Array, values: pa.Array) -> pa.Array:
    kind = pa.list_(pa.field("item", values.type, nullable=False))
    return pa.ListArray.from_arrays(offsets, values, type=kind)


def _number_points(points: pa.StructArray) -> Columns:
    whole, double = points.field("as_int"), points.field("as_double")
    is_whole = arrays.present(whole)
    if (is_whole & arrays.present(double)).any():
        raise wire.Odd
    values = np.where(is_whole, arrays.numbers(whole).astype(np.float64), arrays.numbers(double))
    return {"value": pa.array(values)}


def _histogram_points(points: pa.StructArray) -> Columns:
    counts, bounds = points.field("bucket_counts"), points.field("explicit_bounds")
    return _totals(points) | {
        "bounds": _lists(pa.array(arrays.offsets_of(bounds)), bounds.values),
        "bucket_counts": _lists(
            pa.array(arrays.offsets_of(counts)), pa.array(arrays.numbers(counts.values).astype(np.float64))
        ),
    }


def _exponential_points(points: pa.StructArray) -> Columns:
    columns = _totals(points) | {name: points.field(name) for name in ("scale", "zero_count", "zero_threshold")}
    for side in ("positive", "negative"):
        counts = points.field(side).field("bucket_counts")
        columns[f"{side}_offset"] = points.field(side).field("offset")
        columns[f"{side}_counts"] = _lists(pa.array(arrays.offsets_of(counts)), counts.values)
    return columns


def _summary_points(points: pa.StructArray) -> Columns:
    quantiles = points.field("quantile_values")
    offsets = pa.array(arrays.offsets_of(quantiles))
    return {
        "count": points.field("count"),
        "sum": points.field("sum"),
        "bounds": _lists(offsets, quantiles.values.field("quantile")),
        "bucket_counts": _lists(offsets, quantiles.values.field("value")),
    }


def _totals(points: pa.StructArray) -> Columns:
    columns = {name: points.field(name).fill_null(0) for name in ("sum", "min", "max")}
    return columns | {"count": points.field("count")}


_KINDS: Final[dict[str, Callable[[pa.StructArray], Columns]]] = {
    "gauge": _number_points,
    "sum": _number_points,
    "histogram": _histogram_points,
    "exponential_histogram": _exponential_points,
    "summary": _summary_points,
}
KINDS: Final = tuple(_KINDS)


def _exemplar(raw: bytes, ids: IdForm, reader: ValueReader) -> dict[str, object]:
    exemplar = wire.parse(_EXEMPLAR, raw)
    shown: dict[str, object] = {"time_unix_nano": exemplar.time_unix_nano, "value": _exemplar_value(exemplar)}
    shown |= {"trace_id": ids.one(exemplar.trace_id), "span_id": ids.one(exemplar.span_id)}
    return shown | {"attributes": reader.attributes(exemplar.filtered_attributes)}


def _exemplar_value(exemplar: Any) -> object:
    match exemplar.WhichOneof("value"):
        case "as_int":
            return exemplar.as_int
        case "as_double":
            return number(exemplar.as_double)
        case _:
            return None
