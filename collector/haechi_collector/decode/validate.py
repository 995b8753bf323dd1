"""Which decoded rows cannot be stored: a span without valid ids, a log record with damaged ones.

Guarantee: rows are kept in their order and unchanged, but for ids of nothing but zeros, which W3C Trace Context
calls absent: as a parent, or on a log record, they become ''. Links are not judged. Metrics have no such rule.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from haechi_collector.batch import DECODED_METRIC_POINTS, DECODED_SPANS
from haechi_collector.decode import arrays

_DIGITS: Final = {"trace_id": 32, "span_id": 16, "parent_span_id": 16}
_IS_HEX: Final = np.isin(np.arange(256), np.frombuffer(b"0123456789abcdef", np.uint8))


@dataclass(frozen=True, slots=True)
class Refused:
    """How many rows were left out, and why: one English sentence of bounded length, '' when none were."""

    count: int
    reason: str


def split_invalid(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Refused]:
    """Return the rows that can be stored, and what was refused.

    Args:
        batch: of ``DECODED_SPANS``, ``DECODED_LOGS`` or ``DECODED_METRIC_POINTS``.
    """
    if batch.num_rows == 0 or batch.schema.names == DECODED_METRIC_POINTS.names:
        return batch, Refused(0, "")
    is_spans = batch.schema.names == DECODED_SPANS.names
    optional = ("parent_span_id",) if is_spans else ("trace_id", "span_id")
    batch = _without_zeros(batch, optional)
    bad = {name: _bad(batch.column(name), name, name in optional) for name in _DIGITS if name in batch.schema.names}
    refused = np.logical_or.reduce(list(bad.values()))
    if not refused.any():
        return batch, Refused(0, "")
    reason = _reason(bad, int(refused.sum()), "spans" if is_spans else "log records", optional)
    return batch.filter(pa.array(~refused)), Refused(int(refused.sum()), reason)


def _without_zeros(batch: pa.RecordBatch, names: tuple[str, ...]) -> pa.RecordBatch:
    for name in names:
        zero = pc.equal(batch.column(name), "0" * _DIGITS[name])
        if zero.true_count:
            place = batch.schema.get_field_index(name)
            batch = batch.set_column(place, batch.schema.field(name), pc.if_else(zero, "", batch.column(name)))
    return batch


def _bad(ids: pa.Array, name: str, is_optional: bool) -> arrays.Mask:
    lengths = arrays.lengths_of(ids)
    bad = np.asarray(lengths != _DIGITS[name])
    if is_optional:
        bad &= lengths > 0
    else:
        bad |= pc.equal(ids, "0" * _DIGITS[name]).to_numpy(zero_copy_only=False)
    return bad | ~_hex(ids)


def _hex(ids: pa.Array) -> arrays.Mask:
    """Return which texts hold nothing but hex digits."""
    offsets = arrays.offsets_of(ids)
    if offsets[0] == offsets[-1]:
        return np.ones(len(ids), np.bool_)
    wrong = ~_IS_HEX[np.frombuffer(ids.buffers()[2], np.uint8)[: offsets[-1]]]
    if not wrong.any():
        return np.ones(len(ids), np.bool_)
    before = np.concatenate(([0], np.cumsum(wrong)))
    return np.asarray(before[offsets[:-1]] == before[offsets[1:]])


def _reason(bad: dict[str, arrays.Mask], count: int, rows: str, optional: tuple[str, ...]) -> str:
    rules = [
        f"{int(mask.sum())} with a {name} that is {'neither empty nor' if name in optional else 'not'} "
        f"{_DIGITS[name] // 2} bytes{'' if name in optional else ', or all zeros'}"
        for name, mask in bad.items()
        if mask.any()
    ]
    return f"{count} {rows} refused: {'; '.join(rules)}"
