"""Inserting blocks of rows.

Guarantees: a block is stored once however often it is sent under its token, as long as fewer than 10,000 other blocks
of its table come between (the table's deduplication window); columns are bound by name; a block of many days is
stored whole.

The stream is not compressed: over loopback LZ4 costs more than it saves (docs/store.md). Text goes as plain strings,
dictionaries cost the same within the measurement's noise; a dictionary column with int32 indices is taken as well.
"""

from typing import Final

import pyarrow as pa

from haechi_collector.store.client import StoreClient

_SETTINGS: Final = {
    "async_insert": 0,  # the journal has formed the block already
    "max_partitions_per_insert_block": 0,  # late data may span many days
    "distributed_foreground_insert": 1,  # in a cluster: answer when the shards have the rows, not before
    "insert_deduplicate": 1,
}

_STREAM_END_BYTES: Final = 4096  # the end mark, and what padding of messages may add


class Inserter:
    """Puts batches into tables. Safe for many threads.

    Args:
        client: of a user that may insert.
    """

    def __init__(self, client: StoreClient) -> None:
        self._client = client

    def insert(self, table: str, batch: pa.RecordBatch, token: str) -> None:
        """Insert the batch once per token.

        Args:
            table: a table of the client's database.
            batch: columns by the names of the table's; those that are left out get their defaults.
            token: names this content; the same token with other rows is taken for the same block and dropped.

        Raises:
            StoreUnavailable: try again later, with the same batch and token.
            StoreError: ClickHouse refuses the content.
        """
        if not batch.num_rows:
            return
        settings = {**_SETTINGS, "insert_deduplication_token": token}
        name = f"{self._client.dsn.database}.{table}"
        self._client.insert_arrow_stream(name, batch.schema.names, ipc_stream(batch), settings)


def ipc_stream(batch: pa.RecordBatch) -> memoryview:
    """Return the batch as an Arrow IPC stream, in one buffer that is allocated once."""
    size = pa.ipc.get_record_batch_size(batch) + len(batch.schema.serialize()) + _STREAM_END_BYTES
    buffer = pa.allocate_buffer(size)
    with pa.FixedSizeBufferWriter(buffer) as sink:
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        written = sink.tell()
    return memoryview(buffer)[:written]
