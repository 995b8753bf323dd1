"""What ten people at the page cost those who send: acknowledgements with and without them, at half load.

    python bench/page_users.py [--users 10] [--seconds 20] [--web own|inside]

Starts a collector with its embedded store on loopback, fills it for a moment, and sends at half the speed that it took,
first alone, then while people use the page: each opens a page, keeps it connected (WebSocket), has it refresh every two
seconds, asks one question of the API in between, and goes to the next page after ten seconds. They are HTTP and
WebSocket clients that speak as the page's script does, in a process of their own; no browser draws anything, because
drawing would take the cores away that are measured.

``--web inside`` serves the web port in the collector's own process, as a comparison. Prints one JSON object.
"""

import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import httpx2
import psutil
from ingest import SETTLE_S, WARM_REQUESTS, Sender, cycle, percentile_ms
from sample import requests
from websockets.sync.client import ClientConnection, connect

PAGES = ("/?from=-1h", "/traces?from=-1h", "/sessions?from=-1h", "/users?from=-1h")
QUESTIONS = (
    "summary?from=-1h",
    "latency?from=-1h&group_by=model",
    "costs?from=-1h&group_by=model",
    "traces?from=-1h",
    "latency?from=-1h&interval=60s",
)
REFRESH_S = 2.0
PAGE_S = 10.0


# --- the people ----------------------------------------------------------------------------------------------


class Person:
    """One person at the page, for a time; counts what they got."""

    def __init__(self, web: str, number: int) -> None:
        self._web = web
        self._number = number
        self._client = httpx2.Client(base_url=f"http://{web}", timeout=60, trust_env=False)
        self.page_seconds: list[float] = []
        self.question_seconds: list[float] = []
        self.refreshes = 0
        self.received_bytes = 0
        self.failures = 0

    def act(self, seconds: float) -> None:
        """Use pages and API until the time is over."""
        end = time.monotonic() + seconds
        for page in islice(itertools.cycle(PAGES), self._number, None):
            if time.monotonic() >= end:
                return
            self._use(page, min(end, time.monotonic() + PAGE_S))

    def _use(self, page: str, until: float) -> None:
        began = time.perf_counter()
        document = self._client.get(page)
        self.page_seconds.append(time.perf_counter() - began)
        if document.status_code != 200:
            self.failures += 1
            time.sleep(1.0)
            return
        with _link(self._web, document.text) as link:
            reader = threading.Thread(target=self._read, args=(link,))
            reader.start()
            self._say(link, document.text, "ready", "UTC")
            while time.monotonic() < until:
                self._ask()
                time.sleep(REFRESH_S)
                self._say(link, document.text, "refresh")
                self.refreshes += 1
        reader.join()

    def _ask(self) -> None:
        question = QUESTIONS[(self._number + len(self.question_seconds)) % len(QUESTIONS)]
        began = time.perf_counter()
        answer = self._client.get(f"/api/v1/{question}")
        self.question_seconds.append(time.perf_counter() - began)
        self.failures += answer.status_code != 200

    def _say(self, link: ClientConnection, document: str, event: str, *arguments: str) -> None:
        listener = re.search(rf'"listener_id":"([^"]+)","type":"haechi_{event}"', document)
        assert listener is not None, event
        told = {"id": 0, "client_id": _client_id(document), "listener_id": listener[1]}
        link.send("42" + json.dumps(["event", {**told, "args": [json.dumps(a) for a in arguments]}]))

    def _read(self, link: ClientConnection) -> None:
        for message in link:
            self.received_bytes += len(message)
            if message == "2":  # a ping
                link.send("3")


def _client_id(document: str) -> str:
    found = re.search(r"'client_id': '([^']+)'", document)
    assert found is not None
    return found[1]


def _link(web: str, document: str) -> ClientConnection:
    query = {"client_id": _client_id(document), "next_message_id": 0, "implicit_handshake": "true"}
    query |= {"document_id": str(uuid.uuid4()), "tab_id": str(uuid.uuid4()), "EIO": 4, "transport": "websocket"}
    link = connect(f"ws://{web}/_nicegui_ws/socket.io/?{urllib.parse.urlencode(query)}", proxy=None, max_size=1 << 26)
    link.send("40")
    return link


def act(web: str, users: int, seconds: float) -> dict[str, object]:
    """Be so many people for so long; return what they saw."""
    people = [Person(web, n) for n in range(users)]
    with ThreadPoolExecutor(users) as pool:
        list(pool.map(lambda person: person.act(seconds), people))
    pages = [s for person in people for s in person.page_seconds]
    questions = [s for person in people for s in person.question_seconds]
    return {
        "users": users,
        "pages": len(pages),
        "page_p50_ms": percentile_ms(pages, 50),
        "questions": len(questions),
        "question_p50_ms": percentile_ms(questions, 50),
        "question_p99_ms": percentile_ms(questions, 99),
        "refreshes": sum(person.refreshes for person in people),
        "received_kb": sum(person.received_bytes for person in people) // 1000,
        "failures": sum(person.failures for person in people),
    }


# --- the measurement -----------------------------------------------------------------------------------------


class Doors:
    """A running collector's addresses, as `ingest.Sender` wants them."""

    def __init__(self, told: dict[str, str]) -> None:
        self.grpc, self.http, self.web = told["grpc"], told["http"], told["web"]


@contextmanager
def running(directory: Path, web: str) -> Iterator[tuple[Doors, psutil.Process]]:
    """Run a collector with its embedded store until the block ends."""
    start = ["-m", "haechi_collector"] if web == "own" else [str(Path(__file__).with_name("page_users_inside.py"))]
    ports = [f"--{door}-port=0" for door in ("grpc", "http", "web", "store")]
    command = [sys.executable, *start, "serve", f"--data-dir={directory}", *ports, "--log-level=error"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        line = child.stdout.readline()
        assert line.startswith("ready "), line
        yield Doors(dict(part.split("=", 1) for part in line.split()[1:])), psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait(60)
        child.stdout.close()


def acknowledged(target: Doors, bodies: list[bytes], interval_s: float) -> dict[str, float]:
    """Send at a steady pace; return percentiles of the acknowledgements."""
    seconds = Sender(target, "grpc").send(bodies, interval_s)  # type: ignore[arg-type]
    return {
        "ack_p50_ms": percentile_ms(seconds, 50),
        "ack_p99_ms": percentile_ms(seconds, 99),
        "requests": len(seconds),
    }


def measure(options: argparse.Namespace, directory: Path) -> dict[str, object]:
    """Run both halves against one collector."""
    load = requests(WARM_REQUESTS * 2, options.spans)
    with running(directory, options.web) as (target, process):
        fresh = cycle(load)
        rate = options.rate or _half_speed(target, list(islice(fresh, len(load))), options.spans)
        interval_s = options.spans / rate
        count = int(options.seconds / interval_s)
        alone = acknowledged(target, list(islice(fresh, count)), interval_s)
        command = [sys.executable, __file__, "--be-users", target.web, f"--users={options.users}"]
        people = subprocess.Popen([*command, f"--seconds={options.seconds}"], stdout=subprocess.PIPE, text=True)
        time.sleep(3.0)  # until they are there
        beside = acknowledged(target, list(islice(fresh, int(count * 0.8))), interval_s)
        told, _ = people.communicate(timeout=120)
        memory = {one.cmdline()[2].split(".")[-1]: _mib(one) for one in (process, *process.children())}
    return {
        "web": options.web,
        "cores": os.cpu_count(),
        "spans_per_s": round(rate),
        "alone": alone,
        "with_people": beside,
        "people": json.loads(told),
        "pss_mib": memory,
    }


def _mib(process: psutil.Process) -> int:
    return int(process.memory_full_info().pss >> 20)


def _half_speed(target: Doors, bodies: list[bytes], spans: int) -> float:
    began = time.monotonic()
    Sender(target, "grpc").send(bodies)  # type: ignore[arg-type]
    speed = len(bodies) * spans / (time.monotonic() - began)
    time.sleep(SETTLE_S)
    return speed / 2


def main() -> int:
    """Measure and print; see the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each half")
    parser.add_argument("--spans", type=int, default=128, help="spans per request")
    parser.add_argument("--rate", type=float, default=0.0, help="spans per second; default: half of what it takes")
    parser.add_argument("--web", choices=["own", "inside"], default="own")
    parser.add_argument("--be-users", metavar="HOST:PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.be_users:
        print(json.dumps(act(options.be_users, options.users, options.seconds)))
        return 0
    with tempfile.TemporaryDirectory(prefix="haechi-bench-") as directory:
        print(json.dumps(measure(options, Path(directory)), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
