"""A real engine behind HTTP in a child process, and the API on a real server in front of it."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
import uvicorn
from prometheus_client import CollectorRegistry, Counter

from haechi_collector.api.app import ApiState, create_api
from haechi_collector.query.sql import SqlReader


@dataclass
class Parts:
    """A readiness that tests change."""

    states: dict[str, str] = field(default_factory=lambda: {"store": "ok", "journal": "ok"})

    def parts(self) -> dict[str, str]:
        return self.states


@pytest.fixture(scope="session")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The engine's address; it holds a small table of spans."""
    script = Path(__file__).parent / "clickhouse_child.py"
    command = [sys.executable, str(script), str(tmp_path_factory.mktemp("store"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        url = f"http://127.0.0.1:{child.stdout.readline().strip()}"
        _ask(
            url,
            "CREATE TABLE spans (request_model String, duration_ns UInt64, cost_usd Nullable(Decimal(18, 12))) "
            "ENGINE = MergeTree ORDER BY request_model",
        )
        _ask(
            url,
            "INSERT INTO spans SELECT ['gpt-4o', 'unknown'][number % 2 + 1], (number + 1) * 1000000, "
            "if(number % 2 = 0, 0.01, NULL) FROM numbers(100)",
        )
        yield url
        child.kill()


def _ask(url: str, sql: str) -> None:
    answer = httpx2.post(f"{url}/", content=sql)
    assert answer.status_code == 200, answer.text


@pytest.fixture(scope="session")
def parts() -> Parts:
    return Parts()


@pytest.fixture(scope="session")
def api_url(store_url: str, parts: Parts) -> Iterator[str]:
    """The API in front of the engine."""
    registry = CollectorRegistry()
    Counter("probe", "a metric", registry=registry).inc(3)
    yield from serve(SqlReader(store_url), parts, registry)


@pytest.fixture(scope="session")
def orphan_url(parts: Parts) -> Iterator[str]:
    """The API in front of nothing."""
    yield from serve(SqlReader("http://127.0.0.1:1"), parts, CollectorRegistry())


def serve(reader: SqlReader, parts: Parts, registry: CollectorRegistry) -> Iterator[str]:
    app = create_api(ApiState(parts, registry, reader))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
