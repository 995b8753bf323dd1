"""Whole-column conversions between what protobuf carries and what a batch holds.

Guarantee: no function here loops over rows unless its text is damaged, and every text column returned is valid
UTF-8. Arrays taken apart here come straight from a reader, so that buffers, not logical views, may be used.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from haechi_collector import limits
from haechi_collector.batch import TIME
from haechi_collector.decode.utf8 import is_utf8
from haechi_collector.errors import Undecodable

Index = npt.NDArray[np.int64]
Numbers = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

_HEX: Final = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint16)
_TIME_MAX: Final = np.uint64(2**63 - 1)
_NOTHING: Final = pa.py_buffer(b"")
_SMALL_BYTES: Final = 16 * 1024
"""Up to so many bytes Arrow's check is faster than ours."""

_REPAIR_ROWS: Final = 32
"""Damaged text is narrowed down to runs of so many rows, which are then repaired one by one."""


def offsets_of(array: pa.Array) -> npt.NDArray[np.int32]:
    """Return the offsets of a binary, string or list array: one more than it has rows, from any start."""
    if len(array) == 0:
        return np.zeros(1, np.int32)
    return np.frombuffer(array.buffers()[1], np.int32, len(array) + 1, array.offset * 4)


def _data_of(array: pa.Array) -> pa.Buffer:
    """Return the bytes of all texts; Arrow may leave the buffer out where there are none."""
    data = array.buffers()[2]
    return _NOTHING if data is None else data


def lengths_of(array: pa.Array) -> npt.NDArray[np.int32]:
    """Return the bytes of each text, or the items of each list."""
    return np.diff(offsets_of(array))


def parents_of(lists: pa.Array) -> Index:
    """Return for each item of the lists the row it belongs to."""
    return np.repeat(np.arange(len(lists)), lengths_of(lists))


def numbers(array: pa.Array) -> Numbers:
    """Return a column of numbers, its nulls as zero. Shape: (rows,)."""
    filled = array.fill_null(0) if array.null_count else array
    return np.asarray(filled.to_numpy(zero_copy_only=False))


def present(array: pa.Array) -> Mask:
    """Return which rows are not null. Shape: (rows,)."""
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False), np.bool_)


def text(binary: pa.Array) -> pa.Array:
    """Return a binary column as text: null as '', each invalid UTF-8 sequence as U+FFFD."""
    if len(binary) == 0:
        return pa.array([], pa.string())
    # A null has no bytes, so dropping the validity bitmap makes it ''.
    parts = [None, binary.buffers()[1], _data_of(binary)]
    offsets = offsets_of(binary)
    data = np.frombuffer(parts[2], np.uint8)[offsets[0] : offsets[-1]]
    if len(data) > _SMALL_BYTES and is_utf8(data, offsets[:-1][np.diff(offsets) > 0] - offsets[0]):
        return pa.Array.from_buffers(pa.string(), len(binary), parts, offset=binary.offset)
    whole = pa.Array.from_buffers(pa.binary(), len(binary), parts, offset=binary.offset)
    try:
        return whole.cast(pa.string())
    except pa.ArrowInvalid:
        return _repaired(whole)


def _repaired(binary: pa.Array) -> pa.Array:
    if len(binary) <= _REPAIR_ROWS:
        return pa.array([value.decode("utf-8", "replace") for value in binary.to_pylist()], pa.string())
    middle = len(binary) // 2
    return pa.concat_arrays([text(binary.slice(0, middle)), text(binary.slice(middle))])


def hex_text(binary: pa.Array) -> pa.Array:
    """Return a binary column as lowercase hex."""
    if len(binary) == 0:
        return pa.array([], pa.string())
    offsets = offsets_of(binary)
    raw = np.frombuffer(_data_of(binary), np.uint8)[offsets[0] : offsets[-1]]
    doubled = (offsets - offsets[0]) * 2
    return pa.Array.from_buffers(
        pa.string(), len(binary), [None, pa.py_buffer(doubled.astype(np.int32)), pa.py_buffer(_HEX[raw])]
    )


def joined(lists: pa.Array) -> pa.Array:
    """Return the items of each list of binaries as one binary, without a copy: they lie side by side."""
    items = lists.values
    if len(items) == 0:
        return pa.array([b""] * len(lists), pa.binary())
    offsets = offsets_of(items)[offsets_of(lists)]
    return pa.Array.from_buffers(pa.binary(), len(lists), [None, pa.py_buffer(offsets), _data_of(items)])


def times(nanoseconds: Numbers) -> pa.Array:
    """Return unsigned nanoseconds since the epoch as times; what lies after the year 2262 becomes its last."""
    clamped = np.minimum(nanoseconds.astype(np.uint64), _TIME_MAX).astype(np.int64)
    return pa.Array.from_buffers(TIME, len(clamped), [None, pa.py_buffer(clamped)])


def named(codes: Numbers, names: pa.Array) -> pa.Array:
    """Return the names of an enumeration's numbers; a number without a name stays a decimal."""
    known = len(codes) == 0 or (codes.min() >= 0 and codes.max() < len(names))
    if known:
        return names.take(pa.array(codes))
    distinct, index = np.unique(codes, return_inverse=True)
    words = [names[code].as_py() if 0 <= code < len(names) else str(code) for code in distinct.tolist()]
    return pa.array(words, pa.string()).take(pa.array(index))


def blank(count: int) -> pa.Array:
    """Return so many ''."""
    return pa.Array.from_buffers(pa.string(), count, [None, pa.py_buffer(np.zeros(count + 1, np.int32)), _NOTHING])


def replaced(texts: pa.Array, rows: Index, words: pa.Array) -> pa.Array:
    """Return a text column in which ``rows`` hold ``words``, one for each."""
    if len(rows) == 0:
        return texts
    index = np.arange(len(texts))
    index[rows] = np.arange(len(texts), len(texts) + len(rows))
    return pa.concat_arrays([texts, words]).take(pa.array(index))


def spread(columns: Mapping[str, pa.Array], index: Index) -> dict[str, pa.Array]:
    """Return for each row the values of its parent. Check the total with `check_spread` first."""
    parents = pa.StructArray.from_arrays(list(columns.values()), names=list(columns))
    return dict(zip(columns, parents.take(pa.array(index)).flatten(), strict=True))


def check_spread(what: str, sizes: npt.NDArray[np.int64], index: Index) -> None:
    """Refuse a request whose parents' text, repeated on every row, would not fit.

    Args:
        what: the parents, for the message.
        sizes: bytes of text of each parent.
        index: the parent of each row.

    Raises:
        Undecodable: more than ``limits.SPREAD_BYTES_MAX``.
    """
    total = int(sizes[index].sum())
    if total > limits.SPREAD_BYTES_MAX:
        raise Undecodable(
            f"{what}: repeated on {len(index)} rows it takes {total} bytes, more than {limits.SPREAD_BYTES_MAX}"
        )
