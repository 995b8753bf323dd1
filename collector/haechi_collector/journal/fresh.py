"""Entries that are in no block yet, kept in memory so that they need not be read and parsed again.

Bounded in bytes; what does not fit is read from the file. Not safe for threads: the committing thread owns it.
"""

from haechi_collector.journal.format import Head
from haechi_collector.journal.shapes import SIGNALS, Entry


class Fresh:
    """Heads and entries by signal and sequence."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: dict[str, dict[int, tuple[Head, Entry]]] = {s: {} for s in SIGNALS}

    def keep(self, sequence: int, head: Head, entry: Entry) -> None:
        """Keep an entry if there is room."""
        if self._bytes + head.charge <= self._bytes_max:
            self._bytes += head.charge
            self._kept[entry.signal][sequence] = head, entry

    def head(self, signal: str, sequence: int) -> Head | None:
        """Return an entry's head if it is kept."""
        found = self._kept[signal].get(sequence)
        return found[0] if found else None

    def take(self, signal: str, first: int, last: int) -> dict[int, Entry]:
        """Give away the entries of a block, as far as they are kept."""
        kept = self._kept[signal]
        taken = {n: kept.pop(n) for n in range(first, last + 1) if n in kept}
        self._bytes -= sum(head.charge for head, _ in taken.values())
        return {n: entry for n, (_, entry) in taken.items()}
