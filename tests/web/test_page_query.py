"""The SQL page: asks /sql from the browser, shows every digit, holds no more than it shows."""

from typing import Any

import httpx2
import pytest
from tests.questions import Answering
from tests.web.conftest import Visit

from haechi_collector.web.sql_examples import EXAMPLES

_RUNNING = "SELECT count() AS n FROM system.processes WHERE query LIKE '%= 42%' AND query NOT LIKE '%processes%'"


def run(visit: Visit, query: str) -> None:
    """Write a query into the editor and run it with the keyboard."""
    editor = visit.page.locator(".cm-content")
    editor.click()
    visit.page.keyboard.press("Control+a")
    visit.page.keyboard.insert_text(query)
    visit.page.keyboard.press("Control+Enter")
    visit.page.wait_for_function("!document.querySelector('.q-busy')")


def cells(visit: Visit) -> list[list[str]]:
    return [
        row.locator("[role=cell]").all_inner_texts() for row in visit.page.locator(".q-grid .q-row:not(.q-names)").all()
    ]


@pytest.mark.parametrize(("title", "query"), EXAMPLES, ids=lambda one: one.en if isinstance(one, tuple) else "")
def test_every_example_runs(site: Answering, title: Any, query: str) -> None:
    """The guard lets it through, and the engine answers."""
    answer = httpx2.post(f"{site.url}/sql", content=query, trust_env=False, timeout=60)
    assert answer.status_code == 200, f"{title.en}: {answer.text}"


def test_a_query_shows_every_digit(visit: Visit) -> None:
    """64-bit numbers and decimals are shown whole, NULL as such; the URL keeps the query."""
    visit.open("/query")
    run(
        visit,
        "SELECT 18446744073709551615 AS big, toDecimal64('0.000000000001', 12) AS small, NULL AS none, '<b>' AS text",
    )
    assert cells(visit) == [["18446744073709551615", "0.000000000001", "NULL", "<b>"]]
    assert "18446744073709551615" in visit.query
    visit.open(f"/query{visit.query}")
    visit.page.wait_for_function("document.querySelectorAll('[role=cell]').length === 4")


def test_the_answer_is_that_of_sql(site: Answering, visit: Visit) -> None:
    """Cost by version on the page, to the last digit."""
    query = "SELECT prompt_version, sum(cost_usd) AS usd FROM spans WHERE prompt_version != '' GROUP BY 1 ORDER BY 1"
    visit.open("/query")
    run(visit, query)
    told = [
        list(row.values())
        for row in site.client.query(f"SELECT prompt_version, toString(usd) FROM ({query})").to_pylist()
    ]
    assert cells(visit) == told


def test_an_error_is_told_in_the_engines_words(visit: Visit) -> None:
    """A refused query and a wrong one say why."""
    visit.open("/query")
    run(visit, "SELECT * FROM file('/etc/passwd')")
    visit.page.locator(".q-error", has_text="the function file is refused").wait_for()
    run(visit, "SELECT no_such_column FROM spans")
    visit.page.locator(".q-error", has_text="no_such_column").wait_for()
    run(visit, "SELECT 1 AS fine")
    assert visit.page.locator(".q-error").count() == 0


def test_a_large_answer_is_held_in_part(visit: Visit) -> None:
    """Of a million rows ten thousand are held and few are drawn; the page says that there are more."""
    visit.open("/query")
    run(visit, "SELECT number FROM numbers(1000000)")
    assert visit.page.locator(".q-told").inner_text().startswith("10,000 rows (the first; save to have all)")
    assert visit.page.locator(".q-grid .q-row").count() < 100


def test_a_running_query_is_stopped(site: Answering, visit: Visit) -> None:
    """Stop ends it in the browser and in the engine."""
    visit.open("/query")
    visit.page.locator(".cm-content").click()
    visit.page.keyboard.press("Control+a")
    visit.page.keyboard.insert_text("SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 42")
    visit.page.keyboard.press("Control+Enter")
    visit.page.get_by_role("button", name="Stop").click()
    visit.page.locator(".q-told", has_text="Stopped").wait_for()
    for _ in range(100):
        running = site.client.query(_RUNNING).to_pylist()[0]["n"]
        if not running:
            break
        visit.page.wait_for_timeout(100)
    assert running == 0


def test_a_chart_is_drawn_of_the_answer(visit: Visit) -> None:
    """Time goes along x, a text tells series apart; a canvas is there, without complaints."""
    visit.open("/query")
    run(
        visit,
        "SELECT toStartOfMinute(start_time) AS t, prompt_version, count() AS calls FROM spans GROUP BY ALL ORDER BY t",
    )
    visit.page.locator(".h-segments a", has_text="Chart").click()
    visit.page.locator(".q-canvas canvas").wait_for()
    chosen = [
        one.evaluate("e => e.options[e.selectedIndex].text") for one in visit.page.locator(".q-chart select").all()
    ]
    assert chosen == ["Line", "t", "calls", "prompt_version"]
    assert visit.complaints == []


def test_columns_are_found_and_inserted(visit: Visit) -> None:
    """The schema browser narrows down, and a click writes the name."""
    visit.open("/query")
    visit.page.locator(".cm-content").click()
    visit.page.keyboard.press("Control+a")
    visit.page.locator(".q-find").fill("ttft")
    visit.page.locator(".q-column", has_text="ttft_ns").first.click()
    assert visit.page.locator(".cm-content").inner_text().strip() == "ttft_ns"


def test_what_is_saved_is_the_whole_answer(visit: Visit) -> None:
    """The links lead to /sql with the query and a format."""
    visit.open("/query")
    run(visit, "SELECT number FROM numbers(20000)")
    with visit.page.expect_download() as saved:
        visit.page.locator(".q-export a", has_text="CSV").click()
    assert saved.value.suggested_filename == "haechi.csv"
    assert len(saved.value.path().read_text().splitlines()) == 20_001
