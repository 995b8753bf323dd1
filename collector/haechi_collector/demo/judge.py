"""How the pretend application judges its own answers: against the documents they should rest on.

Guarantee: a verdict is computed from the texts, the same for the same texts; nothing of how an answer was made up is
known here. Only numbers are facts: a number of the answer that no document has is made up. Names are not looked at, so
that what an application's own check misses can be seen beside better ones.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

_NUMBER: Final = re.compile(r"\d+(?:[.,-]\d+)*")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judgement, in the words of ``haechi.score``."""

    name: str
    value: float
    label: str
    source: Literal["human", "judge", "client"]
    evaluator: str = ""
    explanation: str = ""


def checked(answer: str, documents: Sequence[str]) -> Verdict:
    """Tell whether the answer has a number that no document has."""
    made_up = _unsupported(answer, documents)
    label = "contradicts" if made_up else "grounded"
    why = f"not in the documents: {', '.join(made_up)}" if made_up else ""
    return Verdict("hallucination", float(bool(made_up)), label, "client", "number-check", why)


def graded(answer: str, documents: Sequence[str]) -> Verdict:
    """Grade the answer: half for its numbers that documents have, half for its wording that is theirs."""
    numbers = _NUMBER.findall(answer)
    supported = 1 - len(_unsupported(answer, documents)) / len(numbers) if numbers else 1.0
    said = _pairs([answer])
    worded = len(said & _pairs(documents)) / len(said)
    why = f"{supported:.0%} of the numbers and {worded:.0%} of the wording are in the documents"
    return Verdict("quality", round((supported + worded) / 2, 3), "", "judge", "support-judge", why)


def thumb(*, up: bool) -> Verdict:
    """Return what a user clicked."""
    return Verdict("user_feedback", float(up), "thumbs_up" if up else "thumbs_down", "human")


def _unsupported(answer: str, documents: Sequence[str]) -> list[str]:
    known = set(_NUMBER.findall(" ".join(documents)))
    return [number for number in _NUMBER.findall(answer) if number not in known]


def _pairs(texts: Iterable[str]) -> set[str]:
    """Return the pairs of letters that follow one another, which Korean endings leave alone better than words."""
    letters = ["".join(filter(str.isalpha, text.lower())) for text in texts]
    return {text[at : at + 2] for text in letters for at in range(len(text) - 1)}
