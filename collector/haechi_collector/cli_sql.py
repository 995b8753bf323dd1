"""``haechi sql``: one query to a running collector, drawn as a table or passed on as bytes.

Guarantee: the exit status is 0 only when the whole answer was printed; an error is one line on stderr. At most
`TABLE_ROWS_MAX` rows are drawn; other formats are streamed and unbounded.
"""

import json
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

import httpx2
from rich.console import Console
from rich.table import Table
from rich.text import Text

from haechi_collector import limits
from haechi_collector.access import client_for, tls_reason
from haechi_collector.config import ClientAccess

TABLE_ROWS_MAX: Final = 200
"""Rows drawn on a terminal; nobody reads more."""

TABLE_BYTES_MAX: Final = 64 * limits.MIB
"""Size of a result that is held to be drawn."""

_NUMERIC: Final = tuple(
    f"{wrap}{kind}"
    for wrap in ("", "Nullable(", "LowCardinality(")
    for kind in ("Int", "UInt", "Float", "BFloat", "Decimal")
)


class _Failed(Exception):
    """The query was not answered; the message is for people."""


def run_sql(base_url: str, query: str, format_: str = "pretty", access: ClientAccess | None = None) -> int:
    """Run a query against ``base_url`` and print the answer.

    Args:
        base_url: the web port of a collector, ``http://127.0.0.1:8318``.
        query: read-only SQL.
        format_: ``pretty`` for a table, else the name of one of ClickHouse's output formats.
        access: the key and the certificates to show.

    Returns:
        The exit status: 0, or 1 after one line on stderr.
    """
    wanted = "JSONCompact" if format_ == "pretty" else format_
    timeout = httpx2.Timeout(limits.SQL_SECONDS_MAX + 2 * limits.SQL_GRACE_S, connect=5.0)
    try:
        with (
            client_for(access or ClientAccess(), timeout) as client,
            client.stream("POST", f"{base_url}/sql", params={"default_format": wanted}, content=query) as response,
        ):
            _print(response, drawn=format_ == "pretty")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        reason = tls_reason(error)
        if isinstance(error, httpx2.ConnectError) and not reason:
            return _fail(f"no collector answers at {base_url}; start one with: haechi serve")
        return _fail(f"{base_url}: {reason or error or type(error).__name__}")
    except _Failed as error:
        return _fail(str(error))
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"{' '.join(message.split())}\n")
    return 1


def _print(response: httpx2.Response, *, drawn: bool) -> None:
    if response.status_code == 401:
        raise _Failed("the collector asks for an API key with the scope read: --key hk_..., or HAECHI_KEY")
    if response.status_code != 200:
        raise _Failed(response.read()[:4000].decode(errors="replace"))
    if not drawn or response.headers.get("x-clickhouse-format", "JSONCompact") != "JSONCompact":
        for chunk in response.iter_bytes():
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return
    begun = time.monotonic()
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > TABLE_BYTES_MAX:
            raise _Failed(
                "the result is too large to be drawn; add LIMIT, or choose a format, for example --format CSV"
            )
    try:
        answer = json.loads(body)
    except ValueError as error:  # an error in mid-stream ends the JSON with ClickHouse's message
        raise _Failed(body[-2000:].decode(errors="replace")) from error
    if not isinstance(answer, dict) or not {"meta", "exception"} & answer.keys():  # the query named its own format
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
        return
    if "exception" in answer:
        raise _Failed(str(answer["exception"]))
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
