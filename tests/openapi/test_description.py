"""What ``/openapi.json`` says is complete, and right by its own schema."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import validator_for
from prometheus_client import CollectorRegistry

from haechi_collector.api.app import ApiState, create_api
from haechi_collector.query.sql import SqlReader


class Ready:
    """Nothing to say."""

    def parts(self) -> dict[str, str]:
        return {}


API = create_api(ApiState(Ready(), CollectorRegistry(), SqlReader("http://127.0.0.1:1"))).openapi()
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, operations in API["paths"].items()
    for method, operation in operations.items()
]
IDS = [name for name, _ in OPERATIONS]
QUESTIONS = [one for one in OPERATIONS if "/api/v1/" in one[0]]


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a value is as a schema says, with the components at hand."""
    return validator_for({**schema, "components": API["components"]}).is_valid(value)


def examples(schema: dict[str, Any]) -> Iterator[Any]:
    yield from schema.get("examples", [])
    if "example" in schema:
        yield schema["example"]


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=IDS)
def test_every_parameter_has_a_description_and_a_right_example(name: str, operation: dict[str, Any]) -> None:
    """What the example says is what the schema takes."""
    for parameter in operation.get("parameters", []):
        assert parameter["description"], f"{name}: {parameter['name']}"
        shown = [*examples(parameter), *examples(parameter["schema"])]
        assert shown, f"{name}: {parameter['name']}"
        assert [one for one in shown if not fits(one, parameter["schema"])] == [], f"{name}: {parameter['name']}"


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=IDS)
def test_every_answer_is_described_with_an_example(name: str, operation: dict[str, Any]) -> None:
    """Errors too; the example of an answer is one by its own schema."""
    assert operation["description"], name
    for status, response in operation["responses"].items():
        assert response["description"] not in {"", "Successful Response"}, f"{name}: {status}"
        for content in response["content"].values():
            assert fits(content["example"], content["schema"]), f"{name}: {status}"


@pytest.mark.parametrize(("name", "operation"), QUESTIONS, ids=[name for name, _ in QUESTIONS])
def test_a_question_tells_how_it_is_refused(name: str, operation: dict[str, Any]) -> None:
    """As problem details, for every reason that docs/api.md names."""
    needed = {"400", "401", "403", "429", "503"} | ({"404"} if "{" in name else set())
    needed |= {"422"} if name.startswith("GET ") else {"413", "415"}
    responses = operation["responses"]
    assert needed <= responses.keys()
    assert all(list(responses[status]["content"]) == ["application/problem+json"] for status in needed)


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=IDS)
def test_every_body_has_a_description_and_a_right_example(name: str, operation: dict[str, Any]) -> None:
    """Of what is posted."""
    body = operation.get("requestBody", {"description": "none", "content": {}})
    assert body["description"], name
    assert all(fits(content["example"], content["schema"]) for content in body["content"].values())


@pytest.mark.parametrize("name", sorted(API["components"]["schemas"]))
def test_every_field_has_an_example(name: str) -> None:
    """Of its own, or one that follows from its type."""
    model = API["components"]["schemas"][name]
    assert model["description"]
    wrong = [
        (field, one)
        for field, schema in model["properties"].items()
        for one in examples(schema)
        if not fits(one, schema)
    ]
    assert wrong == []


def test_operations_are_named_for_what_they_do() -> None:
    """Names of functions, so that generated clients keep theirs when a path changes."""
    names = [operation["operationId"] for _, operation in OPERATIONS]
    assert len(names) == len(set(names))
    assert [one for one in names if not one.isidentifier() or "api_v1" in one] == []
