"""A bound on the distinct keys of attribute maps, which ClickHouse keeps as dictionaries too.

Guarantee: an entry whose key is beyond the bound stays in its row, as an entry ``(other)`` of ``attributes_string``
with the text ``key=value``; a row may have several. Entries of known keys are not touched, and where all keys are known
the batch is handed on as it is.
"""

from collections.abc import Callable, Collection
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from haechi_collector.stages.map_entries import Rows, with_column, with_entries

MAPS: Final = ("attributes_string", "attributes_number", "attributes_bool", "resource_attributes")
OTHER: Final = "(other)"


def limit_keys(
    rows: pa.RecordBatch, beyond: Callable[[str, list[str]], Collection[str]]
) -> tuple[pa.RecordBatch, dict[str, int]]:
    """Return the rows with entries of unknown keys moved, and how many of each map.

    Args:
        rows: with the columns `MAPS`.
        beyond: given a map's name and its distinct keys, which of them are beyond the bound.
    """
    moved: list[tuple[Rows, pa.Array]] = []
    counts: dict[str, int] = {}
    for name in MAPS:
        over = beyond(name, _keys(rows.column(name)).unique().to_pylist())
        if over:
            kept, places, texts = _split(rows.column(name), over)
            rows = with_column(rows, name, kept)
            moved.append((places, texts))
            counts[name] = len(places)
    if moved:
        places = np.concatenate([places for places, _ in moved])
        texts = pa.concat_arrays([texts for _, texts in moved])
        entries = with_entries(rows.column(MAPS[0]), places, pa.repeat(OTHER, len(places)), texts)
        rows = with_column(rows, MAPS[0], entries)
    return rows, counts


def _keys(maps: pa.MapArray) -> pa.StringArray:
    offsets = maps.offsets
    first = offsets[0].as_py()
    return maps.keys.slice(first, offsets[len(maps)].as_py() - first)


def _split(maps: pa.MapArray, over: Collection[str]) -> tuple[pa.MapArray, Rows, pa.StringArray]:
    """Return the maps without those keys; and the row and the text of each entry that was taken out."""
    keys, offsets = _keys(maps), np.asarray(maps.offsets.to_numpy())
    items = maps.items.slice(int(offsets[0]), len(keys))
    owners = np.repeat(np.arange(len(maps)), np.diff(offsets))
    is_over = pc.is_in(keys, pa.array(sorted(over)))
    mask = np.asarray(is_over.to_numpy(zero_copy_only=False))
    lengths = np.bincount(owners[~mask], minlength=len(maps))
    kept_offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    stay = pc.invert(is_over)
    kept = pa.MapArray.from_arrays(pa.array(kept_offsets), keys.filter(stay), items.filter(stay), type=maps.type)
    texts = pc.binary_join_element_wise(keys.filter(is_over), pc.cast(items.filter(is_over), pa.string()), "=")
    return kept, owners[mask], texts
