-- Settings that the tables share, and why:
--   * non_replicated_deduplication_window: a block that is sent again under the same token is stored once.
--   * fsync_after_insert, fsync_part_directory: an acknowledged block survives a power cut. Cost: 0.2 us a row.
--   * min_bytes_for_wide_part: an inserted part is one file instead of 130; inserting costs a third.
--   * min_parts_to_merge_at_once: rows are rewritten less often; merging costs half.
--   * enable_block_number_column, enable_block_offset_column: a lightweight UPDATE (15 ms) instead of a mutation (1 s).
--   * index_granularity_bytes: whoever wants one row reads its granule. The default of 10 MiB made looking for a word and
--     showing what was found two to three times as dear; a longer index costs nothing on disk.
--   * ttl_only_drop_parts with daily partitions: old data leaves as whole parts.
--   * start_time in LZ4: every question compares it, which took 20 and takes 12 ms of CPU a day of 1.4 million spans; 0.4 %
--     more on disk.
-- The order ends before the time itself: the engine understands a condition on a time as one on its five minutes only
-- where the time is no key of its own, and read the whole day for an hour of it.

CREATE DATABASE IF NOT EXISTS haechi;

-- shard by: cityHash64(trace_id)
CREATE TABLE IF NOT EXISTS haechi.spans
(
    project LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    parent_span_id String CODEC(ZSTD(1)),
    name LowCardinality(String),
    kind LowCardinality(String),
    service_name LowCardinality(String),
    service_version LowCardinality(String),
    environment LowCardinality(String),
    start_time DateTime64(9, 'UTC') CODEC(Delta(8), LZ4),
    duration_ns UInt64,
    status_code LowCardinality(String),
    status_message String,
    error_type LowCardinality(String),
    operation LowCardinality(String),
    provider LowCardinality(String),
    request_model LowCardinality(String),
    response_model LowCardinality(String),
    input_tokens UInt64,
    output_tokens UInt64,
    cache_read_tokens UInt64,
    cache_write_tokens UInt64,
    reasoning_tokens UInt64,
    usage_source LowCardinality(String),
    cost_usd Nullable(Decimal(18, 12)),
    cost_source LowCardinality(String),
    cost_details Map(LowCardinality(String), String),
    ttft_ns Nullable(UInt64),
    is_streaming Bool,
    finish_reasons Array(LowCardinality(String)),
    user_id String,
    session_id String,
    prompt_name LowCardinality(String),
    prompt_version LowCardinality(String),
    experiment LowCardinality(String),
    variant LowCardinality(String),
    input_messages String CODEC(ZSTD(1)),
    output_messages String CODEC(ZSTD(1)),
    system_instructions String CODEC(ZSTD(1)),
    tool_definitions String CODEC(ZSTD(1)),
    retrieved_context String CODEC(ZSTD(1)),
    attributes_string Map(LowCardinality(String), String),
    attributes_number Map(LowCardinality(String), Float64),
    attributes_bool Map(LowCardinality(String), Bool),
    resource_attributes Map(LowCardinality(String), String),
    events String CODEC(ZSTD(1)),
    links String CODEC(ZSTD(1)),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    dialect LowCardinality(String),
    ingested_at DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    INDEX trace_id_bloom trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX session_id_bloom session_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(start_time)
ORDER BY (project, toStartOfFiveMinutes(start_time), service_name)
TTL toDateTime(ingested_at) + INTERVAL 90 DAY
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_bytes_for_wide_part = 268435456,
    min_parts_to_merge_at_once = 10,
    index_granularity_bytes = 2097152,
    enable_block_number_column = 1,
    enable_block_offset_column = 1;

-- shard by: cityHash64(trace_id)
CREATE TABLE IF NOT EXISTS haechi.logs
(
    project LowCardinality(String),
    timestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    observed_timestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    severity_number Int32,
    severity_text LowCardinality(String),
    event_name LowCardinality(String),
    body String CODEC(ZSTD(1)),
    service_name LowCardinality(String),
    service_version LowCardinality(String),
    environment LowCardinality(String),
    attributes_string Map(LowCardinality(String), String),
    attributes_number Map(LowCardinality(String), Float64),
    attributes_bool Map(LowCardinality(String), Bool),
    resource_attributes Map(LowCardinality(String), String),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    ingested_at DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    INDEX trace_id_bloom trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(timestamp)
ORDER BY (project, toStartOfFiveMinutes(timestamp), service_name)
TTL toDateTime(ingested_at) + INTERVAL 90 DAY
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_bytes_for_wide_part = 268435456,
    min_parts_to_merge_at_once = 10;

-- shard by: cityHash64(metric_name, service_name)
CREATE TABLE IF NOT EXISTS haechi.metric_points
(
    project LowCardinality(String),
    time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    start_time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    metric_name LowCardinality(String),
    metric_description LowCardinality(String),
    unit LowCardinality(String),
    type LowCardinality(String),
    temporality LowCardinality(String),
    is_monotonic Bool,
    flags UInt32,
    value Float64,
    count UInt64,
    sum Float64,
    min Float64,
    max Float64,
    bounds Array(Float64),
    bucket_counts Array(Float64),
    scale Int32,
    zero_count UInt64,
    zero_threshold Float64,
    positive_offset Int32,
    positive_counts Array(UInt64),
    negative_offset Int32,
    negative_counts Array(UInt64),
    exemplars String CODEC(ZSTD(1)),
    service_name LowCardinality(String),
    service_version LowCardinality(String),
    environment LowCardinality(String),
    attributes_string Map(LowCardinality(String), String),
    attributes_number Map(LowCardinality(String), Float64),
    attributes_bool Map(LowCardinality(String), Bool),
    resource_attributes Map(LowCardinality(String), String),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    ingested_at DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(time)
ORDER BY (project, metric_name, service_name, time)
TTL toDateTime(ingested_at) + INTERVAL 90 DAY
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_bytes_for_wide_part = 268435456,
    min_parts_to_merge_at_once = 10;

-- A score that is sent again with its id replaces the earlier one when parts merge; a query that must not see both
-- before that reads FINAL.
-- shard by: cityHash64(trace_id)
CREATE TABLE IF NOT EXISTS haechi.scores
(
    project LowCardinality(String),
    id String CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    name LowCardinality(String),
    value Float64,
    label LowCardinality(String),
    source LowCardinality(String),
    evaluator LowCardinality(String),
    evaluator_version LowCardinality(String),
    explanation String CODEC(ZSTD(1)),
    timestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    ingested_at DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    INDEX trace_id_bloom trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(ingested_at)
PARTITION BY toYYYYMMDD(timestamp)
ORDER BY (project, name, timestamp, trace_id, id)
TTL toDateTime(ingested_at) + INTERVAL 90 DAY
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_bytes_for_wide_part = 268435456;

-- shard by: cityHash64(payload)
CREATE TABLE IF NOT EXISTS haechi.dead_letters
(
    project LowCardinality(String),
    signal LowCardinality(String),
    reason String,
    code LowCardinality(String),
    rows UInt64,
    payload String CODEC(ZSTD(1)),
    received_at DateTime64(9, 'UTC'),
    ingested_at DateTime64(9, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(ingested_at)
ORDER BY (project, signal, ingested_at)
TTL toDateTime(ingested_at) + INTERVAL 90 DAY
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1;

-- shard by: cityHash64(id)
CREATE TABLE IF NOT EXISTS haechi.price_audit
(
    id String,
    started_at DateTime64(9, 'UTC'),
    finished_at DateTime64(9, 'UTC'),
    window_from DateTime64(9, 'UTC'),
    window_to DateTime64(9, 'UTC'),
    price_book String,
    rows_changed UInt64,
    cost_before Decimal(38, 12),
    cost_after Decimal(38, 12)
)
ENGINE = MergeTree
ORDER BY started_at
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1;

-- The spans under the names of the OpenTelemetry Collector's ClickHouse exporter, for dashboards made for it. What
-- stands in a column of its own in spans is an attribute again.
CREATE VIEW IF NOT EXISTS haechi.otel_traces AS
SELECT
    start_time AS Timestamp,
    trace_id AS TraceId,
    span_id AS SpanId,
    parent_span_id AS ParentSpanId,
    attributes_string['otel.trace_state'] AS TraceState,
    name AS SpanName,
    if(kind = '', 'Unspecified', concat(upper(substring(kind, 1, 1)), substring(kind, 2))) AS SpanKind,
    service_name AS ServiceName,
    resource_attributes AS ResourceAttributes,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    mapUpdate(mapUpdate(mapUpdate(
        mapFilter((k, v) -> v != '', CAST(map(
            'gen_ai.operation.name', toString(operation),
            'gen_ai.provider.name', toString(provider),
            'gen_ai.request.model', toString(request_model),
            'gen_ai.response.model', toString(response_model),
            'gen_ai.usage.input_tokens', if(input_tokens = 0, '', toString(input_tokens)),
            'gen_ai.usage.output_tokens', if(output_tokens = 0, '', toString(output_tokens)),
            'gen_ai.conversation.id', session_id,
            'gen_ai.input.messages', input_messages,
            'gen_ai.output.messages', output_messages,
            'gen_ai.system_instructions', system_instructions,
            'gen_ai.tool.definitions', tool_definitions,
            'user.id', user_id,
            'error.type', toString(error_type)
        ) AS Map(LowCardinality(String), String))),
        CAST(mapApply((k, v) -> (k, toString(v)), attributes_number) AS Map(LowCardinality(String), String))),
        CAST(mapApply((k, v) -> (k, toString(v)), attributes_bool) AS Map(LowCardinality(String), String))),
        attributes_string
    ) AS SpanAttributes,
    duration_ns AS Duration,
    concat(upper(substring(status_code, 1, 1)), substring(status_code, 2)) AS StatusCode,
    status_message AS StatusMessage,
    arrayMap(
        e -> fromUnixTimestamp64Nano(JSONExtract(e, 'time_unix_nano', 'Int64'), 'UTC'), JSONExtractArrayRaw(events)
    ) AS `Events.Timestamp`,
    arrayMap(e -> JSONExtractString(e, 'name'), JSONExtractArrayRaw(events)) AS `Events.Name`,
    arrayMap(
        e -> CAST(
            arrayMap(
                p -> (p.1, if(startsWith(p.2, '"'), JSONExtractString(p.2), p.2)),
                JSONExtractKeysAndValuesRaw(e, 'attributes')
            ) AS Map(LowCardinality(String), String)
        ),
        JSONExtractArrayRaw(events)
    ) AS `Events.Attributes`,
    arrayMap(l -> JSONExtractString(l, 'trace_id'), JSONExtractArrayRaw(links)) AS `Links.TraceId`,
    arrayMap(l -> JSONExtractString(l, 'span_id'), JSONExtractArrayRaw(links)) AS `Links.SpanId`,
    arrayMap(l -> JSONExtractString(l, 'trace_state'), JSONExtractArrayRaw(links)) AS `Links.TraceState`,
    arrayMap(
        l -> CAST(
            arrayMap(
                p -> (p.1, if(startsWith(p.2, '"'), JSONExtractString(p.2), p.2)),
                JSONExtractKeysAndValuesRaw(l, 'attributes')
            ) AS Map(LowCardinality(String), String)
        ),
        JSONExtractArrayRaw(links)
    ) AS `Links.Attributes`
FROM haechi.spans;
