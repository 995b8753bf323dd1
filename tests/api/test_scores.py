"""Judgements in figures: one that was sent again with its id counts once, a label alone is no number."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.questions import SECOND, T0_NS, Answering, answering, call, score

DAY = 86_400 * SECOND
TRACE, SPAN = f"{1:032x}", f"{1:016x}"
EVER = {"from_": "2026-09-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    with answering(tmp_path_factory.mktemp("scores")) as running:
        yield running


def click(after_ns: int, value: float | None, **columns: Any) -> dict[str, Any]:
    """What somebody said of the first trace, some time after it, with an id of their own."""
    given = {"id": "click", "is_replaceable": True, "name": "quality", "value": value}
    times = {"timestamp": T0_NS + after_ns, "ingested_at": T0_NS + after_ns}
    return score(1, **{**given, **times, **columns})


def shown(api: Answering, project: str = "") -> list[list[float]]:
    """The quality scores on every route that shows them."""
    trace = api.get(f"traces/{TRACE}", project)
    span = api.get(f"traces/{TRACE}/spans/{SPAN}", project)
    session = api.get("sessions/s", project)
    listed = [
        [one["value"] for one in scores]
        for scores in (trace["scores"], span["scores"], session["timeline"][0]["scores"])
    ]
    people = [session, api.get("users/u", project), api.get("sessions", project)["sessions"][0]]
    figures = [*people, api.get("users", project)["users"][0], api.get("summary", project, **EVER)]
    figures.append(api.get("summary", project, user="u", **EVER))
    return [*listed, *([one["avg_quality_score"]] for one in figures)]


@pytest.mark.parametrize(
    "versions",
    [
        [click(0, 0.0), click(SECOND, 1.0)],
        [click(0, 0.0), click(3 * DAY, 1.0)],
        [click(0, 0.0), click(0, 0.5), click(DAY, 1.0)],
        [click(0, 0.0), click(5, 1.0, name="quality", label="good")],
        [click(9, 0.0, ingested_at=T0_NS), click(3, 1.0, ingested_at=T0_NS + 1)],
        [click(1, 0.0, ingested_at=T0_NS), click(2, 1.0, ingested_at=T0_NS)],
        [click(0, 0.0, name="hallucination"), click(9, 1.0)],
    ],
)
def test_the_last_score_with_an_id_is_the_one_that_counts(api: Answering, versions: list[dict[str, Any]]) -> None:
    """Seconds or days later, in one block or two, about the same thing or another; on every route."""
    api.fill([call(1, session_id="s", user_id="u")], versions)
    assert shown(api) == [[1.0]] * 9
    assert api.get("summary", **EVER)["hallucination_rate"] is None


def test_an_id_is_its_projects_own(api: Answering) -> None:
    """The same id in another project, and scores without one, are others."""
    rows = [call(1, session_id="s", user_id="u", project=p) for p in ("alpha", "beta")]
    api.fill(rows, [click(0, 1.0, project="alpha"), click(DAY, 0.0, project="beta")])
    assert (shown(api, "alpha"), shown(api, "beta")) == ([[1.0]] * 9, [[0.0]] * 9)
    api.fill(rows, [score(1, id=f"{n:032x}", name="quality", value=float(n)) for n in range(2)])
    assert api.get("summary", **EVER)["avg_quality_score"] == 0.5


def test_a_replaced_score_is_in_no_window(api: Answering) -> None:
    """Not in that of its own time either, when the later one lies beyond it."""
    api.fill([call(1)], [click(0, 0.0), click(5 * DAY, 1.0)])
    assert api.get("summary")["avg_quality_score"] is None
    assert api.get("summary", from_="2026-09-25T00:00:00Z", to="2026-09-30T00:00:00Z")["avg_quality_score"] == 1.0


def test_a_label_alone_is_no_number(api: Answering) -> None:
    """It is shown without a value, counts as a thumb where its label is one, and is in no mean."""
    judged = [
        score(1, name="quality", value=None, label="fine"),
        score(2, name="quality", value=0.5),
        score(1, id="a", name="hallucination", value=None, label="maybe"),
        score(2, id="b", name="user_feedback", value=None, label="thumbs_up"),
        score(2, id="c", name="user_feedback", value=None, label="meh"),
        score(2, id="d", name="thumbs_down", value=None, label="rude"),
    ]
    api.fill([call(n, session_id="s") for n in (1, 2)], judged)
    summary = api.get("summary")
    assert [summary[k] for k in ("avg_quality_score", "hallucination_rate", "thumbs_up_rate")] == [0.5, None, 1.0]
    session = api.get("sessions/s")
    figures = ("avg_quality_score", "hallucination_rate", "thumbs_up", "thumbs_down")
    assert [session[k] for k in figures] == [0.5, None, 1, 0]
    assert {(s["value"], s["label"]) for s in api.get(f"traces/{TRACE}")["scores"]} == {(None, "fine"), (None, "maybe")}
    assert float(str(api.client.command("SELECT avg(value) FROM scores"))) == 0.5
