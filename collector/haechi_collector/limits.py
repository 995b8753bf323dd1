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

ERROR_MESSAGE_CHARS_MAX: Final = 200
"""Text of a refusal. It travels twice in gRPC trailers, percent-encoded and base64, and clients refuse
trailers above 8 KiB: longer texts would turn a refusal into a broken answer."""

GRPC_WORKERS: Final = 64
"""Threads of the gRPC server. A body that is still arriving and an acknowledgement that is awaited hold one
each, so fewer let slow senders block the others. More: gRPC does not show a message before it is whole, so that
this many of REQUEST_BYTES_MAX may be arriving that BYTES_IN_FLIGHT_MAX does not count yet."""

HTTP_WORKERS: Final = 4
"""Threads that decompress and decode HTTP bodies. More do not help: decoding holds the interpreter's lock."""

HEADER_READ_S: Final = 10.0
"""From a connection's first byte to the end of the request's head. Longer lets idle sockets pile up."""

BODY_READ_S: Final = 30.0
"""For a whole request body; 64 MiB needs 18 Mbit/s. Longer lets a trickling sender hold a connection or a thread."""

KEEP_ALIVE_S: Final = 120.0
"""An idle connection is kept this long. Below an SDK's export interval (5 s to 60 s) each export would race
against the closing of its connection and be sent twice."""

ACK_WAIT_S: Final = 30.0
"""For the journal to acknowledge. Then the sender is asked to come back; what was stored meanwhile is
recognised when it is sent again."""

CONNECTIONS_MAX: Final = 1024
"""Open connections of one door. Above it new ones are closed at once. Higher: raise the file limit too."""

GRPC_STREAMS_MAX: Final = 256
"""Requests under way on one gRPC connection; more wait in the client."""

HTTP_HEADER_BYTES_MAX: Final = 65_536
"""Head, trailers and chunk framing beyond need of one HTTP request; the parser itself has no bound."""

INFLATE_CHUNK_BYTES: Final = 262_144
"""Step of decompression: a body overshoots its limit by one step at most before it is refused."""

BYTES_IN_FLIGHT_MAX: Final = 256 * MIB
"""Request bodies held at once over all doors. Above it new requests are asked to come back."""

RETRY_AFTER_S: Final = 1.0
"""The hint that goes with a refusal. The Python SDK gives an export 10 s in all, so longer means lost."""

# --- decoding --------------------------------------------------------------------------------------------
DECODED_ROWS_MAX: Final = 1_000_000
"""Spans, events, links, log records, points and exemplars of one request. An empty one takes two bytes on the
wire and some 600 decoded, so without it 64 KiB of gzip fill the memory. Lower: a full request of short log records
is refused for good."""

DECODED_ELEMENTS_MAX: Final = 4_000_000
"""Items of all lists of one request, and values walked within arrays, lists and events: about 1 microsecond
and 100 bytes each. A full request of small attributes holds some 1.5 million."""

JSON_TOKENS_MAX: Final = 2 * DECODED_ELEMENTS_MAX
"""Commas and opening brackets of one JSON request, those within text too: each may cost 64 bytes parsed. A full
request holds one in 20 bytes."""

SPREAD_BYTES_MAX: Final = 512 * MIB
"""Text of resources, scopes and metrics repeated on each of their rows. Without it a resource of 1 MB with
100,000 spans would take 100 GB. Higher than 2 GiB breaks Arrow's 32-bit offsets."""

MEMORY_KEPT_BYTES: Final = 256 * MIB
"""Freed memory that the process keeps for reuse. Lower: pages are cleared again and again, a quarter of the CPU.
Higher: an idle collector stays large after a burst."""

MALLOC_ARENAS: Final = 2
"""Heaps of the C library. Each keeps memory of its own; the GIL leaves little for more of them to do."""

# --- journal and writer -----------------------------------------------------------------------------------
JOURNAL_BYTES_MAX: Final = 8 * 1024 * MIB
"""Default size of the journal on disk (setting journal_bytes_max)."""

BLOCK_ROWS_MAX: Final = 8_192
"""Rows of one insert. Smaller blocks cost ClickHouse more per row; twice as many no longer fit the memory that the
process keeps, and the collector's own CPU per row rises by a third."""

BLOCK_BYTES_MAX: Final = 48 * MIB
"""Bytes of one insert, so that 40 KB prompts do not make a block of 600 MB."""

BLOCK_WAIT_S: Final = 0.2
"""How long a block waits for more rows. It is the floor of "time until queryable"."""

INSERTS_IN_FLIGHT: Final = 2
"""Inserts under way at once."""

# --- state of the stages ----------------------------------------------------------------------------------
RECENT_CALLS_MAX: Final = 1 << 18
"""Calls remembered so that usage is counted once. Forgotten calls may be counted again by a late parent."""

LATE_CONTENT_PATIENCE_S: Final = 2.0
"""How long content from logs waits for its span before the stored row is updated instead."""

UPDATE_SPANS_MAX: Final = 100
"""Spans that one UPDATE writes late content into. More make the statement itself slow to parse."""

UPDATE_BYTES_MAX: Final = 8 * MIB
"""UTF-8 bytes of text that one UPDATE writes, unless one span alone has more. The statement holds each text twice and
escaped, at most four times as long, and must stay below STORE_STATEMENT_BYTES_MAX."""

RECENT_CALLS_S: Final = 900.0
"""How long it is remembered which spans were stored, for content from logs that comes after them."""

PENDING_CONTENT_BYTES_MAX: Final = 64 * MIB
"""Content from logs that waits for its span."""

DISTINCT_MODELS_MAX: Final = 10_000
"""(provider, model) pairs whose rates are kept resolved."""

# --- normalising ------------------------------------------------------------------------------------------
CONTENT_PARSED_CHARS_MAX: Final = 4 * MIB
"""Longest text that is parsed to bring it into the convention's shape. A longer one stays as it came."""

PYTHON_REPR_CHARS_MAX: Final = 256 * 1024
"""Longest Python ``repr`` that is parsed; the literal parser costs 40 times its input in memory."""

PYTHON_REPR_DEPTH_MAX: Final = 64
"""How deep such a ``repr`` may nest. The parser recurses once per level."""

CONTENT_DEPTH_MAX: Final = 8
"""How deep parts may stand in parts, and JSON in JSON text. Real ones do so two or three times."""

MESSAGE_INDEX_MAX: Final = 10_000
"""Largest index in keys such as ``llm.input_messages.12.message.role``; a larger one is no message's."""

RETRIEVED_CONTEXT_CHARS_MAX: Final = 256 * 1024
"""Characters of retrieved documents kept for one call; each call of a trace carries a copy."""

# --- queries ----------------------------------------------------------------------------------------------
SQL_CHARS_MAX: Final = 100_000
"""Length of one SQL text; ClickHouse checks its own limits only after parsing."""

SQL_SECONDS_MAX: Final = 60
"""Run time of one user query."""

SQL_MEMORY_BYTES_MAX: Final = 2 * 1024 * MIB
"""Memory of one user query."""

SQL_RESULT_ROWS_MAX: Final = 1_000_000
"""Rows that one user query may return."""

SQL_QUERIES_AT_ONCE: Final = 16
"""User queries that run at once; one more is asked to come back. Each may take SQL_MEMORY_BYTES_MAX."""

SQL_PARAMETERS_MAX: Final = 200
"""Query parameters and settings of one request."""

SQL_GRACE_S: Final = 5
"""How much longer than SQL_SECONDS_MAX an answer may take before it is cut off: the engine stops itself first."""

# --- prices -----------------------------------------------------------------------------------------------
REPRICE_ROWS_MAX: Final = 100_000
"""Spans priced again at once. More: more memory here and in ClickHouse, some 1 KB per span. Fewer: more mutations,
each of which rewrites the cost columns of a day."""

# --- the embedded store -----------------------------------------------------------------------------------
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
"""Size of a result in a format that cannot be streamed (JSON, Pretty, Parquet ...), counted in the engine's columns.
Larger results need a format by lines (JSONEachRow, TSV, CSV, Native, RowBinary, ArrowStream)."""

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

STORE_CACHE_BYTES: Final = 128 * MIB
"""Size of each of the engine's caches (marks, primary indexes, skipping indexes)."""

STORE_READY_S: Final = 60.0
"""How long the embedded store may take to answer after its start; tables with many parts load slowly."""

STORE_RESTART_DELAYS_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Waits before the first, second, ... restart of a store that died; the last one repeats."""

# --- the store's client -----------------------------------------------------------------------------------
STORE_CLIENT_POOL: Final = 16
"""Kept-alive connections of one client; more are opened when needed and closed after use."""

STORE_CONNECT_S: Final = 5.0
"""How long the client waits for a connection."""

STORE_ANSWER_S: Final = 120.0
"""How long the client waits for an answer; inserts wait for merges when there are too many parts."""

MIGRATION_LOCK_S: Final = 600.0
"""After this a migration's lock is taken for abandoned. One file must finish within it."""

MIGRATION_WAIT_S: Final = 60.0
"""How long a second migration waits for the first."""
