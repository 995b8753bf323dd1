"""Entries added to a column of text maps after it was made.

Guarantee: the entries that a row had stay, in their order; the added ones stand behind them; rows that get none keep
theirs. Only called for rows that something is wrong with, so that it costs nothing where nothing is.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from haechi_collector.batch import TEXT_MAP

Rows = npt.NDArray[np.int64]


def with_entries(maps: pa.MapArray, rows: Rows, keys: pa.StringArray, values: pa.StringArray) -> pa.MapArray:
    """Return the maps with one more entry for each of ``rows`` (a row may come several times).

    Args:
        maps: a column of `batch.TEXT_MAP`, no null.
        rows: which rows, in any order.
        keys: of the entries, as long as ``rows``; none of them is in its row's map yet.
        values: of the entries, as long as ``rows``.
    """
    if not len(rows):
        return maps
    offsets = np.asarray(maps.offsets.to_numpy())
    lengths = np.diff(offsets)
    first, count = int(offsets[0]), int(offsets[-1] - offsets[0])
    owners = np.concatenate([np.repeat(np.arange(len(maps)), lengths), rows])
    order = pa.array(np.argsort(owners, kind="stable"))
    grown = np.zeros(len(maps) + 1, np.int32)
    np.cumsum(lengths + np.bincount(rows, minlength=len(maps)), out=grown[1:])
    all_keys = pa.concat_arrays([maps.keys.slice(first, count), keys]).take(order)
    all_values = pa.concat_arrays([maps.items.slice(first, count), values]).take(order)
    return pa.MapArray.from_arrays(pa.array(grown), all_keys, all_values, type=TEXT_MAP)


def with_column(batch: pa.RecordBatch, name: str, values: pa.Array) -> pa.RecordBatch:
    """Return the batch with one column replaced; the schema stays."""
    position = batch.schema.get_field_index(name)
    return batch.set_column(position, batch.schema.field(position), values)
