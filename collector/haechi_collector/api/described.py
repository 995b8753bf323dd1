"""What ``/openapi.json`` says beyond what FastAPI derives from the routes.

Guarantees: an operation's id is the name of its function, so that generated clients keep their names when a path
changes; an error is described with the media type that it really has; every operation that is behind the gate tells
how a key is sent and how it is refused; filters by attribute are an object whose members are query parameters.
"""

from copy import deepcopy
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute

from haechi_collector.api.access import BARE
from haechi_collector.api.described_probes import OPERATIONS
from haechi_collector.api.examples import add_examples
from haechi_collector.api.models_scores import GivenScore
from haechi_collector.api.problems import MEDIA_TYPE
from haechi_collector.query.dimensions import ATTRIBUTE

_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
_REFUSALS: Final = {
    "401": "A key is asked for here and none was sent, or it is not known",
    "403": "The key lacks the scope of the route",
    "429": "The key's quota is used up; `Retry-After` tells when to come back",
}
_KEYS: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, `hk_...` (`haechi keys create`)"},
    "basic": {"type": "http", "scheme": "basic", "description": "The key as the password; any user name"},
}
_ATTRIBUTES: Final = {
    "name": "attributes",
    "in": "query",
    "description": f"Filters by any attribute of a span or of its resource: `{ATTRIBUTE}KEY=VALUE`. Repeat it for "
    "alternatives.",
    "style": "form",
    "explode": True,
    "schema": {
        "type": "object",
        "propertyNames": {"pattern": f"^{ATTRIBUTE}.+$"},
        "additionalProperties": {"type": "string"},
    },
    "example": {f"{ATTRIBUTE}tenant": "acme"},
}
_DESCRIPTION: Final = (
    "Figures about LLM traffic as JSON, and read-only SQL. Money is exact, as text; unknown is null; times are UTC. "
    "Errors are problem details (RFC 9457) whose `parameter` names the wrong one."
)


class DescribedApi(FastAPI):
    """An application whose OpenAPI is complete."""

    def __init__(self, **options: Any) -> None:
        super().__init__(generate_unique_id_function=_name, description=_DESCRIPTION, **options)

    def openapi(self) -> dict[str, Any]:
        """Return the description; made once."""
        if self.openapi_schema is None:
            self.openapi_schema = _completed(super().openapi())
        return self.openapi_schema


def _name(route: APIRoute) -> str:
    return route.name


def _completed(schema: dict[str, Any]) -> dict[str, Any]:
    schema["components"]["securitySchemes"] = _KEYS
    schema["components"]["schemas"][GivenScore.__name__] = GivenScore.model_json_schema()
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            _complete(path, method, operation)
    add_examples(schema)
    return schema


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    operation.update(deepcopy(OPERATIONS.get(path, {}).get(method, {})))
    parameters = operation.get("parameters", [])
    if "service" in {one["name"] for one in parameters}:
        parameters.append(deepcopy(_ATTRIBUTES))
    responses = operation["responses"]
    if path not in BARE:
        operation["security"] = [{}, *({name: []} for name in _KEYS)]
        for status, text in _REFUSALS.items():
            responses.setdefault(status, _refusal_of_sql(text) if path == "/sql" else _problem(text))
    for status, response in responses.items():
        content = response.get("content", {})
        if content.get("application/json", {}).get("schema") == _PROBLEM:
            content[MEDIA_TYPE] = content.pop("application/json")
        if MEDIA_TYPE in content and status != "400":
            told = {"title": HTTPStatus(int(status)).phrase, "status": int(status), "detail": response["description"]}
            content[MEDIA_TYPE]["example"] = {"type": "about:blank", **told}


def _problem(text: str) -> dict[str, Any]:
    return {"description": text, "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}


def _refusal_of_sql(text: str) -> dict[str, Any]:
    example = f"Code: 516. DB::Exception: {text}. (AUTHENTICATION_FAILED)\n"
    return {"description": text, "content": {"text/plain": {"schema": {"type": "string"}, "example": example}}}
