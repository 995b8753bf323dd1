"""How ``/openapi.json`` describes the routes that answer no JSON of ours: ``/sql``, ``/metrics``, and the probes."""

from typing import Any, Final

_TEXT: Final = {"type": "string"}
_ERROR: Final = "Code: 62. DB::Exception: Syntax error: ... (SYNTAX_ERROR)\n"


def _text(description: str, example: str = _ERROR) -> dict[str, Any]:
    return {"description": description, "content": {"text/plain": {"schema": _TEXT, "example": example}}}


def _query(name: str, description: str, example: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": {**_TEXT, "examples": [example]}}


_SQL_PARAMETERS: Final = [
    _query("query", "One read-only statement; joined with the body by a line break", "SELECT count() FROM spans"),
    _query("default_format", "Format of the answer where the text names none", "JSONEachRow"),
    _query("query_id", "Up to 100 letters, digits and `_.:-`; comes back in `X-ClickHouse-Query-Id`", "report-7"),
    _query("database", "`haechi`, the only one", "haechi"),
    {
        "name": "parameters",
        "in": "query",
        "description": "`param_NAME` is the value of `{NAME:Type}` in the text; a setting has its own name",
        "style": "form",
        "explode": True,
        "schema": {"type": "object", "additionalProperties": _TEXT},
        "example": {"param_model": "gpt-4o-mini"},
    },
]
_SQL_RESPONSES: Final = {
    "200": {
        "description": "The rows, streamed, in the format that was asked for",
        "content": {"*/*": {"schema": {}, "example": '{"count()":"5008"}\n'}},
    },
    "400": _text("ClickHouse finds the statement wrong, or it takes more memory or rows than it may"),
    "404": _text("A table or a database is not there"),
    "408": _text("ClickHouse stopped the statement: it took too long"),
    "413": _text("The statement is too long"),
    "501": _text("ClickHouse has not got this"),
    "503": _text("Too many queries run already, or the store does not answer"),
    "504": _text("The query took too long"),
}
_BODY: Final = {
    "description": "The statement, or its rest",
    "required": False,
    "content": {"text/plain": {"schema": _TEXT, "example": "SELECT count() FROM spans"}},
}
_STATUS: Final = {"type": "object", "properties": {"status": _TEXT}, "required": ["status"]}
_READY: Final = {**_STATUS, "properties": {**_STATUS["properties"], "parts": {"type": "object"}}}  # type: ignore[dict-item]


def _json(schema: object, description: str, example: object) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema, "example": example}}}


OPERATIONS: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "/sql": {
        "get": {"parameters": _SQL_PARAMETERS, "responses": _SQL_RESPONSES},
        "post": {"parameters": _SQL_PARAMETERS, "requestBody": _BODY, "responses": _SQL_RESPONSES},
    },
    "/metrics": {
        "get": {
            "description": "The collector's own metrics (docs/metrics.md).",
            "responses": {"200": _text("Prometheus' text format", "haechi_ready 1.0\n")},
        }
    },
    "/healthz": {
        "get": {
            "description": "Whether the process answers.",
            "responses": {"200": _json(_STATUS, "It does", {"status": "ok"})},
        }
    },
    "/readyz": {
        "get": {
            "description": "Whether every part works.",
            "responses": {
                "200": _json(_READY, "Every part works", {"status": "ready", "parts": {"store": "ok"}}),
                "503": _json(_READY, "A part does not", {"status": "not ready", "parts": {"store": "away"}}),
            },
        }
    },
}
"""By path and method: what takes the place of what FastAPI derives."""
