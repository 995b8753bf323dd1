"""A bound on the distinct values of columns that ClickHouse keeps as dictionaries.

Guarantee: per project, column and UTC day of arrival at most `DISTINCT_VALUES_MAX` different values are let through,
none longer than `DISTINCT_VALUE_BYTES_MAX`; every further one becomes ``(other)`` in the column, and the value itself
goes to ``attributes_string`` under the column's canonical attribute (``haechi.original.<column>`` where there is none),
so nothing is lost and SQL still finds it. An instrumentation that puts an id into a span's name can then neither make
a dictionary of millions of words nor fill the memory of what comes after: the price book's cache, the labels of
metrics, detectors. Keys of attributes have the same bound, all maps of a project together (`known_keys`).

The known values are in memory alone and start empty: after a restart, and at midnight UTC, a day begins anew.

The work is on distinct values: a column that is empty or has one value throughout costs a comparison of bytes, any
other one look for its distinct values: 0.2 us a span in all.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from haechi_collector.limits import DISTINCT_VALUE_BYTES_MAX, DISTINCT_VALUES_MAX
from haechi_collector.stages.known_keys import MAPS, OTHER, limit_keys
from haechi_collector.stages.map_entries import Rows, with_column, with_entries
from haechi_schemas.attributes import CANONICAL, ORIGINAL_PREFIX

_KEYS: Final = "attribute keys"
_DAY_NS: Final = 86_400 * 10**9
_SOURCE: Final = ("service_name", "service_version", "environment", "scope_name", "scope_version")
BOUNDED: Final[Mapping[str, Sequence[str]]] = {
    "spans": (
        *("name", "kind", *_SOURCE, "status_code", "error_type", "operation", "provider"),
        *("request_model", "response_model", "prompt_name", "prompt_version", "experiment", "variant"),
    ),
    "content": ("operation", "provider", "request_model", "response_model", "error_type"),
    "logs": ("severity_text", "event_name", *_SOURCE),
    "metric_points": ("metric_name", "metric_description", "unit", *_SOURCE),
    "scores": ("name", "label", "evaluator", "evaluator_version"),
}
"""Per table the columns whose words an emitter chooses. ``content`` is what log records tell of spans."""


class KnownValues:
    """The values of today. Safe for many threads.

    Args:
        values_max: distinct values of one column of one project in a day.
    """

    def __init__(self, values_max: int = DISTINCT_VALUES_MAX) -> None:
        self._values_max = values_max
        self._lock = threading.Lock()  # guards all below
        self._day = 0
        self._known: dict[tuple[str, str], set[str]] = {}

    def limit(
        self, rows: pa.RecordBatch, table: str, project: str, received_ns: int
    ) -> tuple[pa.RecordBatch, Mapping[str, int]]:
        """Return the rows with values beyond the bound moved out of the columns, and how many of each column.

        Args:
            rows: of that table; one without ``attributes_string`` loses the values.
            table: a key of `BOUNDED`.
            project: whose rows they are.
            received_ns: time of arrival, nanoseconds since the epoch.
        """
        moved: list[tuple[str, Rows, pa.Array]] = []
        with self._lock:
            self._turn_page(received_ns // _DAY_NS)
            for name in BOUNDED[table]:
                over = self._over(rows.column(name), project, name)
                if over is not None:
                    moved.append((name, over, rows.column(name).take(pa.array(over))))
            counts = {name: len(over) for name, over, _ in moved}
            if MAPS[0] in rows.schema.names:
                rows, keys = limit_keys(rows, lambda _, words: self._beyond(words, project))
                counts |= keys
        return (_moved_out(rows, moved) if moved else rows), counts

    def _beyond(self, words: list[str], project: str) -> list[str]:
        """Return the keys beyond the bound of a project's; learn the others."""
        known = self._known.setdefault((project, _KEYS), {""})
        return [] if known.issuperset(words) else [word for word in words if not self._admits(known, word)]

    def _turn_page(self, day: int) -> None:
        if day > self._day:
            self._day = day
            self._known.clear()

    def _over(self, column: pa.StringArray, project: str, name: str) -> Rows | None:
        """Return the rows whose values are beyond the bound, None when there are none; learn the others."""
        known = self._known.setdefault((project, name), {""})
        constant = _constant(column)
        if constant is not None:
            return None if self._admits(known, constant) else np.arange(len(column))
        if known.issuperset(column.unique().to_pylist()):
            return None
        encoded = column.dictionary_encode()
        words: list[str] = encoded.dictionary.to_pylist()
        is_over = np.array([not self._admits(known, word) for word in words], np.bool_)
        if not is_over.any():
            return None
        return np.flatnonzero(is_over[np.asarray(encoded.indices.to_numpy())])

    def _admits(self, known: set[str], word: str) -> bool:
        if word in known:
            return True
        if len(known) > self._values_max or len(word.encode()) > DISTINCT_VALUE_BYTES_MAX:
            return False
        known.add(word)
        return True


def _constant(column: pa.StringArray) -> str | None:
    """Return the value that every row has; None when there are several. The column is not null and has rows."""
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, np.int32, len(column) + 1, column.offset * 4)
    first, last = int(bounds[0]), int(bounds[-1])
    if first == last:
        return ""
    size = int(bounds[1]) - first
    if size * len(column) != last - first or (np.diff(bounds) != size).any():
        return None
    words = np.frombuffer(data, np.uint8, last - first, first).reshape(len(column), size)
    return str(column[0]) if (words == words[0]).all() else None


def _moved_out(rows: pa.RecordBatch, moved: Sequence[tuple[str, Rows, pa.Array]]) -> pa.RecordBatch:
    for name, over, _ in moved:
        mask = np.zeros(rows.num_rows, np.bool_)
        mask[over] = True
        rows = with_column(rows, name, pc.if_else(pa.array(mask), OTHER, rows.column(name)))
    if "attributes_string" not in rows.schema.names:
        return rows
    keys = pa.concat_arrays([pa.repeat(_key(name), len(over)) for name, over, _ in moved])
    places = np.concatenate([over for _, over, _ in moved])
    values = pa.concat_arrays([value for _, _, value in moved])
    return with_column(rows, "attributes_string", with_entries(rows.column("attributes_string"), places, keys, values))


def _key(column: str) -> str:
    return CANONICAL.get(column, f"{ORIGINAL_PREFIX}{column}")
