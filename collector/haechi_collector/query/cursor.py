"""Where a page ended, so that the next one begins there.

Guarantee: pages share no trace and lose none that was there from the first page on, whatever arrives in between: a
cursor holds the window in absolute times, the place after the last trace, and a digest of the question. With another
question it is refused. It grants nothing: the project comes from the caller's key, never from here.
"""

import base64
import binascii
from dataclasses import dataclass
from hashlib import blake2b

import orjson

from haechi_collector.errors import WrongParameter
from haechi_collector.query.scope import Window


@dataclass(frozen=True, slots=True)
class Cursor:
    """The window, the last trace's place in the order (a whole number as text), and its id."""

    window: Window
    place: str
    trace_id: str

    def write(self, question: str) -> str:
        """Return it as text for a URL. ``question`` is everything else that the page depends on."""
        parts = [self.window.from_ns, self.window.to_ns, self.place, self.trace_id, _digest(question)]
        return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def read_cursor(text: str, question: str) -> Cursor:
    """Read what `Cursor.write` wrote.

    Raises:
        WrongParameter: it is something else, or of another question.
    """
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        parts = None
    match parts:
        case [int(begin), int(end), str(place), str(trace_id), str(digest)] if _is_place(begin, end, place, trace_id):
            if digest != _digest(question):
                raise WrongParameter("cursor", "belongs to other parameters; repeat those of the page before")
            return Cursor(Window(begin, end), place, trace_id)
    raise WrongParameter("cursor", "is not a next_cursor of this route")


def _is_place(begin: int, end: int, place: str, trace_id: str) -> bool:
    # 38 digits are a Decimal's most.
    is_number = len(place) <= 38 and place.removeprefix("-").isascii() and place.removeprefix("-").isdecimal()
    return 0 <= begin < end < 2**63 and is_number and len(trace_id) <= 64


def _digest(question: str) -> str:
    return blake2b(question.encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()
