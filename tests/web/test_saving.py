"""Recommendations in words: English as the API says them, Korean from the same figures."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from tests.api.test_report import SYSTEM, paid, said, scored
from tests.questions import Answering, answering

from haechi_collector.query.recommendation import Kind
from haechi_collector.web import words_saving
from haechi_collector.web.language import Translator
from haechi_collector.web.saving import assumptions_of, title_of

EN, KO = Translator("en"), Translator("ko")
PAIRS = ("a question " * 20, "an answer " * 20, "another one " * 20, "its answer " * 20)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    with answering(tmp_path_factory.mktemp("saving")) as running:
        yield running


def examples(pairs: int, **columns: Any) -> list[dict[str, Any]]:
    """Requests that all begin with the same instructions and examples."""
    shown = PAIRS[: 2 * pairs]
    return [
        paid(n, system_instructions=SYSTEM, input_messages=said(*shown, f"q {n:06d}"), **columns) for n in range(20)
    ]


def failed(**columns: Any) -> list[dict[str, Any]]:
    return [paid(n, status_code="error", **columns) for n in range(3)]


def unknown(model: str) -> list[dict[str, Any]]:
    details = {"cost_usd": None, "cost_source": "unpriced", "cost_details": [("unpriced", "unknown_model")]}
    return [{**paid(n), "request_model": model, "response_model": "", **details} for n in range(2)]


CASES: dict[str, list[tuple[Any, ...]]] = {
    "prompt_caching": [(examples(0, prompt_name="답변"),), (examples(0, service_name="shop"),)],
    "few_shot": [(examples(1),), (examples(2, prompt_name="p"),)],
    "repeated_requests": [([paid(n, input_messages=said(f"text {n % 3}")) for n in range(12)],)],
    "cheaper_model": [scored({"gpt-4o": 0.9, "gpt-4o-mini": 0.89})],
    "paid_errors": [(failed(error_type="timeout"),), (failed(),)],
    "unpriced": [(unknown("acme-1"),), (unknown(""),)],
}


def test_every_kind_is_here() -> None:
    """In the cases below, and with its words."""
    assert set(get_args(Kind)) == set(CASES) == set(words_saving.TITLES) == set(words_saving.ASSUMPTIONS)


@pytest.mark.parametrize(("kind", "rows"), [(kind, rows) for kind, cases in CASES.items() for rows in cases])
def test_the_page_says_what_the_api_says(api: Answering, kind: str, rows: tuple[Any, ...]) -> None:
    """The English words are the API's own; the Korean ones hold the same numbers and names; each fact has a name."""
    api.fill(*rows)
    (one,) = [one for one in api.get("costs/report")["recommendations"] if one["kind"] == kind]
    assert title_of(one, EN) == one["title"]
    assert assumptions_of(one, EN) == one["assumptions"]
    korean = title_of(one, KO)
    assert re.search("[가-힣]", korean)
    assert [number for number in re.findall(r"\d[\d,]*", title_of(one, EN)) if number not in korean] == []
    shown = {name for name, value in one["evidence"].items() if isinstance(value, str | int | float)}
    assert shown <= words_saving.FACTS.keys()
