"""A bounded map from 64-bit keys to numbers, asked and filled a whole column at a time.

Guarantees: its memory is fixed when it is made; a key that was put is found until eight younger keys of its bucket
have come, which for evenly spread keys is after about as many puts as the map has places. Nothing else is forgotten,
and nothing is found that was not put. Key 0 is never kept.

Why no dict: a dict of Python objects costs 3 microseconds a span, the garbage collector's passes over them included.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

_WAYS: Final = 8
_MIX: Final = np.uint64(0xD6E8FEB86659FD93)


class Recent:
    """See the module.

    Args:
        size_max: places; rounded down to a power of two, at least one bucket of eight.
        columns: numbers (int64) kept with each key.
    """

    def __init__(self, size_max: int, columns: int = 0) -> None:
        self._bits = max(0, (size_max // _WAYS).bit_length() - 1)
        self._keys = np.zeros((1 << self._bits, _WAYS), np.uint64)
        self._next = np.zeros(1 << self._bits, np.int64)
        self._values = np.zeros((columns, self._keys.size), np.int64)
        self._is_empty = True

    def find(self, keys: Keys) -> Places:
        """Return the place of each key, -1 for one that is not there. Shape: (keys,)."""
        if self._is_empty:
            return np.full(len(keys), -1)
        bucket = self._bucket(keys)
        hit = self._keys[bucket] == keys[:, None]
        return np.where(hit.any(axis=1) & (keys != 0), bucket * _WAYS + hit.argmax(axis=1), -1)

    def values(self, places: Places) -> npt.NDArray[np.int64]:
        """Return what is kept at places that `find` gave. Shape: (columns, places)."""
        return self._values[:, places]

    def put(self, keys: Keys, *values: npt.NDArray[np.int64]) -> None:
        """Keep keys with their numbers, one array for each column; of equal keys the first counts."""
        keys, first = np.unique(keys, return_index=True)
        places = self.find(keys)
        new = np.flatnonzero((places < 0) & (keys != 0))
        self._is_empty = self._is_empty and not len(new)
        bucket = self._bucket(keys[new])
        order = np.argsort(bucket, kind="stable")
        bucket, new = bucket[order], new[order]
        rank = np.arange(len(new)) - np.searchsorted(bucket, bucket)
        places[new] = bucket * _WAYS + (self._next[bucket] + rank) % _WAYS
        np.add.at(self._next, bucket, 1)
        kept = places >= 0
        self._keys.reshape(-1)[places[kept]] = keys[kept]
        for column, numbers in zip(self._values, values, strict=True):
            column[places[kept]] = numbers[first[kept]]

    def _bucket(self, keys: Keys) -> Places:
        if not self._bits:
            return np.zeros(len(keys), np.int64)
        return ((keys * _MIX) >> np.uint64(64 - self._bits)).astype(np.int64)
