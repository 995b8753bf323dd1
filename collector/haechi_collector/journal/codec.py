"""Entries to records and back."""

from collections.abc import Sequence
from typing import Final

import lmdb
import pyarrow as pa
import xxhash

from haechi_collector.journal.environment import Environment
from haechi_collector.journal.format import SEQUENCE, Head, read_head
from haechi_collector.journal.operations import SCHEMA_KEY, Append
from haechi_collector.journal.shapes import Damaged, Entry, JournalUnreadable, Mark

_NO_ROWS: Final = memoryview(b"")


class Codec:
    """Knows the schemas that the journal holds. `encode` is called by many threads, `decode` by one per signal."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._schemas: dict[bytes, pa.Schema] = {}
        self._last: dict[str, tuple[pa.Schema, bytes, bytes]] = {}  # signal → schema, hash, message
        with env.reading() as txn:
            keys = [k for k, _ in txn.cursor(db=env.tables.meta) if k.startswith(SCHEMA_KEY)]
        self.stored = {k.removeprefix(SCHEMA_KEY) for k in keys}
        """Hashes of the schemas that are on disk; the journal adds those that it has committed."""

    def encode(self, entry: Entry, marks: Sequence[Mark] = (), letter: str = "") -> Append:
        """Return the operation that appends the entry."""
        if not entry.batch.num_rows:
            return Append(entry, Head(b"", entry.received_at_ns, 0, 0, entry.project), b"", _NO_ROWS, marks, b"")
        digest, message = self._schema_hash(entry)
        rows = memoryview(entry.batch.serialize())
        head = Head(digest, entry.received_at_ns, entry.batch.num_rows, rows.nbytes, entry.project).sealed(rows)
        return Append(entry, head, head.packed(), rows, marks, b"" if digest in self.stored else message, letter)

    def _schema_hash(self, entry: Entry) -> tuple[bytes, bytes]:
        schema = entry.batch.schema
        last = self._last.get(entry.signal)
        if last is None or not (schema is last[0] or schema.equals(last[0], check_metadata=True)):
            message = schema.serialize().to_pybytes()
            last = schema, xxhash.xxh3_64_digest(message), message
            self._last[entry.signal] = last
        return last[1], last[2]

    def decode(self, txn: "lmdb.Transaction[bytes]", signal: str, sequence: int) -> Entry | Damaged:
        """Read an entry back and see whether it is whole.

        Raises:
            JournalUnreadable: there is no such entry.
        """
        key = SEQUENCE.pack(sequence)
        record, rows = txn.get(key, db=self._env.tables.heads[signal]), txn.get(key, db=self._env.tables.rows[signal])
        if record is None or rows is None:
            raise JournalUnreadable(f"the journal lacks entry {sequence} of {signal}, which a block names")
        head = read_head(record)
        schema = self._schema(txn, head.schema) if head.fits(rows) else None
        try:
            batch = schema and pa.ipc.read_record_batch(pa.py_buffer(rows), schema)
        except pa.ArrowException:  # whole, but in a form that this version of Arrow does not know
            batch = None
        if batch is None:
            return Damaged(sequence, head.project, head.received_at_ns, head.rows, record + rows)
        return Entry(signal, head.project, head.received_at_ns, batch)

    def _schema(self, txn: "lmdb.Transaction[bytes]", digest: bytes) -> pa.Schema | None:
        """Return the schema of that hash, None when it is lost or damaged."""
        if digest not in self._schemas:
            message = txn.get(SCHEMA_KEY + digest, db=self._env.tables.meta)
            if message is None or xxhash.xxh3_64_digest(message) != digest:
                return None
            self._schemas[digest] = pa.ipc.read_schema(pa.py_buffer(message))
        return self._schemas[digest]
