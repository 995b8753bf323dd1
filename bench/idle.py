"""What an idle collector holds: memory of `haechi serve` on the embedded store, all its processes together.

    python bench/idle.py [--requests 200] [--wait 60]

Fills a directory with spans and stops; starts on that directory and rests (`started`); then sends as many spans again,
asks the API and the page, and rests (`after_traffic`). Prints one JSON object, in MiB: memory after the wait, a row for
each process and one for all, and `total_max`, the most that all held at any look in the minute from then on, because
some work comes by the minute.

* `anonymous`: memory of its own. A page that two of the processes share since a fork counts half for each.
* `file`: pages of programs and libraries that a process has mapped now, each page of a file divided by how many of
  *these* processes have it mapped. `/proc/PID/pagemap` says which pages those are, so that other programs that use the
  same libraries (this one does) make it no smaller: it is what the kernel's proportional set size would be, were they
  alone on the machine.
* `shared`: pages of shared memory, counted in the same way; `swap`: what is in swap.
* `pss`: the kernel's own figure, which other programs that use the same libraries make smaller.

`total` is all of these but `pss`. Pages that are in the kernel's cache only, because they were read or were mapped
before, are in none of them. Linux alone.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import numpy as np
import psutil
from ingest import GrpcConnection, percentile_ms
from sample import requests

SPANS = 512
PAGE = 4096
MIB = 1024 * 1024
STORED_S = 120.0
QUESTIONS = (
    "/",
    "/api/v1/summary?from=-1h",
    "/api/v1/latency?from=-1h&group_by=model",
    "/api/v1/costs?from=-1h&group_by=user",
    "/api/v1/traces?from=-1h",
    "/sql?query=SELECT+count()+FROM+spans",
)
ASKED = 20
LOOK_S = 2.0
WATCH_S = 60.0
_PRESENT, _OF_A_FILE = np.uint64(1 << 63), np.uint64(1 << 61)
_NAMES = {"haechi_collector.web_process": "web", "haechi_collector.store.embedded": "store"}


@dataclass(frozen=True, slots=True)
class Mapped:
    """What one process has mapped: numbers of pages within each file, by device and inode."""

    name: str
    rollup: dict[str, int]  # the kernel's sums, KiB
    pages: dict[tuple[str, str], "np.ndarray[tuple[int], np.dtype[np.uint64]]"] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)


def _rollup(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines)}


def mapped(process: psutil.Process) -> Mapped:
    """Look at one process."""
    words = " ".join(process.cmdline())
    name = next((short for module, short in _NAMES.items() if module in words), "collector")
    seen = Mapped(name, _rollup(process.pid))
    with Path(f"/proc/{process.pid}/pagemap").open("rb", buffering=0) as pagemap:
        for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines():
            span, _, offset, device, inode, *path = line.split(maxsplit=5)
            if inode == "0":
                continue
            first, end = (int(address, 16) // PAGE for address in span.split("-"))
            pagemap.seek(first * 8)
            entries = np.frombuffer(pagemap.read((end - first) * 8), np.uint64)
            held = np.flatnonzero((entries & _PRESENT > 0) & (entries & _OF_A_FILE > 0)).astype(np.uint64)
            file = (device, inode)
            seen.names[file] = path[0] if path else inode
            before = seen.pages.get(file, np.empty(0, np.uint64))
            seen.pages[file] = np.union1d(before, held + np.uint64(int(offset, 16) // PAGE))
    return seen


def shares(processes: list[Mapped]) -> list[Counter[str]]:
    """For each process, bytes of each file that it has mapped, a page divided by how many of them have it."""
    found: list[Counter[str]] = [Counter() for _ in processes]
    for file in {file for process in processes for file in process.pages}:
        held = [process.pages.get(file, np.empty(0, np.uint64)) for process in processes]
        pages, counts = np.unique(np.concatenate(held), return_counts=True)
        for process, of_file, own in zip(processes, found, held, strict=True):
            if own.size:
                of_file[process.names[file]] += float((1 / counts[np.searchsorted(pages, own)]).sum()) * PAGE  # type: ignore[assignment]
    return found


def memory(pid: int) -> dict[str, object]:
    """Measure a collector and what it started."""
    parent = psutil.Process(pid)
    seen = [mapped(process) for process in (parent, *parent.children(recursive=True))]
    table: dict[str, dict[str, float]] = {}
    largest: Counter[str] = Counter()
    for process, of_file in zip(seen, shares(seen), strict=True):
        shared = sum(size for name, size in of_file.items() if name.startswith("/memfd:"))
        line = {
            "anonymous": process.rollup["Pss_Anon"] / 1024,
            "file": (sum(of_file.values()) - shared) / MIB,
            "shared": shared / MIB,
            "swap": process.rollup["SwapPss"] / 1024,
            "pss": process.rollup["Pss"] / 1024,
        }
        line["total"] = sum(line[part] for part in ("anonymous", "file", "shared", "swap"))
        table[process.name] = {part: round(size, 1) for part, size in line.items()}
        largest += Counter({f"{process.name}: {Path(name).name}": size for name, size in of_file.items()})
    columns = next(iter(table.values()))
    table["all"] = {part: round(sum(line[part] for line in table.values()), 1) for part in columns}
    return {**table, "largest_files": {name: round(size / MIB, 1) for name, size in largest.most_common(12)}}


@contextmanager
def serving(directory: Path) -> Iterator[tuple[int, dict[str, str], float]]:
    """Run `haechi serve`; yield its process, its addresses and the seconds that it took to be ready."""
    ports = [f"--{door}-port=0" for door in ("grpc", "http", "web", "store")]
    command = [sys.executable, "-m", "haechi_collector", "serve", f"--data-dir={directory}", *ports]
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        line = child.stdout.readline()
        assert line.startswith("ready "), line
        ready_s = time.monotonic() - began
        yield child.pid, dict(part.split("=", 1) for part in line.split()[1:]), ready_s
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(60)
        child.stdout.close()


def stored(web: str) -> int:
    """Spans that a query sees."""
    return int(httpx2.get(f"http://{web}/sql?query=SELECT+count()+FROM+spans", timeout=60, trust_env=False).text)


def send(doors: dict[str, str], count: int, seed: int) -> None:
    """Send so many requests and wait until a query sees their spans."""
    already, deadline, sender = stored(doors["web"]), time.monotonic() + STORED_S, GrpcConnection(doors["grpc"])
    for request in requests(count, SPANS, seed=seed):
        sender.send(request.body)
    while stored(doors["web"]) < already + count * SPANS:
        assert time.monotonic() < deadline, f"not stored within {STORED_S} s"
        time.sleep(0.1)


def ask(web: str) -> dict[str, float]:
    """Ask each question some times; return the median of each, ms."""
    answers = {}
    with httpx2.Client(base_url=f"http://{web}", timeout=60, trust_env=False) as client:
        for question in QUESTIONS:
            seconds = []
            for _ in range(ASKED):
                began = time.perf_counter()
                assert client.get(question).status_code == 200, question
                seconds.append(time.perf_counter() - began)
            answers[question] = percentile_ms(seconds, 50)
    return answers


def _rest(seconds: float, pid: int) -> dict[str, object]:
    """Wait and measure; then look on for a minute."""
    for _ in _looks(seconds, pid):
        pass
    after = memory(pid)
    return {**after, "total_max": max(_looks(WATCH_S, pid))}


def _looks(seconds: float, pid: int) -> Iterator[float]:
    """Look again and again for so long; yield what all hold, and show it."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        table = memory(pid)["all"]
        print(f"{left:.0f} s left: {table}", file=sys.stderr)
        yield table["total"]  # type: ignore[index]
        time.sleep(min(left, LOOK_S))


def measure(directory: Path, count: int, wait_s: float) -> dict[str, object]:
    """Fill, start again, rest, work, rest; see the module."""
    with serving(directory) as (_, doors, _):
        send(doors, count, seed=1)
    report: dict[str, object] = {"wait_s": wait_s}
    with serving(directory) as (pid, doors, ready_s):
        report |= {"ready_s": round(ready_s, 2), "started": _rest(wait_s, pid)}
        send(doors, count, seed=2)
        report |= {"answers_ms": ask(doors["web"]), "spans": stored(doors["web"])}
        report["after_traffic"] = _rest(wait_s, pid)
    return report


def main() -> int:
    """Measure and print; see the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200, help="of 512 spans, before and after the start")
    parser.add_argument("--wait", type=float, default=60.0, help="seconds of rest before each measurement")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="haechi-bench-") as directory:
        print(json.dumps(measure(Path(directory), options.requests, options.wait), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
