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

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from haechi_collector.stages.span_keys import SpanKeys, span_keys

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

K = TypeVar("K")
V = TypeVar("V")
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]


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


@dataclass(frozen=True, slots=True)
class _Seen:
    """One call that was counted: its span, and its time in nanoseconds."""

    key: int
    start_ns: int
    end_ns: int


class _Recent(Generic[K, V]):
    """A map that forgets: two generations, the older one dropped when the younger is full or old."""

    def __init__(self, size_max: int, age_s_max: float, clock: Callable[[], float]) -> None:
        self._size_max, self._age_s_max, self._clock = size_max // 2, age_s_max / 2, clock
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self._since = clock()

    def put(self, items: Iterable[tuple[K, V]]) -> None:
        if len(self._young) >= self._size_max or self._clock() - self._since > self._age_s_max:
            self._old, self._young, self._since = self._young, {}, self._clock()
        self._young.update(items)

    def found(self, keys: Iterable[K]) -> dict[K, V]:
        wanted = keys if isinstance(keys, set) else set(keys)
        return {k: self._old[k] for k in self._old.keys() & wanted} | {
            k: self._young[k] for k in self._young.keys() & wanted
        }


class CallMemory:
    """What was counted lately, over all batches. Used by one thread.

    Args:
        size_max: entries kept of each kind.
        age_s_max: seconds for which an entry is kept.
        clock: seconds, monotonic.
    """

    def __init__(self, size_max: int, age_s_max: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.responses: _Recent[str, _Seen] = _Recent(size_max, age_s_max, clock)
        self.covered: _Recent[int, None] = _Recent(size_max, age_s_max, clock)
        self.called: _Recent[int, None] = _Recent(size_max, age_s_max, clock)
        self.summed: _Recent[int, None] = _Recent(size_max, age_s_max, clock)


def count_once(spans: pa.RecordBatch, calls: Calls, memory: CallMemory) -> pa.RecordBatch:
    """Return the spans (`batch.SPANS`) with the usage of each call on one of them only."""
    if not spans.num_rows:
        return spans
    # Spans without usage are looked at too: they may stand between a call and its sum.
    usage = _mask(pc.is_in(spans.column("usage_source"), pa.array(["reported", "counted"])))
    keys = span_keys(spans)
    inference = _mask(calls.is_inference)
    repeated, kept, yielding = _same_response(spans, calls, keys, usage & inference, memory)
    repeated |= _above_another(keys, usage & ~repeated, inference, memory)
    _remember_responses(spans, calls, keys, usage & inference & ~repeated, memory)
    filled = _fill(spans, kept, yielding, _mask(calls.yields))
    return _clear(filled, repeated)


def _mask(array: pa.BooleanArray) -> Mask:
    mask: Mask = np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.bool_)
    return mask


# --- one response id, several spans ---------------------------------------------------------------------


def _same_response(
    spans: pa.RecordBatch, calls: Calls, keys: SpanKeys, candidates: Mask, memory: CallMemory
) -> tuple[Mask, Rows, Rows]:
    """Mark the rows that yield to another span of their response; also the pairs (kept, yielding) of this batch."""
    repeated = np.zeros(spans.num_rows, np.bool_)
    kept: list[int] = []
    yielding: list[int] = []
    rows = np.flatnonzero(candidates & _mask(pc.not_equal(calls.response_id, "")))
    ids = calls.response_id.take(pa.array(rows)).to_pylist()
    known = memory.responses.found(set(ids))
    if known or len(set(ids)) < len(ids):
        start, end = _times(spans)
        own = _mask(calls.yields)
        for response, members in _groups(ids, rows, known):
            if response in known:
                seen = known[response]
                repeated[[m for m in members if _same_call(seen, int(keys.span[m]), start[m], end[m])]] = True
                continue
            keeper = min(members, key=lambda m: (own[m], end[m] - start[m]))
            others = [m for m in members if m != keeper and start[m] <= end[keeper] and end[m] >= start[keeper]]
            repeated[others] = True
            kept += [keeper] * len(others)
            yielding += others
    return repeated, np.array(kept, np.int64), np.array(yielding, np.int64)


def _groups(ids: list[str], rows: Rows, known: dict[str, _Seen]) -> list[tuple[str, list[int]]]:
    groups: dict[str, list[int]] = {}
    for response, row in zip(ids, rows.tolist(), strict=True):
        groups.setdefault(response, []).append(row)
    return [(r, members) for r, members in groups.items() if len(members) > 1 or r in known]


def _same_call(seen: _Seen, key: int, start_ns: int, end_ns: int) -> bool:
    return key != seen.key and start_ns <= seen.end_ns and end_ns >= seen.start_ns


def _times(spans: pa.RecordBatch) -> tuple[Rows, Rows]:
    start = spans.column("start_time").cast(pa.int64()).to_numpy()
    duration = spans.column("duration_ns").to_numpy()
    return start, start + np.minimum(duration, np.uint64(2**62)).astype(np.int64)


def _remember_responses(spans: pa.RecordBatch, calls: Calls, keys: SpanKeys, counted: Mask, memory: CallMemory) -> None:
    rows = np.flatnonzero(counted & _mask(pc.not_equal(calls.response_id, "")))
    start, end = _times(spans)
    seen = map(_Seen, keys.span[rows].tolist(), start[rows].tolist(), end[rows].tolist())
    memory.responses.put(zip(calls.response_id.take(pa.array(rows)).to_pylist(), seen, strict=True))


# --- sums and repetitions above a call --------------------------------------------------------------------


def _above_another(keys: SpanKeys, usage: Mask, inference: Mask, memory: CallMemory) -> Mask:
    """Mark the rows whose usage a span below them, or a call of their trace, keeps."""
    calls = usage & inference
    late = calls & _among(keys.trace, memory.summed)
    sums = usage & ~inference
    sums &= ~(np.isin(keys.trace, keys.trace[calls]) | _among(keys.trace, memory.called))
    covered = _ancestors(keys, (calls & ~late) | sums, memory)
    kept = ((calls & ~late) | sums) & ~covered
    memory.called.put(dict.fromkeys(keys.trace[kept & inference].tolist()).items())
    memory.summed.put(dict.fromkeys(keys.trace[kept & ~inference].tolist()).items())
    return usage & ~kept


def _among(values: npt.NDArray[np.uint64], known: _Recent[int, None]) -> Mask:
    found = known.found(set(values.tolist()))
    return np.isin(values, np.fromiter(found, np.uint64, len(found)))


def _ancestors(keys: SpanKeys, sources: Mask, memory: CallMemory) -> Mask:
    """Mark the rows above the sources, in this batch and over earlier ones; remember parents still to come."""
    covered = _among(keys.span, memory.covered)
    frontier = np.flatnonzero(sources | covered)
    pending = [keys.parent[frontier[keys.parent_row[frontier] < 0]]]
    while frontier.size:
        above = np.unique(keys.parent_row[frontier])
        frontier = above[(above >= 0) & ~covered[above]]
        covered[frontier] = True
        pending.append(keys.parent[frontier[keys.parent_row[frontier] < 0]])
    outside = np.concatenate(pending)
    memory.covered.put(dict.fromkeys(outside[outside != 0].tolist()).items())
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
