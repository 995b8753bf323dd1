"""A request as it came and a reply as it goes out: the two shapes between the server and the providers' formats.

A provider is a plain function from `Request` to `Reply`. It keeps no state, so a reply depends on its request alone
(and on the running number that makes every response id its own).
"""

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

EVENT_STREAM = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, kept exactly as it came over the wire."""

    number: int  # counts from 1 for each stand-in (again from 1 after `reset`)
    method: str
    host: str  # of an absolute-form target (the stand-in used as a proxy), else ""
    path: str
    query: str
    headers: dict[str, str]  # names in lower case
    head: bytes  # request line and header lines, byte for byte
    body: bytes

    def json(self) -> Json:
        """The body as a JSON object; {} for an empty one."""
        return json.loads(self.body) if self.body else {}

    def form(self, name: str) -> str:
        """The text field `name` of a multipart body; "" if absent."""
        marker = b'name="' + name.encode() + b'"\r\n\r\n'
        return self.body.partition(marker)[2].partition(b"\r\n")[0].decode()

    def own(self, prefix: str) -> str:
        """An id that no other response of this stand-in has, such as `chatcmpl-standin000007`."""
        return f"{prefix}standin{self.number:06d}"


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP response: the body's chunks, and how they are sent."""

    chunks: Sequence[bytes]
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    streamed: bool = False  # chunked transfer coding instead of Content-Length
    pause_ms: int = 0  # before the first chunk and between two
    cut: bool = False  # closes the connection after half of the chunks (or of the body)


def encode(value: object) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def json_reply(value: object, status: int = 200, **headers: str) -> Reply:
    """A reply of one JSON value."""
    return Reply([encode(value)], status=status, headers={key.replace("_", "-"): word for key, word in headers.items()})


def sse(values: Iterable[object], *, done: bool = False) -> list[bytes]:
    """Each value as one `data:` event, and `[DONE]` after them if asked."""
    events = [b"data: " + encode(value) + b"\n\n" for value in values]
    return [*events, b"data: [DONE]\n\n"] if done else events


def named_sse(values: Iterable[Json]) -> list[bytes]:
    """Each value as one event that is named by its own `type`."""
    return [b"event: " + value["type"].encode() + b"\ndata: " + encode(value) + b"\n\n" for value in values]


def pieces(text: str, size: int) -> list[str]:
    """`text` in parts of at most `size` characters; at least one part."""
    return [text[at : at + size] for at in range(0, len(text), size)] or [""]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
