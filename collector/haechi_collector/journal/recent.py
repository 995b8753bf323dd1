"""Requests of the last ten minutes: what is remembered so that one that is sent again is stored once.

Bounded by age and by number; old marks leave in the transactions that bring new ones, two for each.
"""

import time
from collections.abc import Iterator, Sequence

import lmdb

from haechi_collector.journal.format import SEQUENCE, Tables, mark_time_ns, pack_mark, read_mark
from haechi_collector.journal.shapes import Mark
from haechi_collector.limits import RECENT_REASON_BYTES_MAX, RECENT_REQUESTS_MAX, RECENT_REQUESTS_S

_SECOND_NS = 1_000_000_000


def put_marks(txn: lmdb.Transaction, tables: Tables, marks: Sequence[Mark]) -> None:
    """Remember requests, and forget as many old ones as are due, at most two for each."""
    if not marks:
        return
    now_ns = time.time_ns()
    cursor = txn.cursor(db=tables.recent)
    sequence = SEQUENCE.unpack(cursor.key())[0] + 1 if cursor.last() else 0
    for number, mark in enumerate(marks, sequence):
        record = pack_mark(now_ns, mark, RECENT_REASON_BYTES_MAX)
        txn.put(SEQUENCE.pack(number), record, db=tables.recent, append=True)
    _forget(txn, tables, now_ns, 2 * len(marks))


def _forget(txn: lmdb.Transaction, tables: Tables, now_ns: int, at_most: int) -> None:
    beyond = txn.stat(tables.recent)["entries"] - RECENT_REQUESTS_MAX
    oldest_ns = now_ns - int(RECENT_REQUESTS_S * _SECOND_NS)
    cursor = txn.cursor(db=tables.recent)
    for number in range(at_most):
        if not cursor.first() or (number >= beyond and mark_time_ns(cursor.value()) > oldest_ns):
            return
        cursor.delete()


def read_marks(txn: lmdb.Transaction, tables: Tables) -> Iterator[tuple[int, Mark]]:
    """Yield the marks that are young enough, oldest first, with their times in nanoseconds."""
    oldest_ns = time.time_ns() - int(RECENT_REQUESTS_S * _SECOND_NS)
    for _, record in txn.cursor(db=tables.recent):
        time_ns, mark = read_mark(record)
        if time_ns > oldest_ns:
            yield time_ns, mark
