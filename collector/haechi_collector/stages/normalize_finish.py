"""Finish reasons as a list of canonical words: stop, length, tool_call, content_filter, error.

They come as an array, as JSON text, as one bare word, or only inside the answer. The provider's own words stay in
the attributes where they differ.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from haechi_collector.stages.columns import Filling, Rows
from haechi_collector.stages.dialects import Source
from haechi_collector.stages.messages.values import NOTHING, at, parse
from haechi_collector.stages.normalize_events import attribute
from haechi_collector.stages.normalize_reader import Reader

WORDS = pa.list_(pa.field("item", pa.string(), nullable=False))


def finish_reasons(reader: Reader, fold: Callable[[str], str], answers: dict[int, list[str]]) -> pa.ListArray:
    """Return the finish reasons of each row.

    Args:
        reader: of the batch.
        fold: provider's word → canonical word.
        answers: by row, canonical words found in answers, for rows that tell them nowhere else.
    """
    filling = Filling(len(reader.codes), pa.array([[]], WORDS))
    for source, rows in reader.sources("finish_reasons"):
        if source.event:
            named = reader.events.named(source.event, filling.open & rows)
            _put_lists(filling, {row: _folded(attribute(e, source.attribute), fold) for row, e in named})
        else:
            entries = reader.entries(source.key, filling.open & rows)
            _put_entries(reader, source, entries[reader.attributes.has_document[entries]], fold, filling)
    _put_lists(filling, {row: reasons for row, reasons in answers.items() if filling.open[row]})
    return filling.column()


def _put_entries(reader: Reader, source: Source, entries: Rows, fold: Callable[[str], str], filling: Filling) -> None:
    """Read each distinct text once; most batches have two or three."""
    encoded = reader.attributes.text.take(pa.array(entries)).dictionary_encode()
    own = [_words(text, source) for text in encoded.dictionary.to_pylist()]
    if not own:
        return
    folded = [_folded(words, fold) for words in own]
    codes = encoded.indices.to_numpy()
    filled = np.array([bool(words) for words in folded], np.bool_)[codes]
    same = np.array([words == f and not source.path for words, f in zip(own, folded, strict=True)], np.bool_)[codes]
    lists = pa.array(folded, WORDS).take(encoded.indices).filter(pa.array(filled))
    filling.put(reader.attributes.row_of[entries[filled]], lists)
    if "*" not in source.key:  # the indexed ones belong to the answer's message too
        reader.attributes.take_away(entries[filled & same])


def _words(text: str, source: Source) -> Any:
    value = parse(text)
    value = at(value, source.path) if source.path else text if value is NOTHING else value
    return value if isinstance(value, list) else [value]


def _folded(words: Any, fold: Callable[[str], str]) -> list[str]:
    listed = words if isinstance(words, list) else [words]
    return [fold(word) for word in listed if isinstance(word, str) and word]


def _put_lists(filling: Filling, lists: dict[int, list[str]]) -> None:
    lists = {row: words for row, words in lists.items() if words}
    filling.put(np.array(list(lists), np.int64), pa.array(list(lists.values()), WORDS))
