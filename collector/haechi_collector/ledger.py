"""The ledger made public: per signal, accepted = stored + queued + dead.

The numbers are the journal's own, which keeps them in the transactions that move the rows. Here they become the metric
``haechi_ledger_rows`` and snapshots in the table ``ledger``: every few seconds while they change, and at the end.
"""

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Final, Protocol

import pyarrow as pa

from haechi_collector.batch import LEDGER
from haechi_collector.errors import StoreError
from haechi_collector.journal import Journal, Ledger
from haechi_collector.limits import LEDGER_EVERY_S, LEDGER_UNCHANGED_S
from haechi_collector.telemetry import Metrics

logger = logging.getLogger(__name__)

_TABLE: Final = "ledger"
_LET_GO_S: Final = 2.0


class Inserts(Protocol):
    """What is needed of ClickHouse."""

    def insert(self, table: str, batch: pa.RecordBatch, token: str) -> None:
        """Insert the batch once per token."""


def tell_ledger(journal: Journal, metrics: Metrics) -> None:
    """Let the journal's ledger be scraped."""

    def tell() -> Iterator[tuple[tuple[str, ...], float]]:
        for signal, ledger in journal.ledger().items():
            for state, rows in asdict(ledger).items():
                yield (signal, state), rows

    metrics.tell("haechi_ledger_rows", tell)


class LedgerTable:
    """Writes snapshots in a thread of its own, from `start` to `stop`."""

    def __init__(self, journal: Journal, store: Inserts) -> None:
        self._journal, self._store = journal, store
        self._told: Mapping[str, Ledger] = {}
        self._told_s = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write the last numbers and end; a store that does not answer is let go of."""
        self._stop.set()
        self._thread.join(_LET_GO_S)

    def _run(self) -> None:
        while not self._stop.wait(LEDGER_EVERY_S):
            self._write()
        self._write()

    def _write(self) -> None:
        now = self._journal.ledger()
        if now == self._told and time.monotonic() - self._told_s < LEDGER_UNCHANGED_S:
            return
        rows = snapshot(self._journal.id, now, time.time_ns() // 1_000_000)
        try:
            self._store.insert(_TABLE, rows, f"{self._journal.id}-ledger-{time.time_ns()}")
        except StoreError as error:
            logger.warning("the ledger is not written now: %s", error)
        except Exception:  # the boundary of the thread: a missing snapshot costs nothing, the next one has it all
            logger.exception("the ledger is not written now")
        else:
            self._told, self._told_s = now, time.monotonic()


def snapshot(collector: str, ledger: Mapping[str, Ledger], at_ms: int) -> pa.RecordBatch:
    """Return rows of the table ``ledger``, one per signal that had any."""
    rows = [
        {"collector": collector, "signal": signal, "at": at_ms, **asdict(counts)}
        for signal, counts in ledger.items()
        if counts.accepted
    ]
    return pa.RecordBatch.from_pylist(rows, schema=LEDGER)
