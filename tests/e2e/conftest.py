"""A real collector, as a user starts it: one process tree on free ports, one directory."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest


@dataclass(frozen=True)
class Running:
    """A collector that said it is ready."""

    process: subprocess.Popen[str]
    grpc: str
    http: str
    web: str
    store: str

    def sql(self, query: str, format_: str = "TabSeparated") -> str:
        """Ask over the read-only door; the answer's text."""
        answer = httpx2.get(
            f"http://{self.web}/sql", params={"query": query, "default_format": format_}, timeout=60, trust_env=False
        )
        assert answer.status_code == 200, answer.text
        return answer.text

    def rows(self, query: str) -> list[dict[str, object]]:
        """Ask for rows."""
        return [json.loads(line) for line in self.sql(query, "JSONEachRow").splitlines()]

    def metric(self, name: str) -> float:
        """Sum of a metric's samples."""
        text = httpx2.get(f"http://{self.web}/metrics", timeout=10, trust_env=False).text
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


@contextmanager
def collector(directory: Path, *options: str) -> Iterator[Running]:
    """Run `haechi serve` until the block ends; then it must end in order."""
    ports = [f"--{door}-port=0" for door in ("grpc", "http", "web", "store")]
    command = [sys.executable, "-m", "haechi_collector", "serve", f"--data-dir={directory}", *ports, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("ready "), line
        doors = dict(part.split("=", 1) for part in line.split()[1:])
        yield Running(process, doors["grpc"], doors["http"], doors["web"], doors["store"])
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)
        process.stdout.close()


def wait_until(true: Callable[[], object], timeout_s: float = 30) -> None:
    """Wait until it is true; fail when it does not become so."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One collector for the tests of a file."""
    with collector(tmp_path_factory.mktemp("haechi")) as started:
        yield started
