"""Connections that are made to hurt: floods, silence, broken rules. The others are served meanwhile."""

import contextlib
import resource
import struct
from collections.abc import Iterator
from threading import Thread

import psutil
import pytest
from tests.faults.hostile import MIB, RawGrpc, at_once, beside, connect, head, rest, statuses
from tests.faults.processes import Collector, until

MEMORY_BYTES_MAX = 800 * MIB
GROWTH_MAX = 400 * MIB
IDLE = 10_000
SETTINGS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
"""How an HTTP/2 connection begins: the preface and an empty frame of settings."""


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One collector for the tests of this file: it must survive them all."""
    running = Collector(tmp_path_factory.mktemp("hostile") / "data", f"--memory-bytes-max={MEMORY_BYTES_MAX}")
    try:
        running.start()
        yield running
        assert running.stop() == 0
    finally:
        running.clear_away()


@pytest.fixture
def many_files() -> Iterator[None]:
    """Room for more sockets in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert hard > IDLE + 1000, "the machine's limit on open files is too low for this test"
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("door", "sent"),
    [("http", b""), ("http", head(2) + b"{}"), ("grpc", b""), ("grpc", SETTINGS)],
    ids=["http, silent", "http, after a request", "grpc, silent", "grpc, after its preface"],
)
@pytest.mark.usefixtures("many_files")
def test_ten_thousand_idle_connections(collector: Collector, door: str, sent: bytes) -> None:
    """Whether they never said a word or said everything right once, they cost little, and new ones are still served."""
    address = collector.grpc if door == "grpc" else collector.http
    with beside(collector, GROWTH_MAX) as other, contextlib.ExitStack() as open_:
        for _ in range(IDLE):
            open_.enter_context(connect(address, sent))
        other.goes_on()
        newcomer = rest(connect(collector.http, head(2, Connection="close") + b"{}", source="127.0.0.3"))
        assert statuses(newcomer) == [200]
        with RawGrpc(collector.grpc, source="127.0.0.3") as channel:
            stream = channel.call()
            channel.send(stream, bytes(5), end=True)
            assert channel.wait_for(stream)["grpc-status"] == "0"


def test_requests_that_are_sent_ahead_of_their_answers(collector: Collector) -> None:
    """A hundred thousand of them, answers unread: the connection is closed after some, and nothing piles up."""
    request = head(2) + b"{}"
    with beside(collector, GROWTH_MAX):
        flood = connect(collector.http)
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                flood.sendall(request * 1000)
        assert len(statuses(rest(flood))) < 10_000


@pytest.mark.parametrize(
    "flood",
    [
        head()[:-2] + b"X: y\r\n" * 500_000,
        head()[:-2] + b"X: " + b"y" * 3 * MIB,
        b"POST /" + b"y" * 3 * MIB,
        head(Transfer_Encoding="chunked") + b"1;" + b"y" * 3 * MIB,
        head(Transfer_Encoding="chunked") + b"0\r\n" + b"X: y\r\n" * 500_000,
        b"\r\n" * 2_000_000,
    ],
    ids=["headers", "one header", "path", "chunk extension", "trailers", "empty lines"],
)
def test_heads_without_end(collector: Collector, flood: bytes) -> None:
    """The connection is closed; twenty of them at once cost no more than their bound."""
    received: list[bytes] = []

    def attack() -> None:
        connection = connect(collector.http)
        with contextlib.suppress(ConnectionError):
            connection.sendall(flood)
        received.append(rest(connection))

    with beside(collector, GROWTH_MAX):
        at_once(*(Thread(target=attack) for _ in range(20)))
    assert len(received) == 20
    assert 200 not in {status for answer in received for status in statuses(answer)}


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Return an HTTP/2 frame."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def test_metadata_without_end(collector: Collector) -> None:
    """A call with a megabyte of metadata is refused; one whose metadata never ends is cut off."""
    with beside(collector, GROWTH_MAX):
        with RawGrpc(collector.grpc) as channel:
            stream = channel.call(*((f"x-{n}", "y" * 1000) for n in range(1000)))
            channel.send(stream, bytes(5), end=True)
            assert channel.wait_for(stream).get("grpc-status") != "0"
        header = frame(9, 0, 1, b"\x00\x01a" + b"\x7f\x81\x7c" + b"b" * 16_000)
        with contextlib.suppress(ConnectionError), connect(collector.grpc, SETTINGS + frame(1, 0, 1, b"")) as endless:
            endless.sendall(header * 10_000)


def test_calls_that_are_cancelled_at_once(collector: Collector) -> None:
    """Thirty thousand calls, each opened and reset at once (rapid reset), leave nothing behind."""

    def attack() -> None:
        with RawGrpc(collector.grpc) as channel:
            for _ in range(10_000):
                channel.reset(channel.call())

    with beside(collector, GROWTH_MAX) as other:
        attacks = [Thread(target=attack) for _ in range(3)]
        for thread in attacks:
            thread.start()
        other.goes_on()
        for thread in attacks:
            thread.join()
    until(lambda: collector.metric("haechi_bytes_in_flight") == 0, "nothing is in flight")


def test_calls_that_stay_silent(collector: Collector) -> None:
    """Four hundred calls that never send their message keep no other client from being served."""
    with beside(collector, GROWTH_MAX) as other, contextlib.ExitStack() as open_:
        for _ in range(8):
            channel = open_.enter_context(RawGrpc(collector.grpc))
            for _ in range(min(50, channel.streams_max)):
                channel.call()
        other.goes_on(20)


def test_messages_that_stay_unfinished(collector: Collector) -> None:
    """A message is held until it is whole; when memory is short, those of the client with the most are given up."""
    part = struct.pack(">BI", 0, 63 * MIB) + bytes(60 * MIB)
    given_up: list[bool] = []

    def attack() -> None:
        with RawGrpc(collector.grpc) as channel:
            stream = channel.call()
            sent = channel.send(stream, part)
            channel.wait_for(stream)  # in the end the message's time is over
            given_up.append(sent < len(part))

    with beside(collector, MEMORY_BYTES_MAX):
        at_once(*(Thread(target=attack, daemon=True) for _ in range(16)))
    assert len(given_up) == 16
    assert any(given_up)
    assert psutil.Process(collector.pid).memory_info().rss < MEMORY_BYTES_MAX


def test_nothing_was_left_behind(collector: Collector) -> None:
    """After all of it no byte is in flight, and the connections are gone but for the test's own."""
    until(lambda: collector.metric("haechi_bytes_in_flight") == 0, "nothing is in flight")
    assert collector.process is not None
    assert collector.process.poll() is None
