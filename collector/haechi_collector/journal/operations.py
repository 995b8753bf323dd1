"""The changes of a journal: each writes what it must within one transaction that it shares with others.

An operation works on staged counters, which become the journal's when the transaction is on disk. It must not keep
what it did when the transaction fails: it may be applied again.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final, Generic, Protocol, TypeVar

import lmdb
import xxhash

from haechi_collector.journal.format import (
    SEQUENCE,
    BlockRecord,
    Counts,
    Head,
    Tables,
    block_key,
    charge,
    read_head,
)
from haechi_collector.journal.recent import put_marks
from haechi_collector.journal.shapes import Block, Entry, Fate, JournalUnreadable, Mark

Staged = Mapping[str, Counts]
T = TypeVar("T")
SCHEMA_KEY: Final = b"schema/"


class Known(Protocol):
    """What an operation may ask about entries that are in no block yet, without reading them."""

    def head(self, signal: str, sequence: int) -> Head | None:
        """Return an entry's head if it is at hand."""


@dataclass(slots=True)
class Operation(Generic[T]):
    """One change."""

    future: "Future[T]" = field(default_factory=Future, init=False)

    @property
    def charge(self) -> int:
        """Bytes that it takes; 0 for what makes room, which is tried again without those that take some."""
        return 0

    def apply(self, txn: lmdb.Transaction, tables: Tables, staged: Staged, known: Known) -> T:
        """Write the change and return its result.

        Raises:
            lmdb.Error: it cannot be written.
        """
        raise NotImplementedError


@dataclass(slots=True)
class Append(Operation[int | None]):
    """Add an entry; the result is its sequence, None when it has no rows or its letter was replayed before."""

    entry: Entry
    head: Head
    record: bytes
    rows: memoryview
    marks: Sequence[Mark]
    schema: bytes  # the message, for `Head.schema`; b"" when the journal is known to have it
    letter: str = ""  # the dead letter whose rows these are; they come back once

    @property
    def charge(self) -> int:
        """Bytes that it takes."""
        return charge(len(self.rows)) if self.head.rows else 0

    def apply(self, txn: lmdb.Transaction, tables: Tables, staged: Staged, known: Known) -> int | None:  # noqa: ARG002
        """Write the entry and its marks."""
        if self.letter and not txn.put(_hashed(self.letter), b"", db=tables.letters, overwrite=False):
            return None
        put_marks(txn, tables, self.marks)
        return self._put(txn, tables, staged[self.entry.signal]) if self.head.rows else None

    def _put(self, txn: lmdb.Transaction, tables: Tables, counts: Counts) -> int:
        sequence = counts.next_sequence
        key = SEQUENCE.pack(sequence)
        txn.put(key, self.record, db=tables.heads[self.entry.signal], append=True)
        txn.put(key, self.rows, db=tables.rows[self.entry.signal], append=True)
        if self.schema:
            txn.put(SCHEMA_KEY + self.head.schema, self.schema, db=tables.meta)
        counts.next_sequence += 1
        counts.size += self.charge
        if self.letter:
            counts.replayed += self.head.rows
        else:
            counts.accepted += self.head.rows
        return sequence


@dataclass(frozen=True, slots=True)
class Formed:
    """A block's first sequence and record, and those of its entries that are in memory, by sequence."""

    first: int
    record: BlockRecord
    entries: Mapping[int, Entry]
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Form(Operation[Formed]):
    """Fix the bounds of the next block: at least one entry, then as many as the bounds allow."""

    signal: str
    rows_max: int
    bytes_max: int

    def apply(self, txn: lmdb.Transaction, tables: Tables, staged: Staged, known: Known) -> Formed:
        """Write the block's record."""
        counts = staged[self.signal]
        first, last, rows, size = counts.formed, counts.formed, 0, 0
        digest = xxhash.xxh3_64()
        for sequence in range(first, counts.next_sequence):
            head = known.head(self.signal, sequence) or _head(txn, tables, self.signal, sequence)
            if rows and (rows + head.rows > self.rows_max or size + head.charge > self.bytes_max):
                break
            last, rows, size = sequence, rows + head.rows, size + head.charge
            digest.update(head.checksum.to_bytes(8))
        record = BlockRecord(last, rows, size, digest.intdigest())
        txn.put(block_key(self.signal, first), record.packed(), db=tables.blocks)
        counts.formed = last + 1
        counts.formed_rows += rows
        return Formed(first, record, {})


@dataclass(slots=True)
class Refuse(Operation[None]):
    """Remember that a part of a block was refused as a whole."""

    block: Block
    name: str
    reason: str

    def apply(self, txn: lmdb.Transaction, tables: Tables, staged: Staged, known: Known) -> None:  # noqa: ARG002
        """Write the part's name and the reason."""
        key = block_key(self.block.signal, self.block.first) + _hashed(self.name)
        txn.put(key, f"{self.name}\0{self.reason}".encode("utf-8", "replace"), db=tables.refused)


@dataclass(slots=True)
class Done(Operation[None]):
    """Forget a block. ``scores`` tells of scores that came with its rows."""

    block: Block
    dead: int
    scores: Fate

    def apply(self, txn: lmdb.Transaction, tables: Tables, staged: Staged, known: Known) -> None:  # noqa: ARG002
        """Delete the block and its entries."""
        block, counts = self.block, staged[self.block.signal]
        if not txn.delete(block_key(block.signal, block.first), db=tables.blocks):
            return  # done before
        for key, *_ in refusals(txn, tables, block.signal, block.first):
            txn.delete(key, db=tables.refused)
        for sequence in range(block.first, block.last + 1):
            txn.delete(SEQUENCE.pack(sequence), db=tables.heads[block.signal])
            txn.delete(SEQUENCE.pack(sequence), db=tables.rows[block.signal])
        counts.size -= block.size
        counts.stored += block.rows - self.dead
        counts.dead += self.dead
        scores = staged["scores"]
        came = self.scores.stored + self.scores.dead
        scores.accepted += came
        scores.formed_rows += came
        scores.stored += self.scores.stored
        scores.dead += self.scores.dead


@dataclass(slots=True)
class Forget(Operation[None]):
    """Forget dead letters that are gone from their table."""

    letters: Sequence[str]

    def apply(self, txn: lmdb.Transaction, tables: Tables, staged: Staged, known: Known) -> None:  # noqa: ARG002
        """Delete their names."""
        for letter in self.letters:
            txn.delete(_hashed(letter), db=tables.letters)


def refusals(txn: lmdb.Transaction, tables: Tables, signal: str, first: int) -> list[tuple[bytes, str, str]]:
    """Return the keys, names and reasons of a block's parts that were refused."""
    prefix = block_key(signal, first)
    cursor = txn.cursor(db=tables.refused)
    if not cursor.set_range(prefix):
        return []
    found = takewhile(lambda item: bytes(item[0]).startswith(prefix), cursor)
    parts = ((bytes(key), bytes(value).decode().partition("\0")) for key, value in found)
    return [(key, name, reason) for key, (name, _, reason) in parts]


def _hashed(name: str) -> bytes:
    """Return a key of a bounded length."""
    return xxhash.xxh3_128_digest(name.encode())


def _head(txn: lmdb.Transaction, tables: Tables, signal: str, sequence: int) -> Head:
    record = txn.get(SEQUENCE.pack(sequence), db=tables.heads[signal])
    if record is None:
        raise JournalUnreadable(f"the journal lacks entry {sequence} of {signal}, which it counts")
    return read_head(record)
