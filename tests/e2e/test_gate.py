"""A collector that asks for keys, and the clients that people use with it."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import clickhouse_connect
import grpc
import httpx2
import pytest
from google.rpc import error_details_pb2
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from tests.e2e.conftest import wait_until
from tests.gate.guarded import FREE, KEYS, Guarded, guarded, haechi, keys, logged, make_key

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@dataclass(frozen=True)
class Site:
    """A collector, and keys by what they are for."""

    collector: Guarded
    keys: dict[str, str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("gate") / "data"
    with guarded(directory, *KEYS) as collector:
        scopes = {"shop": "ingest,read", "sender": "ingest", "reader": "read", "prometheus": "metrics", "root": "admin"}
        made = {name: make_key(directory, "shop", scope, f"--name={name}") for name, scope in scopes.items()}
        made["bank"] = make_key(directory, "bank", "ingest,read")
        # The web port and the OTLP doors are in two processes, and each learns of new keys by itself.
        wait_until(lambda: collector.get("/sql?query=SELECT+1", made["bank"]).status_code == 200)
        wait_until(lambda: sent_nothing(collector.http, made["bank"]) == 200)
        yield Site(collector, made)


def sent_nothing(http: str, key: str) -> int:
    """The status of an empty request."""
    headers = {"x-haechi-key": key, "content-type": "application/x-protobuf"}
    return httpx2.post(f"http://{http}/v1/traces", content=b"", headers=headers, trust_env=False).status_code


def export(exporter: SpanExporter, name: str) -> None:
    """Send one span with the SDK."""
    provider = TracerProvider(resource=Resource({}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.get_tracer("gate").start_span(name).end()
    provider.shutdown()


def test_the_first_start_says_how_to_make_a_key(site: Site) -> None:
    """No key existed when it started: one line in the log says so, with the command."""
    said = [line["message"] for line in logged(site.collector.log) if "haechi keys create" in line["message"]]
    assert len(said) == 1


def test_rows_belong_to_the_project_of_the_key(site: Site) -> None:
    """Real exporters over gRPC and HTTP; each project reads its own, an admin reads all."""
    for project in ("shop", "bank"):
        bearer = f"Bearer {site.keys[project]}"
        export(GrpcExporter(site.collector.grpc, insecure=True, headers={"authorization": bearer}), f"grpc {project}")
        export(
            HttpExporter(f"http://{site.collector.http}/v1/traces", headers={"x-haechi-key": site.keys[project]}),
            f"http {project}",
        )
    names = "SELECT arrayStringConcat(arraySort(groupArray(name)), ',') FROM spans WHERE name LIKE '% %'"
    wait_until(lambda: site.collector.sql(site.keys["root"], names) == "grpc bank,grpc shop,http bank,http shop\n")
    assert site.collector.sql(site.keys["bank"], names) == "grpc bank,http bank\n"
    assert site.collector.sql(site.keys["reader"], names) == "grpc shop,http shop\n"


def test_clickhouse_clients_connect_with_a_key(site: Site) -> None:
    """clickhouse-connect with the key as password; Basic, ClickHouse's header and parameters as other clients do."""
    key, port = site.keys["reader"], int(site.collector.web.rpartition(":")[2])
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=port, username="me", password=key, proxy_path="/sql", compress=False
    )
    assert client.query("SELECT 7 AS n").result_rows == [(7,)]
    client.close()
    basic = base64.b64encode(f"me:{key}".encode()).decode()
    shown = [{"Authorization": f"Basic {basic}"}, {"X-ClickHouse-Key": key, "X-ClickHouse-User": "me"}]
    assert [site.collector.get("/sql?query=SELECT+1", **headers).text for headers in shown] == ["1\n", "1\n"]
    for name in ("key", "password"):
        assert site.collector.get(f"/sql?query=SELECT+1&user=me&{name}={key}").text == "1\n"
    assert site.collector.get(f"/metrics?key={site.keys['root']}").status_code == 401


def test_a_key_does_only_what_its_scopes_say(site: Site) -> None:
    """403 and PERMISSION_DENIED, with the key's id and the scope that it lacks."""
    sent = site.collector.send(site.keys["reader"])
    assert (sent.status_code, sent.json()["code"], "ingest" in sent.json()["message"]) == (403, 7, True)
    with grpc.insecure_channel(site.collector.grpc) as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(EXPORT)(b"", metadata=[("x-haechi-key", site.keys["reader"])], timeout=20)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    asked = {path: path for path in ("/sql?query=SELECT+1", "/metrics", "/")}
    status = {
        who: [site.collector.get(path, site.keys[who]).status_code for path in asked]
        for who in ("sender", "reader", "prometheus", "root")
    }
    assert status == {
        "sender": [403, 403, 403],
        "reader": [200, 403, 200],
        "prometheus": [403, 200, 403],
        "root": [200, 200, 200],
    }
    answer = site.collector.get("/sql?query=SELECT+1", site.keys["sender"])
    assert answer.headers["x-clickhouse-exception-code"] == "497"


def test_a_running_collector_sees_keys_come_and_go(site: Site) -> None:
    """A key works seconds after it was made, and no longer seconds after it was revoked; nothing is restarted."""
    key = make_key(site.collector.directory, "shop", "read")
    wait_until(lambda: site.collector.get("/sql?query=SELECT+1", key).status_code == 200)
    status, said, _ = keys("revoke", key, f"--data-dir={site.collector.directory}")
    assert (status, key[3:15] in said, key in said) == (0, True, False)
    wait_until(lambda: site.collector.get("/sql?query=SELECT+1", key).status_code == 401)


def test_requests_above_the_rate_are_told_when_to_come_back(site: Site) -> None:
    """429 with Retry-After, RESOURCE_EXHAUSTED with RetryInfo; counted by the key's id."""
    key = make_key(site.collector.directory, "shop", "ingest", "--requests-per-second=0.001")
    wait_until(lambda: site.collector.send(key).status_code in {200, 429})
    answer = site.collector.send(key)
    assert (answer.status_code, answer.json()["code"], int(answer.headers["retry-after"]) > 100) == (429, 8, True)
    with grpc.insecure_channel(site.collector.grpc) as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(EXPORT)(b"", metadata=[("authorization", f"Bearer {key}")], timeout=20)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    info = error_details_pb2.RetryInfo()
    info.ParseFromString(dict(refused.value.trailing_metadata())["google.rpc.retryinfo-bin"])
    assert info.retry_delay.seconds > 100
    metrics = site.collector.get("/metrics", site.keys["prometheus"]).text
    assert f'haechi_key_requests_total{{key="{key[3:15]}",outcome="over_quota"}}' in metrics


def test_the_bytes_of_a_day_hold_over_a_restart(tmp_path: Path) -> None:
    """Once they are used up, sending is refused, by the next collector on the directory too; reading goes on."""
    directory = tmp_path / "data"
    key = make_key(directory, "shop", "ingest,read", "--bytes-per-day=300")
    with guarded(directory, *KEYS) as collector:
        assert [collector.send(key, f"b7ad6b716920333{n}").status_code for n in range(3)].count(200) == 2
    listed = json.loads(keys("list", f"--data-dir={directory}", "--format=json")[1])
    assert listed["bytes_today"] >= 300
    with guarded(directory, *KEYS) as collector:
        assert collector.send(key).status_code == 429
        assert collector.sql(key, "SELECT 1") == "1\n"


def test_a_browser_logs_in_with_a_form(site: Site) -> None:
    """The page asks for a key, keeps it in a cookie that scripts and other sites cannot use, and forgets it again."""
    base = f"http://{site.collector.web}"
    with httpx2.Client(base_url=base, trust_env=False) as browser:
        asked = browser.get("/", headers={"Accept": "text/html"})
        assert (asked.status_code, 'action="/login"' in asked.text) == (401, True)
        assert browser.post("/login", data={"key": "hk_wrong"}).status_code == 401
        let_in = browser.post("/login", data={"key": site.keys["reader"]})
        assert let_in.status_code == 303
        cookie = let_in.headers["set-cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Path=/"))
        assert browser.get("/").status_code == 200
        assert browser.post("/logout").status_code == 303
        assert browser.get("/").status_code == 401


def test_a_page_of_another_site_does_nothing(site: Site) -> None:
    """What a browser says comes from elsewhere is refused, a valid key or not."""
    headers = {"Authorization": f"Bearer {site.keys['root']}", "Sec-Fetch-Site": "cross-site"}
    answer = httpx2.post(f"http://{site.collector.web}/sql", content="SELECT 1", headers=headers, trust_env=False)
    assert answer.status_code == 403


def test_the_commands_take_a_key(site: Site) -> None:
    """`haechi sql`, `haechi doctor`, `haechi demo`: by option, and one line says what is missing without it."""
    url = f"http://{site.collector.web}"
    assert "7" in haechi("sql", "SELECT 7", "--url", url, "--key", site.keys["reader"], "--format", "CSV").stdout
    refused = haechi("sql", "SELECT 7", "--url", url)
    assert (refused.returncode, "--key" in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)
    words = (f"--data-dir={site.collector.directory}", *KEYS, f"--web-port={url.rpartition(':')[2]}")
    told = haechi("doctor", *words, "--key", "-", stdin=site.keys["reader"])
    assert "ok    access: the ports are for this machine alone, with an API key" in told.stdout
    assert "ok    api keys: " in told.stdout
    assert "ok    collector: " in told.stdout
    assert "--key" in haechi("doctor", *words).stdout
    sent = haechi(
        *("demo", "--endpoint", f"http://{site.collector.http}", "--duration=0", "--backfill=10s"),
        *("--key", site.keys["bank"]),
    )
    assert sent.returncode == 0
    wait_until(lambda: site.collector.sql(site.keys["bank"], "SELECT count() > 10 FROM spans") == "1\n")


def test_sample_traffic_needs_no_key_of_ours(tmp_path: Path) -> None:
    """`haechi serve --demo` lets its own traffic in, into the project default."""
    directory = tmp_path / "data"
    key = make_key(directory, "default", "read")
    with guarded(directory, *KEYS, "--demo") as collector:
        wait_until(lambda: collector.sql(key, "SELECT count() > 0 FROM spans") == "1\n", 60)


def test_keys_are_listed_without_their_secrets(site: Site) -> None:
    """The table and the JSON name ids, projects and scopes."""
    words = ("list", f"--data-dir={site.collector.directory}")
    table, lines = keys(*words)[1], keys(*words, "--format=json")[1]
    assert all(key[3:15] in table and key[3:15] in lines for key in site.keys.values())
    assert not any(key[16:] in table or key[16:] in lines for key in site.keys.values())


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("create", "--scope=write"), "--scope 'write': expected one or more of admin, ingest, metrics, read"),
        (("create", "--project=a b"), "--project 'a b': expected up to 64"),
        (("create", "--expires=soon"), "--expires 'soon': expected a time from now such as 90d"),
        (("create", "--bytes-per-day=much"), "--bytes-per-day 'much': expected bytes"),
        (("create", "--requests-per-second=0"), "--requests-per-second 0: expected a number above 0"),
        (("revoke", "no-such-key"), "there is no key no-such-key"),
        (("list", "--metadata=mysql://x"), "metadata: expected postgresql://"),
    ],
)
def test_a_wrong_word_about_keys_is_told(words: tuple[str, ...], line: str, tmp_path: Path) -> None:
    """Exit status 2, the option as it was typed, and what was expected."""
    status, _, said = keys(*words, f"--data-dir={tmp_path / 'data'}")
    assert (status, said.count("\n"), line in said) == (2, 1, True), said


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("serve", *FREE, "--auth=maybe"), "auth = 'maybe': expected keys or none"),
        (("serve", *FREE, "--host=0.0.0.0"), "host = '0.0.0.0': other machines reach it, so say who may come in"),
        (("serve", *FREE, "--tls-cert=c.pem"), "tls_cert: needs tls_key beside it"),
        (("serve", *FREE, "--tls-client-ca=c.pem"), "tls_client_ca: needs tls_cert"),
    ],
)
def test_a_wrong_setting_of_the_gate_is_told(words: tuple[str, ...], line: str, tmp_path: Path) -> None:
    """Exit status 2, the setting as it was typed, and what to do."""
    done = haechi(*words, f"--data-dir={tmp_path / 'data'}")
    said = [text for text in done.stderr.splitlines() if text.startswith("haechi: ")]
    assert (done.returncode, len(said), "Traceback" in done.stderr) == (2, 1, False), done.stderr
    assert line in said[0]


def test_who_says_so_may_open_the_ports(tmp_path: Path) -> None:
    """`--auth none` is said in words, so it binds every address and lets everyone in; the doctor warns."""
    with guarded(tmp_path / "data", "--host=0.0.0.0", "--auth=none") as collector:
        port = collector.web.rpartition(":")[2]
        assert httpx2.get(f"http://127.0.0.1:{port}/sql?query=SELECT+1", trust_env=False).text == "1\n"
    told = haechi("doctor", "--host=0.0.0.0", "--auth=none", f"--data-dir={tmp_path / 'data'}", "--web-port=9").stdout
    assert "warn  access: every machine that reaches 0.0.0.0 may read and write everything" in told


def test_without_keys_a_web_page_cannot_come_in_by_a_name_of_its_own(tmp_path: Path) -> None:
    """On loopback without keys the Host must be an address or localhost."""
    with guarded(tmp_path / "data") as collector:
        port = collector.web.rpartition(":")[2]
        hosts = ("localhost", "127.0.0.1", "[::1]", "evil.example", "127.0.0.1.evil.example")
        found = [collector.get("/sql?query=SELECT+1", Host=f"{host}:{port}").status_code for host in hosts]
        assert found == [200, 200, 200, 421, 421]
        assert collector.send("").status_code == 200
        wait_until(lambda: collector.get("/sql?query=SELECT+project+FROM+spans").text == "default\n")
