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
each, so fewer let slow senders block the others. One client has half of them at most. More: gRPC does not show a
message before it is whole, so that this many of REQUEST_BYTES_MAX may be arriving that BYTES_IN_FLIGHT_MAX does not
count yet; memory_bytes_max is what bounds them."""

HTTP_WORKERS: Final = 4
"""Threads that decompress and decode HTTP bodies; one client has half of them at most. More: decoding holds the
interpreter's lock, and what is small waits for it behind more large bodies."""

WORK_LINE_MAX: Final = 1_000
"""Requests of one client that wait for a thread of one door. More: a flood of calls piles up, some 15 KB each. Fewer:
a collector in front that sends many small requests at once is refused although it would soon have its turn."""

PEERS_REMEMBERED: Final = 4_096
"""Addresses whose client's name is kept. Fewer: some 5 microseconds for each request of the others."""

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

ANSWER_READ_S: Final = 10.0
"""For a client to read the answers that have piled up on its HTTP connection. Longer lets it hold them, and us."""

PIPELINED_MAX: Final = 100
"""Requests that are sent ahead of their answers on one HTTP connection. OTLP clients send none; each costs 5 KB."""

HTTP_CONNECTIONS_MAX: Final = 4_096
"""Open connections of the OTLP/HTTP door, fewer where the limit on open files is low; above it idle ones make room.
Higher: some 20 KB each. Lower: applications beyond that number reconnect for each export."""

GRPC_CONNECTIONS_MAX: Final = 16_384
"""Open connections of the gRPC door, fewer where the limit on open files is low; above it new ones are closed, because
gRPC can close no idle one to make room. Higher: some 25 KB each. Lower: fewer machines that open connections and stay
silent suffice to keep the others out."""

FILES_KEPT: Final = 1_024
"""Open files that are not for the doors' connections: the journal, the store's connections, the page."""

GRPC_FRAME_BYTES: Final = 1 * MIB
"""Largest frame of HTTP/2. By default 16 KiB: a request of 1.4 MB comes in 83 frames, each handled by itself."""

GRPC_STREAMS_MAX: Final = 64
"""Requests under way on one gRPC connection; more wait in the client. More: a client that opens many and cancels them
at once (rapid reset) makes us do that much work for each connection."""

GRPC_PENDING_MAX: Final = 8_192
"""Calls that gRPC's core keeps until our thread takes them. Fewer: in a flood it refuses some of every client by
itself, with a code after which clients drop their data. More: some 10 KB each."""

HTTP_HEADER_BYTES_MAX: Final = 65_536
"""Head, trailers and chunk framing beyond need of one HTTP request; the parser itself has no bound."""

INFLATE_CHUNK_BYTES: Final = 262_144
"""Step of decompression: a body overshoots its limit by one step at most before it is refused."""

BYTES_IN_FLIGHT_MAX: Final = 256 * MIB
"""Request bodies held at once over all doors. Above it new requests are asked to come back."""

SINK_BYTES_MAX: Final = 8 * MIB
"""Request bodies of one client that are being decoded and written at once. Higher: every client waits behind that much
of each flooding one, some 0.1 s for 8 MiB. Lower: a client alone cannot fill a group commit."""

RETRY_AFTER_S: Final = 1.0
"""The hint that goes with a refusal. The Python SDK gives an export 10 s in all, so longer means lost."""

RETRY_SPREAD_S: Final = 1.0
"""How much later than the hint a client may be asked to come back, by chance. Without it all come back at once."""

JOURNAL_FULL_SHARE: Final = 0.98
"""Share of journal_bytes_max above which a request is refused before its body is read and decoded for nothing. Lower:
that much of the journal is never used."""

MEMORY_SHARE: Final = 0.5
"""Default of memory_bytes_max: share of the machine's memory, or of its control group's. The embedded store has the
other half (STORE_MEMORY_SHARE)."""

MEMORY_BYTES_DEFAULT_MAX: Final = 4 * 1024 * MIB
"""Default of memory_bytes_max at most. Lower: the largest requests of several clients at once are refused though there
is memory enough."""

MEMORY_SOFT_SHARE: Final = 0.8
"""Share of memory_bytes_max above which new requests are refused. What is being decoded still grows into the rest."""

MEMORY_GROUP_SHARE: Final = 0.9
"""Share of the control group's memory, of all its processes, above which new requests are refused. Higher: the kernel
kills first."""

MEMORY_CHECK_S: Final = 0.25
"""How often memory is looked at. Longer: gRPC messages that are still arriving grow further unseen, 1 GB/s locally."""

# --- the gate -----------------------------------------------------------------------------------------------
KEYS_MAX: Final = 10_000
"""API keys that are valid at once; each is held in memory and labels two metrics. One more is not made."""

KEYS_REFRESH_S: Final = 2.0
"""How late a running collector sees a key that was made or revoked, and how much of the day's bytes a crash forgets."""

KEY_USAGE_DAYS: Final = 35
"""Days whose bytes per key are kept in the metadata."""

KEY_NAME_CHARS_MAX: Final = 100
"""Length of a key's name; it is shown in a table."""

LOGIN_BYTES_MAX: Final = 65_536
"""Body of the page's login form. A key has 80 characters; the page to come back to, LOGIN_NEXT_CHARS_MAX, escaped."""

LOGIN_NEXT_CHARS_MAX: Final = 20_000
"""Path and query of the page to come back to after login; a longer one leads to the first page."""

LOGIN_S: Final = 43_200
"""How long a browser keeps the key of a login: half a day."""

METADATA_WAIT_S: Final = 10.0
"""How long a statement on the metadata waits for another one's lock, or for a connection."""

# --- the web process -------------------------------------------------------------------------------------------
WEB_CONNECTIONS_MAX: Final = 512
"""Connections of the web port, those of open pages too; one more is answered 503."""

PAGE_CLIENTS_MAX: Final = 200
"""Open pages that are connected (WebSocket). Higher: about a megabyte each. Lower: a team that leaves tabs open keeps
itself out."""

PAGE_MESSAGE_BYTES_MAX: Final = 1 * MIB
"""Longest message that a page's browser sends: an SQL text of SQL_CHARS_MAX, escaped. Higher: memory for strangers."""

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
"""Freed memory that the C library keeps for reuse. Lower: pages are cleared again and again, a quarter of the CPU.
Higher: a collector stays larger after a burst, until it rests (`rest`)."""

MEMORY_KEPT_S: Final = 10.0
"""How long Arrow keeps freed memory for reuse. Shorter: pages are cleared between blocks. Longer: a collector
is small again that much later after a burst."""

MALLOC_ARENAS: Final = 2
"""Heaps of the C library. Each keeps memory of its own; the GIL leaves little for more of them to do."""

# --- journal and writer -----------------------------------------------------------------------------------
JOURNAL_BYTES_MAX: Final = 8 * 1024 * MIB
"""Default size of the journal on disk (setting journal_bytes_max)."""

GROUP_BYTES_MAX: Final = 8 * MIB
"""Bodies that are decoded together. Larger ones are decoded alone, on the thread that read them. Higher: those behind
wait longer, a group of 8 MiB takes about 25 ms. Lower: small requests share less."""

GROUP_WAIT_S: Final = 0.006
"""How long a request waits for company while others are written or just answered. Longer: that much later answers.
Shorter: groups of one or two requests, two microseconds a span."""

JOURNAL_FRESH_BYTES_MAX: Final = 128 * MIB
"""Accepted entries kept in memory until they are in a block. Lower: a short burst is read back from the file and parsed
again, at 1.5 microseconds a span. Higher: that much more memory while the store does not keep up."""

JOURNAL_AHEAD_BYTES: Final = 8 * MIB
"""Disk that is allocated ahead of the journal. Without it a full disk keeps stored blocks from being forgotten, too."""

JOURNAL_SHRINK_BYTES: Final = 256 * MIB
"""Size from which the file of an empty journal is made small again at a start. LMDB never does it by itself."""

RECENT_REQUESTS_S: Final = 600.0
"""How long a request is remembered, so that it is stored once when it is sent again. Shorter: an SDK or an upstream
collector whose acknowledgement was lost may store twice."""

RECENT_REQUESTS_MAX: Final = 200_000
"""Requests remembered. Fewer: above that number in RECENT_REQUESTS_S the oldest are forgotten too early. More: some
100 bytes each, in memory and in the journal."""

RECENT_REASON_BYTES_MAX: Final = 200
"""Bytes of a refusal's reason that are remembered with a request."""

BLOCK_ROWS_MAX: Final = 8_192
"""Rows of one insert. Smaller blocks cost ClickHouse more per row; twice as many no longer fit the memory that the
process keeps, and the collector's own CPU per row rises by a third."""

BLOCK_BYTES_MAX: Final = 48 * MIB
"""Bytes of one insert, so that 40 KB prompts do not make a block of 600 MB."""

BLOCK_WAIT_S: Final = 0.2
"""How long a block waits for more rows. It is the floor of "time until queryable"."""

LEDGER_EVERY_S: Final = 5.0
"""How often the ledger's numbers are written into their table while they change. Shorter: more small parts."""

LEDGER_UNCHANGED_S: Final = 86_400.0
"""How often they are written while they stand still, so that they outlive the table's retention."""

REPLAY_LETTERS: Final = 50
"""Dead letters that a replay brings back before it deletes them and says how far it is."""

DEAD_GROUPS_MAX: Final = 100
"""Lines of `haechi dead-letters list`, those with the most rows first."""

REFUSALS_MAX: Final = 1_000
"""Parts of a block that may be refused while the rows at fault are searched by halving. More: a block of nothing but
bad rows takes minutes. Fewer: beyond it good rows are set aside with their bad neighbours."""

INSERTS_IN_FLIGHT: Final = 2
"""Inserts under way at once."""

STOP_S: Final = 20.0
"""How long a collector that was asked to end goes on storing (setting stop_s). With the closing of doors and store it
must stay below what the service manager gives (Kubernetes 30 s); what is left is stored at the next start."""

# --- state of the stages ----------------------------------------------------------------------------------
RECENT_CALLS_MAX: Final = 1 << 18
"""Calls remembered so that usage is counted once. Forgotten calls may be counted again by a late parent."""

LATE_CONTENT_PATIENCE_S: Final = 2.0
"""How long content from logs waits for its span before the stored row is updated instead."""

UPDATE_SPANS_MAX: Final = 100
"""Spans that one UPDATE writes late content into. More make the statement itself slow to parse."""

DELETE_TRACES_MAX: Final = 20_000
"""Traces that one mutation deletes. More make the statement slow to parse; fewer make more mutations, each of which
reads a day."""

UPDATE_BYTES_MAX: Final = 8 * MIB
"""UTF-8 bytes of text that one UPDATE writes, unless one span alone has more. The statement holds each text twice and
escaped, at most four times as long, and must stay below STORE_STATEMENT_BYTES_MAX."""

RECENT_CALLS_S: Final = 900.0
"""How long it is remembered which spans were stored, for content from logs that comes after them."""

PENDING_CONTENT_BYTES_MAX: Final = 64 * MIB
"""Content from logs that waits for its span."""

DISTINCT_MODELS_MAX: Final = 1_000
"""(provider, model) pairs without a price that are counted by name; each is a line of /metrics."""

DISTINCT_VALUES_MAX: Final = 10_000
"""Different values of one dictionary column (name, service_name, request_model, ...) of one project in a day; further
ones go to attributes_string. Higher: ClickHouse gives up the dictionary at 8,192 values of a part, and a project may
make the collector hold 4 MB a column."""

DISTINCT_VALUE_BYTES_MAX: Final = 256
"""Longest value of such a column. Higher: DISTINCT_VALUES_MAX of them take more memory."""

RETENTION_DAYS: Final = 90
"""Default of the setting retention_days: a quarter, so that its costs can be compared with budgets and bills. Fewer:
monthly comparisons lose their first month. More: the disk bound drops days first on small machines."""

RETENTION_DISK_SHARE: Final = 0.8
"""Default bound of the tables, of the disk that is free or theirs when the collector starts. Merges, backups and
deletions need room for copies; higher leaves them none, and a full disk stops everything."""

CONTROL_REQUEST_BYTES_MAX: Final = 65_536
"""Longest command to a running collector over its own socket."""

BACKUP_S: Final = 86_400
"""How long ClickHouse may take for one backup or restore; a disk writes some 10 TB in that time."""

JOURNAL_PASS_S: Final = 300.0
"""How long a deletion or a backup waits until what was accepted before is stored."""

RETENTION_EVERY_S: Final = 60.0
"""How often the bounds are looked at. Rarer: a fast sender overshoots the size by what it writes in that time."""

BLOCK_DAYS_MAX: Final = 400
"""Days that one block may touch; each is a part of its own. Lower than the days that are kept: history that comes in
no order loses times. Higher: one hostile request makes as many parts."""

TIME_AHEAD_S: Final = 86_400.0
"""How far ahead of this machine's clock a time may lie. Less: emitters with a wrong zone lose their times."""

TIME_PAST_DAYS_MAX: Final = 3_650
"""How old a time may be when retention keeps for ever. More: more partitions may be made by wrong clocks."""

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

# --- the store's client -----------------------------------------------------------------------------------
STORE_CLIENT_POOL: Final = 16
"""Kept-alive connections of one client; more are opened when needed and closed after use."""

STORE_CONNECT_S: Final = 5.0
"""How long the client waits for a connection."""

STORE_ANSWER_S: Final = 120
"""How long the client waits for an answer (setting store_answer_s). Lower: a slow insert is sent again under its token,
while the first still runs. Higher: a store that hangs holds an insert's place for that long."""

MIGRATION_LOCK_S: Final = 600.0
"""After this a migration's lock is taken for abandoned. One file must finish within it."""

MIGRATION_WAIT_S: Final = 60.0
"""How long a second migration waits for the first."""
