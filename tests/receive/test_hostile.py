"""Bombs, garbage and senders that do not finish."""

import contextlib
import gzip
import http.client
import json
import random
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
import zstandard
from tests.receive.recording import SERVICES, Doors, encoded, sample

from haechi_collector import limits
from haechi_collector.sink import Accepted, Encoding, Outcome, Signal

MIB = 1024 * 1024
GROWTH_MAX = 300 * MIB
EXPORT = f"/{SERVICES[Signal.TRACES]}/Export"
PROTOBUF = {"content-type": "application/x-protobuf"}
GARBAGE_HTTP = 3000
GARBAGE_GRPC = 2000
GARBAGE_TCP = 300


def deflate_bomb(wbits: int) -> bytes:
    """Return 1 MB that inflates to 1 GB of zeros: a block that does not refer back, 1024 times."""
    encoder = zlib.compressobj(9, wbits=wbits)
    start = encoder.compress(bytes(MIB)) + encoder.flush(zlib.Z_FULL_FLUSH)
    block = encoder.compress(bytes(MIB)) + encoder.flush(zlib.Z_FULL_FLUSH)
    return start + block * 1023


BOMBS = {
    "gzip": lambda: deflate_bomb(31),
    "deflate": lambda: deflate_bomb(15),
    "raw deflate": lambda: deflate_bomb(-15),
    "frames of zstd": lambda: zstandard.compress(bytes(MIB), 19) * 1024,
    "zstd": lambda: zstandard.ZstdCompressor(level=1).compress(bytes(1024 * MIB)),
    "snappy": lambda: b"\x80\x80\x80\x80\x04" + b"\xfe\x01\x00" * 300_000,
}


class Child:
    """The doors in a process of their own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self.grpc_port, self.http_port = map(int, process.stdout.readline().split())
        self._status = Path(f"/proc/{process.pid}/status")
        self._before = self._memory("VmRSS")

    def grown(self) -> int:
        """Return by how much the memory's highest mark lies above the start, in bytes."""
        return self._memory("VmHWM") - self._before

    def _memory(self, name: str) -> int:
        line = next(line for line in self._status.read_text().splitlines() if line.startswith(name))
        return int(line.split()[1]) * 1024

    def is_alive(self) -> bool:
        url = f"http://127.0.0.1:{self.http_port}/v1/traces"
        return httpx2.post(url, content=b"{}", headers={"content-type": "application/json"}).status_code == 200


@pytest.fixture
def child() -> Iterator[Child]:
    command = [sys.executable, str(Path(__file__).parent / "serve.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Child(process)
        process.communicate(timeout=30)


@pytest.mark.parametrize("kind", BOMBS)
def test_an_http_bomb_stays_small(child: Child, kind: str) -> None:
    """A megabyte that would become a gigabyte is refused within bounded memory."""
    headers = PROTOBUF | {"content-encoding": kind.rpartition(" ")[2]}
    answer = httpx2.post(
        f"http://127.0.0.1:{child.http_port}/v1/traces", content=BOMBS[kind](), headers=headers, timeout=60
    )
    assert answer.status_code == 413
    assert child.grown() < GROWTH_MAX
    assert child.is_alive()


def refused_by_grpc(child: Child, body: bytes, compression: grpc.Compression | None = None) -> grpc.StatusCode:
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{child.grpc_port}", options=options) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(EXPORT)(body, timeout=60, compression=compression)
        code: grpc.StatusCode = caught.value.code()
        return code


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
def test_a_grpc_bomb_stays_small(child: Child, kind: str) -> None:
    """The same over gRPC, where the core of some versions would inflate it whole before it looks at the size."""
    assert refused_by_grpc(child, BOMBS[kind]()) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert child.grown() < GROWTH_MAX
    assert child.is_alive()


def test_a_grpc_message_far_over_the_limit_is_not_buffered(child: Child) -> None:
    """Its declared length is enough to refuse it, also when the client compresses it as gRPC does."""
    assert refused_by_grpc(child, bytes(256 * MIB)) is grpc.StatusCode.RESOURCE_EXHAUSTED
    compressed = refused_by_grpc(child, bytes(256 * MIB), grpc.Compression.Gzip)
    assert compressed is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert child.grown() < GROWTH_MAX


def test_many_bombs_at_once_stay_within_the_bytes_in_flight(child: Child) -> None:
    """Eight at a time are held by the bound on all requests together."""
    bomb = BOMBS["gzip"]()
    statuses: list[int] = []

    def send() -> None:
        headers = PROTOBUF | {"content-encoding": "gzip"}
        url = f"http://127.0.0.1:{child.http_port}/v1/traces"
        statuses.append(httpx2.post(url, content=bomb, headers=headers, timeout=60).status_code)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == 8
    assert set(statuses) <= {413, 503}
    assert child.grown() < limits.BYTES_IN_FLIGHT_MAX + GROWTH_MAX
    assert child.is_alive()


def garbage(rng: random.Random, good: bytes) -> bytes:
    """Return random bytes, a spoilt request, a cut one, or a compressed one of these."""
    body = bytearray(rng.randbytes(rng.randrange(0, 200)) if rng.random() < 0.3 else good)
    for _ in range(rng.randrange(0, 6)):
        if body:
            body[rng.randrange(len(body))] = rng.randrange(256)
    cut = bytes(body[: rng.randrange(0, len(body) + 1)] if rng.random() < 0.3 else body)
    return rng.choice([cut, cut, gzip.compress(cut), zlib.compress(cut), gzip.compress(cut)[:-4]])


def test_garbage_over_http(doors: Doors, client: httpx2.Client) -> None:
    """Thousands of spoilt bodies get an answer that blames the sender, or success; nothing fails."""
    rng = random.Random(4318)
    statuses = set()
    for _ in range(GARBAGE_HTTP):
        signal, encoding = rng.choice(list(Signal)), rng.choice(list(Encoding))
        headers = {
            "content-type": rng.choice(
                ["application/x-protobuf", "application/json", "text/plain", "application/\xff"]
            ),
            "content-encoding": rng.choice(["", "", "gzip", "deflate", "zstd", "lz4", "snappy", "br", "gzip,gzip"]),
        }
        content = garbage(rng, encoded(sample(signal), encoding))
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        statuses.add(client.post(f"/v1/{signal}", content=content, headers=raw).status_code)
    assert statuses == {200, 400, 413, 415}
    assert Outcome.FAILED not in {outcome for _, _, outcome, _ in doors.observations.seen}
    good = client.post("/v1/logs", content=encoded(sample(Signal.LOGS), Encoding.PROTOBUF), headers=PROTOBUF)
    assert good.status_code == 200


def test_garbage_over_grpc(doors: Doors, channel: Any) -> None:
    """The same over gRPC."""
    rng = random.Random(4317)
    codes = set()
    for _ in range(GARBAGE_GRPC):
        signal = rng.choice(list(Signal))
        body = garbage(rng, encoded(sample(signal), Encoding.PROTOBUF))
        try:
            channel.unary_unary(f"/{SERVICES[signal]}/{rng.choice(['Export'] * 9 + ['Nothing'])}")(body, timeout=30)
            codes.add("OK")
        except grpc.RpcError as error:
            codes.add(error.code().name)
    assert codes == {"OK", "INVALID_ARGUMENT", "UNIMPLEMENTED"}
    assert Outcome.FAILED not in {outcome for _, _, outcome, _ in doors.observations.seen}
    assert channel.unary_unary(EXPORT)(encoded(sample(Signal.TRACES), Encoding.PROTOBUF), timeout=30) == b""


def connect(port: int, data: bytes, source: str = "127.0.0.1") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0))
    connection.sendall(data)
    return connection


def rest(connection: socket.socket) -> bytes:
    """Return what comes until the server closes the connection."""
    received = b""
    with connection:
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            return received
    return received


def test_garbage_on_the_sockets(doors: Doors, client: httpx2.Client, channel: Any) -> None:
    """Bytes that are no HTTP at all get 400 or a closed connection, on both ports."""
    rng = random.Random(4319)
    for _ in range(GARBAGE_TCP):
        noise = rng.randbytes(rng.randrange(1, 300))
        with connect(rng.choice([doors.http_port, doors.grpc_port]), noise):
            pass
    answer = rest(connect(doors.http_port, b"\x16\x03\x01 no http \r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 400 ")
    both = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert rest(connect(doors.http_port, both)).startswith(b"HTTP/1.1 400 ")
    assert client.post("/v1/traces", content=b"", headers=PROTOBUF).status_code == 200
    assert channel.unary_unary(EXPORT)(b"", timeout=30) == b""


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Doors]:
    """Doors of little patience and little room."""
    monkeypatch.setattr(limits, "HEADER_READ_S", 0.3)
    monkeypatch.setattr(limits, "BODY_READ_S", 0.4)
    monkeypatch.setattr(limits, "GRPC_WORKERS", 2)
    monkeypatch.setattr(limits, "HTTP_CONNECTIONS_MAX", 3)
    monkeypatch.setattr(limits, "GRPC_CONNECTIONS_MAX", 3)
    monkeypatch.setattr(limits, "ANSWER_READ_S", 0.3)
    doors = Doors()
    yield doors
    doors.stop()
    assert doors.admission.bytes_in_flight == 0


HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /v1/tr",
        HEAD,
        HEAD + b"Content-Length: 100\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        HEAD + b"Content-Length: 2\r\n\r\n{}" + HEAD,
    ],
    ids=["nothing", "no path", "no end of the head", "no end of the body", "no last chunk", "no second request"],
)
def test_a_sender_that_does_not_finish_is_cut_off(hasty: Doors, sent: bytes) -> None:
    """The connection is closed; only what was whole is answered."""
    answer = rest(connect(hasty.http_port, sent))
    assert answer.count(b"HTTP/1.1 200 OK") == sent.count(b"{}")
    assert answer.count(b"HTTP/1.1") == sent.count(b"{}")


def test_a_body_that_trickles_in_is_cut_off(hasty: Doors) -> None:
    """A byte now and then is not progress enough: the whole body has its time."""
    connection = connect(hasty.http_port, HEAD + b"Content-Length: 100000\r\n\r\n")
    connection.settimeout(0.05)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(TimeoutError):
            connection.sendall(b" ")
            if connection.recv(1) == b"":
                break
    else:
        pytest.fail("the connection is still open")
    connection.close()
    assert hasty.sink.requests == []


def test_a_client_that_does_not_read_its_answers_is_cut_off(hasty: Doors, caplog: pytest.LogCaptureFixture) -> None:
    """It sends on and on, never too far ahead, until the answers have piled up on our side."""
    request = (HEAD + b"Content-Length: 2\r\n\r\n{}") * 50

    def send() -> None:
        for _ in range(2000):
            hasty.sink.answers.extend([Accepted(0, "x" * 1000)] * 50)
            connection.sendall(request)
            wait_until(lambda: not hasty.sink.answers, 0.5)

    with connect(hasty.http_port, b"") as connection, pytest.raises(ConnectionError):
        send()
    assert caplog.text == ""


def wait_until(true: Callable[[], bool], seconds: float) -> None:
    """Wait until it is true, or the time is over."""
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.001)


def test_requests_far_ahead_of_their_answers_end_the_connection(hasty: Doors) -> None:
    """What no OTLP client sends is not kept."""
    request = HEAD + b"Content-Length: 2\r\n\r\n{}"
    connection = connect(hasty.http_port, b"")
    with contextlib.suppress(ConnectionError):
        connection.sendall(request * 5000)
    assert rest(connection).count(b"HTTP/1.1 200 OK") < 5000


@pytest.mark.parametrize("sent", [b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n"], ids=["nothing", "half of the preface"])
def test_a_grpc_connection_without_its_preface_is_cut_off(hasty: Doors, sent: bytes) -> None:
    """It has as long as an HTTP request has for its head."""
    rest(connect(hasty.grpc_port, sent))
    with grpc.insecure_channel(hasty.target) as channel:
        assert channel.unary_unary(EXPORT)(b"", timeout=30) == b""


def test_a_connection_that_was_quiet_may_send_again(hasty: Doors) -> None:
    """The clock of a request does not run between two of them."""
    connection = http.client.HTTPConnection("127.0.0.1", hasty.http_port, timeout=30)
    paused = threading.Event()
    for _ in range(2):
        connection.request("POST", "/v1/traces", b"{}", {"content-type": "application/json"})
        with connection.getresponse() as answer:
            assert (answer.status, answer.read()) == (200, b"{}")
        paused.wait(0.6)
    connection.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /v1/traces HTTP/1.1\r\nX: " + b"x" * limits.HTTP_HEADER_BYTES_MAX,
        b"POST /" + b"x" * limits.HTTP_HEADER_BYTES_MAX,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * limits.HTTP_HEADER_BYTES_MAX,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * limits.HTTP_HEADER_BYTES_MAX,
    ],
    ids=["header", "path", "trailer", "chunk extension"],
)
def test_an_endless_head_is_cut_off(doors: Doors, client: httpx2.Client, sent: bytes) -> None:
    """What is not body has a bound of its own."""
    assert b"200 OK" not in rest(connect(doors.http_port, sent + b"x" * 1000))
    assert client.post("/v1/traces", content=b"", headers=PROTOBUF).status_code == 200


def test_a_body_in_the_smallest_chunks_is_no_endless_head(doors: Doors) -> None:
    """Framing that a body needs does not count."""
    body = encoded(sample(Signal.TRACES), Encoding.JSON).ljust(40_000)
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    sent = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    assert rest(connect(doors.http_port, sent)).endswith(b"{}")
    assert doors.sink.requests == [(Signal.TRACES, Encoding.JSON, sample(Signal.TRACES))]


def test_a_client_with_many_connections_makes_room_for_another(hasty: Doors) -> None:
    """Its oldest idle one is closed, and not the newcomer, nor one on which a request is under way."""
    monitored = [connect(hasty.http_port, b"", "127.0.0.2") for _ in range(3)]
    monitored[0].sendall(HEAD + b"Content-Length: 2\r\n\r\n")
    pause = threading.Event()
    pause.wait(0.05)
    newcomer = connect(hasty.http_port, HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}")
    assert b"200 OK" in rest(newcomer)
    assert rest(monitored[1]) == b""
    monitored[0].sendall(b"{}")
    assert b"200 OK" in monitored[0].recv(1000)
    for connection in monitored:
        connection.close()


def test_connections_are_bounded(hasty: Doors) -> None:
    """One above the bound is closed at once, and the place of one that left is free."""
    whole = HEAD + b"Content-Length: 2\r\n\r\n{}"
    held = [connect(hasty.http_port, whole) for _ in range(3)]
    assert [b"200 OK" in connection.recv(1000) for connection in held] == [True] * 3
    assert rest(connect(hasty.http_port, b"")) == b""
    for connection in held:
        connection.close()
    with httpx2.Client(transport=httpx2.HTTPTransport(retries=20)) as client:
        assert client.post(f"{hasty.url}/v1/traces", content=b"", headers=PROTOBUF).status_code == 200


def test_grpc_connections_are_bounded(hasty: Doors) -> None:
    """One above the bound is turned away, and the place of one that left is free."""
    held = [separate_channel(hasty.target) for _ in range(3)]
    assert [channel.unary_unary(EXPORT)(b"", timeout=30) for channel in held] == [b""] * 3
    with separate_channel(hasty.target) as fourth, pytest.raises(grpc.RpcError) as caught:
        fourth.unary_unary(EXPORT)(b"", timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    for channel in held:
        channel.close()
    with separate_channel(hasty.target) as later:
        assert later.unary_unary(EXPORT)(b"", timeout=30, wait_for_ready=True) == b""


def separate_channel(target: str) -> Any:
    """Return a channel that shares its connection with no other."""
    return grpc.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)])


def test_a_client_that_leaves_is_forgotten(doors: Doors) -> None:
    """A connection that breaks in the middle of a body leaves no bytes in flight."""
    with connect(doors.http_port, HEAD + b"Content-Length: 1000\r\n\r\n" + b"{" * 500):
        pass
    while not doors.observations.seen:
        threading.Event().wait(0.01)
    assert doors.observations.seen == [("http", "traces", Outcome.DISCONNECTED, 0)]
    assert doors.sink.requests == []


def test_slow_grpc_senders_do_not_keep_the_workers(hasty: Doors) -> None:
    """Both workers wait for bodies that never come; the calls are cancelled and an honest one is served."""
    never = threading.Event()

    def silent() -> Iterator[bytes]:
        never.wait()
        yield from ()

    with grpc.insecure_channel(hasty.target) as channel:
        slow = [channel.stream_unary(EXPORT).future(silent(), timeout=60) for _ in range(2)]
        assert channel.unary_unary(EXPORT)(sample(Signal.TRACES).SerializeToString(), timeout=60) == b""
        assert [call.code() for call in slow] == [grpc.StatusCode.CANCELLED] * 2
        never.set()
    deadline = time.monotonic() + 10  # the workers tell the observer after the calls have ended
    while Outcome.DISCONNECTED not in [seen[2] for seen in hasty.observations.seen]:
        assert time.monotonic() < deadline, "a call that was still queued is cancelled unobserved, one was not"
        time.sleep(0.01)


def test_json_of_any_depth_gets_an_answer(doors: Doors, client: httpx2.Client) -> None:
    """What the decoder makes of it is the decoder's; the door stays open."""
    body = json.dumps({"resourceSpans": []}).encode() + b"[" * 100_000
    answer = client.post("/v1/traces", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    doors.sink.answers.append(Accepted())
    assert client.post("/v1/traces", content=b"{}", headers={"content-type": "application/json"}).status_code == 200
