"""What a new user meets: `make up` brings sample traffic, SQL answers, and the documented commands work."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.e2e.conftest import Running, collector, wait_until

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A collector with sample traffic, as `make up` starts it."""
    with collector(tmp_path_factory.mktemp("demo"), "--demo") as running:
        wait_until(lambda: int(running.sql("SELECT count() FROM spans WHERE operation = 'chat'")) > 500, 60)
        yield running


def haechi(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "haechi_collector", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_models_show_latency_and_cost(demo: Running) -> None:
    """Known models have a cost, the in-house one is NULL and counted where everyone sees it."""
    rows = {
        str(r["request_model"]): r
        for r in demo.rows(
            "SELECT request_model, quantile(0.95)(duration_ns) / 1e6 AS p95_ms, sum(cost_usd) AS cost "
            "FROM spans WHERE operation = 'chat' AND status_code != 'error' GROUP BY 1"
        )
    }
    assert {"gpt-4o", "gpt-4o-mini", "claude-sonnet-4-20250514", "gemini-2.5-flash", "hanbit-ko-7b"} <= rows.keys()
    assert rows["hanbit-ko-7b"]["cost"] is None
    assert all(float(str(r["cost"])) > 0 for m, r in rows.items() if m != "hanbit-ko-7b")
    assert demo.metric("haechi_unpriced_requests_total") > 0


def test_every_cost_is_the_sum_of_its_receipt(demo: Running) -> None:
    """To the last digit, on every priced span."""
    amounts = (
        "arraySum(arrayMap(v -> toDecimal128(v, 15), mapValues(mapFilter((k, v) -> k LIKE '%.amount', cost_details))))"
    )
    priced, wrong = demo.sql(
        f"SELECT count(), countIf(abs({amounts} - cost_usd) > 0.000000000001) "
        "FROM spans WHERE cost_source = 'price_book'"
    ).split()
    assert (int(priced) > 500, int(wrong)) == (True, 0)


def test_streams_have_a_time_to_first_token(demo: Running) -> None:
    """Streaming calls carry it, within their duration."""
    told, wrong = demo.sql(
        "SELECT countIf(ttft_ns IS NOT NULL), countIf(ttft_ns > duration_ns) FROM spans WHERE is_streaming"
    ).split()
    assert (int(told) > 0, int(wrong)) == (True, 0)


def test_logs_metrics_and_the_exporter_view_are_there(demo: Running) -> None:
    """All three signals are stored, and dashboards made for the OpenTelemetry exporter find their columns."""
    wait_until(lambda: int(demo.sql("SELECT count() FROM metric_points")) > 0, 60)
    assert int(demo.sql("SELECT count() FROM logs")) > 0
    view = demo.rows("SELECT SpanName, ServiceName, SpanAttributes FROM otel_traces WHERE SpanKind = 'Client' LIMIT 1")[
        0
    ]
    assert {"SpanName", "ServiceName", "SpanAttributes"} == view.keys()


def test_answers_are_judged(demo: Running) -> None:
    """Feedback, quality and hallucinations have figures, and every score stands on a span that is there."""

    def figures() -> list[float | None]:
        told = httpx2.get(f"http://{demo.web}/api/v1/summary", trust_env=False, timeout=60).json()
        return [told[name] for name in ("thumbs_up_rate", "avg_quality_score", "hallucination_rate")]

    wait_until(lambda: None not in figures(), 60)
    up, quality, wrong = figures()
    assert 0.5 < (up or 0) < 1 > (quality or 0) > 0.7
    assert 0 < (wrong or 0) < 0.2
    sources = demo.sql("SELECT DISTINCT name, source, evaluator FROM scores ORDER BY name").splitlines()
    assert sources == [
        "hallucination\tclient\tnumber-check",
        "quality\tjudge\tsupport-judge",
        "user_feedback\thuman\thaechi.demo",
    ]
    lost = "SELECT countIf(span_id NOT IN (SELECT span_id FROM spans)) FROM scores WHERE timestamp < now() - 60"
    wait_until(lambda: demo.sql(lost) == "0\n")


def test_it_is_ready_and_says_so(demo: Running) -> None:
    """Every part is ok, and the metrics balance: accepted = stored + queued + dead."""
    answer = httpx2.get(f"http://{demo.web}/readyz", trust_env=False)
    assert (answer.status_code, set(answer.json()["parts"].values())) == (200, {"ok"})
    wait_until(
        lambda: (
            demo.metric("haechi_accepted_rows_total")
            == demo.metric("haechi_stored_rows_total") + demo.metric("haechi_dead_rows_total")
        )
    )


def test_readme_queries_answer(demo: Running) -> None:
    """Every query of the README that goes to the SQL door, pasted as it stands, answers."""
    pasted = re.findall(r"curl 'localhost:8318(/sql[^']+)'", README)
    assert pasted
    for path in pasted:
        answer = httpx2.get(f"http://{demo.web}{path}", trust_env=False, timeout=60)
        assert (answer.status_code, bool(answer.text)) == (200, True), answer.text
    for query in re.findall(r'haechi sql "([^"]+)"', README):
        done = haechi("sql", query, "--url", f"http://{demo.web}")
        assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_the_database_is_reached_as_any_clickhouse(demo: Running) -> None:
    """The store's own port answers a reader without a password, and refuses to write."""
    url = f"http://{demo.store}/"
    assert int(httpx2.post(url, content="SELECT count() > 0 FROM haechi.spans", trust_env=False).text) == 1
    assert httpx2.post(url, content="DROP TABLE haechi.spans", trust_env=False).status_code >= 400


def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    """What was acknowledged is there after SIGTERM and a new start on the same directory."""
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%032x","spanId":"%016x","name":"n"}]}]}]}'
    with collector(tmp_path) as running:
        for n in range(1, 4):
            sent = httpx2.post(
                f"http://{running.http}/v1/traces",
                content=body % (n, n),
                headers={"content-type": "application/json"},
                trust_env=False,
            )
            assert (sent.status_code, sent.text) == (200, "{}")
    assert running.process.returncode == 0
    with collector(tmp_path) as again:
        wait_until(lambda: int(again.sql("SELECT count() FROM spans")) == 3)


def test_a_killed_store_comes_back_and_nothing_is_lost(tmp_path: Path) -> None:
    """While it is away requests are acknowledged and wait; `/readyz` tells the truth meanwhile."""
    import psutil

    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%032x","spanId":"%016x","name":"n"}]}]}]}'
    with collector(tmp_path) as running:
        readyz = f"http://{running.web}/readyz"
        children = psutil.Process(running.process.pid).children()
        next(child for child in children if "haechi_collector.store.embedded" in child.cmdline()).kill()
        wait_until(lambda: httpx2.get(readyz, trust_env=False).status_code == 503)
        for n in range(1, 6):
            sent = httpx2.post(
                f"http://{running.http}/v1/traces",
                content=body % (n, n),
                headers={"content-type": "application/json"},
                trust_env=False,
            )
            assert sent.status_code == 200
        wait_until(lambda: httpx2.get(readyz, trust_env=False).status_code == 200)
        wait_until(lambda: running.metric("haechi_stored_rows_total") == 5)
        assert int(running.sql("SELECT count() FROM spans")) == 5
