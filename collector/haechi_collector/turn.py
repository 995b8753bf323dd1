"""Heavy work on columns takes turns.

Decoding and the stages each make thousands of calls that let go of the interpreter's lock and want it back. Side by
side they wait for one another at every one, and a wait is two context switches: a tenth of the collector's CPU. So one
group is decoded, or one stage of a block applied, at a time.

Guarantee: nobody waits longer than `TURN_WAIT_S` for a turn, and then works beside the other. It is a courtesy, and
guards nothing: content that is reshaped span by span may take a second, and acknowledgements must not wait for that.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

TURN_WAIT_S: Final = 0.02
"""Longer: an acknowledgement waits for content that is reshaped span by span. Shorter: decoding and the stages are in
each other's way, two microseconds a span."""

_TURN: Final = threading.Lock()  # one for the process, as the interpreter's lock is


@contextmanager
def turn() -> Iterator[None]:
    """Wait for a turn, as long as is fair, and keep it until the block ends."""
    is_ours = _TURN.acquire(timeout=TURN_WAIT_S)
    try:
        yield
    finally:
        if is_ours:
            _TURN.release()
