"""Bodies of requests are read whole or not at all."""

import gzip
import io
import zlib
from collections.abc import Callable

import lz4.frame  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from haechi_collector.store.embedded.body import Chunked, Sized, chunks, decoded
from haechi_collector.store.embedded.failure import Failure
from haechi_collector.store.embedded.packing import FrameReader, choose

CODECS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
    "lz4": lz4.frame.compress,
    "": bytes,
}
DATA = "검색 결과 refund ".encode() * 200_000


def in_chunks(data: bytes, size: int) -> bytes:
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x;ext=1\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\nTrailer: 1\r\n\r\nNEXT"


@pytest.mark.parametrize("encoding", CODECS)
def test_every_encoding_is_read(encoding: str) -> None:
    """As it was written, a megabyte at a time at most."""
    packed = CODECS[encoding](DATA)
    parts = list(chunks(decoded(Sized(io.BytesIO(packed + b"NEXT"), len(packed)), encoding)))
    assert b"".join(parts) == DATA
    assert max(map(len, parts)) <= 1024 * 1024


@pytest.mark.parametrize("encoding", [name for name in CODECS if name])
def test_a_truncated_or_broken_body_fails(encoding: str) -> None:
    """It is never taken for a shorter whole."""
    packed = CODECS[encoding](DATA)
    for wrong in (packed[: len(packed) // 2], b"\x00garbage" + packed):
        with pytest.raises(Failure) as caught:
            list(chunks(decoded(Sized(io.BytesIO(wrong), len(wrong)), encoding)))
        assert caught.value.code == 271


def test_an_unknown_encoding_is_named() -> None:
    """With what may be used instead."""
    with pytest.raises(Failure, match="'br' is not read here"):
        decoded(Sized(io.BytesIO(b""), 0), "br")


@given(st.binary(max_size=3000), st.integers(1, 700), st.integers(1, 900))
def test_chunks_of_any_size_give_the_body(data: bytes, chunk: int, size: int) -> None:
    """And leave the connection at the next request."""
    source = io.BytesIO(in_chunks(data, chunk))
    body = Chunked(source)
    parts = iter(lambda: body.read(size), b"")
    assert b"".join(parts) == data
    assert source.read() == b"NEXT"


@pytest.mark.parametrize("wire", [b"5\r\nab", b"", b"zz\r\n", b"-1\r\n\r\n", b"3\r\nabc", b"+2\r\nab\r\n0\r\n\r\n"])
def test_a_body_that_breaks_off_is_an_error(wire: bytes) -> None:
    """Of a chunked body as of a sized one."""
    with pytest.raises(Failure):
        Chunked(io.BytesIO(wire)).read(100)
    with pytest.raises(Failure, match="ended 3 bytes early"):
        Sized(io.BytesIO(b"ab"), 5).read(10)


def test_clickhouses_own_blocks_are_written_and_read() -> None:
    """What compress=1 gives, decompress=1 takes; a flipped bit is found."""
    packed = bytes(choose("", is_wanted=False, is_framed=True).pack(DATA))
    reader = FrameReader(iter([packed[:10], packed[10:]]))
    assert b"".join(iter(lambda: reader.read(65536), b"")) == DATA
    flipped = packed[:40] + bytes([packed[40] ^ 1]) + packed[41:]
    for wrong in (flipped, packed[:50], b"short"):
        with pytest.raises(Failure):
            FrameReader(iter([wrong])).read(1)
