"""Which dialect wrote each row: its scope's name is the surest, then a key that only one dialect has.

Loops go over distinct scope names and over dialects, not over rows.
"""

import fnmatch
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from haechi_collector.stages.columns import Attributes, Rows
from haechi_collector.stages.dialects import Dialect

Codes = npt.NDArray[np.int16]


def recognise(scope_names: pa.StringArray, attributes: Attributes, known: Sequence[Dialect]) -> Codes:
    """Return the place in ``known`` of each row's dialect, ``len(known)`` where there is none."""
    encoded = scope_names.dictionary_encode()
    by_scope = np.array([_by_scope(name, known) for name in encoded.dictionary.to_pylist()], np.int16)
    codes: Codes = by_scope[encoded.indices.to_numpy()] if len(by_scope) else np.empty(0, np.int16)
    if (codes == len(known)).any():
        for code, dialect in enumerate(known):
            for marker in dialect.markers:
                rows = _marked(marker, attributes)
                codes[rows[codes[rows] == len(known)]] = code
    return codes


def _by_scope(name: str, known: Sequence[Dialect]) -> int:
    matches = (code for code, d in enumerate(known) if any(fnmatch.fnmatchcase(name, p) for p in d.scopes))
    return next(matches, len(known))


def _marked(marker: str, attributes: Attributes) -> Rows:
    key, _, value = marker.partition("=")
    if key.endswith("*"):
        keys = [k for k in attributes.keys if k.startswith(key[:-1])]
        return np.concatenate([np.empty(0, np.int64), *(attributes.row_of[attributes.entries(k)] for k in keys)])
    entries = attributes.entries(key)
    if value and len(entries):
        equal = pc.equal(attributes.text.take(pa.array(entries)), value)
        entries = entries[equal.to_numpy(zero_copy_only=False)]
    return attributes.row_of[entries]
