"""The journal itself: the way in, the way on, and what is in it."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from haechi_collector.errors import Rejected
from haechi_collector.journal.codec import Codec
from haechi_collector.journal.commit import Committer, Group, Results
from haechi_collector.journal.environment import Environment
from haechi_collector.journal.format import (
    SEQUENCE,
    Counts,
    read_block,
)
from haechi_collector.journal.fresh import Fresh
from haechi_collector.journal.operations import Append, Done, Forget, Form, Formed, Operation, Refuse, refusals
from haechi_collector.journal.owner import Owner
from haechi_collector.journal.recent import read_marks
from haechi_collector.journal.shapes import SIGNALS, Block, Damaged, Entry, Fate, Ledger, Mark
from haechi_collector.limits import JOURNAL_FRESH_BYTES_MAX, RETRY_AFTER_S

_RETRY_S: Final = 0.5
_PASSED_POLL_S: Final = 0.05
_UNREAD_S: Final = 30.0


class Journal:
    """A bounded, durable queue of decoded batches, one per data directory.

    Args:
        path: the journal's own directory; it is made.
        bytes_max: bytes of entries beyond which `append` refuses.
        fresh_bytes_max: bytes of entries that are kept in memory until they are in a block.

    Raises:
        SettingError: another process has it open, or it cannot be read.
    """

    def __init__(self, path: Path, bytes_max: int, fresh_bytes_max: int = JOURNAL_FRESH_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        with ExitStack() as undo:
            self._owner = Owner(path)
            undo.callback(self._owner.release)
            self._env = Environment(path, bytes_max)
            undo.callback(self._env.close)
            self._env.shrink()
            self._codec = Codec(self._env)
            self._counts = self._env.counts()
            self._left = {s: _read_blocks(self._env, s) for s in SIGNALS}
            undo.pop_all()
        self._unread: dict[str, list[tuple[float, Formed]]] = {s: [] for s in SIGNALS}  # and when to try again
        self.id = self._env.id
        self._fresh = Fresh(fresh_bytes_max)  # the committing thread's
        # One lock for the counters and what waits to be committed; never held during I/O.
        self._lock = threading.Condition()
        self._waiting = 0
        self._waiting_bytes = 0
        self._closing = False
        self._committer = Committer(self._env, self._counts, self._fresh, self._committed)

    # --- the way in ------------------------------------------------------------------------------------

    def append(self, entry: Entry, marks: Sequence[Mark] = ()) -> Future[None]:
        """Queue an entry for the next group commit; the future resolves when it is on disk.

        The marks of the requests in it are committed with it. An entry of no rows keeps its marks alone.

        Raises:
            Rejected: the journal is full, or it is closing.
        """
        operation = self._codec.encode(entry, marks)
        with self._lock:
            if self._closing:
                raise Rejected("the collector is shutting down", RETRY_AFTER_S)
            if self._size + operation.charge > self._bytes_max:
                raise Rejected("the journal is full: the store does not keep up", RETRY_AFTER_S)
            self._waiting += 1
            self._waiting_bytes += operation.charge
        written: Future[None] = Future()
        charge = operation.charge  # not the operation itself: in a callback of its future it would keep itself alive
        operation.future.add_done_callback(lambda done: self._appended(done, charge, written))
        self._committer.submit(operation)
        return written

    def _appended(self, done: Future[int | None], charge: int, written: Future[None]) -> None:
        with self._lock:
            self._waiting -= 1
            self._waiting_bytes -= charge
            self._lock.notify_all()
        error = done.exception()
        if error is None:
            written.set_result(None)
        else:
            written.set_exception(error)

    def remembered(self) -> Iterator[tuple[int, Mark]]:
        """Yield the requests of the last ten minutes with their times in nanoseconds, oldest first."""
        with self._env.reading() as txn:
            yield from read_marks(txn, self._env.tables)

    def _committed(self, group: Group, results: Results, counts: dict[str, Counts]) -> Results:
        """Take what was committed into memory; runs in the committing thread."""
        told: list[Any] = []
        for operation, result in zip(group, results, strict=True):
            if isinstance(operation, Append) and result is not None:
                self._fresh.keep(result, operation.head, operation.entry)
                self._codec.stored.add(operation.head.schema)
            if isinstance(operation, Form):
                taken = self._fresh.take(operation.signal, result.first, result.record.last)
                told.append(replace(result, entries=taken))
            else:
                told.append(result)
        with self._lock:
            self._counts = dict(counts)
            self._lock.notify_all()
        return told

    # --- the way on ------------------------------------------------------------------------------------

    def next_block(self, signal: str, rows_max: int, bytes_max: int, wait_s: float) -> Block | None:
        """Wait for entries, then form the next block, or return one formed before a crash.

        A block closes at ``rows_max`` or ``bytes_max``, or ``wait_s`` seconds after its first entry was seen.
        Returns None when the journal is closing and nothing is left of that signal.

        Raises:
            JournalUnreadable: the file lacks what the block names; it is tried again later, the next call goes on.
        """
        self._take_up(signal)
        if self._left[signal]:
            return self._load(signal, self._left[signal].pop(0))
        while self._wait_for_entries(signal, rows_max, wait_s):
            form = Form(signal, rows_max, bytes_max)
            self._committer.submit(form)
            try:
                formed = form.future.result()
            except Rejected:  # the disk is full: what is in blocks makes room
                if self._closing:
                    return None
                time.sleep(_RETRY_S)
            else:
                return self._load(signal, formed)
        return None

    def _take_up(self, signal: str) -> None:
        """Try blocks again that could not be read."""
        now = time.monotonic()
        self._left[signal] += [formed for due, formed in self._unread[signal] if due <= now]
        self._unread[signal] = [(due, formed) for due, formed in self._unread[signal] if due > now]

    def _wait_for_entries(self, signal: str, rows_max: int, wait_s: float) -> bool:
        with self._lock:
            while not self._counts[signal].ready:
                if self._closing and not self._waiting:
                    return False
                self._lock.wait(0.5)
            deadline = time.monotonic() + wait_s
            while self._counts[signal].ready < rows_max and not self._closing:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._lock.wait(left)
        return True

    def _load(self, signal: str, formed: Formed) -> Block:
        """Read those entries of a block that are not in memory."""
        first, record = formed.first, formed.record
        sequences = range(first, record.last + 1)
        found: list[Entry | Damaged] = [formed.entries[n] for n in sequences if n in formed.entries]
        if len(found) < len(sequences):
            try:
                with self._env.reading() as txn:
                    found = [formed.entries.get(n) or self._codec.decode(txn, signal, n) for n in sequences]
            except BaseException:
                self._unread[signal].append((time.monotonic() + _UNREAD_S, formed))
                raise
        entries = tuple(e for e in found if isinstance(e, Entry))
        damaged = tuple(e for e in found if isinstance(e, Damaged))
        token = f"{self.id}-{signal}-{first}-{record.last}-{record.digest:016x}"
        return Block(signal, first, record.last, record.rows, record.size, token, entries, damaged, formed.refused)

    def refuse(self, block: Block, name: str, reason: str = "") -> None:
        """Remember that the part of that name is never sent again as a whole, also after a restart.

        With a reason it is set aside as it stands, without one it goes on in smaller parts under names of their own:
        the whole must not be accepted after some of those were.

        Raises:
            Rejected: the journal cannot be written now.
        """
        self._change(Refuse(block, name, reason))

    def done(self, block: Block, dead: int = 0, scores: Fate = Fate()) -> None:  # noqa: B008  frozen
        """Forget a block whose rows ClickHouse has, ``dead`` of them as dead letters; return when that is on disk.

        ``scores`` tells of the scores that came with the rows.

        Raises:
            Rejected: the journal cannot be written now; the block is still there.
        """
        self._change(Done(block, dead, scores))

    def _change(self, operation: Operation[None]) -> None:
        self._committer.submit(operation)
        operation.future.result()

    # --- dead letters ----------------------------------------------------------------------------------

    def replay(self, entry: Entry, letter: str) -> bool:
        """Take the rows of a dead letter back in, once: False when that was done before.

        Raises:
            Rejected: there is no room.
        """
        operation = self._codec.encode(entry, letter=letter)
        self._committer.submit(operation)
        return operation.future.result() is not None

    def forget(self, letters: Sequence[str]) -> None:
        """Forget that letters were replayed; they are gone from their table."""
        self._change(Forget(letters))

    # --- state -----------------------------------------------------------------------------------------

    @property
    def _size(self) -> int:
        return sum(c.size for c in self._counts.values()) + self._waiting_bytes

    def ledger(self) -> dict[str, Ledger]:
        """Return what became of each signal's rows, all at one moment."""
        return {s: c.ledger for s, c in self._counts.items()}

    def rows(self, signal: str) -> int:
        """Rows of that signal that are accepted and not yet stored."""
        return self._counts[signal].queued

    @property
    def size(self) -> int:
        """Bytes of all entries, in whole pages."""
        with self._lock:
            return self._size

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until every accepted row is stored; say whether that happened in time."""
        with self._lock:
            return self._lock.wait_for(
                lambda: not self._waiting and not any(c.queued for c in self._counts.values()), timeout_s
            )

    def wait_passed(self, timeout_s: float) -> bool:
        """Wait until every row acknowledged by now is stored or a dead letter; say whether that happened in time."""
        marks = {signal: self._counts[signal].next_sequence for signal in SIGNALS}
        deadline = time.monotonic() + timeout_s
        while any(self._oldest(signal) < mark for signal, mark in marks.items()):
            if time.monotonic() > deadline:
                return False
            time.sleep(_PASSED_POLL_S)
        return True

    def _oldest(self, signal: str) -> int:
        """Return the sequence of the oldest entry in the journal, of the next one when there is none."""
        following = self._counts[signal].next_sequence
        with self._env.reading() as txn:
            cursor = txn.cursor(db=self._env.tables.heads[signal])
            return int(SEQUENCE.unpack(cursor.key())[0]) if cursor.first() else following

    def stop_accepting(self) -> None:
        """Refuse new entries from now on; what waits is still committed and handed out."""
        with self._lock:
            self._closing = True
            self._lock.notify_all()

    def close(self) -> None:
        """Commit what waits and close the file. Idempotent."""
        self.stop_accepting()
        self._committer.close()
        self._env.close()
        self._owner.release()


def _read_blocks(env: Environment, signal: str) -> list[Formed]:
    """Return the blocks that were formed and not done, in order."""
    with env.reading() as txn:
        found = [
            (SEQUENCE.unpack(key[len(signal) :])[0], read_block(record))
            for key, record in txn.cursor(db=env.tables.blocks)
            if key.startswith(signal.encode())
        ]
        return [
            Formed(first, record, {}, {name: why for _, name, why in refusals(txn, env.tables, signal, first)})
            for first, record in found
        ]
