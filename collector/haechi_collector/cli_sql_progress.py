"""What ``haechi sql`` says while it waits: one line on stderr, only where that is a terminal.

The engine is asked twice a second what it has read (``/sql/progress``); a collector that does not answer costs the line
nothing but its counts. Nothing is written to anything that is not a terminal.
"""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Final, Self

import httpx2

_EVERY_S: Final = 0.5
_CLEAR: Final = "\r\x1b[K"


class Progress:
    """Used as a context around a query; ``counted`` passes the answer's bytes through.

    Args:
        client: asks for the counts; it is used from a thread of its own.
        url: of the route.
        query_id: whose progress.
    """

    def __init__(self, client: httpx2.Client, url: str, query_id: str) -> None:
        self._client, self._url, self._query_id = client, url, query_id
        self._begun = time.monotonic()
        self._bytes = 0
        self._ended = threading.Event()
        self._shown = sys.stderr.isatty()
        self._thread = threading.Thread(target=self._tell, name="progress", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        if self._shown:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, and clear the line."""
        self.clear()

    def counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the pieces and count them."""
        for piece in pieces:
            self._bytes += len(piece)
            yield piece

    def clear(self) -> None:
        """Say no more."""
        self._ended.set()
        if self._shown and self._thread.is_alive():
            self._thread.join()
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

    def _tell(self) -> None:
        while not self._ended.wait(_EVERY_S):
            counts: dict[str, Any] = {}
            with contextlib.suppress(httpx2.HTTPError, ValueError):
                counts = self._client.get(self._url, params={"query_id": self._query_id}, timeout=2.0).json()
            if not self._ended.is_set():
                sys.stderr.write(_CLEAR + line(counts, time.monotonic() - self._begun, self._bytes))
                sys.stderr.flush()


def line(counts: dict[str, Any], elapsed_s: float, received_bytes: int) -> str:
    """Return the line for what the engine counts ({} when it tells nothing) and what has come."""
    said = [f"{elapsed_s:.1f} s"]
    rows, total = int(counts.get("read_rows", 0)), int(counts.get("total_rows", 0))
    if rows:
        share = f" of {total:,} ({100 * rows / total:.0f} %)" if total >= rows else ""
        said.append(f"{rows:,} rows{share}, {_size(int(counts.get('read_bytes', 0)))} read")
    if received_bytes:
        said.append(f"{_size(received_bytes)} received")
    return " · ".join(said)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
