-- Whole days are dropped by the collector (settings retention_days, retention_bytes_max), by the time that the rows
-- tell of. A TTL beside it would go by the time of arrival, and would end what is kept for ever. REMOVE TTL refuses
-- a table without one, so that each is given one first and the file can be run again.
ALTER TABLE haechi.spans MODIFY TTL toDateTime(ingested_at) + INTERVAL 20 YEAR SETTINGS materialize_ttl_after_modify = 0;
ALTER TABLE haechi.spans REMOVE TTL;
ALTER TABLE haechi.logs MODIFY TTL toDateTime(ingested_at) + INTERVAL 20 YEAR SETTINGS materialize_ttl_after_modify = 0;
ALTER TABLE haechi.logs REMOVE TTL;
ALTER TABLE haechi.metric_points MODIFY TTL toDateTime(ingested_at) + INTERVAL 20 YEAR SETTINGS materialize_ttl_after_modify = 0;
ALTER TABLE haechi.metric_points REMOVE TTL;
ALTER TABLE haechi.scores MODIFY TTL toDateTime(ingested_at) + INTERVAL 20 YEAR SETTINGS materialize_ttl_after_modify = 0;
ALTER TABLE haechi.scores REMOVE TTL;
ALTER TABLE haechi.dead_letters MODIFY TTL toDateTime(ingested_at) + INTERVAL 20 YEAR SETTINGS materialize_ttl_after_modify = 0;
ALTER TABLE haechi.dead_letters REMOVE TTL;

-- A merge removes the parts it read as soon as it is done, so what it wrote must be on the disk by then.
ALTER TABLE haechi.spans MODIFY SETTING min_rows_to_fsync_after_merge = 1;
ALTER TABLE haechi.logs MODIFY SETTING min_rows_to_fsync_after_merge = 1;
ALTER TABLE haechi.metric_points MODIFY SETTING min_rows_to_fsync_after_merge = 1;
ALTER TABLE haechi.scores MODIFY SETTING min_rows_to_fsync_after_merge = 1;
ALTER TABLE haechi.dead_letters MODIFY SETTING min_rows_to_fsync_after_merge = 1;

-- shard by: cityHash64(id)
CREATE TABLE IF NOT EXISTS haechi.deletions
(
    id String,
    started_at DateTime64(9, 'UTC'),
    finished_at DateTime64(9, 'UTC'),
    requested_by String,
    kind LowCardinality(String),
    project String,
    spans UInt64,
    logs UInt64,
    metric_points UInt64,
    scores UInt64,
    dead_letters UInt64
)
ENGINE = MergeTree
ORDER BY started_at
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1;
