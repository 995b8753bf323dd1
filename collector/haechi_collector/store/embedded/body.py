"""The bytes of a request: chunked or not, compressed or not, read piece by piece.

Guarantees: no more than the asked-for bytes are held; a body that ends early raises and is never taken for a whole
one; trailing garbage after a compressed body is an error of the codec.
Sources: RFC 9112 section 7.1 (chunked); ClickHouse ``docs/en/interfaces/http.md`` (``Content-Encoding``).
"""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final, cast

import lz4.frame  # type: ignore[import-untyped]
import zstandard

from haechi_collector.store.embedded.failure import (
    BAD_ARGUMENTS,
    CANNOT_DECOMPRESS,
    CANNOT_READ_ALL_DATA,
    NOT_IMPLEMENTED,
    Failure,
)
from haechi_collector.store.embedded_limits import STORE_CHUNK_BYTES

_CHUNK_LINE_BYTES_MAX: Final = 1024


class Sized(io.RawIOBase):
    """A body of a known length."""

    def __init__(self, source: BinaryIO, length: int) -> None:
        super().__init__()
        self._source, self._left = source, length

    def readable(self) -> bool:
        """Say yes."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return exactly `size` bytes unless the body ends before."""
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._source.read(wanted) if wanted else b""
        if len(data) < wanted:
            raise Failure(CANNOT_READ_ALL_DATA, f"The request's body ended {self._left - len(data)} bytes early")
        self._left -= wanted
        return data


class Chunked(io.RawIOBase):
    """A body in HTTP chunks; trailers are read and dropped."""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source, self._left, self._ended = source, 0, False

    def readable(self) -> bool:
        """Say yes."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes, fewer only at the body's end."""
        parts: list[bytes] = []
        missing = size
        while missing and not self._ended:
            if not self._left:
                self._next_chunk()
                continue
            data = self._source.read(self._left if size < 0 else min(missing, self._left))
            if not data:
                raise Failure(CANNOT_READ_ALL_DATA, "The request's body ended within a chunk")
            self._left -= len(data)
            missing -= len(data) if size >= 0 else 0
            parts.append(data)
            if not self._left:
                self._line()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _next_chunk(self) -> None:
        text = self._line().partition(b";")[0].strip()
        try:
            self._left = int(text, 16) if text[:1] not in {b"+", b"-"} else -1
        except ValueError:
            self._left = -1
        if self._left < 0:
            raise Failure(BAD_ARGUMENTS, "A chunk of the request's body has no valid size")
        if not self._left:
            self._ended = True
            while self._line().strip():
                pass

    def _line(self) -> bytes:
        line = self._source.readline(_CHUNK_LINE_BYTES_MAX)
        if not line.endswith(b"\n"):
            raise Failure(CANNOT_READ_ALL_DATA, "The request's body ended within a chunk")
        return line


Body = Sized | Chunked


def decoded(raw: Body, encoding: str) -> BinaryIO:
    """Return the body with its ``Content-Encoding`` taken off.

    Raises:
        Failure: the encoding is not read here.
    """
    source = cast("BinaryIO", raw)
    if encoding in {"", "identity"}:
        return source
    if encoding in {"gzip", "x-gzip"}:
        return cast("BinaryIO", gzip.GzipFile(fileobj=source, mode="rb"))
    if encoding == "deflate":
        return cast("BinaryIO", _Unpacked(source, zlib.decompressobj, 16 * 1024))
    if encoding == "zstd":
        # A kilobyte can hold 32 MB, so that small steps bound what is held.
        return cast("BinaryIO", _Unpacked(source, lambda: zstandard.ZstdDecompressor().decompressobj(), 1024))
    if encoding == "lz4":
        return cast("BinaryIO", lz4.frame.open(source, mode="rb"))
    raise Failure(NOT_IMPLEMENTED, f"Content-Encoding {encoding!r} is not read here; use gzip, deflate, zstd or lz4")


class _Unpacked(io.RawIOBase):
    """Deflate or zstd, read to the end of its last frame; both libraries' own readers take a cut body for a whole."""

    def __init__(self, source: BinaryIO, codec: Callable[[], Any], step: int) -> None:
        super().__init__()
        self._source, self._make, self._step = source, codec, step
        self._codec = codec()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        parts: list[bytes] = [self._rest]
        held = len(self._rest)
        while held < size and (part := self._next()):
            parts.append(part)
            held += len(part)
        data = b"".join(parts)
        self._rest = data[size:]
        return data[:size]

    def _next(self) -> bytes:
        while True:
            packed = (self._codec.unused_data if self._codec.eof else b"") or self._source.read(self._step)
            if not packed:
                if not self._codec.eof:
                    raise EOFError("it ended early")
                return b""
            if self._codec.eof:
                self._codec = self._make()
            data: bytes = self._codec.decompress(packed)
            if data:
                return data


def chunks(body: BinaryIO, first: bytes = b"") -> Iterator[bytes]:
    """Yield `first`, then the rest of the body in pieces of about a megabyte.

    Raises:
        Failure: the body is broken.
    """
    if first:
        yield first
    while data := read(body, STORE_CHUNK_BYTES):
        yield data


def read(body: BinaryIO, size: int) -> bytes:
    """Return up to `size` bytes, none at the end.

    Raises:
        Failure: the body is broken.
    """
    try:
        return body.read(size)
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise Failure(CANNOT_DECOMPRESS, f"The request's body cannot be decompressed: {error}") from None
    except RuntimeError as error:  # what lz4.frame raises on broken input
        raise Failure(CANNOT_DECOMPRESS, f"The request's body cannot be decompressed: {error}") from None
