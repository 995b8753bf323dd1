"""A list that comes in pages, asked for as it is read."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from haechi.client import _tables
from haechi.client._answer import Answer
from haechi.client._optional import library

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Item = TypeVar("Item", bound=Answer)

Page = tuple[list[Item], str | None]
"""What is on a page, and the cursor of the next one."""


class Pages(Generic[Item]):
    """Iterate over it: each page is asked for when it is needed, and again by the next loop; up to ``limit`` items."""

    def __init__(self, ask: Callable[[str, int], Page[Item]], limit: int, page_max: int) -> None:
        if limit < 1:
            raise ValueError(f"limit: {limit} is no number of items")
        self._ask = ask
        self._limit = limit
        self._page_max = page_max

    def __iter__(self) -> Iterator[Item]:
        left, cursor = self._limit, ""
        # Every page has one size, since a cursor belongs to the question that it came from.
        size = min(left, self._page_max)
        while left > 0:
            items, following = self._ask(cursor, size)
            yield from items[:left]
            left -= len(items)
            if following is None:
                return
            cursor = following

    def records(self) -> list[dict[str, Any]]:
        """Return all of them as flat dicts."""
        return [item.record() for item in self]

    def arrow(self) -> "pa.Table":
        """Return all of them as an Arrow table.

        Raises:
            NotInstalled: pyarrow is not there.
        """
        return library("pyarrow").Table.from_pylist(self.records())

    def pandas(self) -> "pd.DataFrame":
        """Return all of them as a data frame.

        Raises:
            NotInstalled: pandas is not there.
        """
        frame: pd.DataFrame = library("pandas").DataFrame(self.records())
        return frame

    def __repr__(self) -> str:
        return f"Pages(up to {self._limit:,}; iterate over it, or .records(), .arrow(), .pandas())"

    def _repr_html_(self) -> str:
        records = [item.record() for item in islice(self, _tables.ROWS_SHOWN_MAX)]
        columns = list(records[0]) if records else []
        return _tables.html(columns, [list(record.values()) for record in records], len(records))
