"""The journal's bytes: tables, records, and what says whether they are whole.

Format 2, one LMDB environment of these tables, all numbers big-endian:

    ``meta``    ``format`` → the version; ``id`` → the journal's name; ``schema/`` + hash → an Arrow schema message
    ``state``   signal → `Counts`
    ``<signal>``        sequence → `Head` and the project's name
    ``<signal>/rows``   sequence → an Arrow record batch message, without its schema
    ``blocks``  signal + first sequence → `BlockRecord`
    ``recent``  sequence → time, digest, refused, reason of a request
    ``refused`` signal + first sequence + hash → name and reason of a part which is never sent again as a whole
    ``letters`` hash of the id of a dead letter whose rows came back → nothing; until the letter is gone

A newer program reads what an older one wrote: entries name their schema by hash, and the schema stands in ``meta``.
`Head.checksum` covers head, project and rows, so that a flipped bit is seen when the entry is read.
"""

import struct
from dataclasses import dataclass, replace
from typing import Final

import lmdb
import xxhash

from haechi_collector.journal.shapes import SIGNALS, Ledger, Mark

FORMAT: Final = b"2"
PAGE_BYTES: Final = 4096
SEQUENCE: Final = struct.Struct(">Q")
_HEAD: Final = struct.Struct(">8sQIIQ")  # schema hash, received at (ns), rows, reserved, bytes of the rows
_CHECKSUM: Final = struct.Struct(">Q")
_BLOCK: Final = struct.Struct(">QIQQ")
_COUNTS: Final = struct.Struct(">8Q")
_MARK: Final = struct.Struct(">Q16sI")


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of an entry without its rows."""

    schema: bytes
    received_at_ns: int
    rows: int
    size: int
    project: str
    checksum: int = 0

    def packed(self) -> bytes:
        """Return the record."""
        return _CHECKSUM.pack(self.checksum) + self._fields()

    def _fields(self) -> bytes:
        return _HEAD.pack(self.schema, self.received_at_ns, self.rows, 0, self.size) + self.project.encode()

    def sealed(self, rows: bytes | memoryview) -> "Head":
        """Return the head with the checksum of itself and its rows."""
        return replace(self, checksum=_checksum(self._fields(), rows))

    def fits(self, rows: bytes) -> bool:
        """Whether these are the rows that were written under this head, every bit of both."""
        return self.checksum == _checksum(self._fields(), rows)

    @property
    def charge(self) -> int:
        """Bytes of the journal that the entry takes, in whole pages."""
        return charge(self.size)


def read_head(record: bytes | memoryview) -> Head:
    """Read a head; a damaged one gives some head, which `Head.fits` then denies."""
    checksum = _CHECKSUM.unpack_from(record)[0]
    schema, received_at_ns, rows, _, size = _HEAD.unpack_from(record, _CHECKSUM.size)
    project = bytes(record[_CHECKSUM.size + _HEAD.size :]).decode("utf-8", "replace")
    return Head(schema, received_at_ns, rows, size, project, checksum)


def _checksum(fields: bytes, rows: bytes | memoryview) -> int:
    return xxhash.xxh3_64_intdigest(rows, xxhash.xxh3_64_intdigest(fields))


def charge(size: int) -> int:
    """Return what rows of that many bytes take on disk: whole pages, the head in what is over."""
    return (size // PAGE_BYTES + 1) * PAGE_BYTES


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """A block's bounds and content. ``digest`` is that of its entries' checksums."""

    last: int
    rows: int
    size: int
    digest: int

    def packed(self) -> bytes:
        """Return the record."""
        return _BLOCK.pack(self.last, self.rows, self.size, self.digest)


def read_block(record: bytes | memoryview) -> BlockRecord:
    """Read a block's record."""
    return BlockRecord(*_BLOCK.unpack(record))


@dataclass(slots=True)
class Counts:
    """One signal's counters, kept in the transactions that change them, so that they cannot drift.

    In rows since the journal was made: ``accepted`` = ``stored`` + `queued` + (``dead`` - ``replayed``).
    """

    next_sequence: int = 0
    formed: int = 0  # first sequence that is in no block yet
    formed_rows: int = 0  # rows that are or were in blocks
    accepted: int = 0
    stored: int = 0
    dead: int = 0  # rows that became dead letters, once or again
    replayed: int = 0  # rows that came back from there
    size: int = 0  # bytes of the entries in the journal

    @property
    def queued(self) -> int:
        """Rows in the journal."""
        return self.accepted + self.replayed - self.stored - self.dead

    @property
    def ready(self) -> int:
        """Rows in the journal that are in no block yet."""
        return self.accepted + self.replayed - self.formed_rows

    @property
    def ledger(self) -> Ledger:
        """What became of the rows."""
        return Ledger(self.accepted, self.stored, self.queued, self.dead - self.replayed)

    def packed(self) -> bytes:
        """Return the record."""
        return _COUNTS.pack(*(getattr(self, name) for name in self.__slots__))


def read_counts(record: bytes | None) -> Counts:
    """Read a signal's counters; those of a new journal are zero."""
    return Counts(*_COUNTS.unpack(record)) if record else Counts()


def pack_mark(time_ns: int, mark: Mark, reason_bytes_max: int) -> bytes:
    """Return a mark's record; a long reason is cut."""
    return _MARK.pack(time_ns, mark.digest, mark.refused) + mark.reason.encode()[:reason_bytes_max]


def mark_time_ns(record: bytes | memoryview) -> int:
    """Return when a mark was made."""
    return int(_MARK.unpack_from(record)[0])


def read_mark(record: bytes | memoryview) -> tuple[int, Mark]:
    """Read a mark and its time."""
    time_ns, digest, refused = _MARK.unpack_from(record)
    return time_ns, Mark(digest, refused, bytes(record[_MARK.size :]).decode("utf-8", "ignore"))


def block_key(signal: str, first: int) -> bytes:
    """Return a block's key."""
    return signal.encode() + SEQUENCE.pack(first)


class Tables:
    """The tables of an open environment."""

    def __init__(self, env: lmdb.Environment) -> None:
        self.meta = env.open_db(b"meta")
        self.state = env.open_db(b"state")
        self.blocks = env.open_db(b"blocks")
        self.refused = env.open_db(b"refused")
        self.recent = env.open_db(b"recent")
        self.letters = env.open_db(b"letters")
        self.heads = {s: env.open_db(s.encode()) for s in SIGNALS}
        self.rows = {s: env.open_db(f"{s}/rows".encode()) for s in SIGNALS}
