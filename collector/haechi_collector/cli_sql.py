"""``haechi sql``: one query to a running collector, drawn as a table or passed on as bytes.

Guarantee: the exit status is 0 only when the whole answer was printed or written; an error is one line on stderr. A
file of ``--output`` appears when it is whole, never before. At most `cli_sql_table.TABLE_ROWS_MAX` rows are drawn;
other formats are streamed and unbounded. Ctrl-C ends the query in the engine, too, and the exit status is 130.
"""

import contextlib
import os
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import httpx2

from haechi_collector import limits
from haechi_collector.access import client_for, tls_reason
from haechi_collector.cli_sql_progress import Progress
from haechi_collector.cli_sql_table import Failed, draw
from haechi_collector.config import ClientAccess

FORMATS: Final = {
    ".arrow": "Arrow",
    ".arrows": "ArrowStream",
    ".avro": "Avro",
    ".csv": "CSVWithNames",
    ".json": "JSON",
    ".jsonl": "JSONEachRow",
    ".md": "Markdown",
    ".ndjson": "JSONEachRow",
    ".orc": "ORC",
    ".parquet": "Parquet",
    ".sql": "SQLInsert",
    ".tsv": "TabSeparatedWithNames",
    ".txt": "PrettyCompactNoEscapesMonoBlock",
    ".xml": "XML",
}
"""The format that a file's suffix stands for."""

_PRETTY: Final = "pretty"
_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says: the text or the file that holds it, the format, the file to write."""

    query: str = ""
    file: Path | None = None
    format: str | None = None
    output: Path | None = None

    def text(self) -> str:
        """Return the query.

        Raises:
            Failed: there is none, or it cannot be read.
        """
        if bool(self.query) == bool(self.file):
            raise Failed("one of the two is needed: a query ('-' reads it from standard input), or --file")
        try:
            if self.file:
                return self.file.read_text("utf-8")
            return sys.stdin.read() if self.query == "-" else self.query
        except (OSError, UnicodeDecodeError) as error:
            raise Failed(f"the query cannot be read: {error}") from error

    def format_wanted(self) -> str:
        """Return the format: as it was named, else by the suffix of the file to write, else a table.

        Raises:
            Failed: the suffix stands for none.
        """
        if self.format or not self.output:
            return self.format or _PRETTY
        found = FORMATS.get(self.output.suffix.lower())
        if found is None:
            raise Failed(f"--output {self.output}: name the --format, or one of the suffixes {', '.join(FORMATS)}")
        return found


def run_sql(base_url: str, asked: Asked, access: ClientAccess | None = None) -> int:
    """Run a query against ``base_url`` and print or write the answer.

    Args:
        base_url: the web port of a collector, ``http://127.0.0.1:8318``.
        asked: what to run, and where the answer goes.
        access: the key and the certificates to show.

    Returns:
        The exit status: 0, 1 after one line on stderr, or 130 after Ctrl-C.
    """
    timeout = httpx2.Timeout(limits.SQL_SECONDS_MAX + 2 * limits.SQL_GRACE_S, connect=5.0)
    try:
        query, format_ = asked.text(), asked.format_wanted()
        with client_for(access or ClientAccess(), timeout) as client:
            _run(client, base_url, query, format_, asked.output)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return _fail(_reason(error, base_url))
    except Failed as error:
        return _fail(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to be flushed at the end
        return _fail("nobody reads the answer any more")
    except KeyboardInterrupt:
        _fail("stopped; the query was ended in the store, too")
        return _INTERRUPTED
    return 0


def _reason(error: Exception, base_url: str) -> str:
    reason = tls_reason(error)
    if isinstance(error, httpx2.ConnectError) and not reason:
        return f"no collector answers at {base_url}; start one with: haechi serve"
    return f"{base_url}: {reason or error or type(error).__name__}"


def _run(client: httpx2.Client, base_url: str, query: str, format_: str, output: Path | None) -> None:
    wanted = "JSONCompact" if format_ == _PRETTY else format_
    query_id = str(uuid.uuid4())
    parameters = {"default_format": wanted, "query_id": query_id}
    with (
        Progress(client, f"{base_url}/sql/progress", query_id) as progress,
        client.stream("POST", f"{base_url}/sql", params=parameters, content=query.encode()) as response,
    ):
        if response.status_code == 401:
            raise Failed("the collector asks for an API key with the scope read: --key hk_..., or HAECHI_KEY")
        if response.status_code != 200:
            raise Failed(response.read()[:4000].decode(errors="replace"))
        pieces = _whole(progress.counted(response.iter_bytes()))
        drawn = format_ == _PRETTY and response.headers.get("x-clickhouse-format", wanted) == wanted
        if output is not None:
            _write(pieces, output)
        elif drawn:
            draw(pieces, progress.clear)
        else:
            _pass_on(pieces, sys.stdout.buffer)


def _whole(pieces: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from pieces
    except httpx2.RemoteProtocolError as error:
        raise Failed("the answer broke off: the query failed, ran out of time, or the store ended") from error


def _pass_on(pieces: Iterator[bytes], out: BinaryIO) -> None:
    for piece in pieces:
        out.write(piece)
    out.flush()


def _write(pieces: Iterator[bytes], output: Path) -> None:
    """Write beside the file, and put it in its place when it is whole."""
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as out:
            _pass_on(pieces, out)
        part.replace(output)
    except OSError as error:
        raise Failed(f"{output} cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _fail(message: str) -> int:
    sys.stderr.write(f"{' '.join(message.split())}\n")
    return 1
