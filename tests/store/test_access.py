"""What the reader may not do, and that the engine itself holds most of it."""

import http.client
import socket
import threading
import time
from urllib.parse import urlencode

import pytest

from haechi_collector.store.client import StoreClient
from haechi_collector.store.supervisor import EmbeddedStore


def ask(
    store: EmbeddedStore, sql: str, user: str = "reader", password: str = "", host: str = "", **parameters: str
) -> tuple[int, str]:
    connection = http.client.HTTPConnection(store.dsn.host, store.dsn.port, timeout=30)
    headers = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password} | ({"Host": host} if host else {})
    try:
        connection.request("POST", "/?" + urlencode(parameters), sql.encode(), headers)
        answer = connection.getresponse()
        return int(answer.headers["X-ClickHouse-Exception-Code"] or 0), answer.read().decode()
    finally:
        connection.close()


WRITES = [
    "INSERT INTO haechi.t VALUES (1, 'x')",
    "INSERT INTO haechi.t FORMAT CSV\n1,x",
    "INSERT INTO haechi.t SELECT 1, 'x'",
    "INSERT INTO FUNCTION file('/tmp/haechi-should-not-be.csv', 'CSV', 'a Int8') SELECT 1",
    "SELECT 1 INTO OUTFILE '/tmp/haechi-should-not-be.csv'",
    "CREATE TABLE haechi.u (a Int8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE u (a Int8)",
    "CREATE VIEW haechi.v AS SELECT 1",
    "CREATE FUNCTION f AS (x) -> x",
    "DROP TABLE haechi.t",
    "ALTER TABLE haechi.t DELETE WHERE 1",
    "UPDATE haechi.t SET b = '' WHERE 1",
    "TRUNCATE TABLE haechi.t",
    "OPTIMIZE TABLE haechi.t FINAL",
    "RENAME TABLE haechi.t TO haechi.u",
    "KILL QUERY WHERE 1",
    "SYSTEM FLUSH LOGS",
    "SET max_threads = 1",
    "SET ROLE writer",
    "EXECUTE AS default SELECT 1",
    "USE system",
    "GRANT ALL ON *.* TO default",
    "BACKUP DATABASE haechi TO File('/tmp/haechi-should-not-be')",
]


@pytest.mark.parametrize("sql", WRITES)
def test_the_reader_writes_nothing(store: EmbeddedStore, table: str, client: StoreClient, sql: str) -> None:
    """Neither rows nor tables nor files nor state."""
    code, _ = ask(store, sql)
    assert code in {164, 497}
    assert client.command(f"SELECT count() FROM {table}") == 0


SOURCES = [
    "file('/etc/passwd', 'LineAsString')",
    "url('http://127.0.0.1:1/', 'LineAsString')",
    "s3('http://127.0.0.1:1/bucket/key', 'CSV', 'a Int8')",
    "remote('127.0.0.1', system.one)",
    "mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'a Int8')",
    "redis('127.0.0.1:1', 'a', 'a Int8')",
    "sqlite('/tmp/x', 't')",
    "hdfs('hdfs://127.0.0.1:1/x', 'CSV', 'a Int8')",
    "azureBlobStorage('http://127.0.0.1:1/', 'a', 'b', 'c', 'd', 'CSV', 'a Int8')",
    "iceberg('http://127.0.0.1:1/bucket/key')",
    "deltaLake('http://127.0.0.1:1/bucket/key')",
    "executable('cat', 'TSV', 'a String')",
    "dictionary('x')",
    "Python(x)",
    "loop(system.one)",
    "`/etc/passwd`",
    "default.`/etc/passwd`",
]


@pytest.mark.parametrize("source", SOURCES)
def test_the_engine_opens_no_other_source_for_the_reader(store: EmbeddedStore, source: str) -> None:
    """Nor in a subquery that sets readonly off for itself, nor when it is only described."""
    for sql in (
        f"SELECT * FROM {source}",
        f"SELECT * FROM (SELECT * FROM {source} SETTINGS readonly = 0)",
        f"WITH a AS (SELECT * FROM {source}) SELECT count() FROM a",
        f"DESCRIBE TABLE {source}",
        f"EXPLAIN SELECT * FROM {source}",
    ):
        code, text = ask(store, sql)
        assert code in {497, 164, 60, 62, 46}, text  # ACCESS_DENIED, READONLY; or no such table or syntax
        assert "root:" not in text


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT file('/etc/passwd')",
        "SELECT `fi\\x6ce`('/etc/passwd')",
        "SELECT /* */ file /* */ ('/etc/passwd')",
        "SELECT arrayMap(file, ['/etc/passwd'])",
        "SELECT * APPLY(file) FROM (SELECT '/etc/passwd' AS x)",
        "SELECT * APPLY x -> file(x) FROM (SELECT '/etc/passwd' AS x)",
        "EXPLAIN SELECT file('/etc/passwd')",
        "SELECT (SELECT file('/etc/passwd'))",
        "SELECT aiGenerate('x')",
        "SELECT AIGenerate('x')",
    ],
)
def test_functions_that_read_outside_are_refused_by_name(store: EmbeddedStore, sql: str) -> None:
    """No grant of the engine covers them; escapes, comments and indirection hide nothing."""
    code, text = ask(store, sql)
    assert (code, "root:" in text) == (497, False)


def test_such_names_in_text_and_maps_are_fine(store: EmbeddedStore) -> None:
    """Only identifiers count."""
    assert ask(store, "SELECT 'file(x)', map('file', 1)['file'], 'aiGenerate'") == (0, "file(x)\t1\taiGenerate\n")


def test_limits_cannot_be_loosened(store: EmbeddedStore) -> None:
    """Neither in the text, nor in a subquery, nor by a parameter; lowering them works."""
    for sql in (
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 SETTINGS max_memory_usage = 0",
        "SELECT 1 SETTINGS final = 1",
    ):
        assert ask(store, sql)[0] == 164
    for parameters in (
        {"max_execution_time": "0"},
        {"max_memory_usage": "99999999999"},
        {"allow_ddl": "1"},
        {"profile": "x"},
    ):
        assert ask(store, "SELECT 1", **parameters)[0] == 164
    many = "SELECT length(groupArray(number)) FROM numbers(100000000)"
    assert ask(store, many, max_memory_usage="100000000")[0] == 241
    assert ask(store, f"SELECT * FROM ({many} SETTINGS max_memory_usage = 0)", max_memory_usage="100000000")[0] in {
        164,
        241,
    }
    endless = "SELECT count() FROM numbers(100000000000000) WHERE NOT ignore(sipHash64(number))"
    assert ask(store, endless, max_execution_time="1")[0] == 159
    inner = f"SELECT * FROM ({endless} SETTINGS max_execution_time = 0)"
    assert ask(store, inner, max_execution_time="1")[0] in {159, 164}
    assert ask(store, "SELECT getSetting('readonly')", readonly="2") == (0, "1\n")


def test_the_reader_reads_haechi_alone(store: EmbeddedStore, client: StoreClient) -> None:
    """A database of another name is as if it were not there."""
    client.command("CREATE DATABASE IF NOT EXISTS other")
    client.command("CREATE TABLE IF NOT EXISTS other.t (a Int8) ENGINE = Memory")
    assert ask(store, "SELECT * FROM other.t")[0] == 497
    assert ask(store, "SELECT count() FROM system.tables WHERE database = 'other'") == (0, "0\n")
    assert ask(store, "SELECT count() FROM haechi.spans")[0] == 0
    client.command("DROP DATABASE other")


def test_the_guarded_reader_may_send_readonly_2(store: EmbeddedStore, table: str) -> None:
    """A SETTINGS clause works for it then; writing and other sources still do not."""
    web = store.reader_dsn
    ask_web = {"user": web.user, "password": web.password, "readonly": "2"}
    assert ask(store, "SELECT 1 SETTINGS max_threads = 1", **ask_web) == (0, "1\n")
    assert ask(store, f"INSERT INTO {table} VALUES (1, 'x')", **ask_web)[0] == 164
    assert ask(store, "SELECT * FROM url('http://127.0.0.1:1/', 'CSV')", **ask_web)[0] == 497
    assert ask(store, "SELECT file('/etc/passwd')", **ask_web)[0] == 497


def test_wrong_credentials_are_refused(store: EmbeddedStore) -> None:
    """By header, parameter and Basic alike; an unknown user too."""
    assert ask(store, "SELECT 1", user="haechi", password="wrong")[0] == 516
    assert ask(store, "SELECT 1", user="haechi")[0] == 516
    assert ask(store, "SELECT 1", user="nobody")[0] == 516
    assert ask(store, "SELECT 1", user="web")[0] == 516
    connection = http.client.HTTPConnection(store.dsn.host, store.dsn.port, timeout=20)
    by_url, by_header = "/?user=haechi&password=x&query=SELECT+1", "/?query=SELECT+1"
    for path, authorization in ((by_url, ""), (by_header, "Basic aGFlY2hpOng="), (by_header, "Bearer x")):
        headers = {"Authorization": authorization} if authorization else {}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        assert (answer.status, answer.read()[:9]) == (403, b"Code: 516")
    connection.close()


def test_a_name_that_points_here_is_not_served_without_a_password(store: EmbeddedStore) -> None:
    """So that no web page reaches the tables by DNS rebinding."""
    assert ask(store, "SELECT 1", host="evil.example")[0] == 516
    assert ask(store, "SELECT 1", host="localhost:8123") == (0, "1\n")
    assert ask(store, "SELECT 1", user="haechi", password=store.dsn.password, host="store.example") == (0, "1\n")


def test_a_get_changes_nothing_even_for_the_writer(store: EmbeddedStore, table: str) -> None:
    """As in ClickHouse: a link is no order."""
    connection = http.client.HTTPConnection(store.dsn.host, store.dsn.port, timeout=20)
    query = urlencode({"query": f"DROP TABLE {table}", "user": "haechi", "password": store.dsn.password})
    connection.request("GET", f"/?{query}")
    assert connection.getresponse().read().startswith(b"Code: 164")
    connection.close()


def test_settings_of_one_request_do_not_reach_the_next(store: EmbeddedStore) -> None:
    """Each runs on a connection of the engine of its own."""
    writer = {"user": "haechi", "password": store.dsn.password}
    assert ask(store, "SELECT getSetting('max_threads')", max_threads="1", **writer) == (0, "1\n")
    assert ask(store, "SELECT getSetting('max_threads')", **writer) != (0, "1\n")
    assert ask(store, "CREATE TEMPORARY TABLE mine (a Int8)", **writer)[0] == 0
    assert ask(store, "SELECT * FROM mine", **writer)[0] == 60


ENDLESS = "SELECT count() FROM numbers(100000000000000) WHERE NOT ignore(sipHash64(number))"


def test_a_reader_stops_its_query_by_its_id(store: EmbeddedStore) -> None:
    """The collector's SQL door does so when a user leaves."""
    web = {"user": store.reader_dsn.user, "password": store.reader_dsn.password}
    ended: list[tuple[int, str]] = []
    thread = threading.Thread(target=lambda: ended.append(ask(store, ENDLESS, query_id="mine", **web)))
    thread.start()
    deadline = time.monotonic() + 20
    while thread.is_alive() and time.monotonic() < deadline:
        ask(store, "KILL QUERY WHERE query_id = {id:String} ASYNC", param_id="mine", **web)
        thread.join(0.2)
    assert [code for code, _ in ended] == [394]


def test_a_query_ends_when_its_client_leaves(store: EmbeddedStore, client: StoreClient) -> None:
    """If it asked for that, as clients that are closed early do."""
    path = "/?cancel_http_readonly_queries_on_client_close=1&query_id=leaver"
    with socket.create_connection((store.dsn.host, store.dsn.port), timeout=20) as plain:
        plain.sendall(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(ENDLESS)}\r\n\r\n{ENDLESS}".encode()
        )
        running = "SELECT count() FROM system.processes WHERE Settings['log_comment'] = 'leaver'"
        wait_for(client, running, 1)
    wait_for(client, running, 0)


def wait_for(client: StoreClient, sql: str, expected: int) -> None:
    deadline = time.monotonic() + 20
    while client.command(sql) != expected:
        assert time.monotonic() < deadline, sql
        time.sleep(0.05)
