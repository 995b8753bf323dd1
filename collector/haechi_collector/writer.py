"""The way on: journal → stages → ClickHouse.

Guarantees
    * A block leaves the journal only when ClickHouse confirmed every row of it, or set it aside in dead_letters.
    * A block is sent under one token until then; ClickHouse stores it once.
    * While the store does not answer, blocks wait in the journal; nothing is dropped.
    * A row that the stages or ClickHouse cannot take is set aside with the reason; its neighbours are stored.

One thread per signal forms and prepares blocks in order; several inserts are under way at once.
"""

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final, Protocol

import pyarrow as pa

from haechi_collector.batch import DEAD_LETTERS
from haechi_collector.config import Config
from haechi_collector.errors import HaechiError, StoreError, StoreUnavailable
from haechi_collector.journal import SIGNALS, Block, Entry, Journal
from haechi_collector.limits import BLOCK_BYTES_MAX
from haechi_collector.pipeline import Pipeline, Prepared
from haechi_collector.stages.join_content import LateContent
from haechi_collector.telemetry import Metrics

logger = logging.getLogger(__name__)

_RETRY_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_LATE_CONTENT_TICK_S: Final = 0.5
_PAYLOAD_ROWS_MAX: Final = 1


class Store(Protocol):
    """What the writer needs of ClickHouse."""

    def insert(self, table: str, batch: pa.RecordBatch, token: str) -> None:
        """Insert the batch once per token.

        Raises:
            StoreUnavailable: try again later.
            StoreError: ClickHouse refuses the content.
        """

    def update_spans(self, contents: list[LateContent]) -> None:
        """Write late content into stored spans; spans that are not there are passed over."""


class _Stopping(HaechiError):
    """The writer stops; the block stays in the journal."""

    code = "stopping"


@dataclass(frozen=True, slots=True)
class _Dead:
    """Rows that cannot be stored, and why."""

    reason: str
    code: str
    rows: pa.RecordBatch


class Writer:
    """Moves blocks from the journal into the store until it is stopped."""

    def __init__(self, journal: Journal, pipeline: Pipeline, store: Store, config: Config, metrics: Metrics) -> None:
        self._journal, self._pipeline, self._store = journal, pipeline, store
        self._config, self._metrics = config, metrics
        self._stop = threading.Event()
        self._inserts = ThreadPoolExecutor(config.inserts_in_flight, thread_name_prefix="insert")
        self._room = threading.Semaphore(config.inserts_in_flight)
        self._under_way: set[Future[None]] = set()
        self._threads = [
            threading.Thread(target=self._run, args=(signal,), name=f"writer-{signal}", daemon=True)
            for signal in SIGNALS
        ]
        self._threads.append(threading.Thread(target=self._update_late, name="writer-late", daemon=True))

    def start(self) -> None:
        """Begin to move blocks."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float) -> None:
        """Store what is in the journal if that takes no longer than the timeout; what is left stays there.

        The journal must have stopped accepting.
        """
        self._journal.wait_empty(timeout_s)
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._inserts.shutdown(wait=True)

    @property
    def alive(self) -> bool:
        """Whether every thread is at work."""
        return all(thread.is_alive() for thread in self._threads)

    # --- one signal ------------------------------------------------------------------------------------

    def _run(self, signal: str) -> None:
        c = self._config
        while not self._stop.is_set():
            block = self._journal.next_block(signal, c.block_rows_max, BLOCK_BYTES_MAX, c.block_wait_s)
            if block is None:
                return
            prepared, dead = self._prepare(block)
            if not self._take_room():
                return  # the block stays in the journal
            future = self._inserts.submit(self._store_block, block, prepared, dead)
            self._under_way.add(future)
            future.add_done_callback(self._inserted)

    def _take_room(self) -> bool:
        while not self._room.acquire(timeout=0.5):
            if self._stop.is_set():
                return False
        return True

    def _inserted(self, future: Future[None]) -> None:
        self._under_way.discard(future)
        self._room.release()
        error = future.exception()
        if error is not None and not isinstance(error, _Stopping):
            logger.error("a block could not be stored and stays in the journal", exc_info=error)

    def _prepare(self, block: Block) -> tuple[list[Prepared], list[_Dead]]:
        try:
            return self._pipeline.prepare(block.signal, block.entries), []
        except Exception:  # the boundary around the stages: one entry that breaks them must not hold the others
            logger.exception(
                "a stage failed on a block of %d %s; its requests are tried one by one", block.rows, block.signal
            )
        prepared: list[Prepared] = []
        dead: list[_Dead] = []
        for entry in block.entries:
            try:
                prepared += self._pipeline.prepare(block.signal, (entry,))
            except Exception as error:  # noqa: BLE001  as above
                dead.append(_Dead(f"{type(error).__name__}: {error}", "stage", entry.batch))
        return prepared, dead

    # --- one block -------------------------------------------------------------------------------------

    def _store_block(self, block: Block, prepared: list[Prepared], dead: list[_Dead]) -> None:
        for part, p in enumerate(prepared):
            self._store_rows(p.table, p.rows, f"{block.token}-{part}", dead)
        for number, d in enumerate(dead):
            self._insert("dead_letters", _letters(block, d), f"{block.token}-dead-{number}")
        dead_rows = sum(d.rows.num_rows for d in dead)
        self._journal.done(block)
        self._metrics.counter("haechi_dead_rows_total", block.signal).inc(dead_rows)
        self._metrics.counter("haechi_stored_rows_total", block.signal).inc(block.rows - dead_rows)

    def _store_rows(self, table: str, rows: pa.RecordBatch, token: str, dead: list[_Dead]) -> None:
        """Insert; rows that ClickHouse refuses for their content are found by halving."""
        try:
            self._insert(table, rows, token)
        except StoreUnavailable:
            raise
        except StoreError as error:
            if rows.num_rows <= _PAYLOAD_ROWS_MAX:
                dead.append(_Dead(str(error), str(error.clickhouse_code), rows))
                return
            # Its words may hold values of the rows; they go to dead_letters, not to the log.
            logger.warning("ClickHouse refuses %d rows of %s, code %d", rows.num_rows, table, error.clickhouse_code)
            half = rows.num_rows // 2
            self._store_rows(table, rows.slice(0, half), f"{token}/0", dead)
            self._store_rows(table, rows.slice(half), f"{token}/1", dead)

    def _insert(self, table: str, rows: pa.RecordBatch, token: str) -> None:
        for delay_s in _delays():
            try:
                with self._metrics.histogram("haechi_insert_seconds", table).time():
                    self._store.insert(table, rows, token)
            except StoreUnavailable as error:
                logger.warning("insert into %s waits %.1f s: %s", table, delay_s, error)
                self._metrics.counter("haechi_insert_retries_total", table).inc()
                if self._stop.wait(delay_s):
                    raise _Stopping("stopping before the block was stored") from error
            else:
                return

    # --- content that came after its span ----------------------------------------------------------------

    def _update_late(self) -> None:
        while not self._stop.wait(_LATE_CONTENT_TICK_S):
            late = self._pipeline.overdue()
            if late:
                wait(set(self._under_way))  # a span that is being inserted must be there to be updated
                outcome = "updated" if self._updated(late) else "failed"
                self._metrics.counter("haechi_late_content_total", outcome).inc(len(late))

    def _updated(self, late: list[LateContent]) -> bool:
        for delay_s in _delays():
            try:
                self._store.update_spans(late)
            except StoreUnavailable as error:
                logger.warning("late content waits %.1f s: %s", delay_s, error)
                if self._stop.wait(delay_s):
                    break
            except StoreError as error:
                logger.error(  # noqa: TRY400  its words hold the content
                    "late content of %d spans is refused, code %d; it stays in logs", len(late), error.clickhouse_code
                )
                break
            else:
                return True
        return False


def _delays() -> Iterator[float]:
    yield from _RETRY_S
    while True:
        yield _RETRY_S[-1]


def _letters(block: Block, dead: _Dead) -> pa.RecordBatch:
    """One dead letter per refused part: the rows themselves as an Arrow stream, so that they can be replayed."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, dead.rows.schema) as stream:
        stream.write_batch(dead.rows)
    first: Entry = block.entries[0]
    row = {
        "project": first.project,
        "signal": block.signal,
        "reason": dead.reason,
        "code": dead.code,
        "rows": dead.rows.num_rows,
        "payload": sink.getvalue().to_pybytes(),
        "received_at": first.received_at_ns,
        "ingested_at": time.time_ns(),
    }
    return pa.RecordBatch.from_pylist([row], schema=DEAD_LETTERS)
