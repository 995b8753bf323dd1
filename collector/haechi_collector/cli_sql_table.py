"""The table that ``haechi sql`` draws: bounded, numbers to the right, what it cost below."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from haechi_collector import limits

TABLE_ROWS_MAX: Final = 200
"""Rows drawn on a terminal; nobody reads more."""

TABLE_BYTES_MAX: Final = 64 * limits.MIB
"""Size of a result that is held to be drawn."""

_NUMERIC: Final = tuple(
    f"{wrap}{kind}"
    for wrap in ("", "Nullable(", "LowCardinality(")
    for kind in ("Int", "UInt", "Float", "BFloat", "Decimal")
)


class Failed(Exception):
    """The query was not answered; the message is for people."""


def draw(pieces: Iterator[bytes], before: Callable[[], None]) -> None:
    """Draw an answer in the format JSONCompact; one in another format is printed as it is.

    Args:
        pieces: the answer.
        before: called when the answer is whole, before anything is printed.

    Raises:
        Failed: the answer is an error, or too large.
    """
    begun = time.monotonic()
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > TABLE_BYTES_MAX:
            raise Failed("the result is too large to be drawn; add LIMIT, or choose a format, for example --format CSV")
    before()
    try:
        answer = json.loads(body)
    except ValueError as error:  # an error in mid-stream ends the JSON with ClickHouse's message
        raise Failed(body[-2000:].decode(errors="replace")) from error
    if not isinstance(answer, dict) or not {"meta", "exception"} & answer.keys():  # the query named its own format
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
        return
    if "exception" in answer:
        raise Failed(str(answer["exception"]))
    _draw(answer, time.monotonic() - begun)


def _draw(answer: dict[str, Any], transfer_s: float) -> None:
    console = Console(highlight=False)
    table = Table(header_style="bold")
    for column in answer["meta"]:
        numeric = str(column["type"]).startswith(_NUMERIC)
        table.add_column(Text(column["name"]), justify="right" if numeric else "left", overflow="fold")
    rows: Sequence[Sequence[object]] = answer["data"]
    for row in rows[:TABLE_ROWS_MAX]:
        table.add_row(*(Text(_cell(value)) for value in row))
    console.print(table)
    statistics = answer.get("statistics", {})
    elapsed = float(statistics.get("elapsed", transfer_s))
    shown = f", the first {TABLE_ROWS_MAX} shown" if len(rows) > TABLE_ROWS_MAX else ""
    read = f", {int(statistics['rows_read']):,} rows read" if "rows_read" in statistics else ""
    console.print(f"{len(rows):,} rows{shown} in {elapsed:.3f} s{read}", style="dim")


def _cell(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
