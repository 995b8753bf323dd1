"""Attribute lists as one flat list of typed entries per row (``batch.ATTRIBUTES``).

Guarantee: every entry of every list is kept in its order, duplicate keys too. What an emitter says it dropped
is kept as entries ``otel.dropped_attributes_count`` (``_events_``, ``_links_``) behind the others.

Only arrays, lists and bytes are looked at one by one, and of equal ones only the first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from haechi_collector.batch import ATTRIBUTE, ATTRIBUTES, Kind
from haechi_collector.decode import arrays
from haechi_collector.decode.values import ValueReader, b64_text
from haechi_collector.decode.wire import Odd

_SCALARS: Final = {
    "string_value": Kind.TEXT,
    "bool_value": Kind.BOOL,
    "int_value": Kind.INT,
    "double_value": Kind.DOUBLE,
    "bytes_value": Kind.BYTES,
}
_LISTS: Final = ("array_value", "kvlist_value")


@dataclass(frozen=True, slots=True)
class Values:
    """A column of ``AnyValue``, taken apart. Shape of each part: (rows,)."""

    kind: npt.NDArray[np.uint8]
    text: pa.Array
    int: npt.NDArray[np.int64]
    double: npt.NDArray[np.float64]


def values_of(column: pa.StructArray, reader: ValueReader) -> Values:
    """Take a column of ``AnyValue`` apart; a null is an empty value.

    Raises:
        Odd: some value has two members.
        Undecodable: an array or a list is damaged, or there are too many elements.
    """
    kind = _kinds(column)
    whole = arrays.numbers(column.field("int_value")).astype(np.int64, copy=False)
    if column.field("bool_value").null_count < len(column):
        whole = whole + arrays.numbers(column.field("bool_value").cast(pa.int64()))
    double = arrays.numbers(column.field("double_value")).astype(np.float64, copy=False)
    return Values(kind, _texts(column, kind, reader), whole, double)


def _kinds(column: pa.StructArray) -> npt.NDArray[np.uint8]:
    kind, members = np.zeros(len(column), np.uint8), np.zeros(len(column), np.uint8)
    for name, code in _SCALARS.items():
        field = column.field(name)
        if field.null_count < len(field):
            is_set = arrays.present(field)
            kind += is_set * np.uint8(code)
            members += is_set
    for name in _LISTS:
        if len(column.field(name).values):
            lengths = np.minimum(arrays.lengths_of(column.field(name)), 2).astype(np.uint8)
            kind += lengths * np.uint8(Kind.JSON)
            members += lengths
    if members.max(initial=0) > 1:
        raise Odd
    return kind


def _texts(column: pa.StructArray, kind: npt.NDArray[np.uint8], reader: ValueReader) -> pa.Array:
    rows, words = [], []
    for name, read in zip(_LISTS, (reader.array, reader.key_values), strict=True):
        lists = column.field(name)
        if len(lists.values):
            rows.append(np.flatnonzero(arrays.lengths_of(lists)))
            words.append(_each_distinct(lists.values, read))
    raw = np.flatnonzero(kind == Kind.BYTES)
    if len(raw):
        rows.append(raw)
        words.append(_each_distinct(column.field("bytes_value").drop_null(), b64_text))
    texts = arrays.text(column.field("string_value"))
    return arrays.replaced(texts, np.concatenate(rows), pa.concat_arrays(words)) if rows else texts


def _each_distinct(column: pa.Array, read: Callable[[bytes], str]) -> pa.Array:
    encoded = column.dictionary_encode()
    return pa.array([read(raw) for raw in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


def entries(keys: pa.Array, values: Values) -> pa.StructArray:
    """Return attribute entries from text keys and their values."""
    columns = [keys, pa.array(values.kind), values.text, pa.array(values.int), pa.array(values.double)]
    return pa.StructArray.from_arrays(columns, fields=list(ATTRIBUTE))


def attribute_lists(
    lists: pa.Array, reader: ValueReader, dropped: Sequence[tuple[str, arrays.Numbers]] = ()
) -> pa.Array:
    """Return lists of ``KeyValue`` as ``batch.ATTRIBUTES``.

    Args:
        lists: one list of ``KeyValue`` for each row.
        reader: reads arrays and lists.
        dropped: what the emitter dropped, as key and a count for each row; zeros are left out.
    """
    pairs = lists.values
    items = entries(arrays.text(pairs.field("key")), values_of(pairs.field("value"), reader))
    lengths = arrays.lengths_of(lists)
    for key, counts in dropped:
        if counts.any():
            items, lengths = _with_counts(items, lengths, key, counts)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), items, type=ATTRIBUTES)


def _with_counts(
    items: pa.StructArray, lengths: npt.NDArray[np.int32], key: str, counts: arrays.Numbers
) -> tuple[pa.StructArray, npt.NDArray[np.int32]]:
    rows = np.flatnonzero(counts)
    extra = Values(
        np.full(len(rows), Kind.INT, np.uint8),
        pa.array([""] * len(rows), pa.string()),
        counts[rows].astype(np.int64),
        np.zeros(len(rows)),
    )
    added = entries(pa.array([key] * len(rows), pa.string()), extra)
    owners = np.concatenate((np.repeat(np.arange(len(lengths)), lengths), rows))
    order = np.argsort(owners, kind="stable")
    grown = lengths.copy()
    grown[rows] += 1
    return pa.concat_arrays([items, added]).take(pa.array(order)), grown
