"""Every route of every door, without a key, with a wrong one, a revoked one, an expired one, one of another project.

The routes are read from the applications themselves, so that a new one is asked too.
"""

import socket
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry
from tests.gate.guarded import KEYS, Guarded, guarded, keys, make_key, one_span

from haechi_collector.api.access import BARE
from haechi_collector.api.app import ApiState, create_api
from haechi_collector.query.sql import SqlReader
from haechi_collector.receive import http as otlp_http
from haechi_collector.receive.admission import Admission
from haechi_collector.receive.grpc import GrpcReceiver
from haechi_collector.sink import Signal

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
STRANGERS = ("nobody", "wrong", "nonsense", "revoked", "expired")


class Nothing:
    """Stands where a part is wanted that is never asked."""

    def parts(self) -> dict[str, str]:
        return {}


def web_routes() -> list[str]:
    """Every path of the web port, the hidden ones too, and one that does not exist."""
    app = create_api(ApiState(Nothing(), CollectorRegistry(), SqlReader("http://127.0.0.1:1")))
    found = [route.path for route in app.routes if hasattr(route, "path")]
    assert {route.path for route in app.routes if isinstance(route, APIRoute)} <= set(found)
    return [path.replace("{", "").replace("}", "") for path in [*found, "/no-such-route"]]


def grpc_methods() -> list[str]:
    """Every method of the gRPC door."""
    receiver = GrpcReceiver(Nothing(), "127.0.0.1", 0, Admission(1), 1)  # type: ignore[arg-type]
    return [method for signal in Signal for method in receiver._service(signal)._method_handlers]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Site:
    """A collector, the strangers' keys, and those of two projects."""

    collector: Guarded
    keys: dict[str, str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("strangers") / "data"
    made = {name: make_key(directory, name, "ingest,read") for name in ("ours", "theirs")}
    made |= {"nobody": "", "wrong": made["ours"][:-4] + "0000", "nonsense": "hk_\xe9; DROP"}
    made["revoked"] = make_key(directory, "ours", "admin")
    assert keys("revoke", made["revoked"], f"--data-dir={directory}")[0] == 0
    made["expired"] = make_key(directory, "ours", "admin", "--expires=1m")
    with sqlite3.connect(directory / "metadata.sqlite3") as metadata:
        metadata.execute("UPDATE api_keys SET expires_at = 1 WHERE expires_at IS NOT NULL")
    metadata.close()
    with guarded(directory, *KEYS) as collector:
        yield Site(collector, made)


def headers_of(key: str) -> dict[str, bytes]:
    return {"Authorization": b"Bearer " + key.encode()} if key else {}


@pytest.mark.parametrize("who", STRANGERS)
def test_no_route_of_the_web_port_is_open(who: str, site: Site) -> None:
    """401 on every path with every method; what is bare tells nothing but whether it lives."""
    with httpx2.Client(base_url=f"http://{site.collector.web}", trust_env=False) as client:
        for path in web_routes():
            for method in METHODS:
                answer = client.request(method, path, headers=headers_of(site.keys[who]))
                if path in BARE and method in {"GET", "HEAD"}:
                    assert answer.status_code == 200
                    assert "parts" not in answer.text
                elif path not in BARE or site.keys[who]:
                    assert answer.status_code in ({401} if path not in BARE else {401, 405}), (method, path)
                    assert site.keys["ours"][16:] not in answer.text


@pytest.mark.parametrize("who", STRANGERS)
def test_no_path_of_the_otlp_port_is_open(who: str, site: Site) -> None:
    """401 on every path with every method, in the encoding of the request."""
    with httpx2.Client(base_url=f"http://{site.collector.http}", trust_env=False) as client:
        for path in [*otlp_http._PATHS, "/", "/v1/traces/", "/no-such-path"]:
            for method in METHODS:
                headers = {**headers_of(site.keys[who]), "Content-Type": b"application/json"}
                answer = client.request(method, path, headers=headers, content=b"{}" if method == "POST" else None)
                assert answer.status_code == 401, (method, path)
                assert method == "HEAD" or answer.json()["code"] == 16
                assert "bearer" in answer.headers["www-authenticate"].lower()


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("method", grpc_methods())
def test_no_method_of_the_grpc_port_is_open(method: str, who: str, site: Site) -> None:
    """UNAUTHENTICATED, whatever the message, and before there is one."""
    metadata = [("authorization", f"Bearer {site.keys[who].encode('ascii', 'replace').decode()}")]
    metadata = metadata if site.keys[who] else []
    with grpc.insecure_channel(site.collector.grpc) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary(method)(b"\x00", metadata=metadata, timeout=20)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        call = channel.stream_unary(method)
        with pytest.raises(grpc.RpcError) as early:
            call(endless(), metadata=metadata, timeout=20)
        assert early.value.code() is grpc.StatusCode.UNAUTHENTICATED


def endless() -> Iterator[bytes]:
    """A message that never comes."""
    time.sleep(30)
    yield b""


def test_the_body_is_not_awaited(site: Site) -> None:
    """A head that announces 60 MB is answered at once, on both HTTP ports."""
    for address, path in ((site.collector.http, "/v1/traces"), (site.collector.web, "/sql")):
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), timeout=20) as client:
            client.sendall(
                f"POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n"
                "Content-Length: 60000000\r\n\r\n".encode()
            )
            assert client.recv(20).startswith(b"HTTP/1.1 401")


def test_a_stranger_stores_nothing(site: Site) -> None:
    """Whatever was sent above with whatever key, no row is there."""
    count = site.collector.sql(site.keys["ours"], "SELECT count() FROM spans")
    assert count == "0\n"


@pytest.fixture(scope="module")
def stored(site: Site) -> Site:
    """A span of ours."""
    assert site.collector.send(site.keys["ours"]).status_code == 200
    deadline = time.monotonic() + 30
    while site.collector.sql(site.keys["ours"], "SELECT count() FROM spans") != "1\n":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return site


@pytest.mark.parametrize("path", web_routes())
def test_a_key_of_another_project_sees_nothing_of_ours(path: str, stored: Site) -> None:
    """No route with any method shows the id of our span to their key; over SQL there is no row."""
    query = "?query=SELECT+*+FROM+spans" if path == "/sql" else ""
    with httpx2.Client(base_url=f"http://{stored.collector.web}", trust_env=False, timeout=60) as client:
        for method in METHODS:
            answer = client.request(method, f"{path}{query}", headers=headers_of(stored.keys["theirs"]))
            assert "0af7651916cd43dd8448eb211c80319c" not in answer.text
            assert answer.status_code != 401
    assert stored.collector.sql(stored.keys["theirs"], "SELECT count() FROM otel_traces") == "0\n"
    assert stored.collector.sql(stored.keys["ours"], "SELECT project FROM spans") == "ours\n"


def test_a_key_of_another_project_cannot_write_as_ours(stored: Site) -> None:
    """The project comes from the key, whatever the request says of itself."""
    request: dict[str, Any] = one_span("b7ad6b7169203332")
    attributes = [{"key": "project", "value": {"stringValue": "ours"}}]
    request["resourceSpans"][0]["resource"] = {"attributes": attributes}
    headers = {**headers_of(stored.keys["theirs"]), "X-Project": b"ours"}
    answer = httpx2.post(
        f"http://{stored.collector.http}/v1/traces?project=ours", json=request, headers=headers, trust_env=False
    )
    assert answer.status_code == 200
    deadline = time.monotonic() + 30
    while stored.collector.sql(stored.keys["theirs"], "SELECT project FROM spans") != "theirs\n":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert stored.collector.sql(stored.keys["ours"], "SELECT count() FROM spans") == "1\n"


def test_the_stores_own_port_is_no_way_round(stored: Site) -> None:
    """Neither nobody nor the reader nor a valid key of the gate comes in there."""
    url = f"http://{stored.collector.store}/?query=SELECT+1"
    tries = [
        {},
        {"user": "reader"},
        {"user": "web"},
        {"user": "haechi"},
        {"user": "reader", "password": stored.keys["ours"]},
    ]
    answers = [httpx2.get(url, params={"query": "SELECT 1", **who}, trust_env=False).status_code for who in tries]
    assert set(answers) <= {401, 403}


def test_no_key_is_in_any_log_or_error(stored: Site) -> None:
    """What was logged while all this was asked holds no secret of a key; nor does the metadata."""
    files = [stored.collector.log, *stored.collector.directory.glob("metadata.sqlite3*")]
    everything = b"".join(file.read_bytes() for file in files)
    assert everything
    for name in ("ours", "theirs", "revoked", "expired", "wrong"):
        assert stored.keys[name][16:].encode() not in everything, name


def test_the_directory_keeps_the_keys_for_its_owner(site: Site) -> None:
    """The file of the keys is readable by its owner alone."""
    file: Path = site.collector.directory / "metadata.sqlite3"
    assert file.stat().st_mode & 0o077 == 0
