-- What each collector accepted and what became of it, in rows since its journal was made:
-- accepted = stored + queued + dead. A snapshot every few seconds while the numbers change.
-- shard by: cityHash64(collector)
CREATE TABLE IF NOT EXISTS haechi.ledger
(
    collector LowCardinality(String),
    signal LowCardinality(String),
    at DateTime64(3, 'UTC'),
    accepted UInt64,
    stored UInt64,
    queued UInt64,
    dead Int64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (collector, signal, at)
TTL toDateTime(at) + INTERVAL 90 DAY
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1;

-- The latest snapshot of every collector, summed.
CREATE VIEW IF NOT EXISTS haechi.ledger_now AS
SELECT
    signal,
    sum(last.1) AS accepted,
    sum(last.2) AS stored,
    sum(last.3) AS queued,
    sum(last.4) AS dead,
    accepted = stored + queued + dead AS balances
FROM
(
    SELECT signal, argMax((accepted, stored, queued, dead), at) AS last
    FROM haechi.ledger
    GROUP BY collector, signal
)
GROUP BY signal;

-- The letter's name, so that it is replayed once.
ALTER TABLE haechi.dead_letters ADD COLUMN IF NOT EXISTS id String DEFAULT hex(sipHash128(payload, ingested_at)) FIRST;
