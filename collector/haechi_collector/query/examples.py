"""Examples in a prompt: pairs of a user's and an assistant's message before the one that asks.

Guarantee: only whole messages count, also where the text is cut off in the middle of one.
"""

from json import JSONDecodeError, JSONDecoder
from typing import Final, NamedTuple

_DECODER: Final = JSONDecoder()
_INSTRUCTIONS: Final = frozenset({"system", "developer"})


class Examples(NamedTuple):
    """How many pairs, and the bytes from the first to the last of them."""

    pairs: int
    size: int


def examples(text: bytes) -> Examples:
    """Read the beginning of stored messages; it may end anywhere."""
    shown = text.decode("utf-8", "ignore")
    pairs, begin, end, place = 0, 0, 0, 1
    asked = -1
    while place < len(shown):
        try:
            message, after = _DECODER.raw_decode(shown, place)
        except JSONDecodeError:
            break
        role = message.get("role") if isinstance(message, dict) else None
        if role == "user" and asked < 0:
            asked = place
        elif role == "assistant" and asked >= 0:
            begin, end, pairs, asked = begin if pairs else asked, after, pairs + 1, -1
        elif role not in _INSTRUCTIONS or pairs or asked >= 0:
            break
        place = after + 1  # a comma, as they are stored
    return Examples(pairs, len(shown[begin:end].encode()))
