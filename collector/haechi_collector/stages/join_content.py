"""Prompts and answers that travel as log records, joined to their span.

Instrumentations that follow the conventions of 1.28 to 1.36, and some newer ones by setting, send a call's content
as log records, in requests of their own, before or after the span. `PendingContent` keeps what came from logs for
a while:

* a span that passes takes what it lacks from there (`join`);
* content whose span was already stored, or has not come, is handed out by `overdue` once, to be written into the
  stored row, and stays for a span that may still come.

The content stays in the ``logs`` table too, so nothing is lost when it is dropped from here: by age, or by the bound
in bytes, oldest first; drops are counted.

Only spans and records with such content are looked at one by one.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

import orjson
import pyarrow as pa

Key = tuple[str, str]
_IDS: Final = ("trace_id", "span_id")
_LISTS: Final = frozenset({"input_messages", "output_messages", "system_instructions"})
"""Columns that hold a JSON list: parts that come in several records are joined in the order they came."""


@dataclass(slots=True)
class _Content:
    values: dict[str, Any]
    born_s: float
    size: int
    fresh: bool = True  # holds something that no span has yet


@dataclass(frozen=True, slots=True)
class LateContent:
    """Columns to be written into the stored span of these ids."""

    trace_id: str
    span_id: str
    values: dict[str, Any]


class PendingContent:
    """Content from logs by (trace id, span id); bounded in bytes and age. Used under the writer's lock.

    Args:
        bytes_max: bound of the content's own size.
        age_s_max: seconds after which content is forgotten.
        patience_s: seconds after which content that found no span is handed out by `overdue`.
        clock: seconds, monotonic.
    """

    def __init__(
        self, bytes_max: int, age_s_max: float, patience_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bytes_max, self._age_s_max, self._patience_s, self._clock = bytes_max, age_s_max, patience_s, clock
        self._contents: dict[Key, _Content] = {}
        self._bytes = 0
        self.dropped = 0

    def put(self, content: pa.RecordBatch) -> None:
        """Keep content: columns trace_id, span_id and any columns of `batch.SPANS`; empty values say nothing."""
        for row in content.to_pylist():
            key = (row.pop("trace_id"), row.pop("span_id"))
            values = {name: value for name, value in row.items() if value}
            if key[0] and key[1] and values:
                self._merge(key, values)
        self._evict()

    def forget(self, trace_ids: Collection[str]) -> None:
        """Drop what is kept of these traces."""
        wanted = frozenset(trace_ids)
        for key in [key for key in self._contents if key[0] in wanted]:
            self._bytes -= self._contents.pop(key).size

    def _merge(self, key: Key, values: dict[str, Any]) -> None:
        known = self._contents.get(key)
        if known is not None:
            self._bytes -= known.size
            values = known.values | {n: _joined(n, known.values.get(n), v) for n, v in values.items()}
        size = sum(len(v) if isinstance(v, str) else 64 for v in values.values()) + 200
        self._contents[key] = _Content(values, known.born_s if known else self._clock(), size)
        self._bytes += size

    def _evict(self) -> None:
        horizon = self._clock() - self._age_s_max
        while self._contents:
            key, oldest = next(iter(self._contents.items()))
            if self._bytes <= self._bytes_max and oldest.born_s >= horizon:
                return
            self._bytes -= oldest.size
            self.dropped += oldest.fresh
            del self._contents[key]

    def join(self, spans: pa.RecordBatch) -> pa.RecordBatch:
        """Return the spans (`batch.SPANS`) with what they lack and their log records told."""
        rows = self._rows(spans)
        if not rows:
            return spans
        for name in sorted({n for content in rows.values() for n in content.values}):
            spans = _filled(spans, name, {row: c.values[name] for row, c in rows.items() if name in c.values})
        for content in rows.values():
            content.fresh = False
        return spans

    def _rows(self, spans: pa.RecordBatch) -> dict[int, _Content]:
        if not self._contents:
            return {}
        traces = {trace for trace, _ in self._contents}
        span_ids = spans.column("span_id")
        here = enumerate(spans.column("trace_id").to_pylist())
        keys = ((row, (trace, span_ids[row].as_py())) for row, trace in here if trace in traces)
        return {row: self._contents[key] for row, key in keys if key in self._contents}

    def overdue(self) -> list[LateContent]:
        """Hand out, once, the content that has waited longer than the patience for its span."""
        self._evict()
        horizon = self._clock() - self._patience_s
        late = []
        for (trace_id, span_id), content in self._contents.items():
            if content.fresh and content.born_s <= horizon:
                content.fresh = False
                late.append(LateContent(trace_id, span_id, content.values))
        return late


def _joined(name: str, known: Any, new: Any) -> Any:
    if known is None or name not in _LISTS:
        return new
    return orjson.dumps([*orjson.loads(known), *orjson.loads(new)]).decode()


def _filled(spans: pa.RecordBatch, name: str, values: dict[int, Any]) -> pa.RecordBatch:
    position = spans.schema.get_field_index(name)
    column = spans.column(position).to_pylist()
    for row, value in values.items():
        if not column[row]:
            column[row] = value
    field = spans.schema.field(position)
    return spans.set_column(position, field, pa.array(column, field.type))
