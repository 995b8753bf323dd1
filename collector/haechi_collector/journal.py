"""The durable queue between the way in and the way on.

Guarantees
    * `append` resolves its future only after the entry is committed and fsynced (LMDB, group commit: all
      entries that wait go into one transaction).
    * A block is formed once: its boundaries are committed before it is handed out, so that after a crash the
      same entries form the same block under the same token.
    * Entries leave only by `done`, which the writer calls when ClickHouse has confirmed the whole block.
    * The size is bounded; beyond it `append` raises `Rejected` and nothing is written.

Format (version in the ``meta`` table)
    ``meta``: ``format`` → b"1"; ``schema/<hash>`` → an Arrow schema message.
    one table per signal: sequence number (8 bytes, big-endian) → 64-byte header + Arrow record batch message.
    ``blocks``: signal + first sequence → last sequence and token.

The record batch message stands without its schema, which is stored once, by hash: a newer program still reads
the entries that an older one wrote.

Source: LMDB's copy-on-write B+tree has no torn tail (lmdb.readthedocs.io); group commit after Gray and Reuter.
"""

import hashlib
import secrets
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import lmdb
import pyarrow as pa

from haechi_collector.errors import HaechiError, Rejected, SettingError
from haechi_collector.limits import MIB, RETRY_AFTER_S

FORMAT: Final = b"1"
SIGNALS: Final = ("traces", "logs", "metrics")
_HEADER: Final = struct.Struct(">8sIQ16s28x")  # schema hash, rows, received at (ns), project hash: 64 bytes
_SEQUENCE: Final = struct.Struct(">Q")
_BLOCK: Final = struct.Struct(">QIQ")  # last sequence, rows, bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted request of one signal."""

    signal: str
    project: str
    received_at_ns: int
    batch: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Block:
    """Entries that are inserted together. ``token`` names exactly these entries of this journal, for ever."""

    signal: str
    first: int
    last: int
    rows: int
    size: int
    token: str
    entries: tuple[Entry, ...]


@dataclass(slots=True)
class _Queue:
    """What is known of one signal's table without reading it."""

    next_sequence: int
    rows: int  # accepted and not yet stored
    ready: int  # of those, in no block yet
    formed: int  # first sequence that is in no block yet
    blocks: list[int]  # first sequences of blocks that were formed before this start


@dataclass(frozen=True, slots=True)
class _Waiting:
    signal: str
    rows: int
    value: bytes
    future: Future[None]


class Journal:
    """A bounded, durable queue of decoded batches, one per data directory."""

    def __init__(self, path: Path, bytes_max: int) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._bytes_max = bytes_max
        self._env = _open(path, bytes_max)
        self._meta = self._env.open_db(b"meta")
        self._blocks = self._env.open_db(b"blocks")
        self._projects = self._env.open_db(b"projects")
        self._tables = {s: self._env.open_db(s.encode()) for s in SIGNALS}
        self._schemas: dict[bytes, pa.Schema] = {}
        self._known_schemas: dict[int, bytes] = {}
        self._known_projects: dict[str, bytes] = {}
        # One lock for the queue of waiting entries and for every counter below; never held during I/O.
        self._lock = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        self._closing = False
        self._id = self._check_format()
        self._queues = {s: self._read_queue(s) for s in SIGNALS}
        self._stored_bytes = sum(self._table_bytes(s) for s in SIGNALS)
        self._committer = threading.Thread(target=self._commit_forever, name="journal", daemon=True)
        self._committer.start()

    # --- the way in ------------------------------------------------------------------------------------

    def append(self, entry: Entry) -> Future[None]:
        """Queue an entry for the next group commit; the future resolves when it is on disk.

        Raises:
            Rejected: the journal is full, or it is closing.
        """
        value = self._encode(entry)
        future: Future[None] = Future()
        with self._lock:
            if self._closing:
                raise Rejected("the collector is shutting down", RETRY_AFTER_S)
            if self._stored_bytes + self._waiting_bytes + len(value) > self._bytes_max:
                raise Rejected("the journal is full: the store does not keep up", RETRY_AFTER_S)
            self._waiting.append(_Waiting(entry.signal, entry.batch.num_rows, value, future))
            self._waiting_bytes += len(value)
            self._lock.notify_all()
        return future

    def _encode(self, entry: Entry) -> bytes:
        schema = self._schema_hash(entry.batch.schema)
        header = _HEADER.pack(schema, entry.batch.num_rows, entry.received_at_ns, self._project_hash(entry.project))
        return header + memoryview(entry.batch.serialize())

    def _schema_hash(self, schema: pa.Schema) -> bytes:
        known = self._known_schemas.get(id(schema))
        if known is not None and self._schemas[known] is schema:
            return known
        message = schema.serialize().to_pybytes()
        digest = hashlib.blake2b(message, digest_size=8).digest()
        if digest not in self._schemas:
            with self._env.begin(write=True) as txn:
                txn.put(b"schema/" + digest, message, db=self._meta)
        self._schemas[digest] = schema
        self._known_schemas = {id(s): d for d, s in self._schemas.items()}
        return digest

    def _project_hash(self, project: str) -> bytes:
        digest = self._known_projects.get(project)
        if digest is None:
            digest = hashlib.blake2b(project.encode(), digest_size=16).digest()
            with self._env.begin(write=True) as txn:
                txn.put(digest, project.encode(), db=self._projects)
            self._known_projects[project] = digest
        return digest

    def _commit_forever(self) -> None:
        while True:
            with self._lock:
                while not self._waiting and not self._closing:
                    self._lock.wait()
                batch, self._waiting = self._waiting, []
                if not batch:
                    return
            self._commit(batch)

    def _commit(self, batch: list[_Waiting]) -> None:
        size = sum(len(w.value) for w in batch)
        error: Exception | None = None
        sequences = {s: q.next_sequence for s, q in self._queues.items()}
        try:
            with self._env.begin(write=True) as txn:
                for w in batch:
                    txn.put(_SEQUENCE.pack(sequences[w.signal]), w.value, db=self._tables[w.signal], append=True)
                    sequences[w.signal] += 1
                # Kept apart from the entries: tokens must never repeat, also when the tables ran empty.
                for signal, sequence in sequences.items():
                    txn.put(b"next/" + signal.encode(), _SEQUENCE.pack(sequence), db=self._meta)
        except lmdb.Error as failure:
            error = Rejected(f"the journal cannot be written: {failure}", RETRY_AFTER_S)
        with self._lock:
            self._waiting_bytes -= size
            if error is None:
                self._stored_bytes += size
                for w in batch:
                    self._queues[w.signal].rows += w.rows
                    self._queues[w.signal].ready += w.rows
                for signal, sequence in sequences.items():
                    self._queues[signal].next_sequence = sequence
            self._lock.notify_all()
        for w in batch:
            if error is None:
                w.future.set_result(None)
            else:
                w.future.set_exception(error)

    # --- the way on ------------------------------------------------------------------------------------

    def next_block(self, signal: str, rows_max: int, bytes_max: int, wait_s: float) -> Block | None:
        """Wait for entries, then form the next block, or return one formed before a crash.

        A block closes at ``rows_max`` or ``bytes_max``, or ``wait_s`` seconds after its first entry was seen.
        Returns None when the journal is closing and nothing is left of that signal.
        """
        queue = self._queues[signal]
        if queue.blocks:
            return self._read_block(signal, queue.blocks.pop(0))
        if not self._wait_for_entries(queue, rows_max, wait_s):
            return None
        return self._form_block(signal, queue, rows_max, bytes_max)

    def _wait_for_entries(self, queue: _Queue, rows_max: int, wait_s: float) -> bool:
        with self._lock:
            while queue.formed >= queue.next_sequence:
                if self._closing and not self._waiting:
                    return False
                self._lock.wait(0.5)
            deadline = time.monotonic() + wait_s
            while queue.ready < rows_max and not self._closing:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._lock.wait(left)
        return True

    def _form_block(self, signal: str, queue: _Queue, rows_max: int, bytes_max: int) -> Block:
        first, last, rows, size = queue.formed, queue.formed, 0, 0
        with self._env.begin(write=True, buffers=True) as txn:
            for key, value in _between(txn.cursor(db=self._tables[signal]), first, queue.next_sequence):
                entry_rows = _HEADER.unpack_from(value)[1]
                if rows and (rows + entry_rows > rows_max or size + len(value) > bytes_max):
                    break
                last, rows, size = _SEQUENCE.unpack(key)[0], rows + entry_rows, size + len(value)
            txn.put(signal.encode() + _SEQUENCE.pack(first), _BLOCK.pack(last, rows, size), db=self._blocks)
        with self._lock:
            queue.formed = last + 1
            queue.ready -= rows
        return self._read_block(signal, first)

    def _read_block(self, signal: str, first: int) -> Block:
        with self._env.begin() as txn:
            last, rows, size = _BLOCK.unpack(_get(txn, signal.encode() + _SEQUENCE.pack(first), self._blocks))
            values = [bytes(v) for _, v in _between(txn.cursor(db=self._tables[signal]), first, last)]
        token = f"{self._id}-{signal}-{first}-{last}"
        entries = tuple(self._decode(signal, v) for v in values)
        return Block(signal, first, last, rows, size, token, entries)

    def _decode(self, signal: str, value: bytes) -> Entry:
        schema_hash, _, received_at_ns, project_hash = _HEADER.unpack_from(value)
        batch = pa.ipc.read_record_batch(pa.py_buffer(value)[_HEADER.size :], self._schema(schema_hash))
        return Entry(signal, self._project(project_hash), received_at_ns, batch)

    def _schema(self, digest: bytes) -> pa.Schema:
        if digest not in self._schemas:
            with self._env.begin() as txn:
                message = _get(txn, b"schema/" + digest, self._meta)
            self._schemas[digest] = pa.ipc.read_schema(pa.py_buffer(message))
        return self._schemas[digest]

    def _project(self, digest: bytes) -> str:
        with self._env.begin() as txn:
            return _get(txn, digest, self._projects).decode()

    def done(self, block: Block) -> None:
        """Forget a block that ClickHouse has."""
        with self._env.begin(write=True) as txn:
            for sequence in range(block.first, block.last + 1):
                txn.delete(_SEQUENCE.pack(sequence), db=self._tables[block.signal])
            txn.delete(block.signal.encode() + _SEQUENCE.pack(block.first), db=self._blocks)
        with self._lock:
            self._stored_bytes -= block.size
            self._queues[block.signal].rows -= block.rows
            self._lock.notify_all()

    # --- state -----------------------------------------------------------------------------------------

    def rows(self, signal: str) -> int:
        """Rows of that signal that are accepted and not yet stored."""
        return self._queues[signal].rows

    @property
    def size(self) -> int:
        """Bytes of all entries."""
        return self._stored_bytes + self._waiting_bytes

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until every accepted row is stored; say whether that happened in time."""
        with self._lock:
            return self._lock.wait_for(
                lambda: not self._waiting and not any(q.rows for q in self._queues.values()), timeout_s
            )

    def stop_accepting(self) -> None:
        """Refuse new entries from now on; what waits is still committed and handed out."""
        with self._lock:
            self._closing = True
            self._lock.notify_all()

    def close(self) -> None:
        """Commit what waits and close the file. Idempotent."""
        self.stop_accepting()
        self._committer.join()
        self._env.close()

    # --- start -----------------------------------------------------------------------------------------

    def _check_format(self) -> str:
        with self._env.begin(write=True) as txn:
            found = txn.get(b"format", db=self._meta)
            if found is None:
                identity = secrets.token_hex(6)
                txn.put(b"format", FORMAT, db=self._meta)
                txn.put(b"id", identity.encode(), db=self._meta)
                return identity
            if found != FORMAT:
                raise SettingError(f"the journal has format {found.decode()!r}, this program reads {FORMAT.decode()!r}")
            return _get(txn, b"id", self._meta).decode()

    def _read_queue(self, signal: str) -> _Queue:
        with self._env.begin(buffers=True) as txn:
            cursor = txn.cursor(db=self._tables[signal])
            sizes = [(_SEQUENCE.unpack(k)[0], _HEADER.unpack_from(v)[1]) for k, v in cursor]
            saved = txn.get(b"next/" + signal.encode(), db=self._meta)
            blocks = [
                (_SEQUENCE.unpack(k[len(signal) :])[0], _BLOCK.unpack(v)[0])
                for k, v in txn.cursor(db=self._blocks)
                if bytes(k).startswith(signal.encode())
            ]
        next_sequence = _SEQUENCE.unpack(saved)[0] if saved else 0
        formed = max([last + 1 for _, last in blocks], default=sizes[0][0] if sizes else next_sequence)
        ready = sum(rows for sequence, rows in sizes if sequence >= formed)
        return _Queue(next_sequence, sum(rows for _, rows in sizes), ready, formed, [first for first, _ in blocks])

    def _table_bytes(self, signal: str) -> int:
        with self._env.begin(buffers=True) as txn:
            return sum(len(v) for _, v in txn.cursor(db=self._tables[signal]))


class JournalUnreadable(HaechiError):
    """The journal's file cannot be opened as one."""

    code = "journal"


def _open(path: Path, bytes_max: int) -> lmdb.Environment:
    # Copy-on-write pages and the free list need room beside the entries themselves.
    map_size = bytes_max + bytes_max // 4 + 64 * MIB
    try:
        return lmdb.open(str(path), map_size=map_size, max_dbs=8, metasync=True, sync=True, readahead=False)
    except lmdb.Error as error:
        raise JournalUnreadable(f"{path}: the journal cannot be opened: {error}") from error


def _get(txn: lmdb.Transaction, key: bytes, table: lmdb._Database) -> bytes:
    value = txn.get(key, db=table)
    if value is None:
        raise JournalUnreadable(f"the journal lacks {key!r}, which its entries name")
    return bytes(value)


def _between(cursor: lmdb.Cursor, first: int, last: int) -> Iterator[tuple[bytes | memoryview, bytes | memoryview]]:
    if not cursor.set_range(_SEQUENCE.pack(first)):
        return
    for key, value in cursor.iternext():
        if _SEQUENCE.unpack(key)[0] > last:
            return
        yield key, value
