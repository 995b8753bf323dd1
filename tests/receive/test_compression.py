"""Decompression under a cap."""

import gzip
import zlib
from collections.abc import Callable

import lz4.frame
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from haechi_collector import limits
from haechi_collector.errors import Rejected, TooLarge, Undecodable, UnsupportedEncoding
from haechi_collector.receive.admission import Admission
from haechi_collector.receive.compression import coding_of, coding_of_message, decompress

MIB = 1024 * 1024


def raw_deflate(data: bytes) -> bytes:
    encoder = zlib.compressobj(wbits=-15)
    return encoder.compress(data) + encoder.flush()


def snappy(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="snappy", asbytes=True))


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "zlib": ("zlib", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "zstd": ("zstd", zstandard.compress),
    "lz4": ("lz4", lz4.frame.compress),
    "snappy": ("snappy", snappy),
}
every_coding = pytest.mark.parametrize(("coding", "encode"), ENCODERS.values(), ids=ENCODERS)


def inflate(body: bytes, coding: str, bytes_max: int = 2 * MIB, in_flight_max: int = 64 * MIB) -> bytes:
    admission = Admission(in_flight_max)
    with admission.lease() as lease:
        lease.grow(len(body))
        result = decompress(body, coding, bytes_max, lease)
        assert admission.bytes_in_flight == len(result)
    assert admission.bytes_in_flight == 0
    return result


@every_coding
@given(data=st.binary(max_size=5000), repeated=st.integers(1, 300))
def test_what_was_compressed_comes_back(
    coding: str, encode: Callable[[bytes], bytes], data: bytes, repeated: int
) -> None:
    """Every coding restores the bytes, and the lease then holds exactly the result."""
    assert inflate(encode(data * repeated), coding) == data * repeated


@every_coding
@given(cut=st.integers(1, 400))
def test_a_body_that_ends_early_is_refused(coding: str, encode: Callable[[bytes], bytes], cut: int) -> None:
    """Nothing is passed on in part."""
    body = encode(bytes(range(256)) * 2)
    with pytest.raises(Undecodable):
        inflate(body[: max(1, len(body) - cut)], coding)


@every_coding
def test_a_body_that_goes_on_after_its_end_is_refused(coding: str, encode: Callable[[bytes], bytes]) -> None:
    """Bytes after the end are no part of the coding."""
    with pytest.raises(Undecodable):
        inflate(encode(b"spans") + b"\xff" * 20, coding)


@every_coding
def test_the_limit_is_the_last_size_that_passes(coding: str, encode: Callable[[bytes], bytes]) -> None:
    """A result of exactly the limit passes, one byte more does not."""
    assert len(inflate(encode(bytes(MIB)), coding, MIB)) == MIB
    with pytest.raises(TooLarge):
        inflate(encode(bytes(MIB + 1)), coding, MIB)


@every_coding
def test_the_result_needs_room(coding: str, encode: Callable[[bytes], bytes]) -> None:
    """A result that would overfill the memory in flight is rejected for now, not for ever."""
    admission = Admission(MIB)
    body = encode(bytes(MIB))
    with admission.lease("other") as other, admission.lease("this") as lease:
        other.grow(MIB // 2)
        lease.grow(len(body))
        with pytest.raises(Rejected):
            decompress(body, coding, 2 * MIB, lease)


def test_streams_of_several_members_are_read_whole() -> None:
    """Members of gzip and frames of zstd and lz4 follow one another."""
    for coding in ("gzip", "zstd", "lz4"):
        encode = ENCODERS[coding][1]
        assert inflate(encode(b"one ") + encode(b"two"), coding) == b"one two"


def test_raw_deflate_longer_than_a_step() -> None:
    """Input and output that span several steps come back whole."""
    data = bytes(range(256)) * (4 * limits.INFLATE_CHUNK_BYTES // 256)
    stored = zlib.compressobj(level=0, wbits=-15)
    assert inflate(stored.compress(data) + stored.flush(), "deflate") == data


def test_a_zstd_window_that_needs_a_gigabyte_is_refused() -> None:
    """A frame header cannot make us reserve more than the codec's own limit."""
    parameters = zstandard.ZstdCompressionParameters(window_log=30)
    encoder = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(Undecodable, match="memory"):
        inflate(encoder.compress(b"x" * 1000) + encoder.flush(), "zstd")


@pytest.mark.parametrize(
    ("header", "coding"),
    [("", "identity"), ("identity", "identity"), ("GZip", "gzip"), (" zstd ", "zstd"), ("identity, gzip", "gzip")],
)
def test_content_encoding_is_read(header: str, coding: str) -> None:
    """Case, spaces and identity do not count."""
    assert coding_of(header) == coding


@pytest.mark.parametrize("header", ["br", "gzip, gzip", "gzip,zstd", "gzip;q=1", "ünknown"])
def test_other_content_encodings_are_not_supported(header: str) -> None:
    """Unknown names and second layers are refused."""
    with pytest.raises(UnsupportedEncoding):
        coding_of(header)


def test_the_coding_of_a_grpc_message_is_told_by_its_start() -> None:
    """Both gzip and zlib have starts that no OTLP request has, at every level of compression."""
    assert {coding_of_message(gzip.compress(b"x", level)) for level in range(10)} == {"gzip"}
    assert {coding_of_message(zlib.compress(b"x", level)) for level in range(10)} == {"deflate"}
    assert {coding_of_message(body) for body in (b"", b"\n", b"\n\x00", b"\x0a\x05spans")} == {"identity"}
