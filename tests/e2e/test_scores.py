"""Scores over OTLP, from the SDK and from any sender, to the API's figures."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
from tests.e2e.conftest import Running, collector, wait_until

TRACE = "5b8efff798038103d269b633813fc60c"
PROGRAM = """
import haechi
haechi.init(service_name="shop")
haechi.score("quality", 0.0, id="click-1", trace_id="5b8efff798038103d269b633813fc60c")
haechi.score("quality", 1.0, id="click-1", trace_id="5b8efff798038103d269b633813fc60c")
haechi.score("tone", label="친절", trace_id="5b8efff798038103d269b633813fc60c")
haechi.flush()
haechi.shutdown()
"""


def summary(running: Running) -> dict[str, Any]:
    answer = httpx2.get(f"http://{running.web}/api/v1/summary", timeout=60, trust_env=False)
    read: dict[str, Any] = answer.json()
    return read


def send(running: Running, seconds: int, attributes: dict[str, str | float]) -> None:
    """Send an evaluation event of some seconds ago, as any OpenTelemetry SDK would."""
    values = [
        {"key": key, "value": {"stringValue": value} if isinstance(value, str) else {"doubleValue": value}}
        for key, value in attributes.items()
    ]
    at = time.time_ns() - seconds * 10**9
    record = {
        "timeUnixNano": str(at),
        "traceId": TRACE,
        "eventName": "gen_ai.evaluation.result",
        "attributes": values,
    }
    body = {"resourceLogs": [{"scopeLogs": [{"scope": {"name": "evals"}, "logRecords": [record]}]}]}
    headers = {"content-type": "application/json"}
    url = f"http://{running.http}/v1/logs"
    assert httpx2.post(url, content=json.dumps(body), headers=headers, trust_env=False).status_code == 200


def test_a_score_that_is_sent_again_takes_the_place_of_the_first(tmp_path: Path) -> None:
    """Over OTLP, with a time of its own and in a request of its own, though the first is stored already."""
    with collector(tmp_path) as running:
        for n, value in enumerate((0.0, 0.25), 1):
            said = {"gen_ai.evaluation.name": "quality", "gen_ai.evaluation.score.value": value}
            send(running, 60 - 20 * n, {**said, "haechi.score.id": "own"})
            wait_until(lambda n=n: int(running.sql("SELECT count() FROM scores")) == n)
        assert summary(running)["avg_quality_score"] == 0.25
        latest = "SELECT * FROM scores FINAL ORDER BY ingested_at DESC, timestamp DESC LIMIT 1 BY project, id"
        assert [row["value"] for row in running.rows(latest)] == [0.25]


def test_the_sdks_score_is_replaced_by_its_id_and_a_label_has_no_value(tmp_path: Path) -> None:
    """As a user of `haechi.score` expects."""
    with collector(tmp_path) as running:
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{running.http}"}
        environment = {**endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
        subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True, timeout=60)
        found = "SELECT name, value, label, is_replaceable FROM scores FINAL ORDER BY timestamp"
        wait_until(lambda: len(running.rows(found)) == 3)
        last = running.rows(found)[2]
        assert (last["value"], last["label"], last["is_replaceable"]) == (None, "친절", False)
        assert summary(running)["avg_quality_score"] == 1.0
