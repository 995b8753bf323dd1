"""Usage is counted once, so that a plain ``sum(cost_usd)`` is right.

Instrumentations report one model call more than once: an agent sums its calls, a framework's span repeats the
client's, a client library adds a span of its own, sometimes in another trace. Exactly one span of a call keeps
its token columns; the others get 0 and ``usage_source = 'repeated'``, and keep what they said in ``attributes_*``.

Which one keeps it, in this order:

1. Spans of one response id whose times overlap are one call. A client library's own span yields to that of an
   instrumentation; of others the innermost, shortest one keeps it. What the kept span lacks (time to first
   token, finish reasons, models, cached and reasoning tokens) it takes from the one that yields, and its token
   counts from a client library's own span, which read them off the provider's answer.
2. A span above another span that keeps usage is a sum or a repetition: the leaf keeps it.
3. An agent, chain or workflow in a trace with a model call that keeps usage is a sum of them.

Spans of a call may come in different batches, children before parents: `CallMemory` remembers what was counted.
It is bounded; a call that is forgotten could be counted again by a parent that comes later still.

State aside, a batch costs a few vectorised passes; only spans that share a response id are looked at singly.
"""

from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from haechi_collector.stages.recent import Recent
from haechi_collector.stages.span_keys import Keys, SpanKeys, span_keys

TOKEN_COLUMNS: Final = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
_FILLED: Final = (
    "ttft_ns",
    "finish_reasons",
    "response_model",
    "output_messages",
    "input_messages",
    *TOKEN_COLUMNS,
)

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
_Responses = tuple[Rows, Keys]
"""Rows that tell a response id, and a key for each."""


class Calls(Protocol):
    """What this stage asks about each row beside the table's columns."""

    @property
    def response_id(self) -> pa.StringArray:
        """The provider's id of the response, '' when not told."""

    @property
    def is_inference(self) -> pa.BooleanArray:
        """Whether the span is a call of a model, not of an agent, chain, tool or retriever."""

    @property
    def yields(self) -> pa.BooleanArray:
        """Whether the span is a client library's own, beside that of an instrumentation."""


class CallMemory:
    """What was counted lately, over all batches. Used by one thread.

    Args:
        size_max: entries kept of each kind.
    """

    def __init__(self, size_max: int) -> None:
        self.responses = Recent(size_max, columns=3)  # the span that was kept: its key, start and end in nanoseconds
        self.covered = Recent(size_max)
        self.called = Recent(size_max)
        self.summed = Recent(size_max)


def count_once(spans: pa.RecordBatch, calls: Calls, memory: CallMemory) -> pa.RecordBatch:
    """Return the spans (`batch.SPANS`) with the usage of each call on one of them only."""
    if not spans.num_rows:
        return spans
    # Spans without usage are looked at too: they may stand between a call and its sum.
    usage = _mask(pc.is_in(spans.column("usage_source"), pa.array(["reported", "counted"])))
    keys = span_keys(spans)
    inference = _mask(calls.is_inference)
    responses = _responses(calls, keys, usage & inference)
    repeated, kept, yielding = _same_response(spans, calls, keys, responses, memory)
    repeated |= _above_another(keys, usage & ~repeated, inference, memory)
    _remember(spans, keys, responses, repeated, memory)
    filled = _fill(spans, kept, yielding, _mask(calls.yields))
    return _clear(filled, repeated)


def _mask(array: pa.BooleanArray) -> Mask:
    mask: Mask = np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.bool_)
    return mask


# --- one response id, several spans ---------------------------------------------------------------------


def _same_response(
    spans: pa.RecordBatch, calls: Calls, keys: SpanKeys, responses: _Responses, memory: CallMemory
) -> tuple[Mask, Rows, Rows]:
    """Mark the rows that yield to another span of their response; also the pairs (kept, yielding) of this batch."""
    repeated = np.zeros(spans.num_rows, np.bool_)
    kept: list[int] = []
    yielding: list[int] = []
    rows, ids = responses
    place = memory.responses.find(ids)
    _, group, sizes = np.unique(ids, return_inverse=True, return_counts=True)
    known, shared = np.flatnonzero(place >= 0), np.flatnonzero((place < 0) & (sizes[group] > 1))
    if known.size or shared.size:
        start, end = _times(spans)
        again = rows[known]
        key, began, ended = memory.responses.values(place[known])
        overlaps = (start[again] <= ended) & (end[again] >= began)
        repeated[again[overlaps & (keys.span[again].view(np.int64) != key)]] = True
        own = _mask(calls.yields)
        for members in _groups(rows[shared], group[shared]):
            keeper = min(members.tolist(), key=lambda m: (own[m], end[m] - start[m]))
            others = members[(members != keeper) & (start[members] <= end[keeper]) & (end[members] >= start[keeper])]
            repeated[others] = True
            kept += [keeper] * len(others)
            yielding += others.tolist()
    return repeated, np.array(kept, np.int64), np.array(yielding, np.int64)


def _responses(calls: Calls, keys: SpanKeys, candidates: Mask) -> _Responses:
    """Return the candidates that tell a response id, and a key for each."""
    rows = np.flatnonzero(candidates & _mask(pc.not_equal(calls.response_id, "")))
    ids = calls.response_id.take(pa.array(rows)).to_pylist()
    return rows, np.fromiter(map(hash, ids), np.int64, len(ids)).view(np.uint64) ^ keys.salt


def _groups(rows: Rows, group: Rows) -> list[Rows]:
    """Return the rows of each response."""
    order = np.argsort(group, kind="stable")
    return np.split(rows[order], np.flatnonzero(np.diff(group[order])) + 1) if len(rows) else []


def _times(spans: pa.RecordBatch) -> tuple[Rows, Rows]:
    start = spans.column("start_time").cast(pa.int64()).to_numpy()
    duration = spans.column("duration_ns").to_numpy()
    return start, start + np.minimum(duration, np.uint64(2**62)).astype(np.int64)


def _remember(spans: pa.RecordBatch, keys: SpanKeys, responses: _Responses, repeated: Mask, memory: CallMemory) -> None:
    rows, ids = responses
    kept = ~repeated[rows]
    rows = rows[kept]
    start, end = _times(spans)
    memory.responses.put(ids[kept], keys.span[rows].view(np.int64), start[rows], end[rows])


# --- sums and repetitions above a call --------------------------------------------------------------------


def _above_another(keys: SpanKeys, usage: Mask, inference: Mask, memory: CallMemory) -> Mask:
    """Mark the rows whose usage a span below them, or a call of their trace, keeps."""
    calls = usage & inference
    late = calls & (memory.summed.find(keys.trace) >= 0)
    sums = usage & ~inference
    if sums.any():
        sums &= ~(np.isin(keys.trace, keys.trace[calls]) | (memory.called.find(keys.trace) >= 0))
    covered = _ancestors(keys, (calls & ~late) | sums, memory)
    kept = ((calls & ~late) | sums) & ~covered
    memory.called.put(keys.trace[kept & inference])
    memory.summed.put(keys.trace[kept & ~inference])
    return usage & ~kept


def _ancestors(keys: SpanKeys, sources: Mask, memory: CallMemory) -> Mask:
    """Mark the rows above the sources, in this batch and over earlier ones; remember parents still to come."""
    covered = memory.covered.find(keys.span) >= 0
    frontier = np.flatnonzero(sources | covered)
    pending = [keys.parent[frontier[keys.parent_row[frontier] < 0]]]
    while frontier.size:
        above = np.unique(keys.parent_row[frontier])
        frontier = above[(above >= 0) & ~covered[above]]
        covered[frontier] = True
        pending.append(keys.parent[frontier[keys.parent_row[frontier] < 0]])
    memory.covered.put(np.concatenate(pending))
    return covered


# --- the columns ------------------------------------------------------------------------------------------


def _clear(spans: pa.RecordBatch, repeated: Mask) -> pa.RecordBatch:
    if not repeated.any():
        return spans
    mask = pa.array(repeated)
    zero = pa.scalar(0, pa.uint64())
    for name in TOKEN_COLUMNS:
        spans = _with(spans, name, pc.if_else(mask, zero, spans.column(name)))
    return _with(spans, "usage_source", pc.if_else(mask, "repeated", spans.column("usage_source")))


def _fill(spans: pa.RecordBatch, kept: Rows, yielding: Rows, own: Mask) -> pa.RecordBatch:
    """Give each kept span what it lacks and the span that yields to it has; token counts of a library's own always."""
    if not kept.size:
        return spans
    for name in _FILLED:
        column = spans.column(name)
        lacking = _lacks(column)
        better = own[yielding] if name in TOKEN_COLUMNS else False
        fill = (lacking[kept] | better) & ~lacking[yielding]
        if fill.any():
            source = np.arange(spans.num_rows)
            source[kept[fill]] = yielding[fill]
            spans = _with(spans, name, column.take(pa.array(source)))
    return spans


def _lacks(column: pa.Array) -> Mask:
    if pa.types.is_list(column.type):
        return _mask(pc.equal(pc.list_value_length(column), 0))
    if pa.types.is_string(column.type):
        return _mask(pc.equal(column, ""))
    return _mask(pc.fill_null(pc.equal(column, 0), fill_value=True))


def _with(spans: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    position = spans.schema.get_field_index(name)
    return spans.set_column(position, spans.schema.field(position), column)
