"""The durable queue between the way in and the way on.

Guarantees
    * `Journal.append` resolves its future only after the entry is committed and fsynced (LMDB, group commit: all
      entries that wait go into one transaction).
    * A block is formed once: its boundaries are committed before it is handed out, so that after a crash the
      same entries form the same block under the same token.
    * Entries leave only by `Journal.done`, which the writer calls when ClickHouse has confirmed the whole block.
    * The size is bounded; beyond it `append` raises `Rejected` and nothing is written.
    * Per signal, accepted = stored + dead + queued: the counters change in the transactions that move the rows.
    * An entry whose bytes have changed on disk is handed out as damaged, never as rows; the others go on.

The bytes are described in `format`. Source: LMDB's copy-on-write B+tree has no torn tail (lmdb.readthedocs.io); group
commit after Gray and Reuter.
"""

from haechi_collector.journal.journal import Journal
from haechi_collector.journal.look import BlockView, JournalView, SignalView, look
from haechi_collector.journal.shapes import SIGNALS, Block, Damaged, Entry, Fate, JournalUnreadable, Ledger, Mark

__all__ = [
    "SIGNALS",
    "Block",
    "BlockView",
    "Damaged",
    "Entry",
    "Fate",
    "Journal",
    "JournalUnreadable",
    "JournalView",
    "Ledger",
    "Mark",
    "SignalView",
    "look",
]
