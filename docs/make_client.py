"""Write docs/openapi.json, and the answers of `haechi.client` from it: `python docs/make_client.py`.

An answer becomes a frozen dataclass. One module holds what one route answers; what several do is in ``common``. Text
of format ``decimal`` is `Decimal`, ``date-time`` an aware `datetime`, ``date`` a `date`.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from prometheus_client import CollectorRegistry

from haechi_collector.api.app import ApiState, create_api
from haechi_collector.query.sql import SqlReader

DOCS = Path(__file__).parent
ANSWERS = DOCS.parent / "instrumentation" / "haechi" / "client" / "answers"
COMMON = "common"
_FORMATS = {"decimal": "Decimal", "date-time": "datetime", "date": "date"}
_SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_NOTE = "Written by docs/make_client.py: change the API's models instead."
_UNSAID = (
    "US dollars, exact, as text",
    "US dollars as text",
    "A number; text where the unit is usd",
    "RFC 3339",
    "From 0 to 1; null where there is nothing to count",
)
"""Descriptions of types that many fields have; Python's types and the names of the fields say the same."""


class _Ready:
    def parts(self) -> dict[str, str]:
        return {}


def openapi() -> dict[str, Any]:
    """Return the description of the API that the code serves."""
    state = ApiState(_Ready(), CollectorRegistry(), SqlReader("http://127.0.0.1:1"))
    return create_api(state).openapi()


def described() -> str:
    """Return docs/openapi.json."""
    return json.dumps(openapi(), indent=1, ensure_ascii=False) + "\n"


def answers(api: dict[str, Any]) -> dict[str, str]:
    """Return the text of each module of ``haechi.client.answers``."""
    schemas = api["components"]["schemas"]
    homes = _homes(api)
    modules = {"__init__.py": _index(homes)}
    for module in sorted(set(homes.values())):
        own = [name for name in _in_order(schemas) if homes.get(name) == module]
        modules[f"{module}.py"] = _module(module, own, homes, schemas)
    return {name: _formatted(text) for name, text in modules.items()}


def _homes(api: dict[str, Any]) -> dict[str, str]:
    """Return the module of each answer: that of the only route that needs it, else ``common``."""
    users: dict[str, set[str]] = {}
    for path, operations in api["paths"].items():
        for operation in operations.values():
            content = operation["responses"].get("200", {}).get("content", {})
            for name in _names(content.get("application/json", {}), api["components"]["schemas"]):
                users.setdefault(name, set()).add(_module_of(path))
    return {name: next(iter(routes)) if len(routes) == 1 else COMMON for name, routes in users.items()}


def _module_of(path: str) -> str:
    fixed = [part for part in path.removeprefix("/api/v1/").split("/") if not part.startswith("{")]
    return fixed[-1]


def _names(schema: object, schemas: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            name = str(one.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found.add(name)
                waiting.append(schemas[name])
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    return found


def _in_order(schemas: dict[str, Any]) -> Iterator[str]:
    """Yield the names so that one comes after those that it mentions."""
    done: set[str] = set()

    def visit(name: str) -> Iterator[str]:
        if name in done:
            return
        done.add(name)
        for other in sorted(_names(schemas[name], schemas) - {name}):
            yield from visit(other)
        yield name

    for name in sorted(schemas):
        yield from visit(name)


def _module(module: str, own: list[str], homes: dict[str, str], schemas: dict[str, Any]) -> str:
    body = "\n\n".join(_class(name, schemas[name]) for name in own)
    foreign = sorted({other for name in own for other in _names(schemas[name], schemas) if homes[other] != module})
    imports = "\n".join(f"from haechi.client.answers.{homes[name]} import {name}" for name in foreign)

    what = f"What `{module}` answers." if module != COMMON else "Parts of several answers."
    return f'''"""{what} {_NOTE}"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from haechi.client._answer import Answer
{imports}

{body}
'''


def _class(name: str, schema: dict[str, Any]) -> str:
    needed = set(schema.get("required", []))
    members = sorted(schema["properties"].items(), key=lambda one: one[0] not in needed)
    told = [
        f"        {_python(key)}: {_sentence(one['description'])}"
        for key, one in members
        if not one.get("description", _UNSAID[0]).startswith(_UNSAID)
    ]
    text = schema["description"].replace("``", "`")
    doc = f'    """{text}' + ("\n\n    Attributes:\n" + "\n".join(told) + '\n    """' if told else '"""')
    lines = [f"    {_python(key)}: {_type(one)}{'' if key in needed else _default(one)}" for key, one in members]
    return "\n".join(
        ["@dataclass(frozen=True, slots=True, kw_only=True, repr=False)", f"class {name}(Answer):", doc, "", *lines]
    )


def _python(key: str) -> str:
    return "from_" if key == "from" else key


def _sentence(text: str) -> str:
    text = text.replace("null", "None")
    return text[0].lower() + text[1:] if text[1:2].islower() and not text.startswith("None") else text


def _default(schema: dict[str, Any]) -> str:
    value = schema.get("default")
    return " = field(default_factory=list)" if value == [] else f" = {value!r}"


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        kinds = [_type({**one, "format": one.get("format", schema.get("format"))}) for one in schema["anyOf"]]
        return " | ".join(dict.fromkeys(kinds))
    if "enum" in schema or "const" in schema:
        return f"Literal[{', '.join(repr(one) for one in schema.get('enum', [schema.get('const')]))}]"
    kind = schema.get("type")
    if kind == "array":
        return f"list[{_type(schema['items'])}]"
    if kind == "object":
        members = schema.get("additionalProperties", True)
        return f"dict[str, {'Any' if members is True else _type(members)}]"
    return _scalar(schema)


def _scalar(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    kind = schema.get("type", "")
    return _FORMATS.get(schema.get("format") or "", "str") if kind == "string" else _SCALARS.get(kind, "Any")


def _index(homes: dict[str, str]) -> str:
    imports = "\n".join(f"from haechi.client.answers.{homes[name]} import {name}" for name in sorted(homes))
    listed = ", ".join(f'"{name}"' for name in sorted(homes))
    return f'"""Every answer of the API, as a frozen dataclass. {_NOTE}"""\n\n{imports}\n\n__all__ = [{listed}]\n'


def _formatted(text: str) -> str:
    for command in (["check", "--quiet", "--fix", "--select", "I,F401"], ["format", "--quiet"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(ANSWERS / "x.py"), "-"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd=DOCS.parent,
        )
        if not done.stdout:
            raise SystemExit(f"{done.stderr}\n{text}")
        text = done.stdout
    return text


def main() -> None:
    """Write both."""
    (DOCS / "openapi.json").write_text(described(), "utf-8")
    ANSWERS.mkdir(exist_ok=True)
    texts = answers(cast("dict[str, Any]", json.loads(described())))
    for name, text in texts.items():
        (ANSWERS / name).write_text(text, "utf-8")
    for path in ANSWERS.glob("*.py"):
        if path.name not in texts:
            path.unlink()


if __name__ == "__main__":
    main()
