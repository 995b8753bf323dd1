"""What is said when telemetry cannot be sent: little, once, and with the count.

Guarantee: an outage begins with the first failure or the first item dropped, and ends with the next success. It gives
at most one warning once it has lasted `SAY_AFTER_S`, and one line when it is over or the program ends. One that loses
nothing and is short gives none.
"""

import logging
import time
from collections import Counter
from typing import Final

logger: Final = logging.getLogger("haechi")

SAY_AFTER_S: Final = 10.0
"""How long an outage lasts before it is told of. Shorter: every restart of a collector is news."""
_DROPPED: Final = "telemetry dropped: %s, not sent to %s: %s"


class Outage:
    """The present outage, if any. Used by the exporting thread alone.

    Args:
        target: where telemetry goes, in the reader's words.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._since: float | None = None
        self._said = False
        self._reason = ""
        self._before: Counter[str] = Counter()

    def failed(self, reason: str) -> None:
        """Note that something could not be sent."""
        self._begin(reason)

    def watch(self, dropped: Counter[str]) -> None:
        """Look at the counts so far, by kind: begin an outage if they rose, tell of one that lasts."""
        if self._since is None and self._lost(dropped):
            self._begin("more came than could be sent")
        if self._since is not None and not self._said and time.monotonic() - self._since >= SAY_AFTER_S:
            self._said = True
            logger.warning(
                "telemetry cannot be sent to %s: %s; dropped so far: %s, goes on trying",
                self._target,
                self._reason,
                _words(self._lost(dropped)),
            )

    def over(self, dropped: Counter[str]) -> None:
        """Note a success after which nothing waits: say what the outage has cost."""
        if self._since is None:
            return
        lost = self._lost(dropped)
        if lost:
            logger.warning(_DROPPED, _words(lost), self._target, f"{self._reason}; sending works now")
        elif self._said:
            logger.info("telemetry reaches %s again; nothing was dropped", self._target)
        self._end(dropped)

    def close(self, dropped: Counter[str], waiting: Counter[str]) -> None:
        """The program ends: say what was lost, what still waits included."""
        lost = self._lost(dropped) + waiting
        if lost:
            reason = self._reason or "there was no time left"
            logger.warning(_DROPPED, _words(lost), self._target, reason)
        self._end(dropped + waiting)

    def _begin(self, reason: str) -> None:
        self._reason = reason
        if self._since is None:
            self._since = time.monotonic()

    def _end(self, dropped: Counter[str]) -> None:
        self._since, self._said, self._before = None, False, Counter(dropped)

    def _lost(self, dropped: Counter[str]) -> Counter[str]:
        return dropped - self._before  # what is not above zero falls out


def _words(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {kind if count > 1 else kind[:-1]}" for kind, count in counts.items()) or "nothing"
