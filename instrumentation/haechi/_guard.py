"""The one boundary between the SDK's own errors and the application.

Guarantee: an error of ours inside a `Kept` block is logged once per place and kind, through the logger ``haechi``
at level WARNING, and goes no further. What the application raises never passes through one of these blocks.

Bound: `PLACES_MAX` places are remembered; beyond it nothing more is logged.
"""

import logging
from types import TracebackType
from typing import Final, Literal

logger: Final = logging.getLogger("haechi")

PLACES_MAX: Final = 100
"""Places and kinds of errors that are told apart. Fewer: a second fault may go unseen behind the first ones."""

_seen: set[tuple[str, type[BaseException]]] = set()


class Kept:
    """A block of ours whose errors stay here. Reusable, re-entrant, shared between threads."""

    __slots__ = ("where",)

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> Literal[True] | None:
        if error is None:
            return None
        if not isinstance(error, Exception):  # the interpreter is being stopped: that is not ours to keep
            return None
        log_once(self.where, error)
        return True


def log_once(where: str, error: Exception) -> None:
    """Say that telemetry failed at ``where``; the same kind of error at the same place is said once."""
    place = (where, type(error))
    if place in _seen or len(_seen) >= PLACES_MAX:
        return
    _seen.add(place)
    logger.warning("telemetry failed in %s, the application is not affected: %r", where, error, exc_info=error)
