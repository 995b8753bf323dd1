"""Long answers flow through the collector, and stop in the engine when nobody reads them."""

import io
import socket
import time
from pathlib import Path

import httpx2
import pyarrow.parquet as pq
import pytest
from tests.sql.conftest import Door

WIDE = "SELECT number, repeat('x', 400) AS text, randomPrintableASCII(60) AS noise FROM numbers(900000)"
BUSY = "SELECT count() FROM numbers(1000000000000) WHERE cityHash64(number) = 1"
MIB = 2**20


def memory() -> int:
    """Bytes that this process holds; the API runs in it."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


@pytest.mark.parametrize("format_", ["JSONEachRow", "JSON", "Parquet", "ArrowStream"])
def test_memory_does_not_grow_with_the_answer(door: Door, format_: str) -> None:
    """900,000 wide rows, 460 MB of JSON, take less than 48 MiB to pass on."""
    door.ask("SELECT 1", default_format=format_)
    before, most, size = memory(), 0, 0
    parameters = {"default_format": format_}
    with httpx2.stream("POST", door.url, params=parameters, content=WIDE, trust_env=False, timeout=90) as answer:
        assert answer.status_code == 200
        for piece in answer.iter_raw():
            size += len(piece)
            most = max(most, memory())
    assert size > (400 if format_.startswith("JSON") else 50) * 10**6
    assert most - before < 48 * MIB


def test_parquet_of_many_rows_is_one_file(door: Door) -> None:
    """Streamed, and whole: every row and the types."""
    answer = door.ask("SELECT number, toString(number) AS text FROM numbers(300000)", default_format="Parquet")
    table = pq.read_table(io.BytesIO(answer.content))
    assert table.num_rows == 300_000
    assert table["text"][299_999].as_py() == "299999"


@pytest.mark.parametrize("format_", ["JSONEachRow", "JSON", "Parquet"])
def test_an_error_within_a_long_answer_cannot_be_missed(door: Door, format_: str) -> None:
    """The body breaks off; it never ends as if it were whole."""
    sql = f"{WIDE} WHERE throwIf(number = 899999) = 0"
    with pytest.raises(httpx2.RemoteProtocolError):
        door.ask(sql, default_format=format_, max_threads="1")


def test_an_error_before_the_first_megabyte_has_its_status(door: Door) -> None:
    """Also in formats that end in a footer, which the engine writes after an error too."""
    for format_ in ("JSON", "Parquet", "Arrow", "CSV"):
        answer = door.ask("SELECT throwIf(number = 100) FROM numbers(200)", default_format=format_)
        assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (400, "395")


@pytest.mark.parametrize("format_", ["JSONEachRow", "JSON", "Parquet"])
@pytest.mark.parametrize("sql", [BUSY, WIDE])
def test_a_query_is_gone_from_the_engine_when_its_client_leaves(door: Door, sql: str, format_: str) -> None:
    """Before the first byte and in mid-stream, whatever the format."""
    query_id = f"left-{format_}-{len(sql)}"
    with socket.create_connection(("127.0.0.1", door.port)) as client:
        client.sendall(door.head(sql, query_id=query_id, default_format=format_, max_execution_time="20"))
        while not door.running(query_id):
            time.sleep(0.01)
    left = time.monotonic()
    while door.running(query_id):
        assert time.monotonic() - left < 10, "the query outlives its client"
        time.sleep(0.01)


def test_all_places_are_free_again_after_leaving(door: Door) -> None:
    """Sixteen clients leave; sixteen queries run at once."""
    for _ in range(2):
        clients = [socket.create_connection(("127.0.0.1", door.port)) for _ in range(16)]
        for client in clients:
            client.sendall(door.head(WIDE))
        time.sleep(0.3)
        for client in clients:
            client.close()
    while (answer := door.ask("SELECT 1")).status_code == 503:
        time.sleep(0.05)
    assert answer.text == "1\n"
