"""One finding of ``haechi doctor``."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found. ``remedy`` is '' where nothing is to be done."""

    state: Literal["ok", "warn", "fail"]
    subject: str
    finding: str
    remedy: str = ""

    def __str__(self) -> str:
        """One line, a secret never in it."""
        return f"{self.state:4}  {self.subject}: {self.finding}{f'  -> {self.remedy}' if self.remedy else ''}"
