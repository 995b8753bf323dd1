"""What a project's key sees does not depend on other projects: not by an answer, an error or a count.

Each query is asked while only project a has rows, and again when project b has some in the very same parts: both
answers must be the same to the byte.
"""

import re
from collections.abc import Iterator
from typing import Final

import httpx2
import pytest
from tests.gate.conftest import Shared

from haechi_collector.query import confine

SECRET: Final = "geheim"
DAY: Final = "toDateTime64('2026-01-02 00:00:00', 9)"

ATTACKS: Final[tuple[str, ...]] = (
    # every way to name a table
    "SELECT count() FROM spans",
    "SELECT count(), min(start_time), max(start_time) FROM haechi.spans",
    "SELECT groupUniqArray(project) FROM `haechi`.`spans` AS price_audit",
    "SELECT arraySort(groupUniqArray(name)) FROM (SELECT * FROM spans)",
    "SELECT arraySort(groupUniqArray(SpanName)) FROM otel_traces",
    "SELECT * EXCEPT (ingested_at) FROM spans ORDER BY span_id",
    "SELECT * FROM otel_traces ORDER BY SpanId",
    "WITH t AS (SELECT * FROM spans) SELECT arraySort(groupUniqArray(project)) FROM t",
    "WITH spans AS (SELECT project FROM haechi.spans) SELECT DISTINCT project FROM spans",
    (
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT n, (SELECT "
        "count() FROM spans) FROM t"
    ),
    "SELECT (SELECT groupUniqArray(project) FROM spans)",
    "SELECT (SELECT count() FROM logs), (SELECT count() FROM metric_points), (SELECT count() FROM scores)",
    "SELECT count() FROM dead_letters",
    "SELECT DISTINCT project FROM view(SELECT * FROM spans)",
    "FROM spans SELECT count() WHERE project = 'b'",
    "SELECT count() FROM spans FINAL",
    "SELECT count() FROM scores FINAL",
    # conditions that ask for the other project
    "SELECT count() FROM spans WHERE project = 'b' OR 1",
    "SELECT count() FROM spans WHERE project != 'a'",
    "SELECT count() FROM spans WHERE project IN ('a', 'b')",
    "SELECT countIf(project = 'b'), sumIf(input_tokens, project = 'b') FROM spans",
    "SELECT count() FROM spans WHERE NOT (project = 'a' AND 1)",
    "SELECT count() FROM spans WHERE indexHint(project = 'b')",
    "SELECT count() FROM spans WHERE trace_id = repeat('b', 32)",
    "SELECT count() FROM spans HAVING 1 QUALIFY 1",
    # joins, sets, set operations
    "SELECT count() FROM spans AS x JOIN spans AS y ON x.service_name = y.service_name WHERE y.project = 'b'",
    "SELECT count() FROM spans AS x FULL JOIN logs AS y ON x.trace_id = y.trace_id",
    "SELECT count() FROM numbers(2) AS n CROSS JOIN spans AS s",
    "SELECT count() FROM (SELECT 'b' AS project) AS p JOIN spans USING (project)",
    "SELECT count() FROM spans AS x SEMI JOIN otel_traces AS y ON x.trace_id = y.TraceId",
    "SELECT count() FROM spans AS x ASOF JOIN spans AS y ON x.kind = y.kind AND x.start_time >= y.start_time",
    "SELECT 1 WHERE 'geheim-name' IN (SELECT name FROM spans)",
    "SELECT repeat('b', 32) IN (SELECT trace_id FROM spans), repeat('b', 32) GLOBAL IN (SELECT trace_id FROM logs)",
    "SELECT EXISTS(SELECT 1 FROM spans WHERE project = 'b')",
    "SELECT count() FROM (SELECT * FROM spans UNION ALL SELECT * FROM spans) WHERE project = 'b'",
    "SELECT project FROM spans EXCEPT SELECT 'a'",
    "SELECT DISTINCT project FROM spans INTERSECT SELECT 'b'",
    "SELECT uniqExact(trace_id), uniq(name), topK(10)(service_name) FROM spans",
    "SELECT max(input_messages) OVER (), rank() OVER (ORDER BY input_tokens) FROM spans ORDER BY span_id",
    "SELECT any(name), anyLast(user_id), argMax(name, start_time) FROM spans",
    "SELECT quantileExact(0.5)(duration_ns), sum(cost_usd), avg(input_tokens) FROM spans",
    "SELECT name, count() FROM spans GROUP BY GROUPING SETS ((name), ()) ORDER BY ALL",
    "SELECT name, count() FROM spans GROUP BY name WITH TOTALS ORDER BY name",
    "SELECT name FROM spans ORDER BY name LIMIT 1 BY name",
    "SELECT name FROM spans ORDER BY start_time DESC LIMIT 1 WITH TIES",
    (
        "SELECT k, v FROM spans ARRAY JOIN mapKeys(attributes_string) AS k, mapValues(attributes_string) AS "
        "v ORDER BY k, v"
    ),
    "SELECT count() FROM spans SETTINGS max_threads = 1, optimize_read_in_order = 0, final = 1",
    "SELECT count(), extremes FROM (SELECT 1 AS extremes FROM spans) GROUP BY 2 SETTINGS extremes = 1",
    # virtual columns
    "SELECT DISTINCT _table, _database, _partition_id FROM spans",
    "SELECT max(_part_offset) < 100, min(_sample_factor) FROM spans",
    "SELECT count() FROM spans WHERE _partition_id != ''",
    # errors as an oracle: what is computed before the filter shows the rows that it would hide
    "SELECT count() FROM spans PREWHERE toInt32(input_messages) = 1",
    "SELECT count() FROM spans PREWHERE throwIf(project = 'b') = 0",
    "SELECT count() FROM spans WHERE throwIf(project = 'b', 'seen') = 0",
    "SELECT count() FROM spans WHERE throwIf(input_messages LIKE '%geheim%', 'seen') = 0",
    "SELECT count() FROM spans WHERE toInt32(status_message) = 1",
    "SELECT sum(toInt32(status_message)) FROM spans",
    "SELECT count() FROM spans WHERE intDiv(1, project = 'a') = 1",
    (
        "SELECT count() FROM spans WHERE toUUID(if(status_message = '1', toString(generateUUIDv4()), "
        "status_message)) != toUUID('00000000-0000-0000-0000-000000000000')"
    ),
    "SELECT count() FROM spans WHERE toDate(if(status_message = '1', '2020-01-01', status_message)) = '2020-01-01'",
    "SELECT count() FROM spans WHERE parseDateTime(status_message, if(status_message = '1', '%c', '%Y')) IS NOT NULL",
    "SELECT count() FROM otel_traces WHERE toInt32(StatusMessage) = 1",
    "SELECT count() FROM (SELECT * FROM spans) WHERE toInt32(status_message) = 1",
    "SELECT count() FROM spans AS x JOIN spans AS y USING (service_name) WHERE toInt32(y.status_message) = 1",
    "SELECT count() FROM spans AS x JOIN spans AS y ON x.kind = y.kind AND toInt32(y.status_message) = 1",
    "SELECT s FROM (SELECT toInt32(status_message) AS s, project FROM spans) WHERE s = 1 AND project = 'b'",
    "SELECT service_name FROM spans GROUP BY service_name HAVING toInt32(service_name) = 7",
    "SELECT toInt32(service_name), toInt32(service_version), toInt32(environment) FROM spans GROUP BY ALL ORDER BY ALL",
    "SELECT count() FROM spans WHERE toInt32(service_name) = 7",
    "SELECT count() FROM spans WHERE toInt64(service_name) + toUInt8(service_version) = 8",
    "SELECT count() FROM spans WHERE throwIf(service_name = 'geheim-service') = 0",
    "SELECT count() FROM spans WHERE intDiv(1, service_name != 'geheim-service') = 1",
    "SELECT count() FROM spans WHERE toDecimal32(service_name, 2) = 7",
    "SELECT count() FROM spans WHERE toIPv4(concat(service_name, '.1.1.1')) = '7.1.1.1'",
    "SELECT count() FROM spans WHERE base64Decode(if(service_name = '7', 'YQ==', service_name)) = 'a'",
    "SELECT arrayMap(k -> toInt32(k), mapKeys(attributes_string)) FROM spans ORDER BY span_id",
    "SELECT count() FROM spans WHERE arrayExists(k -> toInt32(k) = 5, mapKeys(attributes_string))",
    "SELECT repeat('x', if(service_name = 'geheim-service', 100000000000, 1)) FROM spans ORDER BY span_id",
    "SELECT count() FROM spans WHERE CAST(service_name AS Enum('7' = 1)) = '7'",
    "SELECT count() FROM spans WHERE accurateCast(service_name, 'UInt8') = 7",
    "SELECT count() FROM spans WHERE toInt32(project) = 1 OR 1",
    # what the guard must not let a key choose
    "SELECT count() FROM spans SETTINGS additional_table_filters = {}",
    "SELECT count() FROM spans SETTINGS optimize_move_to_prewhere = 1",
    "SELECT count() FROM spans SETTINGS query_plan_merge_filters = 1",
    "SELECT count() FROM spans SETTINGS enable_analyzer = 0",
    "SELECT count() FROM (SELECT * FROM spans SETTINGS allow_experimental_analyzer = 0)",
    "SELECT count() FROM spans SETTINGS use_query_condition_cache = 1",
    # tables that have no project or show the sizes of all
    "SELECT * FROM price_audit",
    "SELECT * FROM schema_migrations",
    "SELECT count() FROM spans_local",
    "WITH price_audit AS (SELECT 1 AS x) SELECT * FROM price_audit",
    "SELECT * FROM (WITH price_audit AS (SELECT 1) SELECT * FROM price_audit), price_audit",
    "SELECT 1 IN price_audit",
    "SELECT name, total_rows, total_bytes FROM system.tables WHERE database = 'haechi'",
    "SELECT * FROM `system`.`tables`",
    "SELECT table, name, data_compressed_bytes FROM system.columns",
    "SELECT * FROM INFORMATION_SCHEMA.TABLES",
    "SELECT table_name, table_rows FROM information_schema.tables",
    "SELECT * FROM system.parts",
    "SELECT * FROM system.parts_columns",
    "SELECT query FROM system.query_log",
    "SELECT query FROM system.processes",
    "SELECT * FROM system.row_policies",
    "SELECT * FROM merge('haechi', '.*')",
    "SELECT * FROM mergeTreeIndex(haechi, spans)",
    "SELECT * FROM cluster('default', haechi.spans)",
    "SELECT * FROM remote('127.0.0.1', haechi.spans)",
    "SELECT * FROM loop(haechi.spans)",
    "SELECT dictGet('haechi.spans', 'name', 1)",
    "SELECT joinGet('haechi.spans', 'name', 'b')",
    "SELECT * FROM spans WHERE {p:Identifier} = 'b'",
    "EXPLAIN ESTIMATE SELECT * FROM spans",
    "EXPLAIN indexes = 1 SELECT * FROM spans",
    "EXPLAIN PLAN SELECT * FROM spans",
    "EXPLAIN PIPELINE SELECT * FROM spans",
    "EXPLAIN SELECT * FROM spans",
    "SHOW TABLES",
    "SHOW CREATE TABLE price_audit",
    "DESCRIBE TABLE spans",
    "EXISTS TABLE price_audit",
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'haechi' ORDER BY 1, 2",
)


def insert(shared: Shared, project: str) -> None:
    """Three rows in each table; those of b carry the secret in every text, and in the dictionaries too."""
    is_b = project == "b"
    name, number = (f"{SECRET}-name", f"{SECRET}-service") if is_b else ("open", "7")
    key, message = (f"{SECRET}-key", f"{SECRET} text") if is_b else ("5", "1")
    ids = "ab"[is_b] * 32
    shared.writer.command(
        "INSERT INTO haechi.spans (project, trace_id, span_id, name, service_name, service_version, environment, kind, "
        "status_message, input_messages, user_id, start_time, duration_ns, input_tokens, cost_usd, attributes_string) "
        f"SELECT '{project}', '{ids}', concat('{project}', toString(number)), '{name}', '{number}', '{number[:1]}', "
        f"'{number[:1]}', 'client', '{message}', '{message}', '{name}', {DAY} + number, "
        f"number, number, 0.1, map('{key}', '{message}') FROM numbers(3)"
    )
    for table, time in (("logs", "timestamp"), ("metric_points", "time"), ("scores", "timestamp")):
        shared.writer.command(
            f"INSERT INTO haechi.{table} (project, {time}) SELECT '{project}', {DAY} + number FROM numbers(3)"
        )
    shared.writer.command(
        "INSERT INTO haechi.dead_letters (project, reason, payload, ingested_at) "
        f"VALUES ('{project}', '{message}', '{message}', '2026-01-02 00:00:00')"
    )


def merge(shared: Shared) -> None:
    """Bring the rows of all projects into one part of each table."""
    for table in ("spans", "logs", "metric_points", "scores", "dead_letters"):
        shared.writer.command(f"OPTIMIZE TABLE haechi.{table} FINAL")


def answer(shared: Shared, sql: str, **parameters: str) -> tuple[int, str]:
    """The answer to key a, without what differs from query to query."""
    status, text = shared.ask("a", sql, **parameters)
    return status, re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|query_id: \S+", "ID", text)


@pytest.fixture(scope="module")
def before(shared: Shared) -> Iterator[dict[str, tuple[int, str]]]:
    """What key a is told while it is alone; then the rows of b come."""
    insert(shared, "a")
    merge(shared)
    alone = {sql: answer(shared, sql) for sql in ATTACKS}
    insert(shared, "b")
    merge(shared)
    return alone


@pytest.mark.parametrize("sql", ATTACKS)
def test_the_rows_of_another_project_change_nothing(
    sql: str, shared: Shared, before: dict[str, tuple[int, str]]
) -> None:
    """The same answer, to the byte, whether the other project has rows or not; and no word of theirs in it."""
    status, text = answer(shared, sql)
    assert (status, text) == before[sql]
    assert SECRET not in text.replace(sql, "").replace(repr(sql), "") or SECRET in sql


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("additional_table_filters", "{}"),
        ("optimize_move_to_prewhere", "1"),
        ("query_plan_merge_filters", "1"),
        ("enable_analyzer", "0"),
        ("allow_experimental_analyzer", "0"),
        ("use_query_condition_cache", "1"),
        ("readonly", "0"),
        ("additional_result_filter", "1"),
        ("role", "writer"),
        ("user", "haechi"),
        ("database", "system"),
    ],
)
def test_no_parameter_of_the_url_widens_a_query(
    name: str, value: str, shared: Shared, before: dict[str, tuple[int, str]]
) -> None:
    """Refused, or without effect."""
    sql = "SELECT count() FROM spans"
    assert answer(shared, sql, **{name: value}) in {before[sql], (403, answer(shared, sql, **{name: value})[1])}


def test_a_parameter_is_a_value(shared: Shared, before: dict[str, tuple[int, str]]) -> None:
    """What a parameter holds is never SQL, and no other project is named by it."""
    assert before
    sql = "SELECT count() FROM spans WHERE project = {p:String}"
    assert answer(shared, sql, param_p="b") == (200, "0\n")
    assert answer(shared, sql, param_p="a' OR '1") == (200, "0\n")


def test_an_admin_sees_every_project(shared: Shared, before: dict[str, tuple[int, str]]) -> None:
    """And each project's key its own: the rows that the queries above look for are there."""
    assert before
    sql = "SELECT arraySort(groupUniqArray(name)) FROM spans"
    assert shared.ask("root", sql) == (200, f"['{SECRET}-name','open']\n")
    assert shared.ask("b", sql) == (200, f"['{SECRET}-name']\n")
    assert shared.ask("root", "SELECT count() > 0 FROM system.tables") == (200, "1\n")


def test_what_the_engine_read_is_not_in_the_head_of_an_answer(
    shared: Shared, before: dict[str, tuple[int, str]]
) -> None:
    """It counts the rows of neighbours; only an admin is told."""
    assert before
    told = {}
    for who in ("a", "root"):
        headers = {"Authorization": f"Bearer {shared.keys[who]}"}
        parameters = {"query": "SELECT count() FROM spans"}
        told[who] = httpx2.get(f"{shared.url}/sql", params=parameters, headers=headers, trust_env=False).headers
    assert "x-clickhouse-summary" in told["root"]
    assert not {"x-clickhouse-summary", "x-clickhouse-progress"} & set(told["a"])


def test_a_query_id_is_one_keys_own(shared: Shared) -> None:
    """Two keys may choose the same; the engine knows them apart, so that neither blocks nor stops the other."""
    ids = set()
    for who in ("a", "b"):
        headers = {"Authorization": f"Bearer {shared.keys[who]}"}
        parameters = {"query": "SELECT 1", "query_id": "mine"}
        answer = httpx2.get(f"{shared.url}/sql", params=parameters, headers=headers, trust_env=False)
        ids.add(answer.headers["x-clickhouse-query-id"])
    assert ids == {f"{shared.keys[who][3:15]}-mine" for who in ("a", "b")}


def test_every_table_is_confined_or_closed() -> None:
    """Of the tables of all migrations each has a project, or is known to have none."""
    known = confine.tables()
    assert {"spans", "logs", "metric_points", "scores", "dead_letters"} <= known.with_project
    assert "price_audit" in known.without
    assert "otel_traces" in known.views


def test_the_tables_of_the_store_are_those_of_the_migrations(shared: Shared) -> None:
    """What the engine says has a project is what is filtered by it; nothing is there that is not known."""
    found = shared.writer.query(
        "SELECT table, countIf(name = 'project') AS n FROM system.columns WHERE database = 'haechi' GROUP BY table"
    ).to_pylist()
    known = confine.tables()
    own = {row["table"] for row in found if row["table"].startswith("schema_migration")}
    tables = {row["table"]: bool(row["n"]) for row in found if row["table"] not in known.views | own}
    assert {name for name, has in tables.items() if has} == known.with_project
    assert {name for name, has in tables.items() if not has} == known.without
