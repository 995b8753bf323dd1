"""Examples in ``/openapi.json``: of every parameter, field and answer; and what an answer is.

Guarantee: what a model or a parameter gives as its example stands; a field without one has that of a field of the same
name in another model, a parameter without one has its default. The example of an answer is made of those of its fields,
so that it cannot lack one or keep one that is gone.
"""

from collections.abc import Iterator
from typing import Any, Final

_PATH: Final = {
    "trace_id": ("32 hexadecimal digits", "5b8efff798038103d269b633813fc60c"),
    "span_id": ("16 hexadecimal digits", "051581bf3cb55c13"),
    "session_id": ("A session's id, any text; a slash in it may be sent as it is or as `%2F`", "session-0042"),
    "user_id": ("A user's id, any text; a slash in it may be sent as it is or as `%2F`", "user-0007"),
}
"""What stands in a path: its description and an example."""

_TO: Final = "2026-11-23T09:00:00Z"
"""The end of a window, a day after the example of a time."""

_Schema = dict[str, Any]


def add_examples(api: _Schema) -> None:
    """Complete the description of an API."""
    schemas = api["components"]["schemas"]
    known = {name: one["examples"] for name, one in _fields(schemas) if "examples" in one}
    for name, field in _fields(schemas):
        if name == "to":
            field["examples"] = [_TO]
        if name in known and not _is_made(field):
            field.setdefault("examples", known[name])
    for operations in api["paths"].values():
        for operation in operations.values():
            _add_to(operation, schemas)


def _fields(schemas: _Schema) -> Iterator[tuple[str, _Schema]]:
    return ((name, field) for one in schemas.values() for name, field in one.get("properties", {}).items())


def _is_made(schema: _Schema) -> bool:
    """Whether an example follows from the schema: another model's, a list of them, or one of few words."""
    inner = [schema.get("items", {}), *schema.get("anyOf", [])]
    return any("$ref" in one or "enum" in one or "const" in one for one in [schema, *inner]) or (
        schema.get("type") == "boolean"
    )


def _add_to(operation: _Schema, schemas: _Schema) -> None:
    for parameter in operation.get("parameters", []):
        schema = parameter["schema"]
        if parameter["name"] in _PATH and parameter["in"] == "path":
            parameter["description"], example = _PATH[parameter["name"]]
            schema["examples"] = [example]
        elif "example" not in parameter and "examples" not in schema:
            schema["examples"] = [schema.get("default", schema.get("enum", [""])[0])]
    for response in operation["responses"].values():
        for content in response.get("content", {}).values():
            if "$ref" in content.get("schema", {}):
                model = schemas[content["schema"]["$ref"].rpartition("/")[2]]
                if response["description"] == "Successful Response":
                    response["description"] = model["description"]
                content.setdefault("example", example_of(model, schemas))


def example_of(schema: _Schema, schemas: _Schema) -> Any:
    """Return a value that the schema describes, made of the examples in it."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if "examples" in schema:
        return schema["examples"][0]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], schemas)
    if "properties" in schema:
        return {name: example_of(one, schemas) for name, one in schema["properties"].items()}
    if schema.get("type") == "array":
        return [example_of(schema["items"], schemas)]
    return schema.get("enum", [schema.get("const", False)])[0]
