"""What can be filtered by, in front of a real store."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.questions import Answering, answering, call, span

from haechi_collector.api import models_facets
from haechi_collector.query import limits
from haechi_collector.query.dimensions import COLUMNS


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    with answering(tmp_path_factory.mktemp("facets")) as running:
        yield running


def values(api: Answering, **asked: Any) -> list[tuple[str, int, int]]:
    return [(v["value"], v["spans"], v["requests"]) for v in api.get("facets", **asked)["values"]]


def filled(api: Answering) -> None:
    own = {"attributes_string": [("tenant", "가나")], "attributes_number": [("temperature", 0.5)]}
    others = {"attributes_bool": [("vip", True)], "resource_attributes": [("tenant", "가")]}
    api.fill(
        [
            call(1, request_model="gpt-4o", user_id="Ada", **own),
            call(2, request_model="gpt-4o", user_id="adam", **others),
            call(3, request_model="claude", user_id="철수"),
            span(4, request_model="claude", user_id="철수", operation="execute_tool"),
        ]
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"dimension": "model"}, [("gpt-4o", 2, 2), ("claude", 2, 1)]),
        ({"dimension": "operation"}, [("chat", 3, 3), ("execute_tool", 1, 0)]),
        ({"dimension": "user", "q": "ADA"}, [("Ada", 1, 1), ("adam", 1, 1)]),
        ({"dimension": "user", "q": "철"}, [("철수", 2, 1)]),
        ({"dimension": "user", "q": "수"}, []),
        ({"dimension": "user", "q": "%"}, []),
        ({"dimension": "attr:tenant"}, [("가", 1, 1), ("가나", 1, 1)]),
        ({"dimension": "attr:temperature"}, [("0.5", 1, 1)]),
        ({"dimension": "attr:vip"}, [("true", 1, 1)]),
        ({"dimension": "attr:user.id", "limit": 1}, [("철수", 2, 1)]),
        ({"dimension": "session"}, []),
        ({"dimension": "model", "user": "Ada"}, [("gpt-4o", 1, 1)]),
        ({"dimension": "model", "model": "claude"}, [("gpt-4o", 2, 2), ("claude", 2, 1)]),
        ({"dimension": "attr:tenant", "attr": {"tenant": "가"}}, [("가", 1, 1), ("가나", 1, 1)]),
    ],
)
def test_values_are_counted_by_what_they_begin_with(
    api: Answering, asked: dict[str, Any], expected: list[tuple[str, int, int]]
) -> None:
    """Columns and attributes; other filters narrow, the dimension's own does not; empty values are none."""
    filled(api)
    assert sorted(values(api, **asked)) == sorted(expected)


@pytest.mark.parametrize("dimension", sorted(COLUMNS))
def test_every_dimension_has_facets(api: Answering, dimension: str) -> None:
    """Those that can be grouped by."""
    filled(api)
    assert models_facets.Facets.model_validate(api.get("facets", dimension=dimension))


def test_the_most_frequent_are_shown_and_all_are_counted(api: Answering) -> None:
    """A menu of a hundred thousand users shows the first of them."""
    api.fill([call(n, user_id=f"u{n % 30}") for n in range(100)])
    answer = api.get("facets", dimension="user", limit=10)
    assert (len(answer["values"]), answer["values_in_all"]) == (10, 30)
    assert {v["requests"] for v in answer["values"]} == {4}


def test_attribute_keys_have_types_and_counts(api: Answering) -> None:
    """Of spans and of their resources; a key with two types stands twice."""
    filled(api)
    answer = api.get("attributes")
    found = [(a["key"], a["type"], a["of"], a["spans"]) for a in answer["attributes"]]
    assert found == [
        ("temperature", "number", "span", 1),
        ("tenant", "string", "resource", 1),
        ("tenant", "string", "span", 1),
        ("vip", "bool", "span", 1),
    ]
    assert (answer["spans"], answer["is_sampled"], answer["attributes_in_all"]) == (4, False, 4)
    assert models_facets.Attributes.model_validate(answer)
    assert [a["key"] for a in api.get("attributes", user="Ada", limit=1)["attributes"]] == ["temperature"]


def test_of_many_spans_the_newest_are_read(api: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the answer says from when on."""
    monkeypatch.setattr(limits, "ATTRIBUTE_SPANS_MAX", 10)
    api.fill([call(n, attributes_string=[(f"k{n}", "v")]) for n in range(25)])
    answer = api.get("attributes")
    assert (answer["spans"], answer["is_sampled"], answer["from"]) == (10, True, "2026-09-21T14:13:34.000000001Z")
    assert {a["key"] for a in answer["attributes"]} == {f"k{n}" for n in range(15, 25)}
    assert api.get("attributes", to="2026-09-21T14:13:31Z")["is_sampled"] is True
    assert api.get("attributes", to="2026-09-21T14:13:30Z")["is_sampled"] is False


def test_a_key_sees_values_of_its_project_alone(api: Answering) -> None:
    """And attribute keys."""
    rows = [call(n, project=p, user_id=p, attributes_string=[(p, "v")]) for n, p in enumerate(["alpha", "beta"])]
    api.fill(rows)
    assert [v["value"] for v in api.get("facets", "alpha", dimension="user")["values"]] == ["alpha"]
    assert [a["key"] for a in api.get("attributes", "beta")["attributes"]] == ["beta"]
    assert api.get("facets", "gamma")["values"] == api.get("attributes", "gamma")["attributes"] == []


def test_an_empty_store_has_no_values(api: Answering) -> None:
    """No rows, no error."""
    api.fill([])
    assert api.get("facets", dimension="attr:x")["values"] == api.get("attributes")["attributes"] == []


@pytest.mark.parametrize(
    ("path", "wrong", "parameter"),
    [
        ("facets", {"dimension": "input_messages"}, "dimension"),
        ("facets", {"dimension": "attr:"}, "dimension"),
        ("facets", {"q": "x" * 257}, "q"),
        ("facets", {"limit": 1_001}, "limit"),
        ("facets", {"prefix": "x"}, "prefix"),
        ("attributes", {"dimension": "model"}, "dimension"),
        ("attributes", {"from_": "x"}, "from"),
    ],
)
def test_a_wrong_parameter_is_named(api: Answering, path: str, wrong: dict[str, Any], parameter: str) -> None:
    """As problem JSON with status 400."""
    answer = api.ask(path, **wrong)
    assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)
