"""Any Python value as the value of an attribute.

Guarantee: nothing here raises, whatever a value's own methods do; a result is bounded to the characters asked for
and built from at most `ITEMS_MAX` items, `DEPTH_MAX` deep; it is valid UTF-8, so no exporter refuses it.

Rule: text, numbers, booleans and short sequences of text stay as they are; what JSON can tell becomes JSON; the rest
is told by its `repr`, or by the name of its type where even that fails.
"""

import dataclasses
import enum
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from opentelemetry.util.types import AttributeValue

CHARS_MAX: Final = 4_000
"""Characters of one attribute. More: collectors and stores that bound attributes cut or refuse them."""
ITEMS_MAX: Final = 1_000
"""Items read of one value, at all depths together: about a millisecond of CPU."""
DEPTH_MAX: Final = 8
"""Containers inside containers. More: a deep value may exhaust the interpreter's stack."""

_INTEGER_MAX: Final = 2**63 - 1  # OTLP carries 64 signed bits
_KEY_CHARS_MAX: Final = 200
_CUT: Final = "…"
_TOLD_BY_STR: Final = frozenset({"datetime", "decimal", "pathlib", "uuid"})  # the modules of types that `str` tells


def attribute(value: object, chars_max: int = CHARS_MAX) -> AttributeValue:
    """Return a value as an attribute carries it."""
    kind = type(value)  # `isinstance` would ask the value for its class, which proxies answer by raising
    if kind is bool:
        return bool(value)
    if issubclass(kind, float):
        return float.__float__(value)  # type: ignore[arg-type]  # mypy does not follow `kind`
    if issubclass(kind, int):
        number = int.__index__(value)  # type: ignore[arg-type]  # the same
        return number if abs(number) <= _INTEGER_MAX else text(number, chars_max)
    if kind in {list, tuple}:
        items: tuple[Any, ...] = tuple(value)  # type: ignore[arg-type]  # the same
        if 0 < len(items) <= ITEMS_MAX and all(type(item) is str for item in items):
            return tuple(_cut(item, chars_max) for item in items)
    return text(value, chars_max)


def attributes(values: Mapping[str, object]) -> dict[str, AttributeValue]:
    """Return named values as attributes; what is None is left out."""
    return {str(key): attribute(value) for key, value in values.items() if value is not None}


def text(value: object, chars_max: int = CHARS_MAX) -> str:
    """Return text as it is and anything else as JSON or its repr, cut where it is too long."""
    told = plain(value, chars_max)
    return _cut(told if isinstance(told, str) else json.dumps(told, ensure_ascii=False), chars_max)


def plain(value: object, chars_max: int = CHARS_MAX) -> Any:
    """Return what `json.dumps` writes as it is: texts cut, odd values told by their repr."""
    return _Plain(chars_max).of(value, 0)


def _cut(string: str, chars_max: int) -> str:
    if len(string) > chars_max:
        string = string[: max(chars_max - 1, 0)] + _CUT
    if string.isascii():
        return string
    return string.encode("utf-8", "replace").decode()  # a lone surrogate has no UTF-8: one would fail its whole batch


class _Plain:
    """Turns one value into what `json` can write; counts the items it reads."""

    def __init__(self, chars_max: int) -> None:
        self._items_left = ITEMS_MAX
        self._chars_max = chars_max

    def of(self, value: object, depth: int) -> object:
        """Return a value as JSON tells it, by the name of its type where its own methods raise."""
        try:
            return self._of(value, type(value), depth)
        except Exception:  # noqa: BLE001  foreign code: the methods of the application's values
            return f"<{type(value).__name__}>"

    def _of(self, value: Any, kind: type, depth: int) -> object:
        if value is None or kind is bool:
            return value
        if issubclass(kind, enum.Enum):
            return self._of(value.value, type(value.value), depth)
        if issubclass(kind, (str, int, float)):
            return self._scalar(value, kind)
        if issubclass(kind, (bytes, bytearray, memoryview)):
            return f"<{len(value)} bytes>"
        return self._container(value, kind, depth + 1) if depth < DEPTH_MAX else _CUT

    def _scalar(self, value: Any, kind: type) -> object:
        if issubclass(kind, str):
            return _cut(str.__str__(value), self._chars_max)
        if issubclass(kind, int):
            number = int.__index__(value)
            return number if abs(number) <= _INTEGER_MAX else f"<int of {number.bit_length()} bits>"
        return float.__float__(value) if math.isfinite(value) else float.__repr__(value)

    def _container(self, value: Any, kind: type, depth: int) -> object:
        if issubclass(kind, dict):
            return self._named(dict.items(value), depth)
        if issubclass(kind, (list, tuple, set, frozenset)):
            return [self.of(item, depth) for item in self._some(value)]
        if dataclasses.is_dataclass(kind):
            fields = [f.name for f in dataclasses.fields(kind) if f.repr]  # repr=False is how a field says "secret"
            return self._named(((name, getattr(value, name, None)) for name in fields), depth)
        if hasattr(kind, "model_fields"):  # pydantic's models hold their fields in __dict__
            return self._named(vars(value).items(), depth)
        told = str(value) if kind.__module__ in _TOLD_BY_STR else repr(value)
        return _cut(told, self._chars_max)

    def _named(self, items: Iterable[tuple[object, object]], depth: int) -> dict[str, object]:
        return {text(key, _KEY_CHARS_MAX): self.of(value, depth) for key, value in self._some(items)}

    def _some(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in islice(items, self._items_left):
            if self._items_left <= 0:
                return
            self._items_left -= 1
            yield item
