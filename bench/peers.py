"""Haechi beside the servers that a Python user can run from pip, in one run: spans per second of CPU.

    python -m venv mlflow-venv && mlflow-venv/bin/pip install mlflow==3.17.2
    python -m venv phoenix-venv && phoenix-venv/bin/pip install arize-phoenix==20.26.1
    python bench/peers.py --mlflow mlflow-venv --phoenix phoenix-venv [--haechi-spans 200000] [--peer-spans 20000]

One server after the other, each on loopback, over HTTP, in an empty directory and as it comes (the peers into SQLite;
Haechi durable, with its embedded store). Each is warmed with requests of its own over 16 connections first, because
MLflow's four workers load most of themselves at their first request, and then left alone until it is quiet. Haechi is
measured before and after the peers, and its dearer run counts.

CPU is what the operating system counted for the server's whole process tree, children that ended included, from the
first request until every span is stored, and three seconds of settling. What is stored is counted from outside: in the
peers' database files, and with SQL for Haechi, whose own CPU that is. Prints one JSON object.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

import psutil
from peers_load import requests

CONNECTIONS = 4
WARM_CONNECTIONS = 16
WARM_REQUESTS = 64
WARM_SPANS = 64
READY_S = 180
STORED_S = 900
SETTLE_S = 3.0
QUIET_S = 60
RETRY_S = 0.5
TICKS_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """How a server is started, fed and counted. ``command`` and ``count`` get its directory and its ports."""

    name: str
    command: Callable[[Path, list[int]], list[str]]
    count: Callable[[Path, list[int]], int]
    health: str
    headers: dict[str, str] = field(default_factory=dict)


def sqlite_count(file: str) -> Callable[[Path, list[int]], int]:
    """Count the spans in a database file; 0 while there is none."""

    def count(directory: Path, _: list[int]) -> int:
        try:
            with closing(sqlite3.connect(f"file:{directory / file}?mode=ro", uri=True, timeout=30)) as database:
                return int(database.execute("SELECT count(*) FROM spans").fetchone()[0])
        except sqlite3.OperationalError:
            return 0

    return count


def haechi_count(_: Path, ports: list[int]) -> int:
    """Ask the collector."""
    with urllib.request.urlopen(f"http://127.0.0.1:{ports[1]}/sql?query=SELECT+count()+FROM+spans", timeout=60) as got:
        return int(got.read())


def haechi() -> Server:
    """The collector of this checkout."""

    def command(directory: Path, ports: list[int]) -> list[str]:
        doors = (f"--{door}-port={port}" for door, port in zip(("http", "web", "grpc", "store"), ports, strict=True))
        return [sys.executable, "-m", "haechi_collector", "serve", f"--data-dir={directory}", *doors]

    return Server("haechi", command, haechi_count, "/")


def mlflow(venv: Path) -> Server:
    """MLflow's tracking server with its four workers."""

    def command(directory: Path, ports: list[int]) -> list[str]:
        own = ["env", "MLFLOW_DISABLE_TELEMETRY=true", f"{venv}/bin/mlflow", "server"]
        store = [f"--backend-store-uri=sqlite:///{directory}/mlflow.db", f"--artifacts-destination={directory}/files"]
        return [*own, *store, "--host=127.0.0.1", f"--port={ports[0]}"]

    return Server("mlflow", command, sqlite_count("mlflow.db"), "/health", {"x-mlflow-experiment-id": "0"})


def phoenix(venv: Path) -> Server:
    """Arize Phoenix."""

    def command(directory: Path, ports: list[int]) -> list[str]:
        settings = {
            "PHOENIX_WORKING_DIR": directory,
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": ports[0],
            "PHOENIX_GRPC_PORT": ports[1],
            "PHOENIX_TELEMETRY_ENABLED": "false",
            "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
        }
        return ["env", *(f"{name}={value}" for name, value in settings.items()), f"{venv}/bin/phoenix", "serve"]

    return Server("phoenix", command, sqlite_count("phoenix.db"), "/healthz")


def version(venv: Path, package: str) -> str:
    """Return the version of a package in a virtual environment."""
    told = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([f"{venv}/bin/python", "-c", told], check=True, capture_output=True, text=True).stdout.strip()


def free_ports(count: int) -> list[int]:
    """Return so many free ports of the loopback address."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


@contextmanager
def running(server: Server, directory: Path, ports: list[int]) -> Iterator[psutil.Process]:
    """Run a server until the block ends; it is ready when its health says so."""
    with (directory / "log").open("w") as log:
        child = subprocess.Popen(server.command(directory, ports), stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + READY_S
        door = ports[1] if server.name == "haechi" else ports[0]
        while not answers(f"http://127.0.0.1:{door}{server.health}"):
            assert child.poll() is None, f"{server.name} ended: {(directory / 'log').read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"{server.name} is not ready after {READY_S} s"
            time.sleep(0.5)
        yield psutil.Process(child.pid)
    finally:
        stop(child)


def stop(child: subprocess.Popen[bytes]) -> None:
    """End the server and what it started, which is a session of its own."""
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(40)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def answers(url: str) -> bool:
    """Say whether something answers there."""
    try:
        with urllib.request.urlopen(url, timeout=10):
            return True
    except OSError:
        return False


def cpu_s(root: psutil.Process) -> float:
    """CPU seconds of the tree: of each process, and of its children that have ended."""
    total = 0
    for process in (root, *root.children(recursive=True)):
        try:
            words = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(map(int, words[11:15]))  # utime, stime, cutime, cstime
    return total / TICKS_S


def send(port: int, headers: dict[str, str], bodies: list[bytes], connections: int) -> None:
    """Send every body over so many connections; a refusal for now is tried again."""
    queue: SimpleQueue[bytes] = SimpleQueue()
    for body in bodies:
        queue.put(body)

    def drain(_: int) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=600)) as connection:
            while True:
                try:
                    body = queue.get_nowait()
                except Empty:
                    return
                while not accepted(connection, headers, body):
                    time.sleep(RETRY_S)

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(drain, range(connections)))


def accepted(connection: http.client.HTTPConnection, headers: dict[str, str], body: bytes) -> bool:
    """Send one request; False when the server has no room now."""
    connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf", **headers})
    response = connection.getresponse()
    answer = response.read()
    assert response.status in {200, 429, 503}, (response.status, answer[:500])
    return response.status == 200


def wait_quiet(root: psutil.Process) -> None:
    """Wait until the tree takes less than a tenth of a core."""
    deadline = time.monotonic() + QUIET_S
    while time.monotonic() < deadline:
        before = cpu_s(root)
        time.sleep(2)
        if cpu_s(root) - before < 0.2:
            return


def measured(server: Server, spans: int, seed: int) -> dict[str, float | int]:
    """Start a server, warm it, feed it, and say what a span took."""
    warm = [r.body for r in requests(WARM_REQUESTS * WARM_SPANS, WARM_SPANS, seed + 1)]
    load = [r.body for r in requests(spans, seed=seed)]
    ports = free_ports(4)
    with tempfile.TemporaryDirectory(prefix=f"peers-{server.name}-") as name:
        directory = Path(name)
        with running(server, directory, ports) as root:
            send(ports[0], server.headers, warm, WARM_CONNECTIONS)
            wait_stored(server, directory, ports, len(warm) * WARM_SPANS)
            wait_quiet(root)
            before, cpu, began = server.count(directory, ports), cpu_s(root), time.monotonic()
            send(ports[0], server.headers, load, CONNECTIONS)
            wait_stored(server, directory, ports, before + spans)
            seconds = time.monotonic() - began
            time.sleep(SETTLE_S)
            used, stored = cpu_s(root) - cpu, server.count(directory, ports) - before
    print(f"{server.name}: {stored} spans in {seconds:.1f} s, {used:.1f} s of CPU", file=sys.stderr)
    return {
        "spans": spans,
        "stored": stored,
        "request_bytes_per_span": round(sum(map(len, load)) / spans),
        "spans_per_s": round(stored / seconds),
        "cpu_s": round(used, 2),
        "cpu_us_per_span": round(used / stored * 1e6, 1),
        "spans_per_cpu_s": round(stored / used, 1),
    }


def wait_stored(server: Server, directory: Path, ports: list[int], total: int) -> None:
    """Wait until so many spans are counted, or for the time that a server may take."""
    deadline = time.monotonic() + STORED_S
    while server.count(directory, ports) < total and time.monotonic() < deadline:
        time.sleep(0.1 if server.name == "haechi" else 0.5)


def main() -> int:
    """Measure and print; see the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mlflow", type=Path, help="virtual environment with mlflow")
    parser.add_argument("--phoenix", type=Path, help="virtual environment with arize-phoenix")
    parser.add_argument("--haechi-spans", type=int, default=200_000)
    parser.add_argument("--peer-spans", type=int, default=20_000)
    options = parser.parse_args()
    report: dict[str, object] = {"cores": os.cpu_count()}
    ours = [measured(haechi(), options.haechi_spans, seed=1)]
    peers = {}
    if options.mlflow:
        report["mlflow_version"] = version(options.mlflow, "mlflow")
        peers["mlflow"] = measured(mlflow(options.mlflow.absolute()), options.peer_spans, seed=3)
    if options.phoenix:
        report["phoenix_version"] = version(options.phoenix, "arize-phoenix")
        peers["phoenix"] = measured(phoenix(options.phoenix.absolute()), options.peer_spans, seed=5)
    ours.append(measured(haechi(), options.haechi_spans, seed=7))
    dearer = max(run["cpu_us_per_span"] for run in ours)
    report |= {"haechi": ours, **peers}
    report["times_haechi"] = {name: round(peer["cpu_us_per_span"] / dearer, 1) for name, peer in peers.items()}
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
