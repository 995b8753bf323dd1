"""The limits of the embedded store, each with what breaks if it changes; those of all else are in `limits`."""

from typing import Final

from haechi_collector.limits import MIB

STORE_CONNECTIONS_MAX: Final = 64
"""HTTP connections at once; each holds a thread. One more is answered 503 and closed."""

STORE_STATEMENTS_MAX: Final = 16
"""Statements at once per user, so that readers cannot keep the writer out. One more waits, then gets code 202."""

STORE_STATEMENT_WAIT_S: Final = 10.0
"""How long a statement waits for its turn."""

STORE_STATEMENT_BYTES_MAX: Final = 64 * MIB
"""Longest statement, the data of an INSERT not counted, that max_query_size may allow; it is held in memory whole."""

STORE_HEAD_BYTES: Final = 256 * 1024
"""Longest statement without max_query_size, as in ClickHouse, and where the data of an INSERT must have begun."""

STORE_INSERT_MEMORY_BYTES: Final = 64 * MIB
"""Data of one INSERT that is held in memory; more goes through a file in the store's directory."""

STORE_CHUNK_BYTES: Final = 1 * MIB
"""How much of a request body is read and handed to the engine at a time."""

STORE_DRAIN_BYTES_MAX: Final = 64 * MIB
"""How much of a refused body is still read, so that its sender sees the answer and not a broken pipe."""

STORE_WHOLE_RESULT_BYTES_MAX: Final = 256 * MIB
"""Size of the result of a statement that is no SELECT (SHOW, DESCRIBE, EXPLAIN ...), counted in columns."""

STORE_BUFFERED_RESULT_BYTES: Final = 8 * MIB
"""How much of a result that is asked for with wait_end_of_query stays in memory; the rest waits in a file."""

STORE_BUFFERED_RESULT_BYTES_MAX: Final = 1024 * MIB
"""Size of such a result; a larger one fails with code 396."""

STORE_IDLE_S: Final = 60.0
"""How long a kept-alive connection may be silent, or a body stand still."""

STORE_STOP_S: Final = 10.0
"""How long statements under way may go on after a request to stop; then they are killed."""

STORE_MEMORY_SHARE: Final = 0.5
"""Share of the machine's memory that the engine may use; above it statements fail with code 241."""

STORE_MERGE_NICE: Final = 10
"""How far merges stand back when the CPU is short. 0: an acknowledgement and a query wait for merges of older rows."""

STORE_CACHE_BYTES: Final = 128 * MIB
"""Size of each of the engine's caches (marks, primary indexes, skipping indexes)."""

STORE_READY_S: Final = 60.0
"""How long the embedded store may take to answer after its start; tables with many parts load slowly."""

STORE_PATIENCE_S: Final = 25.0
"""How long a new collector waits for the store of one that was killed: it may still finish a statement (STORE_STOP_S,
twice at most). Shorter: a start right after a kill fails, and a service manager tries in a circle."""

STORE_RESTART_DELAYS_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Waits before the first, second, ... restart of a store that died; the last one repeats."""
