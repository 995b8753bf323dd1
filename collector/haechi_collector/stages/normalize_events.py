"""Span events that tell facts: when the first token came, what was asked and answered, what went wrong.

Only rows that have such an event are parsed; a batch without events costs one comparison.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from haechi_collector.stages.columns import Mask
from haechi_collector.stages.messages.values import NOTHING, parse

Event = dict[str, Any]

_INTERESTING: Final = (
    r"exception|gen_ai\.|First Token|completion\.chunk|mlflow\.chunk\.item\.0|ai\.stream|feature_flag|db\.query"
)


class Events:
    """The column ``events`` of a decoded batch: '' or a JSON list of ``{"time_unix_nano", "name", "attributes"}``."""

    def __init__(self, column: pa.StringArray) -> None:
        self._column = column

    @cached_property
    def by_row(self) -> dict[int, list[Event]]:
        """The events of each row that has one of those that tell something."""
        if not pc.any(pc.not_equal(self._column, "")).as_py():
            return {}
        rows = np.flatnonzero(pc.match_substring_regex(self._column, _INTERESTING).to_numpy(zero_copy_only=False))
        texts = self._column.take(pa.array(rows)).to_pylist()
        return {row: _events(text) for row, text in zip(rows.tolist(), texts, strict=True)}

    def named(self, name: str, wanted: Mask) -> Iterator[tuple[int, Event]]:
        """Yield row and first event of a name, for the rows of a mask."""
        for row, events in self.by_row.items():
            if wanted[row]:
                first = next((e for e in events if e.get("name") == name), None)
                if first is not None:
                    yield row, first


def attribute(event: Event, key: str) -> Any:
    """Return an event's attribute, `NOTHING` if it has none of that name."""
    attributes = event.get("attributes")
    return attributes.get(key, NOTHING) if isinstance(attributes, dict) else NOTHING


def time_ns(event: Event) -> int | None:
    """Return an event's time in nanoseconds since the epoch."""
    try:
        return int(event.get("time_unix_nano", ""))
    except (TypeError, ValueError):
        return None


def _events(text: str) -> list[Event]:
    value = parse(text)
    return [e for e in value if isinstance(e, dict)] if isinstance(value, list) else []
