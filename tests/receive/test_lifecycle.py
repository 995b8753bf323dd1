"""Starting and stopping the doors."""

import concurrent.futures
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx2
import pytest
import trustme
from tests.receive.recording import SERVICES, Doors, RecordingSink, sample

from haechi_collector.errors import SettingError
from haechi_collector.gate.tls import Tls
from haechi_collector.receive.admission import Admission
from haechi_collector.receive.grpc import GrpcReceiver
from haechi_collector.receive.http import http_app
from haechi_collector.receive.http_server import serve_http
from haechi_collector.sink import Accepted, Signal
from haechi_collector.sockets import short

EXPORT = f"/{SERVICES[Signal.TRACES]}/Export"
HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n"
BODY = sample(Signal.TRACES).SerializeToString()


@pytest.fixture
def own() -> Iterator[Doors]:
    doors = Doors()
    yield doors
    doors.stop()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_a_port_in_use_is_named(taken: int) -> None:
    """The error names the setting and the port, on both doors."""
    admission = Admission(1000)
    with pytest.raises(SettingError, match=f"^grpc_port = {taken}: .*in use"):
        GrpcReceiver(RecordingSink(), "127.0.0.1", taken, admission, 1000).start()
    with pytest.raises(SettingError, match=f"^http_port = {taken}: .*in use"):
        serve_http(http_app(RecordingSink(), admission, 1000), "127.0.0.1", taken).start()


def test_the_collectors_own_processes_come_in_over_a_socket(tmp_path: Path) -> None:
    """Of this user alone, whatever TLS the port asks for; what was left there is replaced, the end takes it away."""
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    path, sink, pair = folder / "otlp.sock", RecordingSink(), certificate(tmp_path)
    path.touch()
    door = serve_http(http_app(sink, Admission(1000), 1000), "127.0.0.1", 0, pair, inside=path)
    door.start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with short(folder) as named, httpx2.Client(transport=httpx2.HTTPTransport(uds=f"{named}/otlp.sock")) as client:
        headers = {"content-type": "application/x-protobuf"}
        assert client.post("http://localhost/v1/traces", content=BODY, headers=headers).status_code == 200
    assert len(sink.requests) == 1
    door.stop(1)
    assert not path.exists()


def certificate(folder: Path) -> Tls:
    """A server's certificate with which clients must have one too."""
    authority = trustme.CA()
    pair = authority.issue_cert("127.0.0.1")
    blobs = {"ca": authority.cert_pem, "cert": pair.cert_chain_pems[0], "key": pair.private_key_pem}
    for name, blob in blobs.items():
        blob.write_to_path(folder / name)
    return Tls(folder / "cert", folder / "key", folder / "ca")


def test_a_second_door_on_the_same_port_is_refused(own: Doors) -> None:
    """No port is shared in silence."""
    with pytest.raises(SettingError, match="grpc_port"):
        GrpcReceiver(RecordingSink(), "127.0.0.1", own.grpc_port, Admission(1000), 1000).start()
    with pytest.raises(SettingError, match="http_port"):
        serve_http(http_app(RecordingSink(), Admission(1000), 1000), "127.0.0.1", own.http_port).start()


def test_an_unknown_host_is_named() -> None:
    """The error names the setting of the address."""
    with pytest.raises(SettingError, match=r"^host = 'no\.such\.host\.invalid'"):
        serve_http(http_app(RecordingSink(), Admission(1000), 1000), "no.such.host.invalid", 0).start()


def test_the_ports_are_free_after_stop(own: Doors) -> None:
    """Stopping twice is the same as once, and the next door finds the place empty."""
    own.stop()
    own.stop()
    for port in (own.grpc_port, own.http_port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=30)
    again = GrpcReceiver(RecordingSink(), "127.0.0.1", own.grpc_port, Admission(1000), 1000)
    assert again.start() == own.grpc_port
    again.stop(0)


def test_stopping_what_was_never_started() -> None:
    """It is allowed, so that a failed start can be cleaned up."""
    GrpcReceiver(RecordingSink(), "127.0.0.1", 0, Admission(1000), 1000).stop(0)
    serve_http(http_app(RecordingSink(), Admission(1000), 1000), "127.0.0.1", 0).stop(0)


def test_requests_under_way_finish_when_the_doors_close(own: Doors) -> None:
    """A stop waits for the acknowledgement and the answer goes out."""
    futures = [concurrent.futures.Future[Accepted]() for _ in range(2)]
    own.sink.answers += futures
    answers: list[object] = []

    def over_http() -> None:
        headers = {"content-type": "application/x-protobuf"}
        answers.append(httpx2.post(f"{own.url}/v1/traces", content=BODY, headers=headers).status_code)

    def over_grpc() -> None:
        with grpc.insecure_channel(own.target) as channel:
            answers.append(channel.unary_unary(EXPORT)(BODY, timeout=30))

    senders = [threading.Thread(target=over_http), threading.Thread(target=over_grpc)]
    closers = [threading.Thread(target=own.grpc.stop, args=(20,)), threading.Thread(target=own.http.stop, args=(20,))]
    for thread in senders:
        thread.start()
    while len(own.sink.requests) < 2:
        threading.Event().wait(0.01)
    for thread in closers:
        thread.start()
    closers[0].join(0.3)
    for future in futures:
        future.set_result(Accepted())
    for thread in senders + closers:
        thread.join()
    assert sorted(map(str, answers)) == ["200", "b''"]


def test_a_stop_does_not_wait_for_ever(own: Doors) -> None:
    """After the grace both doors close, though the sink has not answered, and nobody is told of success."""
    futures = [concurrent.futures.Future[Accepted]() for _ in range(2)]
    own.sink.answers += futures
    with grpc.insecure_channel(own.target) as channel, socket.create_connection(("127.0.0.1", own.http_port)) as http:
        call = channel.unary_unary(EXPORT).future(BODY, timeout=60)
        http.sendall(HEAD % len(BODY) + BODY)
        while len(own.sink.requests) < 2:
            threading.Event().wait(0.01)
        own.grpc.stop(0.1)
        own.http.stop(0.1)
        assert call.code() in {grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE}
        assert b"200" not in http.recv(1000)
    for future in futures:
        future.set_result(Accepted())
    assert own.admission.bytes_in_flight == 0


def test_ipv6_loopback_is_bound() -> None:
    """An address with colons is an address."""
    receiver = GrpcReceiver(RecordingSink(), "::1", 0, Admission(1000), 1000)
    server = serve_http(http_app(RecordingSink(), Admission(1000), 1000), "::1", 0)
    grpc_port, http_port = receiver.start(), server.start()
    with grpc.insecure_channel(f"[::1]:{grpc_port}") as channel:
        assert channel.unary_unary(EXPORT)(BODY, timeout=30) == b""
    headers = {"content-type": "application/x-protobuf"}
    assert httpx2.post(f"http://[::1]:{http_port}/v1/traces", content=BODY, headers=headers).status_code == 200
    receiver.stop(0)
    server.stop(0)
