"""OTLP/JSON to protobuf.

Guarantee: the same telemetry gives the same batch, because JSON is first made the protobuf request that it
stands for. Only ids travel as text, so that one that is no hex reaches `split_invalid` as it came.

Format (OTLP 1.11, on top of protobuf's JSON mapping): keys are lowerCamelCase, unknown ones are ignored, null
means absent; ids are hex in any case; enumerations are integers; 64-bit integers are numbers or strings; other
bytes are base64; doubles may be "NaN", "Infinity" or "-Infinity". Invalid UTF-8 and lone surrogates become
U+FFFD. JSON nests at most 1024 deep (orjson).
"""

import re
from typing import Any, Final

import orjson

from haechi_collector import limits
from haechi_collector.decode.json_fields import Misfit, fill
from haechi_collector.decode.schema import Signal
from haechi_collector.errors import Undecodable

_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
"""Every escape of a JSON text, so that none is mistaken for part of another; the group is a lone surrogate."""


def to_protobuf(body: bytes, signal: Signal) -> bytes:
    """Return the protobuf request that a JSON request stands for, but for its ids, which stay text (`ids.TEXT`).

    Raises:
        Undecodable: it is no such request; the message names the path of what is wrong.
    """
    request: Any = signal.request()
    try:
        fill(request, _load(body))
    except Misfit as error:
        raise Undecodable(f"{signal.name}: {error}") from None
    serialized: bytes = request.SerializeToString()
    return serialized


def _load(body: bytes) -> object:
    tokens = sum(body.count(token) for token in (b",", b"{", b"["))
    if tokens > limits.JSON_TOKENS_MAX:
        raise Undecodable(f"{tokens} commas and brackets in one request, more than {limits.JSON_TOKENS_MAX}")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _load_repaired(body)


def _load_repaired(body: bytes) -> object:
    text = body.decode("utf-8", "replace").encode()
    try:
        return orjson.loads(_ESCAPE.sub(lambda m: b"\\ufffd" if m[1] else m[0], text))
    except orjson.JSONDecodeError as error:
        raise Undecodable(f"the body is not JSON: {error}") from None
