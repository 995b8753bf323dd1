"""The URL of a page and its state are one thing."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi_collector.errors import WrongParameter
from haechi_collector.query.dimensions import FILTERS
from haechi_collector.web.pages import PAGES
from haechi_collector.web.site import find_page
from haechi_collector.web.state import State, read_state

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
FILTER = st.tuples(st.sampled_from([*FILTERS, "attr:tenant", "attr:고객 사"]), st.text("가=&?#%+ \"'a/\\", max_size=8))


def reread(state: State) -> State:
    url = urlsplit(state.href)
    return read_state(state.path, url.query)


@given(
    window=st.sampled_from([("-1h", "now"), ("-7d", "now"), ("2026-09-21T14:00:00+09:00", "2026-09-22T00:00:00Z")]),
    filters=st.lists(FILTER, max_size=5, unique=True),
    live=st.booleans(),
    params=st.dictionaries(st.sampled_from(["group_by", "metric", "q", "sort"]), TEXT, max_size=3),
)
def test_a_state_is_read_back_from_its_url(
    window: tuple[str, str], filters: list[tuple[str, str]], live: bool, params: dict[str, str]
) -> None:
    """Whatever stands in the values: spaces, signs of URLs, Korean."""
    state = State("/costs", *window, tuple(filters), live, params)
    assert reread(state) == state


def test_defaults_are_left_out() -> None:
    """A short URL for what most people look at."""
    assert State().href == "/"
    assert State("/costs", from_="-7d").href == "/costs?from=-7d"


def test_another_page_keeps_the_window_and_filters_alone() -> None:
    """Time range and filters are shared; what belongs to a page stays there."""
    state = read_state("/latency", "from=-6h&model=gpt-4o&live=1&group_by=user&metric=ttft")
    assert state.at("/traces", order="slowest").href == "/traces?from=-6h&model=gpt-4o&live=1&order=slowest"


def test_groups_become_filters_where_they_can() -> None:
    """A filter of the same name is replaced; a column that is no filter is passed over."""
    state = read_state("/costs", "model=a&model=b")
    narrowed = state.of_group({"model": "c", "attr:tenant": "x", "error_type": "timeout"})
    assert narrowed.filters == (("model", "c"), ("attr:tenant", "x"))


def test_a_scope_has_the_callers_project() -> None:
    """Whatever the URL says."""
    scope = read_state("/", "model=m&project=other").scope(datetime.now(UTC), "mine")
    assert scope.project == "mine"
    assert scope.filters == {"model": ["m"]}


def test_a_wrong_window_is_named() -> None:
    """As the API names it."""
    with pytest.raises(WrongParameter, match=r"^from: "):
        read_state("/", "from=yesterday").scope(datetime.now(UTC), None)


def test_the_query_string_of_a_page_serves_the_api() -> None:
    """The API takes the window and filters as they stand."""
    state = read_state("/traces", "from=-6h&model=%EB%AA%A8%EB%8D%B8&attr:a=b&order=slowest")
    assert parse_qs(state.api_query) == {"from": ["-6h"], "to": ["now"], "model": ["모델"], "attr:a": ["b"]}


def test_every_page_is_found_by_its_path_and_no_other() -> None:
    """One page for each path; a part of a path cannot span several."""
    for page in PAGES:
        path = page.path.replace("{trace_id}", "abc")
        found = find_page(PAGES, path)
        assert found is not None
        assert found[0] is page
    assert find_page(PAGES, "/nothing") is None
    assert find_page(PAGES, "/traces/a/b") is None


def test_every_key_leads_to_one_page() -> None:
    """`g` and a letter."""
    keys = [page.key for page in PAGES if page.key]
    assert sorted(keys) == sorted(set(keys))
