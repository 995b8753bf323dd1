"""The thumbs of a span, clicked in Chromium on a real collector that asks for keys."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page
from tests.e2e.conftest import wait_until
from tests.gate.guarded import KEYS, Guarded, guarded, make_key
from tests.web.conftest import Visit, browser

__all__ = ["browser"]

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Guarded, dict[str, str]]]:
    """One span, a key that may send and read, and one that may only read."""
    directory = tmp_path_factory.mktemp("feedback") / "data"
    made = {scope: make_key(directory, "shop", scope) for scope in ("ingest,read", "read")}
    with guarded(directory, *KEYS) as running:
        running.send(made["ingest,read"], SPAN).raise_for_status()
        wait_until(lambda: running.sql(made["read"], "SELECT count() FROM spans") == "1\n")
        yield running, made


def opened(browser: Browser, site: tuple[Guarded, dict[str, str]], scope: str, language: str = "en-US") -> Page:
    """The trace, as somebody with a key sees it."""
    running, made = site
    context = browser.new_context(locale=language)
    context.add_cookies([{"name": "haechi_key", "value": made[scope], "url": f"http://{running.web}"}])
    return Visit(context.new_page(), f"http://{running.web}").open(f"/traces/{TRACE}").page


def test_a_thumb_is_a_score_and_the_other_one_takes_its_place(
    browser: Browser, site: tuple[Guarded, dict[str, str]]
) -> None:
    """A click says that it is saved, stays pressed, and is in the table; a second click changes one's mind."""
    running, made = site
    page = opened(browser, site, "ingest,read")
    last = "SELECT label, value, source, span_id FROM scores FINAL ORDER BY ingested_at DESC LIMIT 1 BY id"
    for name, label in (("Good", "thumbs_up"), ("Bad", "thumbs_down")):
        page.get_by_role("button", name=name).click()
        page.get_by_text("Saved", exact=True).wait_for()
        assert page.locator('[aria-pressed="true"][data-thumb]').get_attribute("data-thumb") == label
        told = f"{label}\t{int(name == 'Good')}\thuman\t{SPAN}\n"
        wait_until(lambda told=told: running.sql(made["read"], last) == told)
    page.locator(".t-map", has_text="thumbs_down (0)").first.wait_for()
    assert page.get_by_role("button", name="Bad").get_attribute("aria-pressed") == "true"
    summary = running.get("/api/v1/summary", made["read"]).json()
    assert summary["thumbs_up_rate"] == 0.0
    page.context.close()


def test_who_may_only_read_sees_no_thumbs(browser: Browser, site: tuple[Guarded, dict[str, str]]) -> None:
    """Nothing that would answer 403."""
    page = opened(browser, site, "read")
    page.locator(".t-name").wait_for()
    assert page.locator("[data-thumb]").count() == 0
    page.context.close()


def test_a_thumb_that_is_not_kept_says_so(browser: Browser, site: tuple[Guarded, dict[str, str]]) -> None:
    """In the reader's language, with the reason; the button is not pressed and can be tried again."""
    page = opened(browser, site, "ingest,read", "ko-KR")
    before = page.locator('[data-thumb="thumbs_up"]').get_attribute("aria-pressed")
    site[0].directory.joinpath("otlp.sock").rename(site[0].directory / "gone.sock")
    page.get_by_role("button", name="좋아요").click()
    page.get_by_text("저장하지 못했습니다: the collector does not take it now").wait_for()
    assert page.locator('[data-thumb="thumbs_up"]').get_attribute("aria-pressed") == before
    assert page.get_by_role("button", name="좋아요").is_enabled()
    page.context.close()
