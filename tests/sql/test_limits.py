"""The worst that a user can ask ends at its limit, and the others are served meanwhile."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from tests.sql.bare import Bare
from tests.sql.conftest import Door

from haechi_collector import limits
from haechi_collector.query.sql_guard import check
from haechi_collector.query.sql_lexer import SqlRefused

BOMBS = (
    "SELECT count() FROM numbers(1000000000000) WHERE cityHash64(number) = 1",
    "SELECT count() FROM system.numbers WHERE sipHash64(number) = 1",
    "SELECT number FROM system.numbers ORDER BY cityHash64(number) LIMIT 1000000, 1",
    "SELECT count() FROM numbers(1000000) AS a CROSS JOIN numbers(1000000) AS b WHERE a.number * b.number = 7",
    "SELECT count() FROM numbers(10000000) AS a, numbers(10000000) AS b, numbers(10000000) AS c WHERE a.number = 1",
    "SELECT length(range(1000000000))",
    "SELECT arraySum(arrayMap(x -> sipHash64(x), range(400000000)))",
    "SELECT groupArray(number) FROM numbers(1000000000)",
    "SELECT uniqExact(number) FROM numbers(10000000000)",
    "SELECT number, count() FROM numbers(1000000000) GROUP BY number ORDER BY 1 LIMIT 1",
    "SELECT groupArray(repeat('x', 1000000)) FROM numbers(100000)",
    "SELECT length(repeat('x', 10000000000))",
    "SELECT repeat(repeat('x', 1000000), number) FROM numbers(10000)",
    "SELECT arrayStringConcat(arrayMap(x -> repeat('a', 1000), range(10000000)))",
    "SELECT sum(ignore(randomPrintableASCII(10000000))) FROM numbers(10000)",
    "SELECT sum(countMatches(toString(number), '(1+1+)+')) FROM numbers(10000000000)",
    "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n > 0) SELECT count() FROM t",
    "SELECT number FROM numbers(1) ORDER BY number WITH FILL FROM 0 TO 10000000000",
    "SELECT count() FROM (SELECT arrayJoin(range(100000)) AS x FROM numbers(10000000)) WHERE x = -1",
    "SELECT count(arrayJoin(arrayMap(x -> range(10000), range(10000)))) FROM numbers(1000)",
    "SELECT sum(x) OVER (ORDER BY y) FROM (SELECT number AS x, cityHash64(number) AS y FROM numbers(1000000000))",
    "SELECT sum(levenshteinDistance(repeat('a', 100000), repeat('b', 100000))) FROM numbers(1000)",
    "SELECT * FROM generateRandom('a Array(Array(String))', 1, 1000, 1000) LIMIT 100000 FORMAT Null",
    "SELECT quantileExact(number) FROM numbers(10000000000)",
    "SELECT count() FROM numbers(100000000000) GROUP BY number % 100000000",
    "SELECT topK(10000)(toString(number)) FROM numbers(10000000000)",
    "SELECT sum(ngramDistance(repeat(toString(number), 1000), 'x')) FROM numbers(100000000)",
)
"""All of them pass the guard: no reading of a text tells what it costs."""

UNHELD = tuple(sql for sql in BOMBS if any(word in sql for word in ("CROSS JOIN", "uniqExact", "OVER (")))
"""Some of them, of each kind: time and memory."""

LOWERED = {"max_execution_time": "1", "max_memory_usage": str(200 * limits.MIB)}
STOPPED = {"broke off", "69", "159", "160", "241", "396", "307", "158", "131", "128", "173", "269", "306"}
"""Time, memory, rows, bytes, array and string too large, too deep."""


def code_of(door: Door, sql: str) -> str:
    """The number of the error, also of one that comes in the middle of an answer."""
    try:
        return door.ask(sql, **LOWERED).headers.get("x-clickhouse-exception-code", "none")
    except httpx2.RemoteProtocolError:
        return "broke off"


def test_every_bomb_ends_at_its_limit(door: Door) -> None:
    """With an error that says which; none takes the store along."""
    with ThreadPoolExecutor(4) as many:
        codes = dict(zip(BOMBS, many.map(lambda sql: code_of(door, sql), BOMBS), strict=True))
    assert {sql: code for sql, code in codes.items() if code not in STOPPED} == {}
    assert door.ask("SELECT 1").text == "1\n"


def test_a_bomb_takes_more_where_no_limit_holds_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Against an engine without limits: not done after 1.5 s, or out of the 3 GB that the test allows."""
    with Bare(tmp_path_factory.mktemp("bare")) as bare:
        harmless = [sql for sql in UNHELD if not bare.ran_out(sql)]
    assert harmless == []


def test_the_seventeenth_query_is_asked_to_come_back(door: Door) -> None:
    """503 with ClickHouse's number and Retry-After, at once; the sixteen go on."""
    clients = [socket.create_connection(("127.0.0.1", door.port)) for _ in range(limits.SQL_QUERIES_AT_ONCE)]
    try:
        for number, client in enumerate(clients):
            client.sendall(door.head(BOMBS[0], query_id=f"full-{number}", max_execution_time="20", max_threads="1"))
        while sum(door.running(f"full-{number}") for number in range(len(clients))) < len(clients):
            time.sleep(0.05)
        answer = door.ask("SELECT 1")
        assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (503, "202")
        assert answer.headers["retry-after"] == "1"
        assert answer.text.startswith("Code: 202. DB::Exception: 16 queries run already")
    finally:
        for client in clients:
            client.close()
    while door.ask("SELECT 1").status_code == 503:
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT number FROM numbers(1000001)", "396"),
        ("SELECT map('a')", "497"),
        ("FORMAT CSV", "497"),
        ("SELECT 1 -- " + "x" * limits.SQL_CHARS_MAX, "497"),
        ("SELECT " + "(" * 900 + "1" + ")" * 900, "497"),
        ("SELECT " + "(SELECT " * 150 + "1" + ")" * 150, "497"),
        ("SELECT " + "NOT " * 3000 + "1", "497"),
        ("SELECT " + " + ".join(["1"] * 20_000), "167"),
    ],
)
def test_length_rows_and_depth_are_errors_and_never_500s_of_ours(door: Door, sql: str, code: str) -> None:
    """The guard or the engine says no, with a number."""
    answer = door.ask(sql, wait_end_of_query="1")
    assert answer.headers.get("x-clickhouse-exception-code") == code, answer.text[:300]


NESTED = (
    "(",
    "[",
    "abs(",
    "(SELECT ",
    "NOT ",
    "- ",
    "CASE WHEN 1 THEN ",
    "x -> ",
    "{a:",
    "1 IN (",
    "if(1, ",
    "tuple(",
    "1::Tuple(",
    "CAST(1 AS Tuple(",
)


@pytest.mark.parametrize("piece", NESTED)
def test_no_depth_is_too_much_for_the_guard(piece: str) -> None:
    """From 10 to 10,000 levels it accepts or refuses; nothing else is ever raised."""
    for depth in (10, 100, 300, 600, 1000, 3000, 10_000):
        try:
            check(("SELECT " + piece * depth + "1")[: limits.SQL_CHARS_MAX])
        except SqlRefused:
            continue


def test_judging_long_texts_leaves_the_others_served(door: Door) -> None:
    """Two texts of 98,000 characters are judged while 20 short queries pass."""
    long = "SELECT " + "a+" * 49_000 + "1"
    with ThreadPoolExecutor(12) as many:
        judged = [many.submit(door.ask, long) for _ in range(2)]
        answers = [door.ask("SELECT 1") for _ in range(20)]
        assert {answer.text for answer in answers} == {"1\n"}
        assert {one.result().status_code for one in judged} <= {400, 504}
