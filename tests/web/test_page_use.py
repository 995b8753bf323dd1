"""Using the page: it loads clean, the URL holds its state, and it serves every reader."""

import re
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from tests.questions import Answering
from tests.web.conftest import WINDOW, Visit
from tests.web.rows import HOSTILE

PATHS = ("/", "/latency", "/costs", "/traces", "/sessions", "/compare", "/query")


@pytest.mark.parametrize("path", PATHS)
def test_a_page_loads_clean_and_fits_every_screen(visit: Visit, path: str) -> None:
    """No complaint in the console, no request elsewhere; at 390 pixels tables scroll inside, the document does not."""
    visit.open(f"{path}?{WINDOW}")
    assert visit.page.locator(".h-main h1").count() == 1
    for width in (1280, 390):
        visit.page.set_viewport_size({"width": width, "height": 800})
        visit.page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
    assert visit.complaints == []
    hosts = {urlsplit(url).netloc for url in visit.requested if urlsplit(url).scheme in {"http", "https", "ws", "wss"}}
    assert hosts == {urlsplit(visit.url).netloc}


def test_the_navigation_of_a_phone_opens_and_leads(visit: Visit) -> None:
    """The menu shows the pages, and closes when one was chosen."""
    visit.page.set_viewport_size({"width": 390, "height": 844})
    visit.open(f"/?{WINDOW}")
    costs = visit.page.locator(".h-nav a[data-key=c]")
    assert not costs.is_visible()
    visit.page.get_by_label("Menu").click()
    costs.click()
    visit.page.wait_for_url("**/costs?**")
    assert not costs.is_visible()


def test_markup_in_data_runs_nothing(visit: Visit) -> None:
    """A model named like a script is shown as text, on every page that lists models."""
    for path in ("/", "/latency", "/costs", "/traces"):
        visit.open(f"{path}?{WINDOW}")
        assert visit.page.title() != "pwned"
        assert visit.page.locator(".h-main img").count() == 0
    visit.open(f"/costs?{WINDOW}")
    assert visit.page.get_by_text(HOSTILE).count() >= 1


def test_the_policy_lets_only_this_origin_run(site: Answering) -> None:
    """Each document has a nonce of its own, and no script without it; nobody else may frame it."""
    policies = [httpx2.get(site.url, trust_env=False) for _ in range(2)]
    first, second = (answer.headers["content-security-policy"] for answer in policies)
    assert first != second
    assert "default-src 'none'" in first
    assert "frame-ancestors 'none'" in first
    scripts = re.search(r"script-src ([^;]*)", first)
    assert scripts is not None
    assert "'unsafe-inline'" not in scripts[1]
    assert "http" not in first
    nonce = re.search(r"'nonce-([^']+)'", first)
    assert nonce is not None
    tags = re.findall(r"<script[^>]*>", policies[0].text)
    assert len(tags) >= 5
    assert all(f'nonce="{nonce[1]}"' in tag for tag in tags)


def test_a_path_that_is_no_page_is_the_apis_problem(site: Answering) -> None:
    """NiceGUI's own error page is not shown, and makes no client."""
    answer = site.raw("/nothing/here")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "/nothing/here does not exist"


def test_the_url_holds_filters_window_and_grouping(visit: Visit) -> None:
    """Every control shows in the URL; the URL alone, in a fresh page, shows the same; back undoes it."""
    visit.open(f"/costs?{WINDOW}")
    visit.page.locator("#h-filter").fill("prompt_version=v3")
    visit.page.locator("#h-filter").press("Enter")
    visit.page.locator(".h-chip").wait_for()
    visit.settled()
    only_v3 = visit.value("cost_usd")
    group = visit.page.locator(".h-main select").first
    group.select_option(label="user")
    visit.page.wait_for_function("location.search.includes('group_by=user')")
    visit.page.locator('table[aria-label="Breakdown"] th', has_text="user").first.wait_for()
    visit.settled()
    assert parse_qs(visit.query.removeprefix("?")) == {
        "from": ["2026-09-21T14:00:00Z"],
        "to": ["2026-09-21T15:00:00Z"],
        "prompt_version": ["v3"],
        "group_by": ["user"],
    }
    assert visit.value("cost_usd") == only_v3
    expect(visit.page.locator('table[aria-label="Breakdown"] tbody tr')).to_have_count(20)
    visit.open(f"/costs{visit.query}")
    expect(visit.page.locator('table[aria-label="Breakdown"] tbody tr')).to_have_count(20)
    visit.page.go_back()
    visit.page.go_back()
    visit.page.wait_for_function("!location.search.includes('prompt_version') && !document.querySelector('.h-chip')")
    visit.page.wait_for_selector("[data-name=cost_usd]")
    assert visit.value("cost_usd") != only_v3


def test_suggestions_name_filters_and_then_values(visit: Visit) -> None:
    """Typing offers filters, then the values of this window; choosing one adds a chip."""
    visit.open(f"/?{WINDOW}")
    field = visit.page.locator("#h-filter")
    field.fill("prom")
    visit.page.locator("#h-suggestions button", has_text="prompt_version").click()
    option = visit.page.locator("#h-suggestions a", has_text="v2")
    option.wait_for()
    option.click()
    visit.page.wait_for_function("location.search.includes('prompt_version=v2')")
    assert visit.page.locator(".h-chip").inner_text().split() == ["prompt_version", "v2", "×"]


def test_the_time_range_is_chosen_by_preset_and_by_hand(visit: Visit) -> None:
    """Both end up in the URL."""
    visit.open(f"/latency?{WINDOW}")
    visit.page.keyboard.press("t")
    visit.page.locator(".h-presets a", has_text="7 days").click()
    visit.page.wait_for_function("location.search == '?from=-7d'")
    visit.page.locator("#h-picker summary", has_text="Last 7 days").wait_for()
    visit.page.keyboard.press("t")
    visit.page.locator("#h-picker input[name=from]").fill("2026-09-21T14:20:00Z")
    visit.page.locator("#h-picker input[name=to]").fill("2026-09-21T14:30:00Z")
    visit.page.locator("#h-picker button").click()
    visit.page.wait_for_function("location.search == '?from=2026-09-21T14:20:00Z&to=2026-09-21T14:30:00Z'")


def test_keys_lead_everywhere(visit: Visit) -> None:
    """A g and a letter, /, ?, d; none of them while somebody types."""
    visit.open(f"/?{WINDOW}")
    for key, path in (
        ("l", "/latency"),
        ("c", "/costs"),
        ("t", "/traces"),
        ("s", "/sessions"),
        ("q", "/query"),
        ("o", "/"),
    ):
        visit.page.keyboard.press("g")
        visit.page.keyboard.press(key)
        visit.page.wait_for_function("path => location.pathname === path", arg=path)
        visit.page.locator(f".h-pages a[data-key={key}][aria-current=page]").wait_for()
    visit.page.keyboard.press("?")
    assert visit.page.locator("#h-help").is_visible()
    visit.page.keyboard.press("?")
    assert not visit.page.locator("#h-help").is_visible()
    visit.page.keyboard.press("d")
    assert visit.page.evaluate("document.documentElement.dataset.theme") == "dark"
    visit.page.keyboard.press("/")
    visit.page.keyboard.type("d?gl")
    assert visit.page.locator("#h-filter").input_value() == "d?gl"
    assert visit.page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_theme_and_language_are_kept(visit: Visit) -> None:
    """Both survive a new visit; Korean is there to the last heading, and the document says its language."""
    visit.open(f"/?{WINDOW}")
    visit.page.locator("[data-theme-to=dark]").click()
    visit.page.locator("[data-language-to=ko]").click()
    visit.page.wait_for_selector("h1:has-text('개요')")
    visit.open(f"/costs?{WINDOW}")
    assert visit.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert visit.page.locator("h1").inner_text() == "비용"
    assert visit.page.evaluate("document.documentElement.lang") == "ko-KR"
    assert visit.page.locator(".h-main h2").first.inner_text() == "시간별 비용"


def test_a_korean_browser_gets_korean(site: Answering, browser: Browser) -> None:
    """Without a choice the browser's own language counts."""
    with browser.new_context(locale="ko-KR") as context:
        visit = Visit(context.new_page(), site.url).open(f"/latency?{WINDOW}")
        assert visit.page.locator("h1").inner_text() == "지연 시간"
        assert "연결이 끊어졌습니다" in (visit.page.locator("#popup").text_content() or "")
        assert visit.complaints == []
        visit.open("/?from=yesterday")
        banner = visit.page.locator(".h-banner [role=alert]")
        assert banner.locator("strong").inner_text() == "from 값이 올바르지 않습니다"
        assert "is no time" in banner.locator("[lang=en]").inner_text()


def test_what_a_korean_page_says_of_itself_is_korean(site: Answering, browser: Browser) -> None:
    """The ways to spend less and the forecast's remark too; names, numbers and messages of the API stay as they are."""
    with browser.new_context(locale="ko-KR") as context:
        visit = Visit(context.new_page(), site.url).open(f"/costs?{WINDOW}")
        ways = visit.page.locator(".h-way")
        told = [
            ways.nth(n).locator(part).inner_text() for n in range(ways.count()) for part in ("h3", ".h-hint >> nth=-1")
        ]
        names = ways.locator("dt").all_inner_texts()
        assert ways.count() > 0
        assert [text for text in [*told, *names] if not re.search("[가-힣]", text)] == []
        assert "예측할 수 없음: 온전한 하루의 기록이" in visit.page.locator(".h-lead").inner_text()


def test_a_click_in_a_chart_leads_to_the_traces_behind_it(visit: Visit) -> None:
    """The step of time under the pointer becomes the window; filters stay."""
    visit.open(f"/?{WINDOW}&service=support-bot")
    chart = visit.page.locator(".h-chart").first
    box = chart.bounding_box()
    assert box is not None
    chart.click(position={"x": box["width"] * 0.45, "y": box["height"] * 0.7})
    visit.page.wait_for_url("**/traces?**")
    query = parse_qs(visit.query.removeprefix("?"))
    assert query["service"] == ["support-bot"]
    assert "2026-09-21T14:15:00Z" < query["from"][0] < query["to"][0] < "2026-09-21T14:40:00Z"


def test_dragging_over_a_chart_chooses_the_window(visit: Visit) -> None:
    """From where the pointer went down to where it came up."""
    visit.open(f"/latency?{WINDOW}")
    box = visit.page.locator(".h-chart").first.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] * 0.6
    visit.page.mouse.move(box["x"] + box["width"] * 0.4, y)
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + box["width"] * 0.5, y)
    visit.page.mouse.move(box["x"] + box["width"] * 0.6, y)
    visit.page.mouse.up()
    visit.page.wait_for_function("!location.search.includes('from=2026-09-21T14:00:00Z')")
    query = parse_qs(visit.query.removeprefix("?"))
    assert "2026-09-21T14:10" < query["from"][0] < query["to"][0] < "2026-09-21T14:50"


def test_a_wrong_url_says_which_parameter_is_wrong(visit: Visit) -> None:
    """As the API does."""
    visit.open("/?from=yesterday")
    assert "from: 'yesterday' is no time" in visit.page.locator(".h-banner [role=alert]").inner_text()
    visit.open(f"/latency?{WINDOW}&metric=speed")
    assert "metric: expected duration, ttft, tokens_per_second" in visit.page.locator(".h-main").inner_text()


def test_an_empty_window_says_what_to_do(visit: Visit) -> None:
    """Commands to paste, or a way out of the filters."""
    visit.open("/?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z")
    assert visit.page.locator(".h-door").count() == 4
    assert "haechi run -- python app.py" in visit.page.locator(".h-doors").inner_text()
    visit.open(f"/?{WINDOW}&model=none")
    visit.page.locator(".h-main").get_by_text("Clear filters").click()
    visit.page.wait_for_selector("[data-name=total_requests]")


def test_a_live_page_asks_again_and_a_hidden_one_does_not(site: Answering, context: BrowserContext) -> None:
    """By the browser's clock, which the test turns."""
    page = context.new_page()
    page.clock.install()
    visit = Visit(page, site.url)
    page.goto(f"{site.url}/?{WINDOW}&live=1")
    page.clock.run_for(2_000)
    visit.settled()
    told = (
        "() => { window.told = 0; const emit = window.emitEvent; window.emitEvent = (...a) => { told++; emit(...a); } }"
    )
    page.evaluate(told)
    page.clock.run_for(30_000)
    assert page.evaluate("window.told") == 3
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true })")
    page.clock.run_for(30_000)
    assert page.evaluate("window.told") == 3
