"""Writing an HTTP answer: status, headers, and a body that is sized, chunked or spooled.

Guarantees: an error before the first byte of the body gets its own status; one after it is written into the body
between ``__exception__`` marks under the tag that the headers announced, and the connection is closed without the
last chunk, so that no reader takes a part for the whole.
Sources: ClickHouse ``docs/en/interfaces/http.md``, "HTTP response codes caveats"; RFC 9112 section 7.1.
"""

import json
import secrets
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from haechi_collector.store.embedded.engine import Tally
from haechi_collector.store.embedded.failure import TOO_MANY_ROWS_OR_BYTES, Failure
from haechi_collector.store.embedded.packing import Packer
from haechi_collector.store.embedded_limits import (
    STORE_BUFFERED_RESULT_BYTES,
    STORE_BUFFERED_RESULT_BYTES_MAX,
    STORE_CHUNK_BYTES,
)

_REASONS: Final = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}


def summary(tally: Tally, result_rows: int = 0) -> str:
    """Return the counts as the header ``X-ClickHouse-Summary`` has them."""
    counts = {
        "read_rows": tally.read_rows,
        "read_bytes": tally.read_bytes,
        "written_rows": tally.written_rows,
        "written_bytes": tally.written_bytes,
        "total_rows_to_read": tally.read_rows,
        "result_rows": result_rows,
        "result_bytes": 0,
        "elapsed_ns": tally.elapsed_ns,
    }
    return json.dumps({name: str(count) for name, count in counts.items()}, separators=(",", ":"))


@dataclass(slots=True)
class Answer:
    """One answer on a connection.

    Attributes:
        out: the connection.
        packer: compresses the body.
        headers: sent with the status; fill them before the body.
        without_body: the request was HEAD.
        keeps_alive: whether the connection may be used again afterwards; turns False on an error within the body.
        begun: whether the status has been sent.
    """

    out: BinaryIO
    packer: Packer
    headers: dict[str, str] = field(default_factory=dict)
    without_body: bool = False
    keeps_alive: bool = True
    begun: bool = False
    _tag: str = field(default_factory=lambda: secrets.token_hex(8))

    def send(self, body: bytes | memoryview, status: int = 200) -> None:
        """Send the whole answer."""
        packed = self.packer.pack(body) if len(body) else b""
        tail = self.packer.end()
        self._begin(status, str(len(packed) + len(tail)))
        if not self.without_body:
            self.out.write(packed)
            self.out.write(tail)

    def stream(self, parts: Iterable[bytes]) -> None:
        """Send the body as its parts come; the first one is awaited before the status is sent."""
        self.headers["X-ClickHouse-Exception-Tag"] = self._tag
        try:
            for part in parts:
                self._begin(200, None)
                self._chunk(self.packer.pack(part))
            self._begin(200, None)
        except Failure as failure:
            if not self.begun:
                raise
            self._break_off(failure)
            return
        self._chunk(self.packer.end())
        if not self.without_body:
            self.out.write(b"0\r\n\r\n")

    def spool(self, parts: Iterable[bytes], directory: str) -> None:
        """Wait for the last part before anything is sent (wait_end_of_query)."""
        with tempfile.SpooledTemporaryFile(STORE_BUFFERED_RESULT_BYTES, dir=directory) as held:
            for part in parts:
                held.write(self.packer.pack(part))
                if held.tell() > STORE_BUFFERED_RESULT_BYTES_MAX:
                    raise Failure(
                        TOO_MANY_ROWS_OR_BYTES,
                        f"The result is larger than {STORE_BUFFERED_RESULT_BYTES_MAX} bytes; "
                        "stream it, without wait_end_of_query",
                    )
            held.write(self.packer.end())
            self._begin(200, str(held.tell()))
            held.seek(0)
            while not self.without_body and (part := held.read(STORE_CHUNK_BYTES)):
                self.out.write(part)

    def _begin(self, status: int, length: str | None) -> None:
        if self.begun:
            return
        self.begun = True
        headers = dict(self.headers)
        if self.packer.encoding:
            headers["Content-Encoding"] = self.packer.encoding
        headers |= {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": length}
        headers["Connection"] = "Keep-Alive" if self.keeps_alive else "Close"
        lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Error')}"]
        lines += [f"{name}: {_one_line(value)}" for name, value in headers.items()]
        self.out.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"))

    def _chunk(self, data: bytes | memoryview) -> None:
        if len(data) and not self.without_body:
            self.out.write(b"%x\r\n" % len(data))
            self.out.write(data)
            self.out.write(b"\r\n")

    def _break_off(self, failure: Failure) -> None:
        text = failure.text.encode() + b"\n"
        tag = self._tag.encode()
        mark = b"\r\n__exception__\r\n"
        self._chunk(self.packer.pack(mark + tag + b"\r\n" + text + str(len(text)).encode() + b" " + tag + mark))
        self._chunk(self.packer.end())
        self.keeps_alive = False


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")
