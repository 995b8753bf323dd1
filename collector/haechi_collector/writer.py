"""The way on: journal → stages → ClickHouse.

Guarantees
    * A block leaves the journal only when ClickHouse confirmed every row of it, or took it as a dead letter.
    * While the store does not answer, or anything else fails, the block is tried again for ever, ever less often, and
      `stuck` tells why; nothing is dropped. How it is stored once is said in `carry`.

One thread per signal forms and prepares blocks in order; several inserts are under way at once.
"""

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, wait
from dataclasses import asdict, dataclass
from queue import SimpleQueue
from typing import Any, Final, Protocol

from haechi_collector.carry import Carrier, Inserts, Work
from haechi_collector.config import Config
from haechi_collector.control import Command, Told
from haechi_collector.errors import Rejected, StoreError, StoreUnavailable
from haechi_collector.journal import SIGNALS, Block, Journal
from haechi_collector.limits import BLOCK_BYTES_MAX
from haechi_collector.pipeline import Pipeline
from haechi_collector.stages.join_content import LateContent
from haechi_collector.telemetry import Metrics

logger = logging.getLogger(__name__)

_RETRY_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_LATE_CONTENT_TICK_S: Final = 0.5
_LATE_CONTENT_WAIT_S: Final = 10.0
_LET_GO_S: Final = 2.0


class Store(Inserts, Protocol):
    """What the writer needs of ClickHouse."""

    def update_spans(self, contents: list[LateContent]) -> None:
        """Write late content into stored spans; spans that are not there are passed over."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """A block that could not be stored yet. ``first`` is its first sequence, ``since_s`` the time of the first try."""

    signal: str
    first: int
    rows: int
    attempts: int
    since_s: float
    error: str


class Writer:
    """Moves blocks from the journal into the store until it is stopped."""

    def __init__(self, journal: Journal, pipeline: Pipeline, store: Store, config: Config, metrics: Metrics) -> None:
        self._journal, self._pipeline, self._store = journal, pipeline, store
        self._config, self._metrics = config, metrics
        self._carrier = Carrier(journal, pipeline, store, metrics)
        self._stop = threading.Event()
        self._room = threading.Semaphore(config.inserts_in_flight)
        self._ready: SimpleQueue[tuple[Work, Future[None]] | None] = SimpleQueue()  # never longer than there is room
        self._under_way: set[Future[None]] = set()
        self._stuck: dict[tuple[str, int], Stuck] = {}  # replaced whole by one thread per key
        self._threads = [
            threading.Thread(target=self._run, args=(signal,), name=f"writer-{signal}", daemon=True)
            for signal in SIGNALS
        ]
        self._threads += [
            threading.Thread(target=self._insert, name=f"insert-{n}", daemon=True)
            for n in range(config.inserts_in_flight)
        ]
        self._threads.append(threading.Thread(target=self._update_late, name="writer-late", daemon=True))

    def start(self) -> None:
        """Begin to move blocks."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float) -> None:
        """Store what is in the journal if that takes no longer than the timeout; what is left stays there.

        The journal must have stopped accepting. A statement that the store does not answer is let go of: its thread
        ends with the process, and its block is sent again under the same token at the next start.
        """
        self._journal.wait_empty(timeout_s)
        self._stop.set()
        for _ in range(self._config.inserts_in_flight):
            self._ready.put(None)
        deadline = time.monotonic() + _LET_GO_S
        wait(set(self._under_way), _LET_GO_S)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    @property
    def alive(self) -> bool:
        """Whether every thread is at work."""
        return all(thread.is_alive() for thread in self._threads)

    def stuck(self) -> list[Stuck]:
        """Return the blocks that could not be stored yet, with the last error of each."""
        return sorted(self._stuck.copy().values(), key=lambda s: (s.signal, s.first))

    @property
    def commands(self) -> Mapping[str, Command]:
        """What a running collector answers (`control`): ``journal``, the blocks that are stuck."""
        return {"journal": self._tell_stuck}

    def _tell_stuck(self, _: Mapping[str, Any]) -> Told:
        yield from ()
        return {"stuck": [asdict(s) for s in self.stuck()]}

    # --- one signal ------------------------------------------------------------------------------------

    def _run(self, signal: str) -> None:
        while not self._stop.is_set():
            try:
                block = self._next_block(signal)
            except Exception as error:  # noqa: BLE001  the thread's boundary: other blocks must go on
                logger.error("a block of %s cannot be read: %s: %s", signal, type(error).__name__, error)  # noqa: TRY400
                self._stop.wait(_RETRY_S[-1])
                continue
            if block is None:
                return
            work = self._prepared(block)
            if work is None or not self._take_room():
                return  # the block stays in the journal
            future: Future[None] = Future()
            self._under_way.add(future)
            self._ready.put((work, future))
            del block, work  # whoever carries them is the last to hold them

    def _next_block(self, signal: str) -> Block | None:
        c = self._config
        return self._journal.next_block(signal, c.block_rows_max, BLOCK_BYTES_MAX, c.block_wait_s)

    def _take_room(self) -> bool:
        while not self._room.acquire(timeout=0.5):
            if self._stop.is_set():
                return False
        return True

    def _insert(self) -> None:
        """Carry blocks, one after the other. These threads stay, and with them the memory that Arrow keeps for each."""
        while (item := self._ready.get()) is not None:
            work, future = item
            try:
                self._carry(work)
            finally:
                self._under_way.discard(future)
                self._room.release()
                future.set_result(None)
            del item, work  # or an idle thread would keep a block alive

    # --- one block: tried until it succeeds, or the writer stops ------------------------------------------

    def _prepared(self, block: Block) -> Work | None:
        for delay_s in _delays():
            try:
                return self._carrier.prepare(block)
            except Exception as error:  # noqa: BLE001  the thread's boundary: whatever it was, it is tried again
                self._note(block, error)
            if self._stop.wait(delay_s):
                break
        return None

    def _carry(self, work: Work) -> None:
        for delay_s in _delays():
            try:
                self._carrier.store(work)
            except Exception as error:  # noqa: BLE001  as above
                self._note(work.block, error)
            else:
                self._stuck.pop((work.block.signal, work.block.first), None)
                return
            if self._stop.wait(delay_s):
                return  # it stays in the journal

    def _note(self, block: Block, error: Exception) -> None:
        known = self._stuck.get((block.signal, block.first))
        attempts, since_s = (known.attempts, known.since_s) if known else (0, time.time())
        told = f"{type(error).__name__}: {error}"
        self._stuck[block.signal, block.first] = Stuck(
            block.signal, block.first, block.rows, attempts + 1, since_s, told
        )
        self._metrics.counter("haechi_insert_retries_total", block.signal).inc()
        if isinstance(error, StoreUnavailable | Rejected):
            logger.warning("%d rows of %s wait: %s", block.rows, block.signal, error)
        else:
            logger.error("%d rows of %s cannot be stored yet", block.rows, block.signal, exc_info=error)

    # --- content that came after its span ----------------------------------------------------------------

    def _update_late(self) -> None:
        while not self._stop.wait(_LATE_CONTENT_TICK_S):
            late = self._pipeline.overdue()
            if late:
                # A span that is being inserted must be there to be updated; a block that is stuck is not waited for.
                wait(set(self._under_way), _LATE_CONTENT_WAIT_S)
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
            except Exception:  # the thread's boundary: the next content must not wait for ever
                logger.exception("late content of %d spans failed; it stays in logs", len(late))
                break
            else:
                return True
        return False


def _delays() -> Iterator[float]:
    yield from _RETRY_S
    while True:
        yield _RETRY_S[-1]
