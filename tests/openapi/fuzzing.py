"""Asks every route of a running API what schemathesis makes of its OpenAPI, and words that parsers stumble over.

An answer is wrong when it is a server's error, a status, media type or body that the OpenAPI does not describe. Shared
by the test and by bench/openapi_fuzz.py. Source: https://schemathesis.readthedocs.io
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
TIMES: Final = [
    "-1h", "-36500d", "+1h", "now", "2026-09-21T00:00:00Z", "2026-09-23T00:00:00+09:00", "1970-01-01T00:00:00Z",
    "2261-12-31T23:59:59.999999999Z", "2262-01-01T00:00:01Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "-0s", "",
]  # fmt: skip
TEXTS: Final = ["", "'", "\\", "%", "\0", "\n", "{a:String}", "가", "𝕏", "\ud7ff", "a" * 300, "*" * 60, "attr:", "-1"]
DIMENSIONS: Final = ["model", "attr:tenant", "attr:", "attr:'\\", "user,session,model,service,status", "nothing", ""]
NUMBERS: Final = [
    "0",
    "1",
    "-1",
    "200",
    "1001",
    "1e3",
    "nan",
    "0.5,0.5",
    "1e999",
    "0.999999999999",
    "99999999999999999999",
]
WORDS: Final[dict[str, list[str]]] = {
    **dict.fromkeys(["from", "to", "baseline_from", "baseline_to", "at"], TIMES),
    **dict.fromkeys(["group_by", "by", "dimension"], DIMENSIONS),
    **dict.fromkeys(["limit", "quantiles", "budget_usd"], NUMBERS),
    "interval": ["auto", "1s", "1h", "1w", "0s", "999999w", "1", "-1h", "1h1m"],
    "cursor": ["eyJ9", "e30", "bnVsbA", "W10", "....", "AAAA" * 100],
    "query": ["SELECT 1", "SELECT * FROM spans", "SELECT", "SELECT {x:UInt8}", "SELECT 1/0", "SELECT throwIf(1)"],
    "default_format": ["JSON", "Parquet", "Nothing", "Null", "CSV"],
}
"""By parameter, what a person may write and a parser may stumble over; the rest takes any of `TEXTS`."""


SINCE: Final = {"from": TIMES[4]}
"""The window in which what `Fuzzer.ids` names is found."""

ANY_TEXT: Final = {"service", "user", "q", "model", "a", "b"}


@dataclass
class Fuzzer:
    """Asks a running API.

    Attributes:
        url: where it is.
        examples: how often an operation is asked with what fits its schema, and as often with what does not.
        seed: the same one asks the same.
        ids: what stands in paths and is there, by the path's parameter.
        statuses: how often each came, by operation.
        wrong: one line for each kind of wrong answer.
    """

    url: str
    examples: int
    seed: int = 1
    ids: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)

    def run(self, prefix: str = "/") -> None:
        """Ask every operation below ``prefix``."""
        schema = schemathesis.openapi.from_url(f"{self.url}/openapi.json")
        with requests.Session() as session:
            session.trust_env = False
            for result in schema.get_all_operations():
                operation = result.ok()
                if operation.path.startswith(prefix):
                    self._ask_example(operation, session)
                    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                        self._ask(operation, mode, session)

    def _ask_example(self, operation: Any, session: requests.Session) -> None:
        """Ask with the body that the OpenAPI shows, if it shows one."""
        content = operation.definition.raw.get("requestBody", {}).get("content", {})
        for media_type, shown in content.items():
            if "example" in shown:
                case = operation.Case(body=shown["example"], media_type=media_type)
                self._judge(f"{operation.method.upper()} {operation.path}", case, case.call(session=session))

    def _ask(self, operation: Any, mode: GenerationMode, session: requests.Session) -> None:
        known = sorted({one.name for one in operation.query} & (WORDS.keys() | ANY_TEXT))

        @seed(self.seed)
        @settings(max_examples=self.examples, **_SETTINGS)
        @given(operation.as_strategy(generation_mode=mode), st.data())
        def ask(case: Any, data: st.DataObject) -> None:
            names = data.draw(st.lists(st.sampled_from(known), max_size=3, unique=True)) if known else []
            words = {name: data.draw(st.sampled_from(WORDS.get(name, TEXTS))) for name in names}
            case.query = {**(case.query or {}), **words}
            if case.path_parameters and mode is GenerationMode.POSITIVE and data.draw(st.booleans()):
                case.path_parameters = {name: self.ids.get(name, text) for name, text in case.path_parameters.items()}
                case.query = {name: text for name, text in SINCE.items() if name in known}
            self._judge(f"{operation.method.upper()} {operation.path}", case, case.call(session=session))

        try:
            ask()
        except Unsatisfiable:  # no wrong value exists where nothing, or any text, is right
            if mode is GenerationMode.POSITIVE:
                raise

    def _judge(self, name: str, case: Any, answer: Any) -> None:
        self.statuses.setdefault(name, Counter())[answer.status_code] += 1
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as error:
            kind = f"{name} {answer.status_code} {type(error.exceptions[0]).__name__}"
            self.wrong.setdefault(kind, f"{kind}: {answer.text[:300]!r} to {answer.request.url}")


_SETTINGS: Final[dict[str, Any]] = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
    "phases": [Phase.generate],
}
