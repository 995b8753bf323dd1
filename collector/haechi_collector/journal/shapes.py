"""What goes into the journal and comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa

from haechi_collector.errors import SettingError

SIGNALS: Final = ("traces", "logs", "metrics", "scores")
"""Scores come with spans and logs; on their own they are in the journal when they were dead letters."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Rows of one signal and one project, of one request or several that came together."""

    signal: str
    project: str
    received_at_ns: int
    batch: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Mark:
    """What is remembered of a request, so that it is known when it is sent again.

    ``digest`` is 16 bytes that name its content, ``refused`` how many of its items were refused, ``reason`` why.
    """

    digest: bytes
    refused: int
    reason: str


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of rows: so many are stored, so many are dead letters."""

    stored: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class Ledger:
    """One signal's rows since the journal was made. Summed over collectors ``accepted = stored + queued + dead``.

    ``dead`` is negative where rows that another collector had set aside were replayed here.
    """

    accepted: int
    stored: int
    queued: int
    dead: int

    @property
    def balances(self) -> bool:
        """Whether every accepted row is accounted for."""
        return self.accepted == self.stored + self.queued + self.dead


@dataclass(frozen=True, slots=True)
class Damaged:
    """An entry whose bytes are no longer those that were written. ``rows`` and ``project`` are as its head says."""

    sequence: int
    project: str
    received_at_ns: int
    rows: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """Entries that are inserted together. ``token`` names exactly these entries of this journal, for ever.

    ``rows`` counts those of the damaged entries too: they were accepted. ``refused`` names the parts that are never
    sent again as a whole, with the reason if they are set aside, '' if in smaller parts (`Journal.refuse`).
    """

    signal: str
    first: int
    last: int
    rows: int
    size: int
    token: str
    entries: tuple[Entry, ...]
    damaged: tuple[Damaged, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def sequences(self) -> list[int]:
        """The sequence of each of the entries."""
        lost = {d.sequence for d in self.damaged}
        return [n for n in range(self.first, self.last + 1) if n not in lost]


class JournalUnreadable(SettingError):
    """The journal's file cannot be opened as one, or lacks what it must have. Nothing in it was changed."""
