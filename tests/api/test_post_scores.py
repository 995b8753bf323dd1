"""What `POST /api/v1/scores` takes and refuses; the problem names the field."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.questions import Answering, answering, taking

from haechi_collector.api.limits import SCORE_EXPLANATION_CHARS_MAX, SCORES_BYTES_MAX, SCORES_MAX

GOOD: dict[str, Any] = {"trace_id": "5b8efff798038103d269b633813fc60c", "name": "quality", "value": 0.5}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    directory = tmp_path_factory.mktemp("scores")
    with taking(directory) as way_in, answering(directory / "store", way_in) as running:
        yield running


@pytest.mark.parametrize(
    "score",
    [
        GOOD,
        [GOOD] * SCORES_MAX,
        {**GOOD, "value": None, "label": "👍", "span_id": "051581bf3cb55c13", "source": "check"},
        {**GOOD, "value": -1e300, "timestamp": "1970-01-01T00:00:00Z", "explanation": "\0'\\" * 5_000},
        {**GOOD, "value": 3, "evaluator": "가" * 85, "evaluator_version": None, "id": "가" * 500},
    ],
)
def test_what_is_right_is_taken(api: Answering, score: object) -> None:
    """One or a thousand, every field to its bounds; each has an id."""
    answer = api.post("scores", score)
    assert answer.status_code == 200, answer.text
    ids = answer.json()["ids"]
    assert len(set(ids)) == (len(score) if isinstance(score, list) else 1)


WRONG: list[tuple[str, object]] = [
    ("body", b""),
    ("body", b"{"),
    ("body", b"[]"),
    ("body", b"7"),
    ("body", [GOOD] * (SCORES_MAX + 1)),
    ("body", b'{"name": "\\ud800"}'),
    ("body", b"[" * 100_000),
    ("[1]", [GOOD, []]),
    ("trace_id", {"name": "quality", "value": 1}),
    ("trace_id", {**GOOD, "trace_id": "5b8efff7"}),
    ("trace_id", {**GOOD, "trace_id": "0" * 32}),
    ("trace_id", {**GOOD, "trace_id": "g" * 32}),
    ("trace_id", {**GOOD, "trace_id": f"{GOOD['trace_id']}\n"}),
    ("span_id", {**GOOD, "span_id": "0" * 16}),
    ("span_id", {**GOOD, "span_id": ""}),
    ("[2].trace_id", [GOOD, GOOD, {**GOOD, "trace_id": 5}]),
    ("name", {**GOOD, "name": ""}),
    ("name", {**GOOD, "name": "가" * 86}),
    ("value", {"trace_id": GOOD["trace_id"], "name": "quality"}),
    ("value", {**GOOD, "value": None, "label": ""}),
    ("value", {**GOOD, "value": True}),
    ("value", {**GOOD, "value": "0.5"}),
    ("value", json.dumps({**GOOD, "value": float("nan")}).encode()),
    ("value", json.dumps(GOOD).replace("0.5", "1e999").encode()),
    ("[1].value", [GOOD, {"trace_id": GOOD["trace_id"], "name": "quality"}]),
    ("label", {**GOOD, "label": "x" * 257}),
    ("explanation", {**GOOD, "explanation": "x" * (SCORE_EXPLANATION_CHARS_MAX + 1)}),
    ("source", {**GOOD, "source": "god"}),
    ("timestamp", {**GOOD, "timestamp": "2026-11-28T09:00:00"}),
    ("timestamp", {**GOOD, "timestamp": "1969-12-31T23:59:59Z"}),
    ("timestamp", {**GOOD, "timestamp": "2200-01-01T00:00:00Z"}),
    ("id", {**GOOD, "id": ""}),
    ("[1].id", [{**GOOD, "id": "a"}, {**GOOD, "id": "a"}]),
    ("comment", {**GOOD, "comment": "it is called explanation"}),
]


@pytest.mark.parametrize(("parameter", "body"), WRONG)
def test_what_is_wrong_is_named(api: Answering, parameter: str, body: object) -> None:
    """400, with the field as its path in the body; nothing of the request is kept."""
    answer = api.post("scores", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "wrong_parameter"), answer.text
    assert answer.json()["parameter"] == parameter
    assert answer.json()["detail"].startswith(f"{parameter}: ")


def test_a_body_that_is_too_long_or_no_json_is_refused(api: Answering) -> None:
    """413 before it is read to its end; 415 for what a form of another site could send."""
    assert api.post("scores", b" " * (SCORES_BYTES_MAX + 1)).status_code == 413
    assert api.post("scores", GOOD, content_type="text/plain").status_code == 415


def test_without_a_collector_the_sender_is_asked_to_come_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The API alone keeps nothing and says so; one whose collector is gone too."""
    directory = tmp_path_factory.mktemp("alone")
    with taking(directory) as way_in:
        pass
    for n, gone in enumerate((way_in, None)):
        with answering(directory / str(n), gone) as api:
            answer = api.post("scores", GOOD)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
