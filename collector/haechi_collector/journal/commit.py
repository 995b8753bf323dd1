"""Group commit: all operations that wait go into one transaction, one write to the disk for all.

Guarantee: an operation's future resolves after its transaction is on disk. When the file cannot be written, an
operation that makes room is tried again without those that take some.
"""

import copy
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import lmdb

from haechi_collector.errors import HaechiError, Rejected
from haechi_collector.journal.environment import Environment
from haechi_collector.journal.format import Counts
from haechi_collector.journal.operations import Known, Operation
from haechi_collector.journal.shapes import SIGNALS, JournalUnreadable
from haechi_collector.limits import RETRY_AFTER_S

logger = logging.getLogger(__name__)

_FAILED: Final = "the journal cannot be written"
_NO_ROOM: Final = f"{_FAILED}: no space left on its disk"
_FULL: Final = (lmdb.MapFullError, lmdb.TxnFullError, lmdb.DiskError, lmdb.PanicError, lmdb.MemoryError)
Group = Sequence[Operation[Any]]
Results = Sequence[Any]


class Committer:
    """One thread that owns every write to the environment.

    Args:
        committed: is called in that thread after a commit, with the operations, their results and the new counters;
            what it returns are the results that the futures get.
    """

    def __init__(
        self,
        env: Environment,
        counts: dict[str, Counts],
        known: Known,
        committed: Callable[[Group, Results, dict[str, Counts]], Results],
    ) -> None:
        self._env, self._counts, self._known = env, counts, known
        self._committed = committed
        self._lock = threading.Condition()  # guards the two below; never held during I/O
        self._waiting: list[Operation[Any]] = []
        self._closing = False
        self._thread: Final = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def submit(self, operation: Operation[Any]) -> None:
        """Queue an operation for the next transaction.

        Raises:
            Rejected: the journal is closed.
        """
        with self._lock:
            if self._closing:
                raise Rejected("the journal is closed", RETRY_AFTER_S)
            self._waiting.append(operation)
            self._lock.notify()

    def close(self) -> None:
        """Commit what waits, then end. Idempotent."""
        with self._lock:
            self._closing = True
            self._lock.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._waiting and not self._closing:
                    self._lock.wait()
                group, self._waiting = self._waiting, []
            if not group:
                return
            self._commit(group)
            del group  # or an idle thread would keep the last block alive

    def _commit(self, group: Group) -> None:
        """Commit the group; what cannot be is told so, and the rest is tried without it."""
        while group:
            under_way: list[Operation[Any]] = []
            try:
                self._mend()
                group = self._with_room(group)
                results, staged = self._write(group, under_way)
            except (lmdb.Error, HaechiError) as error:
                group = self._without_cause(group, under_way, error)
            except Exception as error:  # the boundary of the thread that all others wait for: a fault of ours
                logger.exception("a group of %d changes of the journal failed", len(group))
                group = self._fail(group, Rejected(f"the journal failed: {error!r}", RETRY_AFTER_S), group)
            else:
                self._counts = staged
                for operation, result in zip(group, self._committed(group, results, staged), strict=True):
                    operation.future.set_result(result)
                return

    def _mend(self) -> None:
        """Open the file anew if LMDB has given it up, and go on from what is in it."""
        if self._env.broken:
            self._counts = self._env.reopen()
            self._committed([], [], self._counts)
            logger.warning("the journal was opened again after a failed write")

    def _with_room(self, group: Group) -> Group:
        if self._env.room(sum(o.charge for o in group)):
            return group
        return self._fail([o for o in group if o.charge], Rejected(_NO_ROOM, RETRY_AFTER_S), group)

    def _write(self, group: Group, under_way: list[Operation[Any]]) -> tuple[Results, dict[str, Counts]]:
        staged = {signal: copy.copy(counts) for signal, counts in self._counts.items()}
        results = []
        with self._env.writing() as txn:
            for operation in group:
                under_way[:] = [operation]
                results.append(operation.apply(txn, self._env.tables, staged, self._known))
            under_way.clear()
            for signal in SIGNALS:
                if staged[signal] != self._counts[signal]:
                    txn.put(signal.encode(), staged[signal].packed(), db=self._env.tables.state)
        return results, staged

    def _without_cause(self, group: Group, under_way: Group, error: Exception) -> Group:
        """Fail what broke the transaction: an operation of its own, or else those that take room, or else all."""
        if isinstance(error, lmdb.PanicError):
            self._env.broken = True
        damaged = bool(under_way) and not under_way[0].charge and not isinstance(error, _FULL)
        if damaged:  # what it needs is not there or not readable
            return self._fail(under_way, JournalUnreadable(f"the journal is damaged: {error}"), group)
        takers = [o for o in group if o.charge] or group
        return self._fail(takers, Rejected(f"{_FAILED}: {error}", RETRY_AFTER_S), group)

    def _fail(self, operations: Group, told: Exception, group: Group) -> Group:
        """Tell operations that they failed; return the others of the group."""
        rest = [o for o in group if not any(o is lost for lost in operations)]
        for operation in operations:
            operation.future.set_exception(told)
        return rest
