"""Attribute values as JSON and as text: the rules for everything that has no typed column.

Guarantee: JSON is compact UTF-8, keys in order of arrival, the last of equal keys wins; bytes are base64 text,
64-bit integers are numbers, and NaN, Infinity and -Infinity are strings (JSON has no such numbers).

Invariants: an array or list nested deeper than ``limits.ANY_VALUE_DEPTH_MAX`` becomes the text `TOO_DEEP` in
place, which loses that part alone; one request walks at most ``limits.DECODED_ELEMENTS_MAX`` elements.

This is the cold path: it is given distinct values, events, links and exemplars, not every attribute.
"""

import math
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa

from haechi_collector import limits
from haechi_collector.decode import arrays
from haechi_collector.decode.schema import message_class
from haechi_collector.decode.wire import parse
from haechi_collector.errors import Undecodable

TOO_DEEP: Final = f"(nested deeper than {limits.ANY_VALUE_DEPTH_MAX})"

ANY_VALUE: Final = message_class("common.v1.AnyValue")
KEY_VALUE: Final = message_class("common.v1.KeyValue")
ARRAY_VALUE: Final = message_class("common.v1.ArrayValue")
KEY_VALUE_LIST: Final = message_class("common.v1.KeyValueList")


def utf8(raw: bytes) -> str:
    """Return bytes as text, each invalid sequence as U+FFFD."""
    return raw.decode("utf-8", "replace")


def b64_text(raw: bytes) -> str:
    """Return bytes as base64."""
    return b64encode(raw).decode()


def number(value: float) -> float | str:
    """Return a double as JSON can hold it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def json_text(value: object) -> str:
    """Return compact JSON of what a `ValueReader` returned."""
    return orjson.dumps(value).decode()


def json_lists(lists: pa.Array, read: Callable[[bytes], dict[str, object]]) -> pa.Array:
    """Return lists of serialized messages as a column of JSON arrays, '' for an empty list."""
    rows = np.flatnonzero(arrays.lengths_of(lists))
    # A loop over rows, but only over those that have events or links: the text of each is its own.
    words = [json_text([read(raw) for raw in lists[row].as_py()]) for row in rows.tolist()]
    return arrays.replaced(arrays.blank(len(lists)), rows, pa.array(words, pa.string()))


def _scalar(value: Any, member: str | None) -> object:
    if member is None:
        return None
    scalar = getattr(value, member)
    if member == "bytes_value":
        return b64_text(scalar)
    return number(scalar) if member == "double_value" else scalar


@dataclass(slots=True)
class ValueReader:
    """Reads the values of requests that are read together, and counts how much it walks."""

    elements_left: int = limits.DECODED_ELEMENTS_MAX

    def text(self, value: Any) -> str:
        """Return an ``AnyValue`` as a text map holds it: text and base64 as they are, '' for none, else JSON."""
        plain = self.plain(value)
        if plain is None:
            return ""
        return plain if isinstance(plain, str) else json_text(plain)

    def attributes(self, pairs: Iterable[Any]) -> dict[str, object]:
        """Return ``KeyValue`` messages as a JSON object."""
        return {utf8(pair.key): self.plain(pair.value) for pair in self._charge(pairs)}

    def texts(self, pairs: Iterable[Any]) -> dict[str, str]:
        """Return ``KeyValue`` messages as the entries of a text map."""
        return {utf8(pair.key): self.text(pair.value) for pair in self._charge(pairs)}

    def array(self, raw: bytes) -> str:
        """Return a serialized ``ArrayValue`` as JSON."""
        return json_text(self._array(parse(ARRAY_VALUE, raw), 1))

    def key_values(self, raw: bytes) -> str:
        """Return a serialized ``KeyValueList`` as JSON."""
        return json_text(self._key_values(parse(KEY_VALUE_LIST, raw), 1))

    def plain(self, value: Any, depth: int = 1) -> object:
        """Return an ``AnyValue`` as JSON can hold it, None when it is empty. ``depth`` counts from 1."""
        member = value.WhichOneof("value")
        if member == "string_value":
            return utf8(value.string_value)
        if member == "array_value":
            return self._array(value.array_value, depth)
        if member == "kvlist_value":
            return self._key_values(value.kvlist_value, depth)
        return _scalar(value, member)

    def _array(self, array: Any, depth: int) -> object:
        if depth > limits.ANY_VALUE_DEPTH_MAX:
            return TOO_DEEP
        return [self.plain(parse(ANY_VALUE, raw), depth + 1) for raw in self._charge(array.values)]

    def _key_values(self, pairs: Any, depth: int) -> object:
        if depth > limits.ANY_VALUE_DEPTH_MAX:
            return TOO_DEEP
        read = (parse(KEY_VALUE, raw) for raw in self._charge(pairs.values))
        return {utf8(pair.key): self.plain(pair.value, depth + 1) for pair in read}

    def _charge(self, items: Any) -> Any:
        self.elements_left -= len(items)
        if self.elements_left < 0:
            raise Undecodable(f"more than {limits.DECODED_ELEMENTS_MAX} values within attributes and events")
        return items
