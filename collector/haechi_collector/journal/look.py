"""What is in a journal, seen from outside, whether a collector has it open or not. Nothing is changed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import lmdb

from haechi_collector.errors import SettingError
from haechi_collector.journal.environment import DATA, TABLES_MAX, check_format, verify_file
from haechi_collector.journal.format import SEQUENCE, Counts, Head, read_block, read_counts, read_head
from haechi_collector.journal.owner import owner_pid
from haechi_collector.journal.shapes import SIGNALS, JournalUnreadable, Ledger

_NS: Final = 1e9


@dataclass(frozen=True, slots=True)
class BlockView:
    """A block that was formed and is not stored yet."""

    first: int
    last: int
    rows: int


@dataclass(frozen=True, slots=True)
class SignalView:
    """One signal's part.

    ``rows`` are counted entry by entry; they are what the ledger must call queued. ``oldest_s`` is the age of the
    oldest entry in seconds, 0 when there is none.
    """

    entries: int
    rows: int
    bytes: int
    oldest_s: float
    blocks: tuple[BlockView, ...]
    ledger: Ledger

    @property
    def balances(self) -> bool:
        """Whether every accepted row is stored, a dead letter, or really there."""
        return self.ledger.balances and self.rows == self.ledger.queued


@dataclass(frozen=True, slots=True)
class JournalView:
    """A journal. ``pid`` is the process that has it open, '' when none has."""

    collector: str
    path: str
    pid: str
    file_bytes: int
    requests_remembered: int
    signals: dict[str, SignalView]


def look(path: Path) -> JournalView:
    """Look into a journal's directory.

    Raises:
        SettingError: there is none, or it cannot be read.
    """
    file = path / DATA
    if not file.is_file():
        raise SettingError(f"{path}: there is no journal; name the collector's directory with --data-dir")
    pid = owner_pid(path)
    if not pid:
        verify_file(path)  # while a collector writes, its own check at its start must do
    try:
        with lmdb.open(str(path), max_dbs=TABLES_MAX, readonly=True, lock=bool(pid)) as env:
            return _read(env, path, pid, file.stat().st_size)
    except lmdb.Error as error:
        raise JournalUnreadable(f"{path}: the journal cannot be read: {error}") from error


def _read(env: lmdb.Environment, path: Path, pid: str, file_bytes: int) -> JournalView:
    name = check_format(env, path)
    state, blocks, recent = (env.open_db(t, create=False) for t in (b"state", b"blocks", b"recent"))
    heads = {s: env.open_db(s.encode(), create=False) for s in SIGNALS}
    with env.begin() as txn:
        formed = [(bytes(key), read_block(record)) for key, record in txn.cursor(db=blocks)]
        signals = {}
        for signal in SIGNALS:
            counts = read_counts(txn.get(signal.encode(), db=state))
            kept = [read_head(record) for _, record in txn.cursor(db=heads[signal])]
            mine = [
                BlockView(SEQUENCE.unpack(key[len(signal) :])[0], b.last, b.rows)
                for key, b in formed
                if key.startswith(signal.encode())
            ]
            signals[signal] = _view(counts, kept, mine)
        return JournalView(name, str(path), pid, file_bytes, txn.stat(recent)["entries"], signals)


def _view(counts: Counts, kept: Sequence[Head], blocks: list[BlockView]) -> SignalView:
    oldest_s = max(0.0, time.time() - kept[0].received_at_ns / _NS) if kept else 0.0
    rows = sum(head.rows for head in kept)
    return SignalView(len(kept), rows, counts.size, oldest_s, tuple(blocks), counts.ledger)
