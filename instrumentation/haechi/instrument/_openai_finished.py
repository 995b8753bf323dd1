"""Which answers that may be fetched again and again have been told already, with their usage.

Bound: `ANSWERS_MAX` are remembered.
"""

from typing import Any, Final

from haechi.instrument._recent import Recent

ANSWERS_MAX: Final = 10_000
"""Answers whose usage was told. Fewer: one that is fetched again and again is counted again."""

_told: Final = Recent(ANSWERS_MAX)
_UNDER_WAY: Final = frozenset({"queued", "in_progress", "requires_action", "cancelling"})


def is_finished(status: Any) -> bool:
    """Tell whether an answer of this status will not change any more."""
    return isinstance(status, str) and status not in _UNDER_WAY


def first(answer_id: Any) -> bool:
    """Remember an answer; tell whether it was not told before."""
    return isinstance(answer_id, str) and _told.put(answer_id)
