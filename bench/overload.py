"""A well-behaved client beside a flooding one: what it gets done, how long it waits, what it costs.

    python bench/overload.py [--seconds 10] [--connections 64]

Starts a collector with its embedded store on loopback. A client at 127.0.0.1 sends 64 spans five times a second over
each of four connections, as applications do; a second client at 127.0.0.2 sends requests of 2,000 spans over as many
connections as it is told, each as fast as it is answered. Measured without the second one and with it: goodput and
acknowledgement p50/p99 of the first, the refusals of both, the highest memory of the collector. Prints one JSON object,
and fails when the first client was refused or anything acknowledged is missing.

The flooding client is a process of its own, or the interpreter's lock would be what the other one waits for.
"""

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from ingest import program
from sample import requests

SENDERS = 4
SMALL_SPANS = 64
LARGE_SPANS = 2_000
PAUSE_S = 0.2
HONEST, FLOODING = "127.0.0.1", "127.0.0.2"


@dataclass
class Client:
    """One client: its address, its connections, and what it was told."""

    address: str
    source: str
    bodies: list[bytes]
    connections: int
    pause_s: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    _ending: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to send."""
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(self.connections)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send no more, and wait for the answers that are due."""
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        sent = number
        while not self._ending.wait(self.pause_s):
            # An unknown field makes each body another one: what is sent again would cost the collector little.
            body = self.bodies[sent % len(self.bodies)] + b"\x7a\x08" + sent.to_bytes(8, "big")
            sent += self.connections
            begun = time.perf_counter()
            status = self._send(body)
            with self._lock:
                self.statuses[status] += 1
                if status == 200:
                    self.seconds.append(time.perf_counter() - begun)

    def _send(self, body: bytes) -> int:
        connection = http.client.HTTPConnection(self.address, timeout=60, source_address=(self.source, 0))
        try:
            connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):  # refused and closed while the body was still under way
            return 0
        finally:
            connection.close()
        return answer.status

    def report(self, seconds: float, spans: int) -> dict[str, object]:
        """Return its figures."""
        waits = sorted(self.seconds) or [0.0]
        return {
            "spans_per_s": round(self.statuses[200] * spans / seconds),
            "acknowledged": self.statuses[200],
            "refused": self.statuses[503] + self.statuses[0],
            "other_answers": {s: n for s, n in self.statuses.items() if s not in {0, 200, 503}},
            "ack_p50_ms": round(waits[len(waits) // 2] * 1000, 1),
            "ack_p99_ms": round(waits[int(len(waits) * 0.99)] * 1000, 1),
        }


class Peak:
    """The highest memory of a process while this runs, looked at twenty times a second."""

    def __init__(self, process: psutil.Process) -> None:
        self._process, self.bytes = process, 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ending.wait(0.05):
            self.bytes = max(self.bytes, self._process.memory_info().rss)

    def stop(self) -> int:
        """Return the highest, in bytes."""
        self._ending.set()
        self._thread.join()
        return self.bytes


def flood(address: str, connections: int) -> None:
    """Flood until the standard input ends; print the report. Runs as a process of its own."""
    client = Client(address, FLOODING, [r.body for r in requests(4, LARGE_SPANS, seed=8)], connections)
    begun = time.monotonic()
    client.start()
    print("begun", flush=True)
    sys.stdin.read()
    client.stop()
    print(json.dumps(client.report(time.monotonic() - begun, LARGE_SPANS)))


@contextmanager
def flooding(address: str, connections: int) -> Iterator[dict[str, int]]:
    """Flood while the block runs; then the dict it gave has the report."""
    report: dict[str, int] = {"acknowledged": 0}
    if not connections:
        yield report
        return
    command = [sys.executable, __file__, "--flood", address, "--connections", str(connections)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield report
        report |= json.loads(child.communicate()[0])


def measured(address: str, process: psutil.Process, seconds: float, connections: int) -> dict[str, object]:
    """Run the honest client for some time beside so many connections of the flooding one."""
    honest = Client(address, HONEST, [r.body for r in requests(16, SMALL_SPANS, seed=7)], SENDERS, PAUSE_S)
    peak = Peak(process)
    with flooding(address, connections) as flooded:
        honest.start()
        time.sleep(seconds)
        honest.stop()
    assert honest.statuses.keys() == {200}, honest.statuses
    return {
        "flooding_connections": connections,
        "honest": honest.report(seconds, SMALL_SPANS),
        "flooding": flooded if connections else None,
        "memory_mib": round(peak.stop() / 2**20),
        "acknowledged_spans": honest.statuses[200] * SMALL_SPANS + flooded["acknowledged"] * LARGE_SPANS,
    }


def stored(web: str, spans: int) -> bool:
    """Wait until that many spans are stored."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(web, timeout=60)
        connection.request("GET", "/sql?query=SELECT+count()+FROM+spans")
        if int(connection.getresponse().read()) == spans:
            return True
        connection.close()
        time.sleep(0.5)
    return False


def main() -> int:
    """Measure and print; see the module."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=10.0, help="of each of the two runs")
    options.add_argument("--connections", type=int, default=64, help="of the flooding client")
    options.add_argument("--flood", metavar="ADDRESS", help="be the flooding client of a run")
    chosen = options.parse_args()
    if chosen.flood:
        flood(chosen.flood, chosen.connections)
        return 0
    with tempfile.TemporaryDirectory(prefix="haechi-overload-") as directory:
        ports = [f"--{door}-port=0" for door in ("grpc", "http", "web", "store")]
        with program("serve", f"--data-dir={Path(directory)}", *ports) as (process, doors):
            runs = [measured(doors["http"], process, chosen.seconds, n) for n in (0, chosen.connections)]
            whole = stored(doors["web"], sum(int(str(run.pop("acknowledged_spans"))) for run in runs))
    print(json.dumps({"alone": runs[0], "beside_a_flood": runs[1], "all_acknowledged_is_stored": whole}, indent=1))
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
