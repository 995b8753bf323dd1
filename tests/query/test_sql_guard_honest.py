"""Honest queries that the guard answers, and what ClickHouse's own parser says of them."""

import re
from collections.abc import Callable
from typing import Final

import pytest

from haechi_collector.query.sql_guard import check

HONEST: Final[tuple[str, ...]] = (
    "SELECT 1",
    "select 1;",
    "(SELECT 1)",
    "SELECT request_model,count(),quantile(0.95)(duration_ns)/1e6,sum(cost_usd) FROM spans GROUP BY 1",
    "SELECT * FROM spans ORDER BY start_time DESC LIMIT 10",
    "SELECT * FROM haechi.spans LIMIT 5",
    "SELECT count() FROM `haechi`.`spans`",
    'SELECT count() FROM "haechi"."spans"',
    "FROM spans SELECT count()",
    "SELECT quantiles(0.5, 0.9, 0.99)(duration_ns) AS q, q[1], q[3] FROM spans",
    "SELECT quantileTDigestIf(0.99)(ttft_ns, is_streaming) FROM spans",
    "SELECT quantileExactWeighted(0.5)(duration_ns, output_tokens) FROM spans",
    "SELECT countIf(status_code = 'error') / count() AS error_rate FROM spans",
    "SELECT uniqExactIf(user_id, user_id != '') FROM spans",
    (
        "SELECT toStartOfInterval(start_time, INTERVAL 5 MINUTE) AS t, count() FROM spans GROUP BY t ORDER BY t "
        "WITH FILL STEP INTERVAL 5 MINUTE"
    ),
    (
        "SELECT toStartOfMinute(start_time) AS t, avg(duration_ns) FROM spans GROUP BY t ORDER BY t "
        "WITH FILL FROM toStartOfMinute(now() - INTERVAL 1 HOUR) TO now() STEP 60"
    ),
    "SELECT start_time, service_name FROM spans LIMIT 2 BY service_name",
    "SELECT start_time FROM spans ORDER BY start_time LIMIT 2 OFFSET 1 BY service_name LIMIT 5",
    "SELECT attributes_string['gen_ai.request.id'] FROM spans WHERE mapContains(attributes_string, 'a')",
    "SELECT k, count() FROM spans ARRAY JOIN mapKeys(attributes_string) AS k GROUP BY k ORDER BY count() DESC",
    "SELECT arrayJoin(finish_reasons) AS r, count() FROM spans GROUP BY r",
    "SELECT * FROM spans LEFT ARRAY JOIN finish_reasons AS reason",
    "SELECT arrayMap(x -> x * 2, [1, 2, 3])",
    "SELECT arrayMap((x, y) -> (x, y), [1, 2], ['a', 'b'])",
    "SELECT arrayFilter((k, v) -> v > 1, mapKeys(m), mapValues(m)) FROM (SELECT attributes_number AS m FROM spans)",
    "SELECT arrayMap(upper, finish_reasons) FROM spans",
    "SELECT arraySort(x -> -x, [3, 1, 2]), arrayReverseSort([1, 2])",
    "SELECT arraySum(arr), arrayMax(arr) FROM (SELECT groupArray(duration_ns) AS arr FROM spans)",
    "SELECT mapApply((k, v) -> (upper(k), v), attributes_string) FROM spans",
    (
        "SELECT a.trace_id, b.name FROM spans AS a INNER JOIN spans AS b ON a.trace_id = b.trace_id "
        "AND a.span_id = b.parent_span_id"
    ),
    "SELECT a.trace_id FROM spans a ASOF JOIN scores b ON a.trace_id = b.trace_id AND a.start_time >= b.timestamp",
    "SELECT * FROM spans AS s LEFT JOIN scores USING (trace_id, span_id)",
    "SELECT s.trace_id FROM spans s ANY LEFT JOIN scores c ON s.span_id = c.span_id",
    "SELECT s.trace_id FROM spans s LEFT SEMI JOIN scores c ON s.span_id = c.span_id",
    "SELECT s.trace_id FROM spans s LEFT ANTI JOIN scores c ON s.span_id = c.span_id",
    "SELECT s.trace_id FROM spans s GLOBAL INNER JOIN scores c ON s.span_id = c.span_id",
    "SELECT 1 FROM spans, scores WHERE spans.trace_id = scores.trace_id",
    "SELECT trace_id FROM spans WHERE trace_id IN (SELECT trace_id FROM scores WHERE name = 'hallucination')",
    "SELECT trace_id FROM spans WHERE (trace_id, span_id) NOT IN (SELECT trace_id, span_id FROM scores)",
    "SELECT trace_id FROM spans WHERE trace_id GLOBAL IN (SELECT trace_id FROM scores)",
    "SELECT trace_id FROM spans WHERE trace_id IN (haechi.ids)",
    "SELECT trace_id FROM spans WHERE provider IN ('openai', 'anthropic')",
    "SELECT /*+ hint */ count() FROM spans WHERE (name) IN ('a') AND 'stop' IN tuple('stop', 'length')",
    "WITH t AS (SELECT * FROM spans WHERE operation = 'chat') SELECT provider, count() FROM t GROUP BY provider",
    (
        "WITH 0.05 AS limit_, (SELECT avg(duration_ns) FROM spans) AS mean SELECT count() FROM spans "
        "WHERE duration_ns > mean * limit_"
    ),
    (
        "WITH RECURSIVE tree AS (SELECT span_id FROM spans WHERE parent_span_id = '' UNION ALL "
        "SELECT s.span_id FROM spans s, tree t WHERE s.parent_span_id = t.span_id) SELECT count() FROM tree"
    ),
    "SELECT request_model FROM spans PREWHERE start_time > now() - INTERVAL 1 DAY WHERE provider = {p:String}",
    "SELECT {names:Array(String)}, {n:UInt64}, {t:DateTime64(9, 'UTC')}, {m:Map(String, UInt8)}",
    "SELECT count() FROM spans FINAL",
    "SELECT count() FROM spans SAMPLE 1/10",
    "SELECT count() FROM spans SAMPLE 0.1 OFFSET 0.5",
    "SELECT provider, request_model, sum(cost_usd) FROM spans GROUP BY ROLLUP(provider, request_model)",
    "SELECT provider, request_model, sum(cost_usd) FROM spans GROUP BY CUBE(provider, request_model)",
    "SELECT provider, sum(cost_usd) FROM spans GROUP BY provider WITH TOTALS",
    "SELECT provider, request_model, count() FROM spans GROUP BY provider, request_model WITH ROLLUP",
    "SELECT provider, count() FROM spans GROUP BY GROUPING SETS ((provider), ())",
    "SELECT provider, count() AS c FROM spans GROUP BY ALL HAVING c > 1 ORDER BY ALL",
    "SELECT trace_id, row_number() OVER (PARTITION BY trace_id ORDER BY start_time) AS n FROM spans",
    (
        "SELECT sum(output_tokens) OVER w FROM spans WINDOW w AS (PARTITION BY user_id ORDER BY start_time "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    ),
    "SELECT lagInFrame(duration_ns, 1, 0) OVER (ORDER BY start_time) FROM spans",
    "SELECT trace_id FROM spans QUALIFY row_number() OVER (PARTITION BY trace_id ORDER BY start_time) = 1",
    "SELECT 1 UNION ALL SELECT 2",
    "SELECT 1 UNION DISTINCT SELECT 2",
    "SELECT 1 INTERSECT SELECT 1",
    "SELECT 1 EXCEPT SELECT 2",
    "SELECT 1 FORMAT JSONEachRow",
    "SELECT 1 FORMAT JSON;",
    "SELECT 1 AS format FORMAT CSVWithNames",
    "SELECT 1 SETTINGS max_threads = 1",
    "SELECT 1 FORMAT JSON SETTINGS max_threads = 1, output_format_json_quote_64bit_integers = 0",
    "SELECT 1 SETTINGS join_use_nulls = 1 FORMAT TSV",
    "SELECT CAST(1 AS Nullable(String)), 1::Decimal(18, 12), toDecimal64('1.5', 4), '2024-01-01'::Date",
    "SELECT if(1, 2, 3), multiIf(1, 2, 3), 1 ? 2 : 3, CASE WHEN 1 THEN 2 ELSE 3 END, CASE 1 WHEN 1 THEN 'a' END",
    "SELECT coalesce(NULL, 1), ifNull(NULL, 2), NULL IS NULL, 1 IS NOT NULL, 1 BETWEEN 0 AND 2",
    "SELECT count() FROM spans WHERE input_messages ILIKE '%환불%' OR hasToken(input_messages, 'refund')",
    'SELECT 1 AS `모델`, 2 AS "비용 (USD)"',
    "SELECT 'it''s', 'a\\'b', 'a\\\\', '-- no comment', '/* nor this */', 'FROM system.users', 'file(''x'')'",
    "SELECT 1 -- FROM system.users; DROP TABLE spans",
    "SELECT /* DROP TABLE spans */ 1",
    "SELECT\n\t1\r\n+ 1",
    "SELECT JSONExtractString(input_messages, 1, 'role'), JSONExtract(events, 'Array(JSON)') FROM spans",
    "SELECT JSON_VALUE(input_messages, '$[0].role') FROM spans",
    "SELECT sumMap(map(provider, output_tokens)) FROM spans",
    "SELECT argMax(name, start_time), anyLast(name), groupArray(10)(name), groupUniqArray(name) FROM spans",
    "SELECT topK(5)(request_model), uniqCombined(12)(user_id), histogram(10)(duration_ns) FROM spans",
    (
        "SELECT avgMerge(s), finalizeAggregation(q) FROM (SELECT avgState(duration_ns) AS s, "
        "quantileState(0.5)(duration_ns) AS q FROM spans)"
    ),
    "SELECT * EXCEPT (input_messages, output_messages) FROM spans",
    "SELECT * EXCEPT input_messages FROM spans",
    "SELECT * REPLACE (upper(name) AS name) FROM spans",
    "SELECT COLUMNS('tokens$') FROM spans",
    "SELECT COLUMNS('_tokens') APPLY(sum) FROM spans",
    "SELECT * EXCEPT(name) APPLY(x -> toString(x)) FROM spans",
    "SELECT number FROM numbers(10)",
    "SELECT toDate('2024-01-01') + number AS day FROM numbers(7)",
    "SELECT * FROM generate_series(1, 10, 2)",
    "SELECT * FROM values('a String, b UInt8', ('x', 1), ('y', 2))",
    "SELECT * FROM system.tables WHERE database = 'haechi'",
    "SELECT name, type FROM system.columns WHERE table = 'spans'",
    "SELECT name, value FROM system.settings WHERE changed",
    "SELECT table_name FROM information_schema.tables",
    "SELECT table_name FROM INFORMATION_SCHEMA.TABLES",
    "SELECT version(), timezone(), currentDatabase(), currentUser(), hostName()",
    "EXPLAIN SELECT 1",
    "EXPLAIN PLAN indexes = 1, actions = 1 SELECT count() FROM spans WHERE start_time > now() - 3600",
    "EXPLAIN PIPELINE graph = 1 SELECT count() FROM spans",
    "EXPLAIN AST SELECT 1",
    "EXPLAIN ESTIMATE SELECT count() FROM spans",
    "SHOW TABLES",
    "SHOW FULL TABLES FROM haechi LIKE 'sp%'",
    "SHOW DATABASES",
    "SHOW CREATE TABLE spans",
    "SHOW CREATE TABLE haechi.spans FORMAT TSVRaw",
    "SHOW COLUMNS FROM spans",
    "DESCRIBE TABLE spans",
    "DESC haechi.spans",
    "DESCRIBE (SELECT 1)",
    "EXISTS TABLE spans",
    "SELECT formatReadableSize(1024), formatDateTime(now(), '%H:%i'), dateDiff('minute', now(), now())",
    "SELECT date_trunc('hour', start_time), toYYYYMMDD(start_time), toUnixTimestamp64Nano(start_time) FROM spans",
    "SELECT extract(HOUR FROM now()), trim(BOTH ' ' FROM ' a '), substring('abc', 1, 2), position('abc', 'b')",
    "SELECT DATE_ADD(DAY, 1, now()), now() - INTERVAL '1 hour', DATE '2024-01-01', today() - 7",
    "SELECT DISTINCT ON (trace_id) trace_id, name FROM spans",
    "SELECT DISTINCT provider FROM spans",
    "SELECT match(name, '^chat'), replaceRegexpAll(name, '\\\\d+', '#'), splitByChar(',', 'a,b') FROM spans",
    "SELECT lengthUTF8('한국'), ngramDistance('a', 'b'), cosineDistance([1., 2.], [2., 3.]), L2Norm([1, 2])",
    "SELECT tuple(1, 'a').1, (1, 2).2, [1, 2][1], map('a', 1)['a'], arr[-1] FROM (SELECT [1] AS arr)",
    (
        "SELECT corr(duration_ns, output_tokens), stddevSamp(duration_ns), varPop(duration_ns), "
        "mannWhitneyUTest(duration_ns, is_streaming) FROM spans"
    ),
    "SELECT sum(cost_usd) FILTER (WHERE provider = 'openai') FROM spans",
    (
        "SELECT sparkbar(10)(toUnixTimestamp(t), c) FROM (SELECT toStartOfMinute(start_time) t, count() c FROM spans "
        "GROUP BY t)"
    ),
    (
        "SELECT t, c FROM (SELECT toStartOfHour(start_time) AS t, count() AS c FROM spans GROUP BY t) "
        "ORDER BY t WITH FILL STEP 3600 INTERPOLATE (c AS c + 1)"
    ),
    "SELECT name FROM spans WHERE NOT (status_code = 'ok') AND name NOT LIKE 'x%' AND 1 <> 2 AND 1 == 1",
    "SELECT 0x1F, 1e-3, .5, 1_000, -1, +1, 1 % 2, 7 DIV 2",
    "SELECT name AS settings FROM spans",
    "SELECT TimestampTime FROM (SELECT Timestamp AS TimestampTime, `Duration` FROM otel_traces)",
    "SELECT exists(SELECT 1 FROM scores)",
    "SELECT count() FROM logs WHERE severity_number >= 17",
    "SELECT metric_name, sum(value) FROM metric_points GROUP BY metric_name",
    "SELECT windowFunnel(3600)(start_time, name = 'a', name = 'b') FROM spans",
    "SELECT tumbleStart(start_time, INTERVAL 1 HOUR) FROM spans",
    "SELECT generateUUIDv4(), rand(), cityHash64(user_id), MD5('a'), hex(SHA256('a')) FROM spans",
    "SELECT parseDateTimeBestEffort('2024-01-01T00:00:00Z'), toDateTime64('2024-01-01', 3, 'Asia/Seoul')",
)

TABLES: Final = frozenset(["spans", "logs", "metric_points", "scores", "otel_traces"])
WITHOUT_A_SYNTAX_TREE: Final = ("EXPLAIN", "SHOW", "DESC", "EXISTS", "FROM")


@pytest.mark.parametrize("sql", HONEST)
def test_an_honest_query_is_answered_as_it_was_sent(sql: str) -> None:
    """The text that runs is the text that came."""
    assert check(sql).sql == sql


def test_clickhouse_reads_every_honest_query_and_finds_our_tables(engine: Callable[[list[str]], list[str]]) -> None:
    """The list is real ClickHouse SQL, and its parser finds no table that the guard did not judge."""
    queries = [sql for sql in HONEST if not sql.startswith(WITHOUT_A_SYNTAX_TREE)]
    without_parameters = [re.sub(r"\{\w+:[^}]*\}", "'p'", sql) for sql in queries]
    for sql, tree in zip(queries, engine(without_parameters), strict=True):
        assert not tree.startswith("error"), (sql, tree)
        ctes = re.findall(r"WITH (?:RECURSIVE )?(\w+) AS \(", sql)
        for table in re.findall(r"TableIdentifier (\S+)", tree):
            name = table.removeprefix("haechi.")
            assert name in {*TABLES, *ctes} or table.startswith(("system.", "information_schema.", "INFORMATION_S")), (
                sql
            )


@pytest.mark.parametrize(
    ("sql", "format_", "names_settings"),
    [
        ("SELECT 1", None, False),
        ("SELECT 1 FORMAT CSV", "CSV", False),
        ("SELECT 1 FORMAT JSON SETTINGS max_threads = 1", "JSON", True),
        ("SELECT 'FORMAT CSV', 1 AS format", None, False),
    ],
)
def test_the_verdict_tells_the_format_and_the_settings(sql: str, format_: str | None, *, names_settings: bool) -> None:
    """What the caller needs to know of the text."""
    verdict = check(sql)
    assert (verdict.format, verdict.names_settings) == (format_, names_settings)


def test_another_database_can_be_ours() -> None:
    """The name of the database is a setting of the store."""
    assert check("SELECT * FROM prod.spans", "prod").sql
