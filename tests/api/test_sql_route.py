"""``/sql`` in front of the real engine."""

import re
import socket
import time
import urllib.parse

import clickhouse_connect
import httpx2
import pytest

EXAMPLE = "SELECT+request_model,count(),quantile(0.95)(duration_ns)/1e6,sum(cost_usd)+FROM+spans+GROUP+BY+1+ORDER+BY+1"


def child_state(store_url: str) -> dict[str, list]:
    return httpx2.get(store_url).json()


def seen(store_url: str, query_id: str) -> dict[str, str]:
    return next(one for one in child_state(store_url)["seen"] if one.get("query_id") == query_id)


def wait_killed(store_url: str, query_id: str) -> bool:
    for _ in range(200):
        if query_id in child_state(store_url)["killed"]:
            return True
        time.sleep(0.05)
    return False


def test_the_example_of_the_readme_prints_tab_separated_rows(api_url: str) -> None:
    """A bare table name means our database and the default format is TabSeparated."""
    answer = httpx2.get(f"{api_url}/sql?query={EXAMPLE}")
    assert answer.status_code == 200
    rows = [line.split("\t") for line in answer.text.splitlines()]
    assert [row[:2] for row in rows] == [["gpt-4o", "50"], ["unknown", "50"]]
    assert rows[0][3] == "0.5"
    assert rows[1][3] == "\\N"


@pytest.mark.parametrize(("query", "body"), [("SELECT 6*7", ""), ("", "SELECT 6*7"), ("SELECT 6*7", "FORMAT CSV")])
def test_the_query_may_stand_in_the_url_the_body_or_both(api_url: str, query: str, body: str) -> None:
    """URL and body are one text, as ClickHouse reads them."""
    answer = httpx2.post(f"{api_url}/sql", params={"query": query}, content=body)
    assert answer.text == "42\n"


def test_parameters_travel_to_the_engine(api_url: str) -> None:
    """A parameter is a value, whatever it holds."""
    query = "SELECT {s:String}, {n:UInt8} + 1"
    parameters = {"query": query, "param_s": "'; DROP TABLE spans", "param_n": "41"}
    answer = httpx2.get(f"{api_url}/sql", params=parameters)
    assert answer.text == "\\'; DROP TABLE spans\t42\n"


@pytest.mark.parametrize(
    ("format_", "begins"),
    [
        ("JSONEachRow", b'{"a":1}'),
        ("CSVWithNames", b'"a"\n1'),
        ("Parquet", b"PAR1"),
        ("ArrowStream", b"\xff\xff\xff\xff"),
    ],
)
def test_every_format_passes_unchanged(api_url: str, format_: str, begins: bytes) -> None:
    """The bytes are the engine's own."""
    answer = httpx2.get(f"{api_url}/sql", params={"query": "SELECT 1 AS a", "default_format": format_})
    assert answer.content.startswith(begins)
    assert answer.headers["x-clickhouse-format"] == format_


def test_the_query_id_comes_back(api_url: str) -> None:
    """So that a user finds the query again."""
    answer = httpx2.get(f"{api_url}/sql", params={"query": "SELECT 1", "query_id": "mine-1"})
    assert answer.headers["x-clickhouse-query-id"] == "mine-1"


def test_limits_and_readonly_go_with_every_query(api_url: str, store_url: str) -> None:
    """A client can lower a limit and not lift it."""
    wanted = {
        "query_id": "limits-1",
        "max_execution_time": "5",
        "max_result_rows": "0",
        "max_memory_usage": "1" + "0" * 15,
    }
    httpx2.get(f"{api_url}/sql", params={"query": "SELECT 1", **wanted})
    sent = seen(store_url, "limits-1")
    assert sent["readonly"] == "1"
    assert sent["max_execution_time"] == "5"
    assert sent["max_result_rows"] == "1000000"
    assert sent["max_memory_usage"] == str(2 * 1024**3)


def test_a_query_may_name_settings(api_url: str, store_url: str) -> None:
    """ClickHouse refuses SETTINGS under readonly=1, so such a query runs under 2."""
    query = "SELECT 1 SETTINGS max_threads = 1"
    answer = httpx2.get(f"{api_url}/sql", params={"query": query, "query_id": "settings-1"})
    assert (answer.status_code, answer.text) == (200, "1\n")
    assert seen(store_url, "settings-1")["readonly"] == "2"


@pytest.mark.parametrize(
    "query",
    ["SELECT file('/etc/passwd')", "DROP TABLE spans", "SELECT 1; SELECT 2", "", "SELECT * FROM system.users"],
)
def test_a_refusal_looks_like_clickhouse(api_url: str, query: str) -> None:
    """403, code 497 in the text and in the header."""
    answer = httpx2.get(f"{api_url}/sql", params={"query": query})
    assert answer.status_code == 403
    assert re.fullmatch(r"Code: 497\. DB::Exception: .+\. \(ACCESS_DENIED\)\n", answer.text)
    assert answer.headers["x-clickhouse-exception-code"] == "497"


@pytest.mark.parametrize(
    "parameters",
    [
        {"database": "system"},
        {"max_memory_usage_for_user": "1"},
        {"allow_introspection_functions": "1"},
        {"default_format": "Template"},
        {"decompress": "1"},
        {"query_id": "a b"},
        {"format_schema": "/etc/passwd"},
        {"log_comment": "x"},
        {f"param_{n}": "x" for n in range(300)},
    ],
)
def test_parameters_of_the_url_are_guarded_too(api_url: str, parameters: dict[str, str]) -> None:
    """What a text may not choose, a URL may not choose."""
    answer = httpx2.get(f"{api_url}/sql", params={"query": "SELECT 1", **parameters})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({"Content-Encoding": "gzip"}, b"\x1f\x8b"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--"),
        ({}, b"SELECT '\xff'"),
        ({}, b"SELECT 1 --" + b"x" * 500_000),
    ],
)
def test_bodies_that_are_no_query_are_refused(api_url: str, headers: dict[str, str], content: bytes) -> None:
    """Compressed, multipart, not UTF-8 and oversized bodies never reach the engine."""
    assert httpx2.post(f"{api_url}/sql", headers=headers, content=content).status_code == 403


def test_an_error_of_the_engine_passes_with_its_code(api_url: str) -> None:
    """The text and the code are ClickHouse's."""
    answer = httpx2.get(f"{api_url}/sql", params={"query": "SELECT nope FROM spans"})
    assert answer.status_code >= 400
    assert answer.text.startswith("Code: 47. DB::Exception")
    assert answer.headers["x-clickhouse-exception-code"] == "47"


def test_too_many_rows_are_an_error_and_no_short_answer(api_url: str) -> None:
    """The limit throws."""
    answer = httpx2.get(f"{api_url}/sql", params={"query": "SELECT number FROM numbers(2000000)"})
    assert answer.text.startswith("Code: 396.")


def test_a_dead_store_is_said_plainly(orphan_url: str) -> None:
    """503 with ClickHouse's NETWORK_ERROR."""
    answer = httpx2.get(f"{orphan_url}/sql", params={"query": "SELECT 1"})
    assert answer.status_code == 503
    assert answer.headers["x-clickhouse-exception-code"] == "210"


def test_a_long_answer_is_streamed(api_url: str) -> None:
    """The first bytes come long before the last."""
    query = "SELECT number, 'chunked' FROM numbers(900000)"
    with httpx2.stream("GET", f"{api_url}/sql", params={"query": query}) as answer:
        pieces = list(answer.iter_raw())
    assert len(pieces) > 3
    assert b"".join(pieces).count(b"\n") == 900_000


def test_a_client_that_leaves_in_the_middle_stops_the_query(api_url: str, store_url: str) -> None:
    """The engine is told to kill what nobody reads."""
    query = "SELECT number, 'chunked' FROM numbers(999999)"
    parameters = {"query": query, "query_id": "left-1"}
    with httpx2.stream("GET", f"{api_url}/sql", params=parameters) as answer:
        next(answer.iter_raw())
    assert wait_killed(store_url, "left-1")


def test_a_client_that_leaves_before_the_first_byte_stops_the_query(api_url: str, store_url: str) -> None:
    """Nobody has to wait for headers to cancel."""
    query = "SELECT count() FROM numbers(1000000000000) WHERE cityHash64(number) = 1"
    target = "/sql?" + urllib.parse.urlencode({"query": query, "query_id": "left-2", "max_execution_time": "2"})
    port = int(api_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        time.sleep(0.5)
    assert wait_killed(store_url, "left-2")


def test_a_finished_query_is_not_killed(api_url: str, store_url: str) -> None:
    """KILL QUERY goes out only for what still runs."""
    httpx2.get(f"{api_url}/sql", params={"query": "SELECT 1", "query_id": "done-1"})
    assert "done-1" not in child_state(store_url)["killed"]


def test_an_ordinary_clickhouse_client_connects(api_url: str) -> None:
    """clickhouse-connect does its handshake and reads typed rows through the guard."""
    port = int(api_url.rpartition(":")[2])
    client = clickhouse_connect.get_client(host="127.0.0.1", port=port, proxy_path="/sql", compress=False)
    result = client.query(
        "SELECT request_model, count() FROM spans WHERE request_model = {m:String} GROUP BY 1",
        parameters={"m": "gpt-4o"},
    )
    assert result.result_rows == [("gpt-4o", 50)]
    client.close()
