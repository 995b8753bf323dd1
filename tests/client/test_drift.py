"""The client and docs/openapi.json are those of the API that the code serves."""

import importlib.util
import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import pytest

from haechi.client import Client, Score, answers

ROOT = Path(__file__).parents[2]

METHODS = {
    "/api/v1/summary": "summary",
    "/api/v1/latency": "latency",
    "/api/v1/costs": "costs",
    "/api/v1/costs/forecast": "forecast",
    "/api/v1/costs/report": "report",
    "/api/v1/compare": "compare",
    "/api/v1/traces": "traces",
    "/api/v1/traces/{trace_id}": "trace",
    "/api/v1/traces/{trace_id}/spans/{span_id}": "span",
    "/api/v1/sessions": "sessions",
    "/api/v1/sessions/{session_id}": "session",
    "/api/v1/users": "users",
    "/api/v1/users/{user_id}": "user",
    "/api/v1/requests": "requests",
    "/api/v1/facets": "facets",
    "/api/v1/attributes": "attributes",
    "/sql": "sql",
}
"""The method of each route."""

PROBES = {"/healthz", "/readyz", "/metrics"}
"""For machines that watch the collector, not for people with questions."""


def made() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_client", ROOT / "docs" / "make_client.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKER = made()
API: dict[str, Any] = json.loads(MAKER.described())


def test_the_shipped_description_is_the_one_that_is_served() -> None:
    """`python docs/make_client.py` was run after the last change of the API."""
    assert json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8")) == API


def test_the_answers_are_those_of_the_api() -> None:
    """Every field, its type and whether it may be missing."""
    folder = Path(answers.__file__).parent
    assert {path.name: path.read_text("utf-8") for path in folder.glob("*.py")} == MAKER.answers(API)


def test_every_route_has_a_method() -> None:
    """A route that is added needs one here."""
    routes = {path for path, operations in API["paths"].items() if "get" in operations}
    assert routes - PROBES == set(METHODS)
    assert {name for name in METHODS.values() if not hasattr(Client, name)} == set()


def accepted(method: str) -> set[str]:
    """The names that a method takes; ``cursor`` is the client's own business."""
    function = getattr(Client, method)
    own = [one for one in inspect.signature(function).parameters.values() if one.name != "self"]
    names = {one.name for one in own if one.kind is not inspect.Parameter.VAR_KEYWORD}
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in own):
        names |= set(get_type_hints(_unpacked(function)))
    return names


def _unpacked(function: Any) -> Any:
    (hint,) = [
        one.annotation for one in inspect.signature(function).parameters.values() if one.kind.name == "VAR_KEYWORD"
    ]
    return hint.__args__[0]


@pytest.mark.parametrize("path", sorted(set(METHODS) - {"/sql"}))
def test_every_parameter_of_a_route_is_one_of_its_method(path: str) -> None:
    """Neither lacks what the other has."""
    described = {one["name"] for one in API["paths"][path]["get"]["parameters"]}
    meant = {"from_" if name == "from" else name for name in described - {"cursor"}}
    assert accepted(METHODS[path]) == meant


def test_a_score_has_the_fields_of_the_api() -> None:
    """The same names, and the same are needed."""
    schema = API["components"]["schemas"]["GivenScore"]
    assert set(Score.__annotations__) == set(schema["properties"])
    assert set(Score.__required_keys__) == set(schema["required"])


def test_every_answer_is_public() -> None:
    """What a method returns can be imported, to annotate with."""
    assert set(answers.__all__) == {name for name in vars(answers) if name[0].isupper()}
