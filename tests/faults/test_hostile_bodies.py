"""Bodies that are made to hurt, on every door they can come through: the right answer, little memory, others served."""

import gzip
import json
import socket
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import httpx2
import pytest
import zstandard
from tests.faults.hostile import (
    EXPORT,
    MIB,
    beside,
    connect,
    deflate_bomb,
    field,
    head,
    rest,
    span,
    spans_request,
    statuses,
    text_attribute,
)
from tests.faults.processes import Collector, until

BOMB_GROWTH_MAX = 400 * MIB
"""A body may be 64 MiB, before and after decompression, and Python's copies of it stand beside it for a moment."""

LARGE_GROWTH_MAX = 1200 * MIB
"""A million attributes decoded, and a body of 30 MB on its way through the stages."""

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}
HOSTILE_TRACE = bytes.fromhex("f0" * 16)


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One collector for the tests of this file: it must survive them all."""
    running = Collector(tmp_path_factory.mktemp("hostile") / "data")
    try:
        running.start()
        yield running
        assert running.stop() == 0
    finally:
        running.clear_away()


def post(collector: Collector, body: bytes, headers: dict[str, str]) -> int:
    """Send a body over HTTP; return the status."""
    url = f"http://{collector.http}/v1/traces"
    return httpx2.post(url, content=body, headers=headers, timeout=100, trust_env=False).status_code


def call(collector: Collector, body: bytes, *metadata: tuple[str, str]) -> grpc.StatusCode:
    """Send a message over gRPC; return the code."""
    options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(collector.grpc, options=options) as channel:
        try:
            channel.unary_unary(EXPORT)(body, timeout=100, metadata=metadata)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
    return grpc.StatusCode.OK


BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: deflate_bomb(31),
    "deflate": lambda: deflate_bomb(15),
    "zstd": lambda: zstandard.ZstdCompressor(level=1).compress(bytes(1024 * MIB)),
}


def test_bombs(collector: Collector) -> None:
    """A megabyte that would become a gigabyte is refused for good, in each coding and on each door that reads it."""
    bombs = {coding: make() for coding, make in BOMBS.items()}
    with beside(collector, BOMB_GROWTH_MAX):
        for coding, bomb in bombs.items():
            assert len(bomb) < 1.5 * MIB
            assert post(collector, bomb, PROTOBUF | {"content-encoding": coding}) == 413
        for coding in ("gzip", "deflate"):
            assert call(collector, bombs[coding]) is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_bombs_in_bombs(collector: Collector) -> None:
    """More than one coding is refused by its name; what a body holds after the one coding is not looked into again."""
    twice = gzip.compress(gzip.compress(bytes(100 * MIB)))
    with beside(collector, BOMB_GROWTH_MAX):
        for codings in ("gzip, gzip", "gzip,deflate", "zstd, gzip, br", "gzip,identity,gzip"):
            assert post(collector, twice, PROTOBUF | {"content-encoding": codings}) == 415
        assert post(collector, twice, PROTOBUF | {"content-encoding": "gzip"}) == 400
        assert call(collector, twice) is grpc.StatusCode.INVALID_ARGUMENT


def test_streams_that_are_cut_short(collector: Collector) -> None:
    """A compressed body that ends early is nobody's data: refused for good, wherever the cut is."""
    whole = spans_request(*(span(HOSTILE_TRACE, bytes([1] * 8)) for _ in range(1000)))
    forms = {
        "gzip": gzip.compress(whole),
        "deflate": zlib.compress(whole),
        "zstd": zstandard.compress(whole),
    }
    with beside(collector, BOMB_GROWTH_MAX):
        for coding, form in forms.items():
            for cut in (1, len(form) // 2, len(form) - 1):
                assert post(collector, form[:cut], PROTOBUF | {"content-encoding": coding}) == 400, (coding, cut)
        for coding in ("gzip", "deflate"):
            assert call(collector, forms[coding][:-1]) is grpc.StatusCode.INVALID_ARGUMENT
        assert call(collector, whole[:-1]) is grpc.StatusCode.INVALID_ARGUMENT


def test_chunks_without_end(collector: Collector) -> None:
    """A body that never ends is refused when it has passed the limit, and its sender is cut off."""
    chunk = b"100000\r\n" + b" " * MIB + b"\r\n"
    with beside(collector, BOMB_GROWTH_MAX):
        connection = connect(collector.http, head(Transfer_Encoding="chunked"))
        sent = 0
        with connection:
            connection.settimeout(0.01)
            answer = b""
            while not answer:
                connection.settimeout(60)
                connection.sendall(chunk)
                sent += 1
                connection.settimeout(0.001)
                try:
                    answer = connection.recv(4096)
                except TimeoutError:
                    assert sent < 200, "it takes far more than the limit"
        assert statuses(answer) == [413]


@pytest.mark.parametrize(
    ("length", "more", "sent", "expected"),
    [
        (2, {}, b"{}" + b"{}" * 8, [200]),
        (100, {}, b"{}", []),
        (-2, {}, b"{}", [400]),
        (None, {"Content-Length": "2", "content-length": "3"}, b"{} ", [400]),
        (None, {"Content-Length": "2, 2"}, b"{}", [400]),
        (None, {"Content-Length": "+2"}, b"{}", [400]),
        (None, {"Content-Length": "0x2"}, b"{}", [400]),
        (None, {"Content-Length": "9" * 30}, b"{}", [400]),
        (None, {"Content-Length": "10000000000"}, b"{}", [413]),
        (2, {"Transfer_Encoding": "chunked"}, b"0\r\n\r\n", [400]),
        (None, {"Transfer_Encoding": "chunked, identity"}, b"0\r\n\r\n", [400]),
        (None, {"Transfer_Encoding": "gzip, chunked"}, b"0\r\n\r\n", [200]),
        (None, {"Transfer-Encoding ": "chunked"}, b"0\r\n\r\n", [400]),
    ],
    ids=[
        "short",
        "long",
        "negative",
        "two of them",
        "a list of two",
        "a sign",
        "hexadecimal",
        "beyond 64 bits",
        "10 GB",
        "with chunks",
        "chunks that are not last",
        "chunks that are last",
        "a space before the colon",
    ],
)
def test_lengths_that_lie(
    collector: Collector, length: int | None, more: dict[str, str], sent: bytes, expected: list[int]
) -> None:
    """No body is taken for another's: what is ambiguous is refused, and the connection closed behind it."""
    with beside(collector, BOMB_GROWTH_MAX, served=1):
        connection = connect(collector.http, head(length, Connection="close", **more) + sent)
        if not expected:
            connection.shutdown(socket.SHUT_WR)
        assert statuses(rest(connection)) == expected


def test_an_attribute_of_30_mb(collector: Collector) -> None:
    """It is stored whole, over each door; what does not fit a request is refused by its size."""
    value = b"long " * 6_000_000
    with beside(collector, LARGE_GROWTH_MAX):
        body = spans_request(span(HOSTILE_TRACE, b"LONGHTTP", text_attribute("long", value)))
        assert post(collector, body, PROTOBUF) == 200
        body = spans_request(span(HOSTILE_TRACE, b"LONGGRPC", text_attribute("long", value)))
        assert call(collector, body) is grpc.StatusCode.OK
        stored = "SELECT length(attributes_string['long']) AS n FROM spans WHERE name = 'hostile' AND n > 0"
        until(lambda: answer(collector, stored) == [len(value)] * 2, "both are stored", 90)
    del body
    too_large = spans_request(span(HOSTILE_TRACE, b"TOOLARGE", text_attribute("long", value * 3)))
    assert post(collector, too_large, PROTOBUF) == 413
    assert call(collector, too_large) is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_values_nested_without_end(collector: Collector) -> None:
    """Of an AnyValue 10,000 deep the depths are left out and the rest is stored; JSON so deep is refused for good."""
    deep = b""
    for _ in range(10_000):
        deep = field(5, field(1, deep))  # an ArrayValue of one value
    body = spans_request(span(HOSTILE_TRACE, b"DEEPDEEP", field(9, field(1, b"deep") + field(2, deep))))
    nested = '{"arrayValue":{"values":[' * 10_000 + "]}}" * 10_000
    attributes = f'[{{"key":"deep","value":{nested}}}]'
    inner = f'{{"traceId":"{"f0" * 16}","spanId":"{"f0" * 8}","name":"deep","attributes":{attributes}}}'
    text = f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{inner}]}}]}}]}}'
    with beside(collector, BOMB_GROWTH_MAX):
        assert post(collector, body, PROTOBUF) == 200
        assert call(collector, body) is grpc.StatusCode.OK
        assert post(collector, text.encode(), JSON) == 400
        assert post(collector, b"[" * 1_000_000, JSON) == 400
        assert post(collector, json.dumps({"resourceSpans": []}).encode(), JSON) == 200
        cut = "SELECT toUInt64(position(attributes_string['deep'], 'nested deeper than 64') > 0) AS n FROM spans"
        cut += " WHERE mapContains(attributes_string, 'deep') LIMIT 1"
        until(lambda: answer(collector, cut) == [1], "it is stored")


def answer(collector: Collector, query: str) -> list[int]:
    """Return the column n of a query."""
    store = collector.reader()
    found: list[int] = store.query(query).column("n").to_pylist()
    store.close()
    return found


def test_a_million_attributes(collector: Collector) -> None:
    """A span with that many is stored with all of them: some under their keys, the rest as texts (this comes last)."""
    count = 1_000_000
    keys = (field(9, field(1, b"k%d" % n) + field(2, b"\x18\x01")) for n in range(count))
    body = spans_request(span(HOSTILE_TRACE, b"MILLIONS", b"".join(keys)))
    with beside(collector, LARGE_GROWTH_MAX):
        assert post(collector, body, PROTOBUF) == 200
    kept = "length(attributes_number) + length(attributes_string)"
    stored = f"SELECT {kept} AS n FROM spans WHERE span_id = '4d494c4c494f4e53'"
    assert answer(collector, stored) == [count]


def test_nothing_was_left_behind(collector: Collector) -> None:
    """After all of it no byte is in flight, and the collector is the same process as before."""
    until(lambda: collector.metric("haechi_bytes_in_flight") == 0, "nothing is in flight")
    assert collector.process is not None
    assert collector.process.poll() is None
    assert Path(f"/proc/{collector.pid}").exists()
