"""TLS and mTLS on every port, with certificates made here and the clients that people use."""

import datetime as dt
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx2
import pytest
import trustme
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from tests.e2e.conftest import wait_until
from tests.e2e.test_gate import EXPORT, export
from tests.gate.guarded import FREE, KEYS, Guarded, guarded, haechi, make_key
from websockets.sync.client import connect

from haechi_collector.config import load
from haechi_collector.errors import SettingError
from haechi_collector.gate.certificates import load_tls


@dataclass(frozen=True)
class Files:
    """PEM files: the authority, the server's pair, a client's pair in one file, and another authority's client."""

    ca: Path
    cert: Path
    key: Path
    client: Path
    stranger: Path

    @property
    def options(self) -> tuple[str, ...]:
        return (f"--tls-cert={self.cert}", f"--tls-key={self.key}")


def write(path: Path, *blobs: trustme.Blob) -> Path:
    path.write_bytes(b"".join(blob.bytes() for blob in blobs))
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("tls")
    ca, other = trustme.CA(), trustme.CA()
    server, client, stranger = (
        ca.issue_cert("localhost", "127.0.0.1"),
        ca.issue_cert("me@client"),
        other.issue_cert("x@client"),
    )
    return Files(
        write(folder / "ca.pem", ca.cert_pem),
        write(folder / "cert.pem", *server.cert_chain_pems),
        write(folder / "key.pem", server.private_key_pem),
        write(folder / "client.pem", client.private_key_and_cert_chain_pem),
        write(folder / "stranger.pem", stranger.private_key_and_cert_chain_pem),
    )


@pytest.fixture(scope="module")
def over_tls(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Guarded, str]]:
    """A collector over TLS that asks for keys; and a key."""
    directory = tmp_path_factory.mktemp("tls") / "data"
    key = make_key(directory, "shop", "ingest,read")
    with guarded(directory, *KEYS, *files.options, "--demo") as collector:
        yield collector, key


@pytest.fixture(scope="module")
def over_mtls(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A collector that asks clients for a certificate."""
    with guarded(tmp_path_factory.mktemp("mtls") / "data", *files.options, f"--tls-client-ca={files.ca}") as collector:
        yield collector


@pytest.fixture(autouse=True)
def no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's `requests` prefers these to the file that an exporter is given."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)


def context(files: Files, client: Path | None = None) -> ssl.SSLContext:
    """What a client trusts and shows."""
    made = ssl.create_default_context(cafile=str(files.ca))
    if client is not None:
        made.load_cert_chain(client)
    return made


def credentials(files: Files, client: Path | None = None) -> grpc.ChannelCredentials:
    """The same for gRPC; one file holds the key and the chain."""
    pair = client.read_bytes() if client else None
    return grpc.ssl_channel_credentials(files.ca.read_bytes(), pair, pair)


def get(files: Files, url: str, client: Path | None = None, **headers: str) -> httpx2.Response:
    return httpx2.get(url, verify=context(files, client), headers=headers, trust_env=False, timeout=30)


def test_real_exporters_send_over_tls(over_tls: tuple[Guarded, str], files: Files) -> None:
    """Over gRPC and HTTP with the authority's file, key included; SQL over HTTPS shows both spans."""
    collector, key = over_tls
    headers = {"authorization": f"Bearer {key}"}
    export(GrpcExporter(f"https://{collector.grpc}", credentials=credentials(files), headers=headers), "tls grpc")
    target = f"https://{collector.http}/v1/traces"
    export(HttpExporter(target, headers=headers, certificate_file=str(files.ca)), "tls http")
    query = f"https://{collector.web}/sql?query=SELECT+arraySort(groupArray(name))+FROM+spans"
    wait_until(lambda: get(files, query, **headers).text == "['tls grpc','tls http']\n")


def test_a_score_takes_the_same_way_in_over_tls(
    over_tls: tuple[Guarded, str], over_mtls: Guarded, files: Files
) -> None:
    """The web port hands it to the collector with or without certificates of clients, and the answer means stored."""
    score = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "name": "quality", "value": 1, "id": "over-tls"}
    collector, key = over_tls
    asking = (collector, None, {"Authorization": f"Bearer {key}"}), (over_mtls, files.client, dict[str, str]())
    for running, client, shown in asking:
        trusted = context(files, client)
        with httpx2.Client(
            base_url=f"https://{running.web}", verify=trusted, headers=shown, trust_env=False, timeout=30
        ) as web:
            assert web.post("/api/v1/scores", json=score).json() == {"ids": ["over-tls"]}
            query = {"query": "SELECT count() FROM scores WHERE id = 'over-tls'"}
            wait_until(lambda web=web, query=query: web.get("/sql", params=query).text == "1\n")


def test_an_open_page_is_connected_over_tls(over_tls: tuple[Guarded, str], files: Files) -> None:
    """WebSockets as well: a browser's Origin is https, and the page's greeting comes."""
    collector, key = over_tls
    uri = f"wss://{collector.web}/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    headers, origin = {"Cookie": f"haechi_key={key}"}, f"https://{collector.web}"
    with connect(uri, ssl=context(files), additional_headers=headers, origin=origin, proxy=None) as open_page:  # type: ignore[arg-type]
        assert str(open_page.recv(10)).startswith('0{"sid":')


def test_nothing_is_answered_in_the_clear(over_tls: tuple[Guarded, str]) -> None:
    """Plain HTTP gets no answer on any port."""
    collector, _ = over_tls
    for address in (collector.http, collector.web, collector.grpc):
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), timeout=20) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try:
                answer = client.recv(100)
            except ConnectionResetError:
                answer = b""
            assert not answer.startswith(b"HTTP")


def test_old_versions_of_tls_are_refused(over_tls: tuple[Guarded, str], files: Files) -> None:
    """1.2 and 1.3 come in; a client that has at most 1.1 does not, on any port."""
    collector, _ = over_tls
    for address in (collector.http, collector.web, collector.grpc):
        host, port = address.split(":")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with (
                socket.create_connection((host, int(port)), timeout=20) as plain,
                limited(files, version).wrap_socket(plain, server_hostname="localhost") as client,
            ):
                assert client.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
        with socket.create_connection((host, int(port)), timeout=20) as plain:
            plain.sendall(OLD_HELLO)
            assert plain.recv(7)[:1] in {b"\x15", b""}, "an alert, or the end"


def limited(files: Files, version: ssl.TLSVersion) -> ssl.SSLContext:
    made = context(files)
    made.minimum_version = made.maximum_version = version
    made.set_alpn_protocols(["h2", "http/1.1"])
    return made


OLD_HELLO = bytes.fromhex(f"160301002f0100002b0302{'00' * 32}000004c013002f0100")
"""A ClientHello of TLS 1.1, with two of its cipher suites; Python's own client no longer sends one."""


def test_the_commands_work_over_tls(over_tls: tuple[Guarded, str], files: Files) -> None:
    """`sql` and `demo` with --ca; without it one line names it. The doctor of this machine trusts the file it knows."""
    collector, key = over_tls
    url = f"https://{collector.web}"
    words = ("sql", "SELECT 7", "--url", url, "--format=CSV", "--key", key)
    assert haechi(*words, "--ca", str(files.ca)).stdout == "7\n"
    refused = haechi(*words)
    assert (refused.returncode, "--ca" in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)
    demo = haechi(
        *("demo", "--endpoint", f"https://{collector.http}", "--duration=0", "--backfill=10s"),
        *("--key", key, "--ca", str(files.ca)),
    )
    assert demo.returncode == 0
    wait_until(lambda: int(haechi("sql", "SELECT count() FROM spans", *words[2:], "--ca", str(files.ca)).stdout) > 10)
    port = url.rpartition(":")[2]
    told = haechi(
        "doctor", *KEYS, *files.options, f"--web-port={port}", f"--data-dir={collector.directory}", "--key", key
    )
    assert "ok    tls: certificate for localhost, 127.0.0.1 ends" in told.stdout
    assert "ok    collector: https://127.0.0.1" in told.stdout


def test_with_mtls_only_a_certificate_of_the_authority_comes_in(over_mtls: Guarded, files: Files) -> None:
    """On all three ports: without a certificate, and with one of another authority, there is no answer."""
    pages = (f"https://{over_mtls.web}/healthz", f"https://{over_mtls.http}/v1/traces")
    assert [get(files, page, files.client).status_code for page in pages] == [200, 405]
    for client in (None, files.stranger):
        for page in pages:
            with pytest.raises(httpx2.TransportError):
                get(files, page, client)
        with (
            grpc.secure_channel(over_mtls.grpc, credentials(files, client)) as channel,
            pytest.raises(grpc.RpcError) as refused,
        ):
            channel.unary_unary(EXPORT)(b"", timeout=10)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


def test_real_exporters_send_over_mtls(over_mtls: Guarded, files: Files) -> None:
    """Over gRPC and HTTP with a client's certificate, and the commands with --client-cert."""
    export(GrpcExporter(f"https://{over_mtls.grpc}", credentials=credentials(files, files.client)), "mtls grpc")
    shown = {"client_certificate_file": str(files.client), "client_key_file": str(files.client)}
    export(HttpExporter(f"https://{over_mtls.http}/v1/traces", certificate_file=str(files.ca), **shown), "mtls http")
    words = ("--url", f"https://{over_mtls.web}", "--ca", str(files.ca), "--format=CSV")
    query = "SELECT arraySort(groupArray(name)) FROM spans"
    wait_until(lambda: "mtls http" in haechi("sql", query, *words, "--client-cert", str(files.client)).stdout)
    refused = haechi("sql", query, *words)
    assert (refused.returncode, "--client-cert" in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)


def broken(tmp_path: Path, files: Files, case: str) -> tuple[tuple[str, ...], str]:
    """The settings of a case, and what must be told."""
    past = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    old = trustme.CA().issue_cert("localhost", not_after=past)
    expired, expired_key = (
        write(tmp_path / "old.pem", *old.cert_chain_pems),
        write(tmp_path / "k.pem", old.private_key_pem),
    )
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    return {
        "missing": ((f"--tls-cert={tmp_path}/no.pem", f"--tls-key={files.key}"), "tls_cert = "),
        "a directory": ((f"--tls-cert={files.cert}", f"--tls-key={tmp_path}"), "cannot be read: Is a directory"),
        "no PEM": ((f"--tls-cert={empty}", f"--tls-key={files.key}"), "holds no certificate in PEM"),
        "no key": ((f"--tls-cert={files.cert}", f"--tls-key={empty}"), "holds no private key in PEM"),
        "another key": ((f"--tls-cert={files.cert}", f"--tls-key={expired_key}"), "is not the key of the certificate"),
        "expired": ((f"--tls-cert={expired}", f"--tls-key={expired_key}"), f"expired on {past:%Y-%m-%d}; renew it"),
        "no authority": ((*files.options, f"--tls-client-ca={empty}"), "tls_client_ca = "),
    }[case]


@pytest.mark.parametrize(
    "case", ["missing", "a directory", "no PEM", "no key", "another key", "expired", "no authority"]
)
def test_files_that_cannot_work_are_told_in_one_line(case: str, files: Files, tmp_path: Path) -> None:
    """The line names the setting, the file and why."""
    options, line = broken(tmp_path, files, case)
    given = dict(option.removeprefix("--").split("=", 1) for option in options)
    with pytest.raises(SettingError) as told:
        load_tls(load({name.replace("-", "_"): value for name, value in given.items()}))
    assert line in str(told.value)
    assert "\n" not in str(told.value)


def test_the_start_stops_at_such_a_file(files: Files, tmp_path: Path) -> None:
    """Exit status 2 before any port is open, one line, no traceback; the doctor says the same."""
    options, line = broken(tmp_path, files, "expired")
    done = haechi("serve", f"--data-dir={tmp_path / 'data'}", *FREE, *options)
    said = [text for text in done.stderr.splitlines() if text.startswith("haechi: ")]
    assert (done.returncode, len(said), "Traceback" in done.stderr) == (2, 1, False), done.stderr
    assert line in said[0]
    told = haechi("doctor", f"--data-dir={tmp_path / 'data'}", "--web-port=9", *options).stdout
    assert line in next(text for text in told.splitlines() if text.startswith("fail  tls: "))
