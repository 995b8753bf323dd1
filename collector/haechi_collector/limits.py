"""Every limit, and what breaks if it changes."""

from typing import Final

MIB: Final = 1024 * 1024

# --- receiving -------------------------------------------------------------------------------------------
REQUEST_BYTES_MAX: Final = 64 * MIB
"""Body size before and after decompression (OTLP 1.11 recommends it). Lower: large batches of prompts are
refused for good, because 413 and RESOURCE_EXHAUSTED are not retried. Higher: one request may hold that much."""

COMPRESSION_LAYERS_MAX: Final = 1
"""More than one Content-Encoding is refused: a bomb in a bomb costs its square."""

ANY_VALUE_DEPTH_MAX: Final = 64
"""How deep an AnyValue may nest. protobuf's own parsers stop at 100 messages, about 30 values, so nothing
that a real SDK can send is refused."""

PARTIAL_SUCCESS_MESSAGE_CHARS_MAX: Final = 1000
"""OTLP bounds the response at 4 MiB; nobody reads more than a few sentences."""

GRPC_WORKERS: Final = 32
"""Threads of the gRPC server; a waiting acknowledgement holds one."""

BYTES_IN_FLIGHT_MAX: Final = 256 * MIB
"""Request bodies held at once over all doors. Above it new requests are asked to come back."""

RETRY_AFTER_S: Final = 1.0
"""The hint that goes with a refusal. The Python SDK gives an export 10 s in all, so longer means lost."""

# --- journal and writer -----------------------------------------------------------------------------------
JOURNAL_BYTES_MAX: Final = 8 * 1024 * MIB
"""Default size of the journal on disk (setting journal_bytes_max)."""

BLOCK_ROWS_MAX: Final = 16_384
"""Rows of one insert. Smaller blocks cost ClickHouse more per row; larger ones delay what is queryable."""

BLOCK_BYTES_MAX: Final = 48 * MIB
"""Bytes of one insert, so that 40 KB prompts do not make a block of 600 MB."""

BLOCK_WAIT_S: Final = 0.2
"""How long a block waits for more rows. It is the floor of "time until queryable"."""

INSERTS_IN_FLIGHT: Final = 2
"""Inserts under way at once."""

# --- state of the stages ----------------------------------------------------------------------------------
RECENT_CALLS_MAX: Final = 200_000
"""Calls remembered so that usage is counted once. Forgotten calls may be counted again by a late parent."""

RECENT_CALLS_S: Final = 900.0
"""How long a call is remembered."""

PENDING_CONTENT_BYTES_MAX: Final = 64 * MIB
"""Content from logs that waits for its span."""

DISTINCT_MODELS_MAX: Final = 10_000
"""(provider, model) pairs whose rates are kept resolved."""

# --- queries ----------------------------------------------------------------------------------------------
SQL_CHARS_MAX: Final = 100_000
"""Length of one SQL text; ClickHouse checks its own limits only after parsing."""

SQL_SECONDS_MAX: Final = 60
"""Run time of one user query."""

SQL_MEMORY_BYTES_MAX: Final = 2 * 1024 * MIB
"""Memory of one user query."""

SQL_RESULT_ROWS_MAX: Final = 1_000_000
"""Rows that one user query may return."""
