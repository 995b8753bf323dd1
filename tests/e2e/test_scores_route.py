"""`POST /api/v1/scores` of a real collector: on disk before the answer, in its project, seen where scores are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.e2e.conftest import Running, collector, wait_until
from tests.gate.guarded import KEYS, Guarded, guarded, make_key, one_span

from haechi.client import Client, Forbidden

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def post(web: str, body: object, key: str = "") -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx2.post(f"http://{web}/api/v1/scores", json=body, headers=headers, timeout=60, trust_env=False)


def up(**fields: object) -> dict[str, object]:
    """A thumb on the trace."""
    return {"trace_id": TRACE, "name": "user_feedback", "label": "thumbs_up", "value": 1, **fields}


def test_feedback_is_seen_on_its_trace_and_the_last_word_counts(tmp_path: Path) -> None:
    """One score and a list; the one that is sent again with its id takes the place of the first."""
    with collector(tmp_path) as running:
        httpx2.post(f"http://{running.http}/v1/traces", json=one_span(SPAN), trust_env=False).raise_for_status()
        judged = {"trace_id": TRACE, "span_id": SPAN.upper(), "name": "quality", "value": 0.75, "source": "judge"}
        told = {"evaluator": "심판", "evaluator_version": "2", "explanation": "근거가 있다"}
        answer = post(running.web, [up(id="click-1"), {**judged, **told, "timestamp": "2026-11-28T09:00:00+09:00"}])
        assert answer.status_code == 200, answer.text
        first, made = answer.json()["ids"]
        assert (first, len(made)) == ("click-1", 32)
        wait_until(lambda: len(scores(running)) == 2)
        assert post(running.web, up(id="click-1", label="thumbs_down", value=0)).json() == {"ids": ["click-1"]}
        wait_until(lambda: scores(running)["user_feedback"]["label"] == "thumbs_down")
        shown = scores(running)
        assert {"id": made, "span_id": SPAN, "value": 0.75, "source": "judge"}.items() <= shown["quality"].items()
        assert shown["quality"]["timestamp"] == "2026-11-28T00:00:00Z"
        assert (shown["quality"]["evaluator"], shown["quality"]["explanation"]) == ("심판", "근거가 있다")
        assert (shown["user_feedback"]["source"], shown["user_feedback"]["span_id"]) == ("human", "")
        summary = httpx2.get(f"http://{running.web}/api/v1/summary", trust_env=False, timeout=60).json()
        assert (summary["thumbs_up_rate"], summary["avg_quality_score"]) == (0.0, 0.75)


def scores(running: Running) -> dict[str, dict[str, Any]]:
    """The trace's scores by name; none before the trace is there."""
    found = httpx2.get(f"http://{running.web}/api/v1/traces/{TRACE}", trust_env=False, timeout=60).json()
    return {one["name"]: one for one in found.get("scores", [])}


def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    """The collector is killed at once; the next one on its directory stores the score."""
    with collector(tmp_path) as running:
        assert post(running.web, up()).status_code == 200
        running.process.kill()
    with collector(tmp_path) as running:
        wait_until(lambda: running.sql("SELECT name, label FROM scores") == "user_feedback\tthumbs_up\n")


def test_a_full_collector_asks_to_come_back(tmp_path: Path) -> None:
    """As its OTLP doors do: 503 with Retry-After, and nothing is kept."""
    with collector(tmp_path, "--memory-bytes-max=1000000") as running:
        answer = post(running.web, up())
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert 1 <= int(answer.headers["retry-after"]) <= 3
        assert running.metric("haechi_accepted_rows_total") == 0


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Guarded, dict[str, str]]]:
    """A collector that asks for keys, and keys of two projects."""
    directory = tmp_path_factory.mktemp("scores") / "data"
    made = {name: make_key(directory, "shop", name) for name in ("read", "ingest", "ingest,read")}
    made["other"] = make_key(directory, "other", "ingest,read")
    made["little"] = make_key(directory, "shop", "ingest", "--bytes-per-day=1")
    with guarded(directory, *KEYS) as running:
        yield running, made


def test_a_key_writes_into_its_own_project_alone(asking: tuple[Guarded, dict[str, str]]) -> None:
    """Whatever trace the score names; who may only read is refused, so is who has no key."""
    running, made = asking
    running.send(made["ingest"], SPAN).raise_for_status()
    assert [post(running.web, up(), made.get(who, "")).status_code for who in ("", "read")] == [401, 403]
    for who in ("ingest", "other"):
        assert post(running.web, up(id="same"), made[who]).json() == {"ids": ["same"]}
    query = "SELECT project, id FROM scores"
    for who, project in (("read", "shop"), ("other", "other")):
        wait_until(lambda who=who: running.sql(made[who], query) != "")
        assert running.sql(made[who], query) == f"{project}\tsame\n"


def test_a_days_quota_holds_for_scores(asking: tuple[Guarded, dict[str, str]]) -> None:
    """The request that crosses it is taken, the next is told when to come back."""
    running, made = asking
    assert post(running.web, up(), made["little"]).status_code == 200
    answer = post(running.web, up(), made["little"])
    assert (answer.status_code, answer.json()["code"]) == (429, "over_quota")
    assert int(answer.headers["retry-after"]) >= 1


def test_the_typed_client_scores(asking: tuple[Guarded, dict[str, str]]) -> None:
    """`Client.score` returns the id; a key that may not is the client's own error."""
    running, made = asking
    with Client(f"http://{running.web}", made["ingest,read"]) as client:
        assert client.score("quality", 0.5, trace_id=TRACE, id="by-client", source="judge") == "by-client"
        query = "SELECT value, source FROM scores WHERE id = 'by-client'"
        wait_until(lambda: running.sql(made["read"], query) == "0.5\tjudge\n")
    with Client(f"http://{running.web}", made["read"]) as client, pytest.raises(Forbidden):
        client.score("quality", 0.5, trace_id=TRACE)
