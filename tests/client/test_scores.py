"""Scores from a script: in requests of a thousand, with ids of their own."""

from datetime import UTC, datetime

import pytest
from tests.questions import Answering

from haechi.client import Client, Score, WrongParameter

TRACE = "5b8efff798038103d269b633813fc60c"


def graded(count: int) -> list[Score]:
    return [{"trace_id": TRACE, "name": "quality", "value": 1, "id": f"grade-{n}"} for n in range(count)]


def test_more_than_a_request_holds_are_sent_in_several(api: Answering, client: Client) -> None:
    """The API refuses 1,001 at once; the client sends them, and returns their ids in order."""
    assert api.post("scores", graded(1_001)).status_code == 400
    assert client.scores(iter(graded(1_001))) == [f"grade-{n}" for n in range(1_001)]
    assert client.scores([]) == []


def test_a_score_without_an_id_gets_one(client: Client) -> None:
    """Two that say the same are two; times keep their zone, None is left out."""
    at = datetime(2026, 9, 21, tzinfo=UTC)
    same: Score = {"trace_id": TRACE, "name": "tone", "label": "친절", "value": None, "timestamp": at, "id": None}
    assert len(set(client.scores([same, same]))) == 2


def test_a_wrong_score_is_named(client: Client) -> None:
    """By its place in its request; a time without a zone before anything is sent."""
    with pytest.raises(WrongParameter) as wrong:
        client.scores([*graded(1), {"trace_id": "ff", "name": "quality", "value": 1}])
    assert wrong.value.parameter == "[1].trace_id"
    with pytest.raises(ValueError, match="no time zone"):
        client.scores([{**graded(1)[0], "timestamp": datetime(2026, 9, 21)}])  # noqa: DTZ001  what is tested
