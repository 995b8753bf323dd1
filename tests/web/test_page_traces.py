"""Traces, a trace, sessions and users on the page: what they show is what the API answers."""

from urllib.parse import quote

import pyarrow as pa
import pytest
from playwright.sync_api import BrowserContext
from tests.questions import T0_NS, Answering, call, span
from tests.web.conftest import WINDOW, Visit, asked

from haechi_collector.batch import SPANS
from haechi_collector.store.insert import Inserter

LONG = "a" * 32
ROWS = 10_000


@pytest.fixture(scope="module")
def long_trace(site: Answering) -> str:
    """A trace of ten thousand spans, each the child of the one nine before it."""
    rows = [
        span(
            n,
            trace_id=LONG,
            span_id=f"{n + 1:016x}",
            parent_span_id=f"{(n - 1) // 9 + 1:016x}" if n else "",
            name=f"step {n}",
            start_time=T0_NS - 10**12 + n * 10**6,
            duration_ns=10**9,
            ingested_at=T0_NS,
        )
        for n in range(ROWS)
    ]
    Inserter(site.client).insert("spans", pa.RecordBatch.from_pylist(rows, schema=SPANS), "long trace")
    return LONG


def test_the_list_is_the_apis(site: Answering, visit: Visit) -> None:
    """The same traces in the same order, with their exact costs; the next page goes on where it ended."""
    answer = asked(site, "traces", order="dearest")
    visit.open(f"/traces?{WINDOW}&order=dearest")
    rows = visit.page.locator('table[aria-label="Traces"] tbody tr')
    paths = [(row.get_attribute("data-href") or "").partition("?")[0] for row in rows.all()]
    assert paths == [f"/traces/{one['trace_id']}" for one in answer["traces"]]
    costs = [row.locator("td:last-child [data-value]").get_attribute("data-value") for row in rows.all()]
    assert costs == [one["cost_usd"] or "" for one in answer["traces"]]
    visit.page.get_by_text("Next page").click()
    visit.page.get_by_text("First page").wait_for()
    later = asked(site, "traces", order="dearest", cursor=answer["next_cursor"])
    assert rows.first.get_attribute("data-href") is not None
    assert later["traces"][0]["trace_id"] in (rows.first.get_attribute("data-href") or "")


def test_text_is_searched_and_marked(visit: Visit) -> None:
    """A Korean word finds its traces; another one finds nothing, and the page says what to do."""
    visit.open(f"/traces?{WINDOW}")
    field = visit.page.locator("input[name=q]")
    field.fill("환불")
    field.press("Enter")
    visit.page.wait_for_function("location.search.includes('q=')")
    visit.settled()
    assert visit.page.locator("mark").first.inner_text() == "환불"
    field.fill("nowhere")
    field.press("Enter")
    visit.page.get_by_text("No trace here").wait_for()


def test_only_errors_are_a_filter(site: Answering, visit: Visit) -> None:
    """The switch adds the filter of the API, and takes it away again."""
    visit.open(f"/traces?{WINDOW}")
    visit.page.locator(".h-segments a", has_text="Only errors").click()
    visit.page.locator(".h-chip").wait_for()
    visit.settled()
    shown = visit.page.locator('table[aria-label="Traces"] tbody tr').count()
    assert shown == len(asked(site, "traces", status="error")["traces"])
    visit.page.locator(".h-segments a", has_text="Only errors").click()
    visit.page.wait_for_function("!location.search.includes('status')")


def test_a_trace_shows_what_the_api_answers(site: Answering, visit: Visit) -> None:
    """Its figures, its conversation with markup as text, its scores; the link leads back to the list."""
    found = next(one for one in asked(site, "traces")["traces"] if one["spans"] == 2)
    answer = asked(site, f"traces/{found['trace_id']}")
    visit.open(f"/traces/{found['trace_id']}")
    assert visit.value("duration") == str(answer["duration_ms"])
    assert visit.value("spans") == str(answer["span_count"])
    assert visit.value("cost") == (answer["total_cost_usd"] or "")
    assert visit.value("input_tokens") == str(answer["total_input_tokens"])
    assert visit.page.locator(".c-message.is-assistant").first.inner_text().endswith("<b>사흘</b> 안에요.")
    assert visit.page.locator(".wf-row").count() == 2
    assert visit.complaints == []


def test_a_span_is_chosen_in_the_waterfall(site: Answering, visit: Visit) -> None:
    """A click and the arrow keys show another span, and the URL names it; that URL shows it again."""
    found = next(one for one in asked(site, "traces")["traces"] if one["spans"] == 2)
    answer = asked(site, f"traces/{found['trace_id']}")
    visit.open(f"/traces/{found['trace_id']}")
    for one in answer["spans"]:
        visit.page.locator(f"#wf-{one['span_id']}").click()
        visit.page.locator(".t-name", has_text=one["name"]).wait_for()
        assert f"span={one['span_id']}" in visit.query
    visit.page.keyboard.press("ArrowUp")
    visit.page.locator(".t-name", has_text=answer["spans"][0]["name"]).wait_for()
    visit.open(f"/traces/{found['trace_id']}{visit.query}")
    assert visit.page.locator(".t-name").inner_text() == answer["spans"][0]["name"]


def test_a_trace_of_ten_thousand_spans_draws_what_is_in_view(visit: Visit, long_trace: str) -> None:
    """All can be reached, few are drawn; folding the root leaves one row."""
    visit.open(f"/traces/{long_trace}")
    assert visit.value("spans") == str(ROWS)
    rows = visit.page.locator(".wf-row")
    visit.page.wait_for_function("document.querySelectorAll('.wf-row').length >= 10")
    assert rows.count() <= 80
    visit.page.locator(".wf-view").focus()
    visit.page.keyboard.press("End")
    visit.page.wait_for_function("document.querySelector('.t-name')?.textContent.startsWith('step ')")
    assert rows.count() <= 80
    visit.page.keyboard.press("Home")
    visit.page.locator(".t-name", has_text="step 0").wait_for()
    visit.page.keyboard.press("ArrowLeft")
    visit.page.wait_for_function("document.querySelectorAll('.wf-row').length === 1")


def test_an_unknown_trace_is_told(visit: Visit) -> None:
    """No empty frame, but what may be the reason."""
    visit.open("/traces/0123456789abcdef0123456789abcdef")
    assert visit.page.get_by_text("There is no such trace").is_visible()


def test_a_trace_of_another_project_is_unknown(site: Answering, context: BrowserContext) -> None:
    """A key sees the traces of its project alone, by address too."""
    foreign = asked(site, "traces", project="other")["traces"][0]["trace_id"]
    context.set_extra_http_headers({"Authorization": "Bearer default"})
    visit = Visit(context.new_page(), site.url).open(f"/traces/{foreign}")
    assert visit.page.get_by_text("There is no such trace").is_visible()


def test_sessions_are_the_apis(site: Answering, visit: Visit) -> None:
    """The list in its order; a session's totals and its timeline."""
    answer = asked(site, "sessions", order="dearest")
    visit.open(f"/sessions?{WINDOW}&order=dearest")
    rows = visit.page.locator('table[aria-label="Sessions"] tbody tr')
    assert rows.count() == len(answer["sessions"])
    first = answer["sessions"][0]
    rows.first.locator(".t-question").click()
    visit.page.wait_for_function("location.pathname === '/session'")
    visit.settled()
    for name, field in (("cost", "cost_usd"), ("requests", "requests"), ("errors", "errors"), ("traces", "traces")):
        assert visit.value(name) == str(first[field])
    assert visit.page.locator(".t-turns > li").count() == first["traces"]


def test_users_are_the_apis(site: Answering, visit: Visit) -> None:
    """The dearest first; a user's totals are those of the list."""
    first = asked(site, "users", order="dearest")["users"][0]
    visit.open(f"/users?{WINDOW}")
    visit.page.locator('table[aria-label="Users"] tbody a').first.click()
    visit.page.wait_for_function("location.pathname === '/user'")
    visit.settled()
    assert visit.page.locator(".t-id").inner_text() == first["user"]
    for name, field in (("cost", "cost_usd"), ("requests", "requests"), ("sessions", "sessions")):
        assert visit.value(name) == str(first[field])
    assert visit.complaints == []


def test_an_id_may_hold_any_character(site: Answering, visit: Visit) -> None:
    """A session named like a path or a query keeps its page."""
    name = "방/1?a=b&c#d <i>"
    row = call(900_000, session_id=name, user_id="u/1", start_time=T0_NS + 60 * 10**9)
    Inserter(site.client).insert("spans", pa.RecordBatch.from_pylist([row], schema=SPANS), "odd session")
    visit.open(f"/sessions?{WINDOW}&session={quote(name, safe='')}")
    visit.page.locator(".t-question").click()
    visit.page.wait_for_function("location.pathname === '/session'")
    visit.settled()
    assert visit.page.locator(".t-id").inner_text() == name
    assert visit.value("requests") == "1"
