"""A real Chromium in front of a real page over a filled store."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.questions import Answering
from tests.web.rows import spans_and_scores

from haechi_collector.store.client import StoreClient
from haechi_collector.store.migrate import migrate
from haechi_collector.store.supervisor import EmbeddedStore

ROOT = Path(__file__).parent.parent.parent
WINDOW = "from=2026-09-21T14:00:00Z&to=2026-09-21T15:00:00Z"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Visit:
    """A browser page that remembers what went wrong and what it asked for."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requested.append(request.url))

    def _console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def open(self, path: str) -> "Visit":
        """Load a page, and wait until every block has its answer."""
        self.page.goto(self.url + path)
        return self.settled()

    def settled(self) -> "Visit":
        """Wait until every block has its answer."""
        self.page.wait_for_selector("html[data-ready]", state="attached")
        self.page.wait_for_function("!document.querySelector('.h-main .h-skeleton')")
        return self

    def value(self, name: str) -> str:
        """The exact value of the figure of that name."""
        found = self.page.locator(f'[data-name="{name}"]').first.get_attribute("data-value")
        assert found is not None, name
        return found

    @property
    def query(self) -> str:
        return self.page.evaluate("location.search")


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    """The page over the rows of `rows`."""
    store = EmbeddedStore(tmp_path_factory.mktemp("page"), 0)
    store.start()
    client = StoreClient.connect(store.dsn)
    try:
        migrate(client)
        yield from _served(store, client)
    finally:
        client.close()
        store.stop()


def _served(store: EmbeddedStore, client: StoreClient) -> Iterator[Answering]:
    dsn = store.reader_dsn
    command = [sys.executable, "-m", "tests.web.page_child"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps([dsn.url, dsn.user, dsn.password, dsn.database]) + "\n")
        child.stdin.flush()
        site = Answering(f"http://127.0.0.1:{child.stdout.readline().strip()}", client)
        site.fill(*spans_and_scores())
        yield site
        child.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Per module: Playwright's event loop runs in the main thread while it is there."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A reader with an English browser in Seoul."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, locale="en-US", timezone_id="Asia/Seoul", color_scheme="light"
    )
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture
def visit(site: Answering, context: BrowserContext) -> Visit:
    return Visit(context.new_page(), site.url)


def asked(site: Answering, path: str, project: str = "", **more: str) -> dict[str, Any]:
    """The API's answer for the window of the tests."""
    parameters = {"from": "2026-09-21T14:00:00Z", "to": "2026-09-21T15:00:00Z", **more}
    headers = {"Authorization": f"Bearer {project}"} if project else {}
    answer = httpx2.get(f"{site.url}/api/v1/{path}", params=parameters, headers=headers, trust_env=False, timeout=60)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read
