-- What Grafana's ClickHouse data source sends, written after its sources (grafana/clickhouse-datasource at 1d04063a:
-- src/data/CHDatasource.ts, src/data/sqlGenerator.ts, pkg/plugin/driver.go, pkg/macros/macros.go; clickhouse-go's
-- handshake over HTTP). Macros are expanded as macros.go does, for 2026-09-21T14:00:00Z to 15:00:00Z.
-- A statement ends at a line that is empty; a comment says what it is for.

-- the driver's handshake
SELECT displayName(), version(), revision(), timezone()

-- ping, and the health check
SELECT 1

SELECT version()

-- completion: databases, tables, columns
SHOW DATABASES

SHOW TABLES FROM "haechi"

SHOW TABLES

DESC TABLE "haechi"."spans"

DESC TABLE "haechi"."otel_traces"

SELECT name, type, table FROM system.columns

SELECT name, type, table FROM system.columns WHERE database = 'haechi' AND table = 'spans'

SELECT name, type, table FROM system.columns WHERE table = 'spans'

SELECT name, type, table FROM system.columns WHERE database IN ('haechi') AND table = 'otel_traces'

-- completion: functions
SELECT
        name, is_aggregate, case_insensitive, alias_to, origin, description,
        syntax, arguments, returned_value, examples, categories
      FROM system.functions
      LIMIT 10000

-- keys of a map, values for a filter
SELECT DISTINCT arrayJoin(mapKeys("SpanAttributes")) as keys FROM "haechi"."otel_traces" LIMIT 1000

SELECT DISTINCT arrayJoin(mapKeys("SpanAttributes")) as keys FROM (SELECT "SpanAttributes" FROM "haechi"."otel_traces" LIMIT 100000) LIMIT 1000

SELECT DISTINCT "ServiceName" FROM "haechi"."otel_traces" WHERE "ServiceName" IS NOT NULL LIMIT 1000

SELECT DISTINCT "SpanAttributes"['demo.language'] FROM "haechi"."otel_traces" WHERE mapContains("SpanAttributes", 'demo.language') LIMIT 1000

select distinct request_model from haechi.spans limit 1000

select distinct attributes_string['demo.language'] from haechi.spans limit 1000

-- query builder: a table
SELECT trace_id, request_model, duration_ns FROM "haechi"."spans" WHERE ( request_model IS NOT NULL ) AND ( duration_ns > 0 ) ORDER BY start_time DESC LIMIT 1000

SELECT request_model, service_name, count(*) as d FROM "haechi"."spans" GROUP BY request_model, service_name ORDER BY d DESC LIMIT 100

SELECT request_model FROM "haechi"."spans" WHERE ( request_model IN ('gpt-4o', 'x') ) AND ( name LIKE '%chat%' ) AND ( start_time >= toDateTime(1790000000) AND start_time <= toDateTime(1790003600) ) LIMIT 10

-- query builder: time series
SELECT start_time as "time", output_tokens FROM "haechi"."spans" WHERE ( time >= toDateTime(1789999200) AND time <= toDateTime(1790002800) ) ORDER BY time ASC LIMIT 1000

SELECT toStartOfInterval(toDateTime(start_time), INTERVAL 60 second) as "time", sum(output_tokens) as total, request_model FROM "haechi"."spans" WHERE ( start_time >= toDateTime(1789999200) AND start_time <= toDateTime(1790002800) ) GROUP BY request_model, time ORDER BY time ASC LIMIT 100000

SELECT toStartOfInterval(toDateTime64(start_time, 3), INTERVAL 15000 millisecond) as time, quantile(0.95)(duration_ns) / 1e6 AS p95 FROM haechi.spans WHERE start_time >= fromUnixTimestamp64Milli(1789999200000) AND start_time <= fromUnixTimestamp64Milli(1790002800000) GROUP BY time ORDER BY time

-- query builder: logs, their histogram and context
SELECT timestamp as "timestamp", body as "body", severity_text as "level" FROM "haechi"."logs" WHERE ( timestamp >= toDateTime(1789999200) AND timestamp <= toDateTime(1790002800) ) ORDER BY timestamp DESC LIMIT 1000

SELECT toStartOfInterval("timestamp", INTERVAL 15 SECOND) as "time", sum(multiSearchAny(toString("severity_text"), ['critical','fatal','crit','alert','emerg','CRITICAL','FATAL','Critical','Fatal'])) as critical, sum(multiSearchAny(toString("severity_text"), ['error','err','eror','ERROR','Error'])) as error, count(*) as logs FROM "haechi"."logs" WHERE ( timestamp >= fromUnixTimestamp64Milli(1789999200000) AND timestamp <= fromUnixTimestamp64Milli(1790002800000) ) GROUP BY time ORDER BY time ASC

-- query builder: the list of traces, and one trace
SELECT "TraceId" as traceID, "ServiceName" as serviceName, "SpanName" as operationName, "Timestamp" as startTime, multiply("Duration", 0.000001) as duration FROM "haechi"."otel_traces" WHERE ( Timestamp >= toDateTime(1789999200) AND Timestamp <= toDateTime(1790002800) ) AND ( ParentSpanId = '' ) AND ( Duration > 0 ) ORDER BY Timestamp DESC, Duration DESC LIMIT 1000

SELECT "TraceId" as traceID, "SpanId" as spanID, "ParentSpanId" as parentSpanID, "ServiceName" as serviceName, "SpanName" as operationName, multiply(toUnixTimestamp64Nano("Timestamp"), 0.000001) as startTime, multiply("Duration", 0.000001) as duration, arrayMap(key -> map('key', key, 'value',"SpanAttributes"[key]), mapKeys("SpanAttributes")) as tags, arrayMap(key -> map('key', key, 'value',"ResourceAttributes"[key]), mapKeys("ResourceAttributes")) as serviceTags, if("StatusCode" IN ('Error', 'STATUS_CODE_ERROR'), 2, 0) as statusCode FROM "haechi"."otel_traces" WHERE traceID = '00000000000000000000000000000001' LIMIT 1000

-- a typical panel of one's own, with $__timeFilter and $__timeInterval
SELECT toStartOfInterval(toDateTime(start_time), INTERVAL 30 second) AS t, request_model, sum(cost_usd) AS usd FROM spans WHERE start_time >= toDateTime(1789999200) AND start_time <= toDateTime(1790002800) GROUP BY t, request_model ORDER BY t

-- the editor explains what is typed
EXPLAIN SELECT count() FROM spans
