"""The HTTP interface, with curl and plain sockets."""

import http.client
import json
import socket
import subprocess
import zlib
from typing import Any

import lz4.frame  # type: ignore[import-untyped]
import pytest
import zstandard

from haechi_collector.store.client import StoreClient
from haechi_collector.store.supervisor import EmbeddedStore


def curl(store: EmbeddedStore, path: str, *options: str, data: bytes | None = None, user: str = "") -> bytes:
    dsn = store.dsn
    who = ["-u", f"{dsn.user}:{dsn.password}"] if user == "haechi" else []
    body = ["--data-binary", "@-"] if data is not None else []
    command = ["curl", "-sS", "-m", "20", *who, *body, *options, f"{dsn.url}{path}"]
    return subprocess.run(command, input=data, capture_output=True, check=True, timeout=30).stdout


def ask(store: EmbeddedStore, path: str, body: bytes = b"", method: str = "POST", **headers: str) -> tuple[Any, bytes]:
    """One request on a connection of its own, as the writer."""
    connection = http.client.HTTPConnection(store.dsn.host, store.dsn.port, timeout=20)
    who = {"X-ClickHouse-User": store.dsn.user, "X-ClickHouse-Key": store.dsn.password}
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, body or None, who | given)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def converse(store: EmbeddedStore, wire: bytes) -> bytes:
    """Send bytes on a connection of their own, end it, return all that comes back."""
    with (
        socket.create_connection((store.dsn.host, store.dsn.port), timeout=20) as plain,
        plain.makefile("rb") as answer,
    ):
        plain.sendall(wire)
        plain.shutdown(socket.SHUT_WR)
        return answer.read()


def test_ping_and_its_kin_say_ok(store: EmbeddedStore) -> None:
    """Without credentials."""
    assert [curl(store, path) for path in ("/ping", "/replicas_status", "/")] == [b"Ok.\n"] * 3
    assert curl(store, "/nothing", "-o", "-", "-w", "%{http_code}").endswith(b"404")
    assert curl(store, "/ping", "-I").startswith(b"HTTP/1.1 200")


def test_queries_by_url_by_body_and_by_both(store: EmbeddedStore) -> None:
    """Joined by a line break when both are there."""
    assert curl(store, "/?query=SELECT+1") == b"1\n"
    assert curl(store, "/", data=b"SELECT 2") == b"2\n"
    assert curl(store, "/?query=SELECT", data=b"3") == b"3\n"
    assert curl(store, "/", "-H", "Transfer-Encoding: chunked", data=b"SELECT 4") == b"4\n"


def test_output_formats_by_parameter_header_and_text(store: EmbeddedStore) -> None:
    """The text's own FORMAT wins."""
    assert curl(store, "/?default_format=JSONEachRow", data=b"SELECT 1 AS a") == b'{"a":1}\n'
    assert curl(store, "/", "-H", "X-ClickHouse-Format: CSV", data=b"SELECT 'a'") == b'"a"\n'
    assert json.loads(curl(store, "/?default_format=CSV", data=b"SELECT 1 AS a FORMAT JSON"))["data"] == [{"a": 1}]


def test_query_parameters_in_clickhouses_escapes(store: EmbeddedStore) -> None:
    """Text with every awkward character comes back as it went."""
    text = "it's \\ \t \n 한 {x:String}"
    escaped = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    sql = "SELECT {x:String} AS x, {n:UInt8} AS n FORMAT JSONEachRow"
    texts = ["--data-urlencode", f"param_x={escaped}", "--data-urlencode", f"query={sql}"]
    answer = curl(store, "/", "-G", *texts, "-d", "param_n=7")
    assert json.loads(answer) == {"x": text, "n": 7}


def test_long_parameters_come_in_a_form(store: EmbeddedStore) -> None:
    """As clickhouse-connect and the JavaScript client send them; a table in it is refused."""
    form = ["-F", "param_x=한\\t글", "-F", "query=SELECT {x:String} AS x FORMAT JSONEachRow"]
    assert json.loads(curl(store, "/", *form)) == {"x": "한\t글"}
    assert json.loads(curl(store, "/?query=SELECT+{x:String}+AS+x+FORMAT+JSONEachRow", "-g", *form[:2])) == {
        "x": "한\t글"
    }
    assert curl(store, "/", *form, "-F", "t=@/dev/null").startswith(b"Code: 48")


def test_a_statement_has_clickhouses_limit_of_length(store: EmbeddedStore) -> None:
    """Until max_query_size says otherwise."""
    long = b"SELECT 1" + b" " * 300_000
    assert ask(store, "/", long)[1].startswith(b"Code: 62. DB::Exception: Syntax error: Max query size exceeded")
    assert ask(store, "/?max_query_size=1000000", long)[1] == b"1\n"


def test_inserts_by_url_and_data_by_body_and_values(store: EmbeddedStore, table: str, client: StoreClient) -> None:
    """Each way that ClickHouse's pages show."""
    curl(store, f"/?query=INSERT+INTO+{table}+FORMAT+CSV", data=b"1,x\n2,y\n", user="haechi")
    curl(store, "/", data=f"INSERT INTO {table} FORMAT JSONEachRow\n".encode() + b'{"a":3,"b":"z;"}', user="haechi")
    curl(store, "/", data=f"INSERT INTO {table} VALUES (4,'FORMAT CSV')".encode(), user="haechi")
    curl(store, f"/?query=INSERT+INTO+{table}+VALUES", data=b"(5,'w')", user="haechi")
    curl(store, "/", data=f"INSERT INTO {table} SELECT 6, 'v'".encode(), user="haechi")
    rows = client.query("SELECT b FROM t ORDER BY a")["b"].to_pylist()
    assert rows == ["x", "y", "z;", "FORMAT CSV", "w", "v"]


def test_a_long_insert_is_stored_once_per_token(store: EmbeddedStore, client: StoreClient) -> None:
    """Also when it is cut into several blocks."""
    client.command(
        "CREATE TABLE long (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100"
    )
    data = b"".join(b"%d\n" % number for number in range(1_500_000))
    for _ in range(2):
        curl(store, "/?insert_deduplication_token=t&query=INSERT+INTO+haechi.long+FORMAT+TSV", data=data, user="haechi")
    assert client.command("SELECT count() FROM long") == 1_500_000
    client.command("DROP TABLE long")


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "lz4"])
def test_compressed_inserts_and_answers(store: EmbeddedStore, table: str, encoding: str) -> None:
    """Content-Encoding in, Accept-Encoding out when enable_http_compression says so."""
    pack = {
        "gzip": lambda data: zlib.compress(data, wbits=31),
        "zstd": zstandard.ZstdCompressor().compress,
        "lz4": lz4.frame.compress,
    }[encoding]
    unpack = {
        "gzip": lambda data: zlib.decompress(data, wbits=31),
        "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
        "lz4": lz4.frame.decompress,
    }[encoding]
    data = b"".join(b"%d,text\n" % number for number in range(50_000))
    answer, _ = ask(store, f"/?query=INSERT+INTO+{table}+FORMAT+CSV", pack(data), Content_Encoding=encoding)
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["written_rows"] == "50000"
    path = "/?enable_http_compression=1&default_format=CSV"
    answer, body = ask(store, path, f"SELECT * FROM {table} ORDER BY a".encode(), Accept_Encoding=encoding)
    assert answer.headers["Content-Encoding"] == encoding
    assert unpack(body) == data.replace(b",text", b',"text"')
    answer, body = ask(store, "/", b"SELECT 1", Accept_Encoding=encoding)
    assert (answer.headers["Content-Encoding"], body) == (None, b"1\n")


def test_an_answers_headers(store: EmbeddedStore) -> None:
    """Those that ClickHouse's clients read."""
    answer, _ = ask(
        store, "/?query_id=q-1&send_progress_in_http_headers=1", b"SELECT sum(sipHash64(number)) FROM numbers(30000000)"
    )
    headers = answer.headers
    assert headers["X-ClickHouse-Query-Id"] == "q-1"
    assert headers["X-ClickHouse-Format"] == "TabSeparated"
    assert headers["X-ClickHouse-Timezone"] == "UTC"
    assert headers["X-ClickHouse-Server-Display-Name"] == "haechi"
    assert json.loads(headers["X-ClickHouse-Summary"]).keys() >= {"read_rows", "written_rows", "elapsed_ns"}
    assert int(json.loads(headers["X-ClickHouse-Progress"])["read_rows"]) > 0


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        (b"SELECT nope", 404, 47),
        (b"SELEC 1", 400, 62),
        (b"SELECT * FROM nope", 404, 60),
        (b"SELECT 1; SELECT 2", 400, 62),
        (b"SELECT throwIf(1)", 500, 395),
        (b"SELECT 1 SETTINGS nope = 1", 404, 115),
        (b"INSERT INTO nope FORMAT CSV\n1", 404, 60),
    ],
)
def test_errors_are_clickhouses(store: EmbeddedStore, sql: bytes, status: int, code: int) -> None:
    """Status, number and text."""
    answer, body = ask(store, "/", sql)
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert body.startswith(b"Code: %d. DB::Exception: " % code)


def test_a_connection_outlives_errors(store: EmbeddedStore, table: str) -> None:
    """Also when the refused request had a body that nobody read."""
    connection = http.client.HTTPConnection(store.dsn.host, store.dsn.port, timeout=20)
    who = {"X-ClickHouse-User": store.dsn.user, "X-ClickHouse-Key": store.dsn.password}
    seen = []
    for path in ("/?query=INSERT+INTO+nope+FORMAT+CSV", f"/?query=INSERT+INTO+{table}+FORMAT+CSV", "/"):
        connection.request("POST", path, b"1,x\n" * 500_000, who)
        answer = connection.getresponse()
        seen.append((answer.status, answer.read()[:8]))
    connection.close()
    assert seen == [(404, b"Code: 60"), (200, b""), (400, b"Code: 62")]


def test_an_error_within_a_result_cannot_be_missed(store: EmbeddedStore) -> None:
    """The body names it between its marks, and ends without the last chunk."""
    sql = b"SELECT number FROM numbers(300000000) WHERE number % 1000000 = throwIf(number = 290000000)"
    connection = http.client.HTTPConnection(store.dsn.host, store.dsn.port, timeout=20)
    connection.request("POST", "/?max_threads=1", sql)
    answer = connection.getresponse()
    tag = answer.headers["X-ClickHouse-Exception-Tag"].encode()
    with answer, pytest.raises(http.client.IncompleteRead) as caught:
        answer.read()
    connection.close()
    assert answer.status == 200
    assert caught.value.partial.endswith(b" " + tag + b"\r\n__exception__\r\n")
    assert b"__exception__\r\n" + tag + b"\r\nCode: 395. DB::Exception" in caught.value.partial


def test_wait_end_of_query_gives_the_error_its_status(store: EmbeddedStore) -> None:
    """Nothing is sent before the last row is there."""
    sql = b"SELECT throwIf(number = 900000) FROM numbers(1000000) SETTINGS max_block_size = 1000"
    answer, body = ask(store, "/?wait_end_of_query=1", sql)
    assert (answer.status, body[:9]) == (500, b"Code: 395")
    answer, body = ask(store, "/?wait_end_of_query=1", b"SELECT number FROM numbers(2000000)")
    assert (answer.headers["Content-Length"], body.count(b"\n")) == (str(len(body)), 2_000_000)


def test_an_insert_that_breaks_off_stores_nothing(store: EmbeddedStore, table: str, client: StoreClient) -> None:
    """Neither of a sized nor of a chunked body."""
    path = f"/?user=haechi&password={store.dsn.password}&query=INSERT+INTO+{table}+FORMAT+CSV"
    for head in (b"Content-Length: 1000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n4\r\n"):
        wire = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n".encode() + head + b"1,x\n2,y\n"
        assert b"Code: 33." in converse(store, wire)
    assert client.command("SELECT count() FROM t") == 0


def test_head_runs_the_query_and_keeps_its_result(store: EmbeddedStore) -> None:
    """Headers only."""
    answer, body = ask(store, "/?query=SELECT+1+FORMAT+JSON", method="HEAD")
    assert (answer.status, answer.headers["X-ClickHouse-Format"], body) == (200, "JSON", b"")


def test_malformed_requests_are_refused(store: EmbeddedStore) -> None:
    """With a status; the store lives on."""
    for wrong in (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"PATCH / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /?" + b"a=1&" * 300 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 200 + b"\r\n",
    ):
        answer = converse(store, wrong)
        assert b" 4" in answer[:12] or b" 50" in answer[:14] or b"Error code: 400" in answer or b"400 Bad" in answer
    assert curl(store, "/ping") == b"Ok.\n"


def test_clickhouses_own_compression(store: EmbeddedStore, table: str, client: StoreClient) -> None:
    """compress=1 answers in blocks, and such blocks can be inserted again with decompress=1."""
    _, packed = ask(store, "/?compress=1&default_format=Native", b"SELECT number AS a, 'b' AS b FROM numbers(1000)")
    answer, body = ask(store, f"/?decompress=1&query=INSERT+INTO+{table}+FORMAT+Native", packed)
    assert (answer.status, body) == (200, b"")
    assert client.command("SELECT sum(a) FROM t") == sum(range(1000))
