"""One block's way through the stages into the tables.

Guarantees
    * Every part of a block has a name that depends on the block's entries alone, and is sent under block token and
      name: however often a block is carried, each row is stored once or set aside once.
    * A part that was refused as a whole goes on in halves, and the journal remembers that before the first half is
      sent; so it is not accepted as a whole later, when some of its halves are stored already.
    * A row that the stages or ClickHouse cannot take, or that the journal gives back damaged, becomes a dead letter
      with the reason and itself; its neighbours are stored.
    * A refusal that is about no row (a missing table, a password) sets nothing aside: the block is tried again.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import pyarrow as pa
import xxhash

from haechi_collector.batch import DEAD_LETTERS
from haechi_collector.errors import StoreError, StoreUnavailable
from haechi_collector.journal import Block, Entry, Fate, Journal
from haechi_collector.limits import REFUSALS_MAX
from haechi_collector.pipeline import Pipeline, Prepared
from haechi_collector.telemetry import Metrics

logger = logging.getLogger(__name__)

_STAGES: Final = "stages"
CONTENT_CODES: Final = frozenset(
    [
        6,  # CANNOT_PARSE_TEXT
        26,  # CANNOT_PARSE_QUOTED_STRING
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        38,  # CANNOT_PARSE_DATE
        41,  # CANNOT_PARSE_DATETIME
        69,  # ARGUMENT_OUT_OF_BOUND
        72,  # CANNOT_PARSE_NUMBER
        117,  # INCORRECT_DATA
        128,  # TOO_LARGE_ARRAY_SIZE
        131,  # TOO_LARGE_STRING_SIZE
        190,  # SIZES_OF_ARRAYS_DONT_MATCH
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        395,  # FUNCTION_THROW_IF_VALUE_IS_NON_ZERO
        407,  # DECIMAL_OVERFLOW
        467,  # CANNOT_PARSE_BOOL
        469,  # VIOLATED_CONSTRAINT
        691,  # UNKNOWN_ELEMENT_OF_ENUM
    ]
)
"""ClickHouse's numbers of errors that are about the values of rows."""


class Inserts(Protocol):
    """What is needed of ClickHouse."""

    def insert(self, table: str, batch: pa.RecordBatch, token: str) -> None:
        """Insert the batch once per token.

        Raises:
            StoreUnavailable: try again later.
            StoreError: ClickHouse refuses.
        """


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    prepared: Prepared


@dataclass(frozen=True, slots=True)
class _Dead:
    """Rows that cannot be stored, as they came in: ``payload`` is an Arrow stream of them, or damaged bytes."""

    signal: str
    project: str
    received_at_ns: int
    reason: str
    code: str
    rows: int
    payload: bytes


@dataclass(slots=True)
class Work:
    """A block under way."""

    block: Block
    parts: list[_Part] = field(default_factory=list)
    dead: dict[str, _Dead] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)  # names that ClickHouse has confirmed
    refused: dict[str, str] = field(default_factory=dict)  # name → reason, '' when it goes on in halves


class Carrier:
    """Prepares and stores blocks. `prepare` is called by one thread per signal, `store` by several."""

    def __init__(self, journal: Journal, pipeline: Pipeline, store: Inserts, metrics: Metrics) -> None:
        self._journal, self._pipeline, self._store, self._metrics = journal, pipeline, store, metrics

    # --- the stages --------------------------------------------------------------------------------------

    def prepare(self, block: Block) -> Work:
        """Take a block through the stages.

        Raises:
            Rejected: the journal cannot be written now.
        """
        work = Work(block, refused=dict(block.refused))
        work.dead |= _damaged(block)
        if _STAGES not in work.refused:
            try:
                prepared = self._pipeline.prepare(block.signal, block.entries)
            except Exception:  # the boundary around the stages: a row that breaks them must not hold the others
                logger.exception("a stage failed on %d rows of %s; parts are tried alone", block.rows, block.signal)
                self._refuse(work, _STAGES, "")
            else:
                work.parts = [_Part(_name(p), p) for p in prepared]
                return work
        for sequence, entry in zip(block.sequences, block.entries, strict=True):
            self._prepare_rows(work, f"{sequence}", entry)
        return work

    def _prepare_rows(self, work: Work, name: str, entry: Entry) -> None:
        """Take rows of one entry through the stages, those that break them alone."""
        reason = work.refused.get(name)
        if reason is None:
            try:
                prepared = self._pipeline.prepare(entry.signal, (entry,))
            except Exception as error:  # noqa: BLE001  as above
                told = f"{type(error).__name__}: {error}"
                reason = self._refuse(work, name, told if self._is_last(work, entry.batch.num_rows) else "")
            else:
                work.parts += [_Part(f"{name}-{_name(p)}", p) for p in prepared]
                return
        if reason:
            work.dead[name] = _dead(entry.signal, entry, reason, "stage", entry.batch)
            return
        for number, piece in _halves(entry.batch):
            self._prepare_rows(work, f"{name}/{number}", replace(entry, batch=piece))

    # --- the tables --------------------------------------------------------------------------------------

    def store(self, work: Work) -> None:
        """Store what is not stored yet, and forget the block. It may be called until it succeeds.

        Raises:
            StoreError, StoreUnavailable: ClickHouse does not take it now.
            Rejected: the journal cannot be written now.
        """
        for part in work.parts:
            self._store_rows(work, part, part.name, 0, part.prepared.rows.num_rows)
        for name, dead in work.dead.items():
            self._insert(work, "dead_letters", f"{name}-dead", _letter(f"{work.block.token}-{name}", dead))
        block = work.block
        lost = {s: sum(d.rows for d in work.dead.values() if d.signal == s) for s in (block.signal, "scores")}
        scores = sum(p.prepared.rows.num_rows for p in work.parts if p.prepared.table == "scores")
        fate = Fate(scores - lost["scores"], lost["scores"]) if block.signal != "scores" else Fate()
        self._journal.done(block, lost[block.signal], fate)
        self._metrics.counter("haechi_dead_rows_total", block.signal).inc(lost[block.signal])
        self._metrics.counter("haechi_stored_rows_total", block.signal).inc(block.rows - lost[block.signal])

    def _store_rows(self, work: Work, part: _Part, name: str, start: int, count: int) -> None:
        """Insert; rows that ClickHouse refuses for their content are found by halving."""
        reason = work.refused.get(name)
        if reason is None:
            try:
                self._insert(work, part.prepared.table, name, part.prepared.rows.slice(start, count))
            except StoreUnavailable:
                raise
            except StoreError as error:
                if error.clickhouse_code not in CONTENT_CODES:
                    raise
                # Its words may hold values of the rows; they go to dead_letters, not to the log.
                logger.warning("ClickHouse refuses %d rows of %s, code %d", count, name, error.clickhouse_code)
                told = f"{error.clickhouse_code} {error}"
                reason = self._refuse(work, name, told if self._is_last(work, count) else "")
            else:
                return
        if reason:
            work.dead[name] = _refused(part.prepared, reason, start, count)
            return
        half = count // 2
        self._store_rows(work, part, f"{name}/0", start, half)
        self._store_rows(work, part, f"{name}/1", start + half, count - half)

    def _insert(self, work: Work, table: str, name: str, rows: pa.RecordBatch) -> None:
        if name in work.sent:
            return
        with self._metrics.histogram("haechi_insert_seconds", table).time():
            self._store.insert(table, rows, f"{work.block.token}-{name}")
        work.sent.add(name)

    def _is_last(self, work: Work, rows: int) -> bool:
        """Whether a refused part is set aside as it stands."""
        return rows == 1 or len(work.refused) >= REFUSALS_MAX

    def _refuse(self, work: Work, name: str, reason: str) -> str:
        self._journal.refuse(work.block, name, reason)
        work.refused[name] = reason
        return reason


def _name(prepared: Prepared) -> str:
    return f"{prepared.table}-{xxhash.xxh3_64_hexdigest(prepared.project.encode())}"


def _halves(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    half = batch.num_rows // 2
    yield 0, batch.slice(0, half)
    yield 1, batch.slice(half)


# --- dead letters -------------------------------------------------------------------------------------------


def _damaged(block: Block) -> dict[str, _Dead]:
    """Return the damaged entries; their rows are those that the others leave of the block's."""
    left = block.rows - sum(e.batch.num_rows for e in block.entries)
    dead = {}
    for number, d in enumerate(block.damaged, 1):
        rows = left if number == len(block.damaged) else min(d.rows, left)
        left -= rows
        reason = "journal entry is damaged"
        dead[f"{d.sequence}-damaged"] = _Dead(
            block.signal, d.project, d.received_at_ns, reason, "journal", rows, d.value
        )
    return dead


def _refused(prepared: Prepared, reason: str, start: int, count: int) -> _Dead:
    """Return rows that ClickHouse refused: as they came in, so that they can go through the stages again."""
    code, _, text = reason.partition(" ")
    entry = prepared.entries[0]
    if prepared.table == "scores":
        return _dead("scores", entry, text, code, prepared.rows.slice(start, count))
    came = pa.concat_batches([e.batch for e in prepared.entries])
    return _dead(entry.signal, entry, text, code, came.slice(start, count))


def _dead(signal: str, entry: Entry, reason: str, code: str, rows: pa.RecordBatch) -> _Dead:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_batch(rows)
    payload = sink.getvalue().to_pybytes()
    return _Dead(signal, entry.project, entry.received_at_ns, reason, code, rows.num_rows, payload)


def _letter(identity: str, dead: _Dead) -> pa.RecordBatch:
    row = {
        "id": identity,
        "project": dead.project,
        "signal": dead.signal,
        "reason": dead.reason,
        "code": dead.code,
        "rows": dead.rows,
        "payload": dead.payload,
        "received_at": dead.received_at_ns,
        "ingested_at": time.time_ns(),
    }
    return pa.RecordBatch.from_pylist([row], schema=DEAD_LETTERS)
