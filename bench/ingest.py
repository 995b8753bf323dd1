"""Ingest, measured beside the bare insert of the same rows into the same table by the same client.

    python bench/ingest.py [--requests 200] [--spans 512] [--shape typical] [--transport grpc]

Starts a collector with its embedded store on loopback and measures, in one run:

* full speed: spans per second, acknowledgement p50/p99, CPU of collector and store per span until every span is
  queryable and the store's merges have settled;
* half of that speed: acknowledgement p50/p99, and the time from acknowledgement until a span is queryable;
* the bare insert: the rows that the collector stored, as ready batches of the same size, into a copy of the table.

Prints one JSON object. CPU is what the operating system counted for the two processes, user and system.
"""

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from queue import Empty, SimpleQueue

import grpc
import psutil
import pyarrow as pa
from sample import SHAPES, Request, requests

from haechi.pricing import PriceBook
from haechi_collector.decode import decode_traces
from haechi_collector.journal import Entry
from haechi_collector.limits import BLOCK_ROWS_MAX
from haechi_collector.pipeline import Pipeline
from haechi_collector.store.client import Dsn, StoreClient
from haechi_collector.store.insert import Inserter
from haechi_collector.telemetry import Metrics

SETTLE_S = 3.0
CONNECTIONS = 4
HALF_LOAD_S = 10.0
WARM_REQUESTS = 64
"""Sent before the measurement, so that both processes have touched the memory they work in: when the bare insert begins
they have, too."""


@dataclass(frozen=True, slots=True)
class Collector:
    """A running collector: its addresses and its two processes."""

    grpc: str
    http: str
    dsn: Dsn
    process: psutil.Process
    store: psutil.Process

    def cpu_s(self) -> tuple[float, float]:
        """CPU seconds so far of collector and store."""
        return _cpu_s(self.process), _cpu_s(self.store)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def program(*words: str) -> Iterator[tuple[psutil.Process, dict[str, str]]]:
    """Run a command of `haechi` until the block ends; yield its process and what its line ``ready …`` tells."""
    child = subprocess.Popen([sys.executable, "-m", "haechi_collector", *words], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        line = child.stdout.readline()
        assert line.startswith("ready "), line
        yield psutil.Process(child.pid), dict(part.split("=", 1) for part in line.split()[1:])
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(60)
        child.stdout.close()


@contextmanager
def collector(directory: Path) -> Iterator[Collector]:
    """Run a store and a collector on free ports until the block ends.

    The store runs as a command of its own, so that the bare insert can have its password; it is the same process.
    """
    ports = [f"--{door}-port=0" for door in ("grpc", "http", "web")]
    with program("store", f"--path={directory / 'store'}", "--port=0") as (store, told):
        passwords = dict(line.split() for line in Path(told["passwords"]).read_text().splitlines())
        dsn = Dsn.parse(told["store"].replace("//", f"//haechi:{passwords['haechi']}@", 1) + "/haechi")
        with program("serve", f"--data-dir={directory}", f"--clickhouse={dsn.text}", *ports) as (process, doors):
            yield Collector(doors["grpc"], doors["http"], dsn, process, store)


class Sender:
    """Sends requests over a few connections and notes how long each acknowledgement took."""

    def __init__(self, target: Collector, transport: str, connections: int = CONNECTIONS) -> None:
        self._target, self._transport, self._connections = target, transport, connections

    def _connection(self) -> "GrpcConnection | HttpConnection":
        if self._transport == "grpc":
            return GrpcConnection(self._target.grpc)
        return HttpConnection(self._target.http)

    def send(self, bodies: list[bytes], interval_s: float = 0.0) -> list[float]:
        """Send every body, each at its time if an interval is given; return seconds per acknowledgement."""
        queue: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
        began = time.monotonic()
        for n, body in enumerate(bodies):
            queue.put((began + n * interval_s, body))
        with ThreadPoolExecutor(self._connections) as pool:
            return [s for part in pool.map(lambda _: self._drain(queue), range(self._connections)) for s in part]

    def _drain(self, queue: "SimpleQueue[tuple[float, bytes]]") -> list[float]:
        connection, seconds = self._connection(), []
        while True:
            try:
                due, body = queue.get_nowait()
            except Empty:
                return seconds
            time.sleep(max(0.0, due - time.monotonic()))
            before = time.perf_counter()
            connection.send(body)
            seconds.append(time.perf_counter() - before)


class GrpcConnection:
    """One channel with a connection of its own."""

    def __init__(self, address: str) -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", 1 << 28)]
        self._channel = grpc.insecure_channel(address, options=options)
        self._call = self._channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")

    def send(self, body: bytes) -> None:
        """Send one request; raise unless it is accepted whole."""
        answer = self._call(body, timeout=60)
        assert answer == b"", answer


class HttpConnection:
    """One keep-alive connection."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=60)

    def send(self, body: bytes) -> None:
        """Send one request; raise unless it is accepted whole."""
        self._connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
        response = self._connection.getresponse()
        answer = response.read()
        assert (response.status, answer) == (200, b""), (response.status, answer)


def percentile_ms(seconds: list[float], p: float) -> float:
    """Nearest-rank percentile in milliseconds."""
    ordered = sorted(seconds)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * p / 100))] * 1000, 1)


def scalar(client: StoreClient, query: str) -> float:
    """Return the one value of a query."""
    return float(client.query(query).column(0)[0].as_py())


def stored(client: StoreClient) -> int:
    """Spans that a query sees."""
    return int(scalar(client, "SELECT count() FROM spans"))


def wait_stored(client: StoreClient, total: int, timeout_s: float = 300) -> None:
    """Wait until a query sees so many spans."""
    deadline = time.monotonic() + timeout_s
    while (seen := stored(client)) < total:
        assert time.monotonic() < deadline, f"{seen} of {total} spans after {timeout_s} s"
        time.sleep(0.05)


def full_speed(
    target: Collector, client: StoreClient, load: list[Request], transport: str, connections: int = CONNECTIONS
) -> dict[str, float]:
    """Send everything as fast as it is acknowledged."""
    spans = sum(r.spans for r in load)
    already, cpu, began = stored(client), target.cpu_s(), time.monotonic()
    acknowledged = Sender(target, transport, connections).send([r.body for r in load])
    acknowledged_s = time.monotonic() - began
    wait_stored(client, already + spans)
    queryable_s = time.monotonic() - began
    time.sleep(SETTLE_S)
    used = [after - before for before, after in zip(cpu, target.cpu_s(), strict=True)]
    return {
        "spans": spans,
        "spans_per_s_acknowledged": round(spans / acknowledged_s),
        "spans_per_s_queryable": round(spans / queryable_s),
        "ack_p50_ms": percentile_ms(acknowledged, 50),
        "ack_p99_ms": percentile_ms(acknowledged, 99),
        "collector_cpu_us_per_span": round(used[0] / spans * 1e6, 2),
        "store_cpu_us_per_span": round(used[1] / spans * 1e6, 2),
        "cpu_us_per_span": round(sum(used) / spans * 1e6, 2),
    }


def half_load(
    target: Collector, client: StoreClient, load: list[Request], transport: str, rate: float
) -> dict[str, float]:
    """Send at half the speed that was queryable; beside it, time single spans until a query sees them."""
    interval_s = load[0].spans / (rate / 2)
    bodies = list(islice(cycle(load), int(HALF_LOAD_S / interval_s)))
    with ThreadPoolExecutor(1) as pool:
        probing = pool.submit(_probe, target, client, transport)
        acknowledged = Sender(target, transport).send(bodies, interval_s)
        queryable = probing.result()
    return {
        "spans_per_s": round(rate / 2),
        "ack_p50_ms": percentile_ms(acknowledged, 50),
        "ack_p99_ms": percentile_ms(acknowledged, 99),
        "queryable_p50_ms": percentile_ms(queryable, 50),
        "queryable_p99_ms": percentile_ms(queryable, 99),
    }


def cycle(load: list[Request]) -> Iterator[bytes]:
    """Repeat the requests without end; a field that nobody knows makes each another request."""
    for n in count():
        yield load[n % len(load)].body + b"\x7d" + n.to_bytes(4, "little")


def _probe(target: Collector, client: StoreClient, transport: str) -> list[float]:
    connection = GrpcConnection(target.grpc) if transport == "grpc" else HttpConnection(target.http)
    seconds, deadline, seed = [], time.monotonic() + HALF_LOAD_S * 0.9, count(10_000)
    while time.monotonic() < deadline:
        probe = requests(1, 1, "small", next(seed))[0].body
        trace_id = decode_traces(probe).column("trace_id")[0].as_py()
        connection.send(probe)
        acknowledged = time.monotonic()
        while not scalar(client, f"SELECT count() FROM spans WHERE trace_id = '{trace_id}'"):
            time.sleep(0.01)
        seconds.append(time.monotonic() - acknowledged)
    return seconds


def ready_rows(load: list[Request]) -> list[pa.RecordBatch]:
    """The rows that the collector makes of the load, in blocks of the collector's size. Not timed."""
    pipeline = Pipeline(PriceBook.load(None), Metrics(), token_counting=False)
    rows = []
    for r in load:
        entry = Entry("traces", "default", time.time_ns(), decode_traces(r.body))
        rows += [p.rows for p in pipeline.prepare("traces", [entry])]
    table = pa.Table.from_batches(rows).combine_chunks()
    return table.to_batches(max_chunksize=BLOCK_ROWS_MAX)


def bare_insert(target: Collector, client: StoreClient, load: list[Request]) -> dict[str, float]:
    """Insert ready batches through the collector's own client."""
    client.command("CREATE TABLE spans_bare AS spans")
    batches, inserter = ready_rows(load), Inserter(client)
    inserter.insert("spans_bare", batches[0].slice(0, 100), "warm")
    spans, own, store_cpu = sum(b.num_rows for b in batches), time.process_time(), _cpu_s(target.store)
    began = time.monotonic()
    for n, batch in enumerate(batches):
        inserter.insert("spans_bare", batch, f"bare-{n}")
    seconds = time.monotonic() - began
    used = time.process_time() - own
    time.sleep(SETTLE_S)
    store_used = _cpu_s(target.store) - store_cpu
    assert int(scalar(client, "SELECT count() FROM spans_bare")) == spans + 100
    return {
        "spans_per_s": round(spans / seconds),
        "client_cpu_us_per_span": round(used / spans * 1e6, 2),
        "store_cpu_us_per_span": round(store_used / spans * 1e6, 2),
        "cpu_us_per_span": round((used + store_used) / spans * 1e6, 2),
    }


def disk_bytes_per_span(client: StoreClient) -> float:
    """Bytes on disk of the active parts of `spans`, per row."""
    query = "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts WHERE table = 'spans' AND active"
    return round(float(scalar(client, query)), 1)


def measure(options: argparse.Namespace, directory: Path) -> dict[str, object]:
    """Run the three measurements against one collector."""
    load = requests(options.requests, options.spans, options.shape)
    with collector(directory) as target:
        client = StoreClient.connect(target.dsn)
        warm = requests(WARM_REQUESTS, options.spans, options.shape, seed=2)
        Sender(target, options.transport).send([r.body for r in warm])
        wait_stored(client, sum(r.spans for r in warm))
        whole = full_speed(target, client, load, options.transport)
        disk = disk_bytes_per_span(client)
        bare = bare_insert(target, client, load)
        half = half_load(target, client, load, options.transport, whole["spans_per_s_queryable"])
        client.close()
    return {
        "shape": options.shape,
        "transport": options.transport,
        "request_bytes_per_span": round(sum(len(r.body) for r in load) / sum(r.spans for r in load)),
        "cores": os.cpu_count(),
        "full_speed": whole,
        "half_load": half,
        "bare_insert": bare,
        "disk_bytes_per_span": disk,
        "cpu_ratio_to_bare_insert": round(whole["cpu_us_per_span"] / bare["cpu_us_per_span"], 2),
    }


def main() -> int:
    """Measure and print; see the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=320)
    parser.add_argument("--spans", type=int, default=512, help="spans per request")
    parser.add_argument("--shape", choices=list(SHAPES), default="typical")
    parser.add_argument("--transport", choices=["grpc", "http"], default="grpc")
    with tempfile.TemporaryDirectory(prefix="haechi-bench-") as directory:
        print(json.dumps(measure(parser.parse_args(), Path(directory)), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
