"""Text → Python values and back, bounded and without exceptions.

`parse` unwraps JSON inside JSON text (MLflow and Langfuse encode twice); `parse_repr` reads a Python ``repr`` by the
literal parser, never by evaluation. Both return `NOTHING` for what they cannot read.
"""

import ast
import re
from typing import Any, Final

import orjson

from haechi_collector import limits

_NO_BRACKET: Final = re.compile(r"[^\[\](){}]+")
NOTHING: Final = object()
"""No value; None is JSON's null."""


def parse(text: str) -> Any:
    """Return what a JSON text holds, JSON inside JSON text unwrapped; `NOTHING` if it is none or too long."""
    value: Any = text
    for _ in range(limits.CONTENT_DEPTH_MAX):
        if not isinstance(value, str) or not _looks_like_json(value):
            break
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            break
    return NOTHING if value is text else value


def _looks_like_json(text: str) -> bool:
    start = text[:64].lstrip()[:1]
    return start != "" and start in '[{"-0123456789tfn' and len(text) <= limits.CONTENT_PARSED_CHARS_MAX


def parse_document(text: str) -> Any:
    """Return the JSON object or list of a text; the text itself if it is none. Numbers in text stay text."""
    value = parse(text)
    return value if isinstance(value, dict | list | str) and value is not NOTHING else text


def parse_repr(text: str) -> Any:
    """Return what a Python literal says; `NOTHING` if it is none, too long or too deep."""
    if len(text) > limits.PYTHON_REPR_CHARS_MAX or _depth(text) > limits.PYTHON_REPR_DEPTH_MAX:
        return NOTHING
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return NOTHING


def _depth(text: str) -> int:
    """Return an upper bound of the nesting: brackets in quoted text count too."""
    depth = deepest = 0
    for bracket in _NO_BRACKET.sub("", text):
        depth += 1 if bracket in "([{" else -1
        deepest = max(deepest, depth)
    return deepest


def dump(value: Any) -> str | None:
    """Return compact JSON, or None for what JSON cannot say (too deep, not a string as key, half a surrogate)."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return None


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    """Follow a path of keys and indices; `NOTHING` where it ends early. ``*`` adds up all numbers but total."""
    if path == ("*",):
        return _sum(value)
    for step in path:
        if isinstance(value, dict):
            value = value.get(step, NOTHING)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return NOTHING
    return value


def _sum(value: Any) -> Any:
    if not isinstance(value, dict):
        return NOTHING
    numbers = [v for k, v in value.items() if k != "total" and isinstance(v, int | float)]
    return sum(numbers) if numbers else NOTHING
