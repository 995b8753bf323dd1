"""Does the cost of a span grow: with what is stored, with the number of clients, with time?

    python bench/flat.py [--clients 1 8 64 200] [--stored 0 20000000] [--minutes 10]

One collector with its embedded store on loopback, as in `bench/ingest.py`. Prints one JSON object:

* for each number of clients: CPU per span of collector and store, acknowledgement p50 and p99;
* for each number of stored spans (filled in by the store itself, from spans that came in): the same;
* over the minutes at full speed: resident memory of both processes every ten seconds, and what it grew by between
  the second minute and the last.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from statistics import median

from ingest import Collector, Sender, collector, cycle, full_speed, scalar, stored, wait_stored
from sample import Request, requests

from haechi_collector.store.client import StoreClient

SPANS = 512
MERGED_S = 600
SAMPLE_S = 10
_NEW_IDS = (
    "* REPLACE(lower(hex(reinterpretAsUUID(generateUUIDv4()))) AS trace_id, "
    "start_time - toIntervalSecond({n}) AS start_time)"
)


def fill(client: StoreClient, total: int) -> None:
    """Grow the table to so many spans, over the last days, and wait until its merges have settled."""
    while (now := stored(client)) < total:
        missing = min(now, total - now)
        columns = _NEW_IDS.format(n=3600 + now % 500_000)
        client.command(f"INSERT INTO spans SELECT {columns} FROM spans LIMIT {missing}")
        print(f"{stored(client):,} spans stored", file=sys.stderr)
    deadline = time.monotonic() + MERGED_S
    while scalar(client, "SELECT count() FROM system.merges") and time.monotonic() < deadline:
        time.sleep(2)


def fresh(load: list[Request], seeds: Iterator[int]) -> list[Request]:
    """The same requests as others: nothing of them was sent before."""
    first = next(seeds) * len(load)
    bodies = islice(cycle(load), first, first + len(load))
    return [Request(body, r.spans, r.input_tokens) for body, r in zip(bodies, load, strict=True)]


def memory_mib(target: Collector) -> dict[str, int]:
    """Resident memory of both processes."""
    return {
        "collector": target.process.memory_info().rss >> 20,
        "store": target.store.memory_info().rss >> 20,
    }


def over_time(
    target: Collector, client: StoreClient, load: list[Request], seeds: Iterator[int], minutes: float
) -> dict[str, object]:
    """Send at full speed for so long; return what memory did."""
    samples, end, due = [], time.monotonic() + minutes * 60, time.monotonic()
    before = stored(client)
    while time.monotonic() < end:
        Sender(target, "grpc").send([r.body for r in fresh(load, seeds)])
        if time.monotonic() >= due:
            due += SAMPLE_S
            samples.append(memory_mib(target))
            print(f"{samples[-1]}", file=sys.stderr)
    early, late = samples[len(samples) // 10 : len(samples) // 5 + 1], samples[-len(samples) // 10 :]
    growth = {k: round(median(s[k] for s in late) - median(s[k] for s in early)) for k in samples[0]}
    return {"minutes": minutes, "spans": stored(client) - before, "growth_mib": growth, "samples_mib": samples}


def main() -> int:
    """Measure and print; see the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8, 64, 200])
    parser.add_argument("--stored", type=int, nargs="*", default=[0, 20_000_000])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--shape", default="small")
    options = parser.parse_args()
    load, seeds = requests(options.requests, SPANS, options.shape), count()
    report: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="haechi-bench-") as directory, collector(Path(directory)) as target:
        client = StoreClient.connect(target.dsn)
        warm = fresh(load, seeds)
        Sender(target, "grpc").send([r.body for r in warm])
        wait_stored(client, sum(r.spans for r in warm))
        report["clients"] = {n: full_speed(target, client, fresh(load, seeds), "grpc", n) for n in options.clients}
        report["stored"] = {}
        for total in options.stored:
            fill(client, total)
            report["stored"] |= {total: full_speed(target, client, fresh(load, seeds), "grpc")}  # type: ignore[operator]
        if options.minutes:
            report["time"] = over_time(target, client, load, seeds, options.minutes)
        client.close()
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
