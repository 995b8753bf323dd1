"""Compression of answers: HTTP's encodings, and ClickHouse's own blocks (``compress=1``, as JDBC and Go ask for).

A packer takes parts of a document and gives back bytes for the wire; `end` gives the last of them.
Sources: RFC 9110 section 8.4; ClickHouse's ``src/Compression/CompressedWriteBuffer.cpp``: 16 bytes of CityHash128
over the rest, the method (0x82 is LZ4), the size of the block with these 9 bytes, the size unpacked, the LZ4 block.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

import lz4.block  # type: ignore[import-untyped]
import lz4.frame  # type: ignore[import-untyped]
import zstandard

from haechi_collector.store.embedded.cityhash import cityhash128
from haechi_collector.store.embedded.failure import CANNOT_DECOMPRESS, Failure

_BLOCK_BYTES: Final = 1024 * 1024
_HEADER_BYTES: Final = 9
_METHOD_LZ4: Final = 0x82
_METHOD_NONE: Final = 0x02
_METHOD_ZSTD: Final = 0x90
_OFFERED: Final = ("zstd", "lz4", "gzip", "deflate")
"""What the packer offers, best first."""


class Packer(Protocol):
    """Takes a document in parts, gives bytes for the wire."""

    encoding: str
    """For the Content-Encoding header; '' for none."""

    def pack(self, data: bytes | memoryview) -> bytes | memoryview:
        """Take a part; return what is ready to be sent."""

    def end(self) -> bytes:
        """Return what is left."""


def choose(accept_encoding: str, *, is_wanted: bool, is_framed: bool) -> Packer:
    """Return the packer that a request asks for.

    Args:
        accept_encoding: the request's header.
        is_wanted: the setting enable_http_compression; ClickHouse does not compress without it.
        is_framed: the parameter compress.
    """
    if is_framed:
        return _Frames()
    accepted = {part.partition(";")[0].strip().lower() for part in accept_encoding.split(",")} if is_wanted else set()
    chosen = next((name for name in _OFFERED if name in accepted), "")
    if chosen == "zstd":
        return _Zstd()
    if chosen == "lz4":
        return _Lz4()
    return _Zlib(chosen) if chosen else _Plain()


class _Plain:
    encoding = ""

    def pack(self, data: bytes | memoryview) -> bytes | memoryview:
        return data

    def end(self) -> bytes:
        return b""


class _Zlib:
    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self._codec = zlib.compressobj(3, wbits=31 if encoding == "gzip" else 15)

    def pack(self, data: bytes | memoryview) -> bytes:
        return self._codec.compress(data)

    def end(self) -> bytes:
        return self._codec.flush()


class _Zstd:
    encoding = "zstd"

    def __init__(self) -> None:
        self._codec = zstandard.ZstdCompressor(level=1).compressobj()

    def pack(self, data: bytes | memoryview) -> bytes:
        return self._codec.compress(data)

    def end(self) -> bytes:
        return self._codec.flush()


class _Lz4:
    encoding = "lz4"

    def __init__(self) -> None:
        self._codec = lz4.frame.LZ4FrameCompressor()
        self._begun = False

    def pack(self, data: bytes | memoryview) -> bytes:
        begin = b"" if self._begun else self._codec.begin()
        self._begun = True
        return bytes(begin + self._codec.compress(data))

    def end(self) -> bytes:
        begin = b"" if self._begun else self._codec.begin()
        return bytes(begin + self._codec.flush())


class _Frames:
    encoding = ""

    def pack(self, data: bytes | memoryview) -> bytes:
        view = memoryview(data)
        return b"".join(_frame(view[at : at + _BLOCK_BYTES]) for at in range(0, len(view), _BLOCK_BYTES))

    def end(self) -> bytes:
        return b""


def _frame(data: memoryview) -> bytes:
    packed: bytes = lz4.block.compress(data, store_size=False)
    block = struct.pack("<BII", _METHOD_LZ4, len(packed) + _HEADER_BYTES, len(data)) + packed
    return struct.pack("<QQ", *cityhash128(block)) + block


class FrameReader:
    """The body of a request in ClickHouse's own blocks (``decompress=1``), read as plain bytes."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces: Iterator[bytes] = iter(pieces)
        self._held = bytearray()
        self._ready = bytearray()

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end.

        Raises:
            Failure: a block is broken.
        """
        while not self._ready:
            header = self._take(25)
            if not header:
                return b""
            self._ready += self._block(header)
        data = bytes(self._ready[:size])
        del self._ready[:size]
        return data

    def _block(self, header: bytes) -> bytes:
        method, packed_bytes, plain_bytes = struct.unpack("<BII", header[16:]) if len(header) == 25 else (0, 0, 0)
        if packed_bytes < _HEADER_BYTES or max(packed_bytes, plain_bytes) > 1 << 30:
            raise Failure(CANNOT_DECOMPRESS, "The request's body is not in ClickHouse's compressed blocks")
        packed = self._take(packed_bytes - _HEADER_BYTES)
        if struct.unpack("<QQ", header[:16]) != cityhash128(header[16:] + packed):
            raise Failure(CANNOT_DECOMPRESS, "The checksum of a compressed block does not match")
        try:
            if method == _METHOD_LZ4:
                return bytes(lz4.block.decompress(packed, uncompressed_size=plain_bytes))
            if method == _METHOD_ZSTD:
                return bytes(zstandard.ZstdDecompressor().decompress(packed, max_output_size=plain_bytes))
        except (lz4.block.LZ4BlockError, zstandard.ZstdError) as error:
            raise Failure(CANNOT_DECOMPRESS, f"A compressed block is broken: {error}") from None
        if method == _METHOD_NONE:
            return packed
        raise Failure(CANNOT_DECOMPRESS, f"The compression method {method:#x} is not read here")

    def _take(self, size: int) -> bytes:
        while len(self._held) < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._held += piece
        data = bytes(self._held[:size])
        del self._held[:size]
        return data
