"""A real collector that asks for keys, with its log at hand."""

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import httpx2

from haechi_collector.cli import main

FREE = tuple(f"--{door}-port=0" for door in ("grpc", "http", "web", "store"))
KEYS = ("--auth=keys",)


def haechi(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "haechi_collector", *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def keys(*words: str) -> tuple[int, str, str]:
    """Run `haechi keys ...` in this process; its status and what it said on both streams."""
    out, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        status = main(["keys", *words])
    return status, out.getvalue(), errors.getvalue()


def make_key(directory: Path, project: str, scope: str, *more: str) -> str:
    """Make a key with the command; its text."""
    words = (f"--data-dir={directory}", f"--project={project}", f"--scope={scope}", *more)
    status, text, errors = keys("create", *words)
    assert status == 0, errors
    return text.strip()


@dataclass(frozen=True)
class Guarded:
    """A collector that is ready."""

    directory: Path
    log: Path
    grpc: str
    http: str
    web: str
    store: str

    def get(self, path: str, key: str = "", **headers: str) -> httpx2.Response:
        """GET from the web port."""
        shown = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx2.get(f"http://{self.web}{path}", headers={**shown, **headers}, timeout=60, trust_env=False)

    def sql(self, key: str, query: str) -> str:
        """Ask with a key; the text of the answer."""
        headers = {"X-Haechi-Key": key}
        answer = httpx2.post(f"http://{self.web}/sql", content=query, headers=headers, timeout=60, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.text

    def send(self, key: str, span_id: str = "b7ad6b7169203331") -> httpx2.Response:
        """Send one span over OTLP/HTTP in JSON."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx2.post(
            f"http://{self.http}/v1/traces", json=one_span(span_id), headers=headers, timeout=60, trust_env=False
        )


def one_span(span_id: str) -> dict[str, object]:
    """A request of one span that began now."""
    now = time.time_ns()
    span = {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": span_id,
        "name": "chat",
        "startTimeUnixNano": str(now),
        "endTimeUnixNano": str(now + 1000),
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


@contextmanager
def guarded(directory: Path, *options: str) -> Iterator[Guarded]:
    """Run `haechi serve` until the block ends; what it logged is in the file ``log``."""
    command = [sys.executable, "-m", "haechi_collector", "serve", f"--data-dir={directory}", *FREE, *options]
    log = directory.with_suffix(".log")
    with log.open("a") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("ready "), log.read_text()
        doors = dict(part.split("=", 1) for part in line.split()[1:])
        yield Guarded(directory, log, doors["grpc"], doors["http"], doors["web"], doors["store"])
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.stdout.close()


def logged(log: Path) -> list[dict[str, str]]:
    """The lines of a log."""
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
