"""The page behind the gate: its live connections, the form that leads back, and keys that end while a page is open."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from tests.gate.guarded import KEYS, Guarded, guarded, keys, make_key
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from haechi_collector.api.live import Live
from haechi_collector.api.login import local
from haechi_collector.gate.gate import OpenGate
from haechi_collector.limits import PAGE_MESSAGE_BYTES_MAX

LINK = "/_nicegui_ws/socket.io/?EIO=4&transport="
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@dataclass(frozen=True)
class Site:
    """A collector that asks for keys, and some of them."""

    collector: Guarded
    keys: dict[str, str]

    def link(self, who: str, **options: object) -> ClientConnection:
        """Open the connection of a page, as a program does or, with a cookie and an origin, as a browser does."""
        headers = {"Authorization": f"Bearer {self.keys[who]}"} if who else {}
        return link(self.collector.web, headers, **options)


def link(web: str, headers: dict[str, str], **options: object) -> ClientConnection:
    return connect(f"ws://{web}{LINK}websocket", additional_headers=headers, proxy=None, **options)  # type: ignore[arg-type]


def status(connecting: object) -> int:
    """The status that refuses a connection which ``connecting`` would open."""
    with pytest.raises(InvalidStatus) as refused:
        connecting()  # type: ignore[operator]
    return int(refused.value.response.status_code)


def closed_with(connection: ClientConnection) -> int:
    """Read until the other side closes; the code that it gives."""
    with pytest.raises(ConnectionClosed) as closed:
        all(connection.recv(20) for _ in range(1_000))
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("page") / "data"
    made = {"reader": make_key(directory, "shop-8f3", "read"), "sender": make_key(directory, "shop-8f3", "ingest")}
    made |= {"leaver": make_key(directory, "shop-8f3", "read"), "scraper": make_key(directory, "shop-8f3", "metrics")}
    with guarded(directory, *KEYS) as collector:
        yield Site(collector, made)


def test_a_live_connection_needs_a_key_that_may_read(site: Site) -> None:
    """401 without a key, 403 with one that may only send; with one that may read the page's own greeting comes."""
    assert status(lambda: site.link("")) == 401
    assert status(lambda: site.link("sender")) == 403
    with site.link("reader") as open_page:
        assert str(open_page.recv(10)).startswith('0{"sid":')


def test_a_page_of_another_site_gets_no_live_connection(site: Site) -> None:
    """A browser sends the cookie and tells the truth about the Origin: only this one's is let in."""
    web, cookie = site.collector.web, {"Cookie": f"haechi_key={site.keys['reader']}"}
    for origin in ("http://evil.example", f"http://evil.example:{web.split(':')[1]}", "null"):
        assert status(lambda origin=origin: link(web, cookie, origin=origin)) == 403
    with link(web, cookie, origin=f"http://{web}") as open_page:
        assert str(open_page.recv(10)).startswith("0")


def test_where_websockets_are_blocked_the_page_posts(site: Site) -> None:
    """The same rules for GET and POST: a read key passes the gate, and a page of another site does not."""
    cookie = {"haechi_key": site.keys["reader"]}
    with httpx2.Client(base_url=f"http://{site.collector.web}", trust_env=False, cookies=cookie) as browser:
        greeting = browser.get(f"{LINK}polling").text
        found = re.search('"sid":"([^"]+)"', greeting)
        assert found is not None
        said = browser.post(f"{LINK}polling&sid={found[1]}", content=b"40")
        assert (said.status_code, said.text) == (200, "OK")
        for origin in ("http://evil.example", "null"):
            assert browser.post(f"{LINK}polling&sid={found[1]}", headers={"Origin": origin}).status_code == 403
        assert browser.post("/api/v1/summary").status_code == 403  # elsewhere a POST is not a reader's


def test_a_key_that_is_revoked_loses_its_open_page(site: Site) -> None:
    """Within seconds the connection is closed as a matter of policy, and a new one is refused."""
    with site.link("leaver") as open_page:
        open_page.recv(10)
        assert keys("revoke", site.keys["leaver"], f"--data-dir={site.collector.directory}")[0] == 0
        assert closed_with(open_page) == 1008
    assert status(lambda: site.link("leaver")) == 401


def test_a_message_that_is_too_long_ends_the_connection(site: Site) -> None:
    """1009, before it is in memory whole; the others go on."""
    with site.link("reader") as greedy, site.link("reader") as other:
        other.recv(10)
        greedy.recv(10)
        greedy.send("4" + "x" * PAGE_MESSAGE_BYTES_MAX)
        assert closed_with(greedy) == 1009
        other.send("40")
        assert str(other.recv(10)).startswith("40")


def test_open_pages_are_counted(site: Site) -> None:
    """Beside the collector's own metrics, those of the web port's process; what both count says where."""
    with site.link("reader"):
        text = site.collector.get("/metrics", site.keys["scraper"]).text
    assert "\nhaechi_page_clients 1.0\n" in text
    assert "\nhaechi_store_up 1.0\n" in text
    assert text.count("# TYPE haechi_key_requests_total counter") == 1
    assert re.search(r'haechi_key_requests_total\{key="\w+",outcome="admitted",process="web"\} \d', text)


@pytest.mark.parametrize("path", ["/", "/latency?from=-6h&model=gpt-4o", "/traces/0af7651916cd43dd8448eb211c80319c"])
def test_a_browser_logs_in_and_is_back_where_it_wanted_to_go(path: str, site: Site) -> None:
    """The form at every page; the key; the page, of the key's project; after logout the form again."""
    with httpx2.Client(base_url=f"http://{site.collector.web}", trust_env=False, headers=BROWSER) as browser:
        asked = browser.get(path)
        assert (asked.status_code, 'action="/login"' in asked.text) == (401, True)
        target = re.search('name="next" type="hidden" value="([^"]*)"', asked.text)
        assert target is not None
        form = {"key": site.keys["reader"], "next": target[1].replace("&amp;", "&")}
        let_in = browser.post("/login", data=form)
        assert (let_in.status_code, let_in.headers["location"]) == (303, path)
        shown = browser.get(path)
        assert (shown.status_code, "shop-8f3" in shown.text) == (200, True)
        assert browser.post("/logout").headers["location"] == "/"
        assert browser.get(path).status_code == 401


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en-US,en;q=0.9", ['lang="en"', "Log in", "This key does not let you in", "lacks the scope read"]),
        ("ko-KR,ko;q=0.9", ['lang="ko"', "로그인", "이 API 키에는 권한이 없습니다", "<code>read</code> 권한"]),
    ],
)
def test_the_form_speaks_the_browsers_language(language: str, words: list[str], site: Site) -> None:
    """Its own words and why a key was refused; the message that names the key's id stays beside it."""
    headers = {**BROWSER, "Accept-Language": language}
    with httpx2.Client(base_url=f"http://{site.collector.web}", trust_env=False, headers=headers) as browser:
        shown = [browser.get("/").text]
        shown += [browser.post("/login", data={"key": key, "next": "/"}).text for key in (site.keys["sender"], "x")]
    assert [word for word in words if word not in "".join(shown)] == []
    assert "haechi keys create --project NAME --scope read" in shown[0]


def test_programs_get_no_form(site: Site) -> None:
    """Whoever asks the API, SQL or metrics gets an error of theirs, a browser's address line too."""
    for path in ("/api/v1/summary", "/sql", "/metrics", "/openapi.json"):
        answer = site.collector.get(path, **BROWSER)
        assert (answer.status_code, "<form" in answer.text) == (401, False)
    assert site.collector.get("/latency").headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "evil",
        "",
        "/\t/evil.example",
        "/a\r\nX: y",
        "/login",
        "/" + "a" * 20_000,
    ],
)
def test_the_form_leads_to_no_other_site(target: str, site: Site) -> None:
    """Whatever a link to the form says, one lands on the first page; so it does after a wrong key."""
    assert local(target) == "/"
    form = {"key": site.keys["reader"], "next": target}
    answer = httpx2.post(f"http://{site.collector.web}/login", data=form, trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    wrong = httpx2.post(f"http://{site.collector.web}/login", data={**form, "key": "x"}, trust_env=False)
    assert 'value="/"' in wrong.text


def test_a_web_page_cannot_come_in_through_a_name_of_its_own(tmp_path: Path) -> None:
    """Without keys only addresses and localhost are served, to live connections as well (DNS rebinding)."""
    with guarded(tmp_path / "data") as collector:
        port = collector.web.split(":")[1]
        for origin in (f"http://evil.example:{port}", None):
            assert status(lambda origin=origin: named(collector.web, "evil.example", origin)) == 421
        assert status(lambda: named(collector.web, f"localhost:{port}", f"http://evil.example:{port}")) == 403
        with named(collector.web, f"localhost:{port}", f"http://localhost:{port}") as open_page:
            assert str(open_page.recv(10)).startswith("0")


def named(web: str, host: str, origin: str | None) -> ClientConnection:
    """Connect to the address ``web``, calling it ``host``."""
    import socket

    address, port = web.split(":")
    name = host if ":" in host else f"{host}:{port}"
    return connect(
        f"ws://{name}{LINK}websocket",
        sock=socket.create_connection((address, int(port))),
        origin=origin,
        proxy=None,  # type: ignore[arg-type]
    )


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    socket = WebSocket(scope, receive, send)
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


@contextmanager
def served(app: object) -> Iterator[str]:
    """Serve an application with WebSockets; its address."""
    config = uvicorn.Config(app, port=0, log_level="warning", ws="websockets-sansio", lifespan="off")  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


def test_there_are_never_more_open_pages_than_the_bound() -> None:
    """One more is told to come back; when one is closed the next is let in."""
    with served(Live(_echo, OpenGate(), clients_max=2)) as web:
        with link(web, {}) as first, link(web, {}):
            first.send("x")
            assert first.recv(10) == "x"
            assert status(lambda: link(web, {})) == 503
        with link(web, {}) as next_one:
            next_one.send("y")
            assert next_one.recv(10) == "y"
