"""What the client does when the server is busy, away, closed, or another program."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from pathlib import Path

import pytest
from tests.questions import Answering, call

from haechi.client import (
    Answered,
    Busy,
    Client,
    Forbidden,
    NotFound,
    TooExpensive,
    Unauthenticated,
    Unreachable,
    WrongParameter,
)

Reply = tuple[int, dict[str, str], bytes]


@contextmanager
def replying(reply: Callable[[int, BaseHTTPRequestHandler], Reply]) -> Iterator[str]:
    """A server whose n-th answer is ``reply(n, request)``; a length that is not sent breaks off."""
    number = count()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = reply(next(number), self)
            self.send_response(status)
            for name, text in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def problem(status: int, **more: object) -> bytes:
    return json.dumps({"type": "about:blank", "title": "", "status": status, "detail": "why", **more}).encode()


def test_a_busy_server_is_asked_again_when_it_says(api: Answering) -> None:
    """Twice busy, then the answer; the client waited as long as it was told."""
    summary = json.dumps(api.get("summary")).encode()

    def reply(number: int, _: BaseHTTPRequestHandler) -> Reply:
        return (503, {"Retry-After": "1"}, problem(503)) if number < 2 else (200, {}, summary)

    with replying(reply) as url, Client(url) as client:
        begun = time.monotonic()
        assert client.summary().total_requests > 0
        assert time.monotonic() - begun >= 2


def test_a_server_that_stays_busy_is_told_after_the_last_try() -> None:
    """As often as `retries` says, and no oftener; over SQL too."""
    seen: list[str] = []

    def reply(_: int, request: BaseHTTPRequestHandler) -> Reply:
        seen.append(request.path.partition("?")[0])
        body = b"Code: 202. DB::Exception: busy. (TOO_MANY_SIMULTANEOUS_QUERIES)\n"
        return 503, {"Retry-After": "0"}, body if "/sql" in request.path else problem(503, code="busy")

    with replying(reply) as url, Client(url, retries=2) as client:
        with pytest.raises(Busy, match="why") as caught:
            client.summary()
        assert (caught.value.code, caught.value.retry_after_s, len(seen)) == ("busy", 0.0, 3)
        with pytest.raises(Busy, match="busy") as caught:
            client.sql("SELECT 1").rows()
        assert (caught.value.code, seen) == ("202", ["/api/v1/summary"] * 3 + ["/sql"] * 3)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, WrongParameter),
        (401, Unauthenticated),
        (403, Forbidden),
        (404, NotFound),
        (422, TooExpensive),
        (429, Busy),
        (500, Answered),
        (502, Answered),
        (307, Answered),
    ],
)
def test_every_status_has_its_error(status: int, kind: type[Answered]) -> None:
    """With code, parameter and the server's words; a redirect is followed nowhere."""
    headers = {"Location": "http://127.0.0.1:9/"}
    body = problem(status, code="a_code", parameter="model")
    reply = replying(lambda *_: (status, headers, body))
    with reply as url, Client(url, retries=0) as client, pytest.raises(Answered) as caught:
        client.summary()
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.detail, error.code, error.parameter) == (status, "why", "a_code", "model")


def test_an_error_of_somebody_between_is_told_as_it_is() -> None:
    """A proxy's page is no problem JSON."""
    reply = replying(lambda *_: (502, {}, b"<h1>Bad gateway</h1>"))
    with reply as url, Client(url) as client, pytest.raises(Answered, match="Bad gateway"):
        client.summary()


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"{}", b'{"total_requests": "many"}'], ids=["page", "list", "empty", "wrong"]
)
def test_an_answer_of_another_program_is_no_answer(body: bytes) -> None:
    """It is said, and no half-read answer comes back."""
    with replying(lambda *_: (200, {}, body)) as url, Client(url) as client, pytest.raises(Unreachable):
        client.summary()


def test_a_newer_server_may_say_more(api: Answering) -> None:
    """A field that the client does not know is passed over."""
    body = json.dumps({**api.get("summary"), "new_figure": 1}).encode()
    with replying(lambda *_: (200, {}, body)) as url, Client(url) as client:
        assert client.summary().total_requests == api.get("summary")["total_requests"]


@pytest.mark.parametrize("path", ["summary", "rows", "arrow", "export"])
def test_an_answer_that_breaks_off_is_an_error(path: str, tmp_path: Path) -> None:
    """Ten bytes of a hundred, then nothing."""
    with replying(lambda *_: (200, {"Content-Length": "100"}, b'["a"]\n["S')) as url, Client(url) as client:
        statement = client.sql("SELECT 1")
        asks = {
            "summary": client.summary,
            "rows": statement.rows,
            "arrow": statement.arrow,
            "export": lambda: statement.export(tmp_path / "x.csv"),
        }
        with pytest.raises(Unreachable):
            asks[path]()


def test_nobody_there_is_told_with_what_to_do() -> None:
    """And a server that is silent is not waited for longer than the time-out."""
    with Client("http://127.0.0.1:9") as client, pytest.raises(Unreachable, match="haechi serve"):
        client.summary()
    done = threading.Event()

    def reply(*_: object) -> Reply:
        done.wait(20)
        return 200, {}, b"{}"

    with replying(reply) as url, Client(url, timeout_s=0.3) as client:
        with pytest.raises(Unreachable, match="no answer in time"):
            client.summary()
        done.set()


@pytest.mark.parametrize("url", ["localhost:8318", "ftp://localhost", "http://", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """When the client is made, not when it is used."""
    with pytest.raises(ValueError, match=r"url: .* is no address"):
        Client(url)


def test_the_key_is_sent_and_confines(api: Answering) -> None:
    """A key of a project sees its project alone, over SQL too; the key is not in the client's repr."""
    with Client(api.url, key="nobody") as client:
        assert client.summary(from_="2026-09-21T00:00:00Z", to="2026-09-23T00:00:00Z").total_requests == 0
        assert client.sql("SELECT count() AS n FROM spans").rows()[0] == {"n": 0}
        assert "nobody" not in repr(client)
    assert call(1)["project"] == "default"
    with Client(api.url, key="default") as client:
        assert client.sql("SELECT count() AS n FROM spans").rows()[0]["n"] > 0


def test_a_password_file_does_not_replace_the_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nor is anything sent where there is no key."""
    seen: list[str | None] = []

    def reply(_: int, request: BaseHTTPRequestHandler) -> Reply:
        seen.append(request.headers.get("Authorization"))
        return 404, {}, problem(404)

    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with replying(reply) as url:
        for key in (None, "hk_x"):
            with Client(url, key=key) as client, pytest.raises(NotFound):
                client.trace("ff")
    assert seen == [None, "Bearer hk_x"]


def test_threads_share_a_client(api: Answering) -> None:
    """Eight at once, each with its own question, each with its own answer."""
    with Client(api.url) as client, ThreadPoolExecutor(8) as pool:
        asked = pool.map(lambda n: client.sql("SELECT {n:UInt32} AS n", {"n": n}).rows()[0]["n"], range(64))
        assert list(asked) == list(range(64))
