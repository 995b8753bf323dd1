"""Rows as text and as HTML, for terminals and notebooks. Bounded: `ROWS_SHOWN_MAX` rows, `CELL_CHARS_MAX` a cell."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Any, Final

ROWS_SHOWN_MAX: Final = 50
"""Rows of a table that a notebook shows; more are only counted. Higher: megabytes are saved with the page."""

CELL_CHARS_MAX: Final = 200
"""Characters of a cell that are shown. Higher: one prompt fills the screen."""


def cell(value: object) -> str:
    """Return a value as people read it; an unknown one is empty."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="milliseconds")
    text = f"{value:f}" if isinstance(value, Decimal) else f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= CELL_CHARS_MAX else f"{text[:CELL_CHARS_MAX]}…"


def html(columns: Sequence[str], rows: Sequence[Sequence[Any]], total: int, caption: str = "") -> str:
    """Return a table; numbers stand to the right. ``total`` is how many rows there are."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(_td(value) for value in row)}</tr>" for row in rows[:ROWS_SHOWN_MAX])
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    more = f"<p>{total:,} rows, {ROWS_SHOWN_MAX} shown</p>" if total > ROWS_SHOWN_MAX else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _td(value: object) -> str:
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    style = ' style="text-align:right"' if is_number else ""
    return f"<td{style}>{escape(cell(value))}</td>"
