"""Decompression of request bodies under a running cap.

Guarantees:

* Output stops at ``bytes_max`` plus one step of ``limits.INFLATE_CHUNK_BYTES``, whatever the input promises, and
  every step is leased before the next is made. Beside it stands the codec's own window: 32 KiB for gzip and
  deflate, at most 128 MiB for zstd, of which no more is touched than was put out.
* A body that ends early, or has something after its end, is refused; it is never passed on in part.

Codings: gzip, deflate (zlib, and raw as some clients send it), zstd, lz4 (frame), snappy (block), each with the
names that are in use. Streams of several members or frames are read whole. The work is done by pyarrow's codecs,
which do not hold the interpreter's lock.

Sources: RFC 9110 section 8.4, RFC 1950-1952, RFC 8878; the names as the OpenTelemetry Collector sends them.
"""

import io
import zlib
from collections.abc import Callable, Iterator
from typing import Final

import pyarrow as pa

from haechi_collector import limits
from haechi_collector.errors import TooLarge, Undecodable, UnsupportedEncoding
from haechi_collector.receive.admission import Lease

IDENTITY: Final = "identity"
SUPPORTED: Final = "gzip, deflate, zstd, lz4, snappy"
"""For people, and for the Accept-Encoding header of a refusal (RFC 9110 section 12.5.3)."""

_VARINT_BYTES_MAX: Final = 5


def coding_of(content_encoding: str) -> str:
    """Return the one coding that a Content-Encoding header names, lower case; ``identity`` for none.

    Raises:
        UnsupportedEncoding: it is not read here, or there is more than one layer.
    """
    names = [name for part in content_encoding.split(",") if (name := part.strip().lower()) not in {"", IDENTITY}]
    if len(names) > limits.COMPRESSION_LAYERS_MAX:
        raise UnsupportedEncoding("more than one Content-Encoding; send one layer of compression")
    if names and names[0] not in _DECODERS:
        raise UnsupportedEncoding(f"Content-Encoding is not supported; use one of {SUPPORTED}")
    return names[0] if names else IDENTITY


def coding_of_message(body: bytes) -> str:
    """Return the coding of a gRPC message, told by its first two bytes.

    gRPC's core hands over the compressed message, but not its name. An OTLP request starts with field 1 as a
    length-delimited value (0x0A) or is empty, while gzip starts with 0x1F8B, which is no protobuf tag, and zlib
    with a tag of wire type 0.
    """
    if body.startswith(b"\x1f\x8b"):
        return "gzip"
    return "deflate" if _has_zlib_header(body) else IDENTITY


def decompress(body: bytes, coding: str, bytes_max: int, lease: Lease) -> bytes:
    """Return ``body`` without its ``coding`` (as `coding_of` returns it).

    ``lease`` holds the bytes of ``body`` and holds those of the result afterwards.

    Raises:
        TooLarge: the result would be longer than ``bytes_max``.
        Undecodable: the bytes are not of that coding, end early, or go on after the end.
        Rejected: there is no room for the result now.
    """
    if coding == IDENTITY or not body:
        return body
    try:
        result = _gather(_DECODERS[coding](body, bytes_max), bytes_max, lease)
    except (OSError, pa.ArrowInvalid, zlib.error) as error:
        raise Undecodable(f"the body is not valid {coding}: {error}") from error
    lease.shrink(len(body))
    return result


def _gather(chunks: Iterator[bytes], bytes_max: int, lease: Lease) -> bytes:
    # BytesIO hands its buffer out without a copy, unlike a joined list, which needs twice the size.
    result = io.BytesIO()
    for chunk in chunks:
        check_size(result.tell() + len(chunk), bytes_max)
        lease.grow(len(chunk))
        result.write(chunk)
    return result.getvalue()


def check_size(size: int, bytes_max: int) -> None:
    """Refuse a size above the limit.

    Raises:
        TooLarge: it is.
    """
    if size > bytes_max:
        raise TooLarge(f"the body is larger than {bytes_max} bytes; send smaller batches")


def _stream(codec: str) -> Callable[[bytes, int], Iterator[bytes]]:
    def chunks(body: bytes, _bytes_max: int) -> Iterator[bytes]:
        with pa.CompressedInputStream(pa.BufferReader(body), codec) as stream:
            while chunk := stream.read(limits.INFLATE_CHUNK_BYTES):
                yield chunk

    return chunks


def _deflate(body: bytes, bytes_max: int) -> Iterator[bytes]:
    return _gzip(body, bytes_max) if _has_zlib_header(body) else _raw_deflate(body)


def _has_zlib_header(body: bytes) -> bool:
    return len(body) > 1 and body[0] & 0x0F == 8 and body[0] >> 4 <= 7 and (body[0] << 8 | body[1]) % 31 == 0


def _raw_deflate(body: bytes) -> Iterator[bytes]:
    decoder = zlib.decompressobj(-zlib.MAX_WBITS)
    view = memoryview(body)
    step = limits.INFLATE_CHUNK_BYTES
    # In slices, because zlib copies what it has not consumed yet at every call.
    for start in range(0, len(body), step):
        rest: bytes | memoryview = view[start : start + step]
        while rest and not decoder.eof:
            yield decoder.decompress(rest, step)
            rest = decoder.unconsumed_tail
        if decoder.eof and (decoder.unused_data or start + step < len(body)):
            raise Undecodable("the body is not valid deflate: it goes on after its end")
    if not decoder.eof:
        # What zlib still held back when the input ended.
        yield decoder.flush(step)
    if not decoder.eof:
        raise Undecodable("the body is not valid deflate: it ends early")


def _snappy(body: bytes, bytes_max: int) -> Iterator[bytes]:
    # A block says its size first, and is made in one step: so the size is checked before.
    size = _leading_varint(body)
    check_size(size, bytes_max)
    yield pa.decompress(body, decompressed_size=size, codec="snappy", asbytes=True)


def _leading_varint(body: bytes) -> int:
    value = 0
    for index, byte in enumerate(body[:_VARINT_BYTES_MAX]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value
    raise Undecodable("the body is not valid snappy: it has no length")


_gzip: Final = _stream("gzip")
_DECODERS: Final[dict[str, Callable[[bytes, int], Iterator[bytes]]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zlib": _deflate,
    "zstd": _stream("zstd"),
    "lz4": _stream("lz4"),
    "snappy": _snappy,
}
