"""What every answer can do: be looked at in a notebook, and become rows, an Arrow table or a data frame."""

import json
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from haechi.client import _tables
from haechi.client._optional import library

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_SPREAD = frozenset({"group", "quantiles"})
"""Members whose own members become columns: the dimensions of a group, the percentiles."""


class Answer:
    """An answer, or a part of one. Frozen."""

    __slots__ = ()

    def records(self, part: str | None = None) -> list[dict[str, Any]]:
        """Return the rows of one of its lists as flat dicts.

        Args:
            part: name of the list: ``series``; by default its first list of rows.

        Raises:
            ValueError: it has no such list.
        """
        parts = self._parts()
        if part is None and parts:
            part = next(iter(parts))
        if part not in parts:
            raise ValueError(f"{type(self).__name__} has no rows {part!r}; it has {', '.join(parts) or 'none'}")
        return [row.record() for row in parts[part]]

    def record(self) -> dict[str, Any]:
        """Return itself as a flat dict: a group's dimensions and percentiles by their names, further parts as JSON."""
        flat: dict[str, Any] = {}
        for one in fields(self):  # type: ignore[arg-type]
            value = getattr(self, one.name)
            if one.name in _SPREAD:
                flat.update(value)
            else:
                flat[one.name] = _plain(value)
        return flat

    def pandas(self, part: str | None = None) -> "pd.DataFrame":
        """Return the rows of one of its lists as a data frame.

        Raises:
            NotInstalled: pandas is not there.
            ValueError: it has no such list.
        """
        frame: pd.DataFrame = library("pandas").DataFrame(self.records(part))
        return frame

    def arrow(self, part: str | None = None) -> "pa.Table":
        """Return the rows of one of its lists as an Arrow table.

        Raises:
            NotInstalled: pyarrow is not there.
            ValueError: it has no such list.
        """
        return library("pyarrow").Table.from_pylist(self.records(part))

    def _parts(self) -> dict[str, list["Answer"]]:
        found = {one.name: getattr(self, one.name) for one in fields(self)}  # type: ignore[arg-type]
        return {
            name: value
            for name, value in found.items()
            if isinstance(value, list) and (not value or isinstance(value[0], Answer)) and name not in _TEXTS
        }

    def __repr__(self) -> str:
        """Show figures as they are, and of lists how much there is."""
        shown = (f"{one.name}={_brief(getattr(self, one.name))}" for one in fields(self))  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(shown)})"

    def _repr_html_(self) -> str:
        parts = self._parts()
        single = [(name, value) for name, value in self.record().items() if name not in parts]
        tables = [_tables.html(["", type(self).__name__], single, len(single))]
        for name, rows in parts.items():
            records = [row.record() for row in rows[: _tables.ROWS_SHOWN_MAX]]
            if records:
                columns = list(records[0])
                cells = [[record.get(column) for column in columns] for record in records]
                tables.append(_tables.html(columns, cells, len(rows), name))
        return "".join(tables)


_TEXTS = frozenset({"models", "finish_reasons", "parts"})
"""Lists of plain values, which are no rows, also when they are empty."""


def _plain(value: Any) -> Any:
    if is_dataclass(value) or isinstance(value, dict):
        return json.dumps(_jsonable(value), ensure_ascii=False)
    if isinstance(value, list) and value and not isinstance(value[0], str | int | float):
        return json.dumps([_jsonable(one) for one in value], ensure_ascii=False)
    return value


def _jsonable(value: Any) -> Any:
    if isinstance(value, Answer):
        return {one.name: _jsonable(getattr(value, one.name)) for one in fields(value)}  # type: ignore[arg-type]
    if isinstance(value, list):
        return [_jsonable(one) for one in value]
    if isinstance(value, dict):
        return {name: _jsonable(one) for name, one in value.items()}
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _brief(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], Answer):
        return f"[{len(value)} {type(value[0]).__name__}]"
    return repr(value) if len(repr(value)) <= _tables.CELL_CHARS_MAX else f"{repr(value)[: _tables.CELL_CHARS_MAX]}…"
