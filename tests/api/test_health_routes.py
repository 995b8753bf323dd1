"""Health, metrics, and errors."""

from typing import Any

import httpx2
import pytest


def test_alive_needs_no_store(orphan_url: str) -> None:
    """``/healthz`` is about the process alone."""
    answer = httpx2.get(f"{orphan_url}/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_only_while_every_part_works(api_url: str, parts: Any) -> None:
    """503 names the part that is down and why."""
    assert httpx2.get(f"{api_url}/readyz").status_code == 200
    before = parts.states
    parts.states = {**before, "store": "does not answer"}
    answer = httpx2.get(f"{api_url}/readyz")
    parts.states = before
    assert answer.status_code == 503
    assert answer.json()["parts"] == {"store": "does not answer", "journal": "ok"}


@pytest.mark.parametrize(
    ("accept", "media"), [("", "text/plain"), ("application/openmetrics-text", "application/openm")]
)
def test_metrics_are_prometheus_text(api_url: str, accept: str, media: str) -> None:
    """The registry that was given, in the format that the scraper asks for."""
    answer = httpx2.get(f"{api_url}/metrics", headers={"Accept": accept})
    assert "probe_total 3.0" in answer.text
    assert answer.headers["content-type"].startswith(media)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nope", 404), ("DELETE", "/sql", 405), ("POST", "/healthz", 405)]
)
def test_errors_are_problem_details(api_url: str, method: str, path: str, status: int) -> None:
    """RFC 9457, for unknown routes and wrong methods alike."""
    answer = httpx2.request(method, f"{api_url}{path}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == answer.json()["status"] == status
    assert answer.json()["detail"]
