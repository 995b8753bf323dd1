"""AWS's binary event stream (`application/vnd.amazon.eventstream`).

Format: total length and header length (4 bytes each, big-endian), CRC-32 of these 8 bytes, headers (name length, name,
type 7 = string, value length in 2 bytes, value), payload, CRC-32 of everything before it.
Source: "Event Stream Encoding" in the documentation of Amazon Transcribe and of the AWS SDKs.
"""

import struct
import zlib

from tests.standin.wire import Json, b64, encode

EVENT_STREAM = "application/vnd.amazon.eventstream"


def event(kind: str, payload: Json) -> bytes:
    """One event of type `kind` with a JSON payload."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return _framed(headers, encode(payload))


def exception(kind: str, words: str) -> bytes:
    """An exception in the middle of a stream, such as `throttlingException`."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return _framed(headers, encode({"message": words}))


def chunk_event(value: Json) -> bytes:
    """One chunk of `invoke-with-response-stream`: the model's own JSON, in base64."""
    return event("chunk", {"bytes": b64(encode(value)), "p": "abcdefgh"})


def _framed(headers: dict[str, str], payload: bytes) -> bytes:
    head = b"".join(
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + payload
    return message + struct.pack(">I", zlib.crc32(message))
