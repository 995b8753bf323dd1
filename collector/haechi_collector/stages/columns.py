"""All attribute entries of a batch, found by key, without a loop over rows.

Guarantee: of several entries with one key in one row the last is the value, the others do not exist. Every entry
that no column took (`Attributes.take_away`) ends up in exactly one of the three maps of `maps`; integers beyond
2^53, which a double cannot hold, go to the text map as decimals, arrays and lists as JSON, bytes as base64.

Keys are dictionary-encoded once and the entries sorted by key; each key is then a slice of row and entry numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from haechi_collector.batch import BOOL_MAP, NUMBER_MAP, TEXT_MAP, Kind

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

DOUBLE_INTEGER_MAX: Final = 2**53
_NOTHING: Final[Rows] = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Extra:
    """Text entries that are no attributes on the wire but are kept among them, one per row of ``rows``."""

    rows: Rows
    keys: pa.StringArray
    values: pa.StringArray


class Attributes:
    """The column ``attributes`` of a decoded batch.

    Attributes:
        row_count: rows of the batch.
        row_of: row of each entry.
        kind, int, double: of each entry, as numpy arrays.
        text: of each entry.
        keys: distinct keys.
    """

    def __init__(self, column: pa.ListArray) -> None:
        offsets = column.offsets.to_numpy()
        entries = column.flatten()
        self.row_count = len(column)
        self.row_of: Rows = np.repeat(np.arange(len(column)), np.diff(offsets))
        self.kind: npt.NDArray[np.uint8] = entries.field("kind").to_numpy()
        self.int: Rows = entries.field("int").to_numpy()
        self.double: npt.NDArray[np.float64] = entries.field("double").to_numpy()
        self.text: pa.StringArray = entries.field("text")
        self._key_of = entries.field("key")
        self._taken: Mask = np.zeros(len(entries), np.bool_)
        encoded = self._key_of.dictionary_encode()
        self.keys: list[str] = encoded.dictionary.to_pylist()
        self._code = {key: code for code, key in enumerate(self.keys)}
        self._order, self._starts = self._sort(encoded.indices.to_numpy())

    def _sort(self, codes: npt.NDArray[np.int32]) -> tuple[Rows, Rows]:
        """Order the entries by key, rows ascending, and drop all but the last of each key in a row."""
        narrow = codes.astype(np.uint16) if len(self.keys) < 2**16 else codes  # 16 bits: a radix sort
        order = np.argsort(narrow, kind="stable")
        sorted_codes, sorted_rows = codes[order], self.row_of[order]
        again = (sorted_codes[1:] == sorted_codes[:-1]) & (sorted_rows[1:] == sorted_rows[:-1])
        if again.any():
            self._taken[order[:-1][again]] = True
            keep = np.append(~again, True)
            order, sorted_codes = order[keep], sorted_codes[keep]
        return order, np.searchsorted(sorted_codes, np.arange(len(self.keys) + 1))

    def __contains__(self, key: str) -> bool:
        return key in self._code

    def entries(self, key: str) -> Rows:
        """Return the entry numbers of a key, one per row that has it, rows ascending."""
        code = self._code.get(key)
        return _NOTHING if code is None else self._order[self._starts[code] : self._starts[code + 1]]

    def entries_of(self, keys: list[str]) -> tuple[Rows, Rows]:
        """Return the entry numbers of several keys, and for each its key's place in ``keys``."""
        found = [self.entries(key) for key in keys]
        places = np.repeat(np.arange(len(keys)), [len(entries) for entries in found])
        return np.concatenate([_NOTHING, *found]), places

    def entries_in(self, rows: Rows) -> tuple[Rows, list[str]]:
        """Return the entry numbers of some rows, one per key and row, in the order of keys; and for each its key."""
        entries = self._order[np.isin(self.row_of[self._order], rows)]
        keys: list[str] = self._key_of.take(pa.array(entries)).to_pylist()
        return entries, keys

    @cached_property
    def has_text(self) -> Mask:
        """Whether an entry is a text that is not empty."""
        lengths = np.diff(_offsets(self.text))
        mask: Mask = (self.kind == Kind.TEXT) & (lengths > 0)
        return mask

    @cached_property
    def has_scalar(self) -> Mask:
        """Whether an entry is a text that is not empty, a number or a boolean."""
        mask: Mask = self.has_text | np.isin(self.kind, [Kind.BOOL, Kind.INT, Kind.DOUBLE])
        return mask

    @cached_property
    def has_document(self) -> Mask:
        """Whether an entry is a text, an array or a list that is not empty."""
        mask: Mask = self.has_text | (self.kind == Kind.JSON)
        return mask

    def texts(self, entries: Rows) -> list[str]:
        """Return the texts of some entries as Python strings."""
        texts: list[str] = self.text.take(pa.array(entries)).to_pylist()
        return texts

    def long_texts(self, entries: Rows) -> pa.StringArray:
        """Return the texts of some entries, ascending; faster than ``take`` where they are most of all bytes.

        ``take`` allocates by the average of all texts and copies anew whenever that does not do. Here what lies between
        the wanted ones is made a text of its own, and all of those become ''.
        """
        offsets, count = _offsets(self.text), len(entries)
        if not count:
            return self.text.slice(0, 0)
        edges = np.empty(2 * count + 1, np.int32)
        edges[0], edges[1::2], edges[2::2] = offsets[0], offsets[entries], offsets[entries + 1]
        is_wanted = np.zeros(2 * count, np.bool_)
        is_wanted[1::2] = True
        pieces = [None, pa.py_buffer(edges), self.text.buffers()[2]]
        kept = pc.if_else(pa.array(is_wanted), pa.Array.from_buffers(pa.binary(), 2 * count, pieces), b"")
        ends = np.ascontiguousarray(_offsets(kept)[::2])
        return pa.Array.from_buffers(pa.string(), count, [None, pa.py_buffer(ends), kept.buffers()[2]])

    def take_away(self, entries: Rows | list[int]) -> None:
        """Say that a column carries these entries' very values."""
        self._taken[entries] = True

    def maps(self, extras: Iterable[Extra] = ()) -> tuple[pa.MapArray, pa.MapArray, pa.MapArray]:
        """Return the entries that no column took: texts, numbers, booleans, each a map per row."""
        kept = ~self._taken
        whole = (
            (self.kind == Kind.INT) & (np.abs(self.int) <= DOUBLE_INTEGER_MAX) & (self.int != np.iinfo(np.int64).min)
        )
        number = kept & (whole | (self.kind == Kind.DOUBLE))
        boolean = kept & (self.kind == Kind.BOOL)
        text = kept & ~number & ~boolean
        return self._texts(np.flatnonzero(text), extras), self._numbers(number), self._booleans(boolean)

    def _numbers(self, mask: Mask) -> pa.MapArray:
        entries = np.flatnonzero(mask)
        values = np.where(self.kind == Kind.INT, self.int.astype(np.float64), self.double)[entries]
        return self._map(entries, pa.array(values), NUMBER_MAP)

    def _booleans(self, mask: Mask) -> pa.MapArray:
        entries = np.flatnonzero(mask)
        return self._map(entries, pa.array(self.int[entries] != 0), BOOL_MAP)

    def _texts(self, entries: Rows, extras: Iterable[Extra]) -> pa.MapArray:
        keys, values = self._key_of.take(pa.array(entries)), self.text.take(pa.array(entries))
        large = self.kind[entries] == Kind.INT
        if large.any():
            decimals = pa.array(self.int[entries[large]]).cast(pa.string())
            values = pc.replace_with_mask(values, pa.array(large), decimals)
        rows = self.row_of[entries]
        for extra in extras:
            keys = pa.concat_arrays([keys, extra.keys])
            values = pa.concat_arrays([values, extra.values])
            rows = np.append(rows, extra.rows)
        if len(rows) > len(entries):
            order = pa.array(np.argsort(rows, kind="stable"))
            keys, values = keys.take(order), values.take(order)
        return _map(rows, self.row_count, keys, values, TEXT_MAP)

    def _map(self, entries: Rows, values: pa.Array, type_: pa.MapType) -> pa.MapArray:
        return _map(self.row_of[entries], self.row_count, self._key_of.take(pa.array(entries)), values, type_)


def _map(rows: Rows, row_count: int, keys: pa.StringArray, values: pa.Array, type_: pa.MapType) -> pa.MapArray:
    """Build a map per row from entries sorted by row; ``rows`` need only count right."""
    offsets = np.zeros(row_count + 1, np.int32)
    np.cumsum(np.bincount(rows, minlength=row_count), out=offsets[1:])
    return pa.MapArray.from_arrays(pa.array(offsets), keys, values, type=type_)


def _offsets(texts: pa.StringArray) -> npt.NDArray[np.int32]:
    if len(texts) == 0:
        return np.zeros(1, np.int32)
    return np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]


class Filling:
    """A column that is filled from several places; the first that has a value for a row wins.

    Args:
        row_count: rows of the column.
        default: an array of one value, for rows that get none.
    """

    def __init__(self, row_count: int, default: pa.Array) -> None:
        self.open: Mask = np.ones(row_count, np.bool_)
        self._default = default
        self._rows: list[Rows] = []
        self._values: list[pa.Array] = []

    def put(self, rows: Rows, values: pa.Array) -> None:
        """Give values to rows that are still open, each row once."""
        if len(rows):
            self.open[rows] = False
            self._rows.append(rows)
            self._values.append(values)

    def column(self) -> pa.Array:
        """Return the column, the default where nothing was put."""
        row_count = len(self.open)
        if len(self._rows) == 1 and not self.open.any() and bool((np.diff(self._rows[0]) > 0).all()):
            return self._values[0]
        place = np.zeros(row_count, np.int64)
        rows = np.concatenate([_NOTHING, *self._rows])
        place[rows] = np.arange(1, len(rows) + 1)
        return pa.concat_arrays([self._default, *self._values]).take(pa.array(place))
