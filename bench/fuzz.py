"""Mutated OTLP requests against the real doors: no crash, no 500, no UNKNOWN, flat memory.

    python bench/fuzz.py [--requests 1000000] [--signal traces ...] [--encoding protobuf ...] [--transport http ...]

A child collector (receivers, intake and a journal, without a store) takes mutations of real captures over HTTP and,
for protobuf, over gRPC. Prints one JSON object; exits 1 if an answer was wrong, the child died, or its memory grew.
"""

import argparse
import http.client
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

CAPTURES = Path(__file__).parent.parent / "tests" / "data" / "captures"
MESSAGES = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
SERVICES = {
    "traces": "trace.v1.TraceService",
    "logs": "logs.v1.LogsService",
    "metrics": "metrics.v1.MetricsService",
}
HTTP_FINE = {200, 400, 413}
GRPC_FINE = {"OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}
RSS_GROWTH_MAX = 150 * 1024 * 1024
CONNECTIONS = 4
KIND_WEIGHTS = (1, 1, 2, 1, 1, 1, 1)
"""Changes that keep the length are likelier, so that some requests still decode and reach the columns."""


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of request at one door."""

    signal: str
    encoding: str
    transport: str


def seeds(signal: str, encoding: str) -> list[bytes]:
    """Return real requests of that signal, small ones first, in that encoding."""
    files = sorted(CAPTURES.glob(f"*--{signal}-*.binpb"), key=lambda p: p.stat().st_size)
    bodies = [f.read_bytes() for f in files[:80]]
    if encoding == "protobuf":
        return bodies
    return [MessageToJson(MESSAGES[signal].FromString(b), indent=None).encode() for b in bodies]


def mutated(rng: random.Random, body: bytes, other: bytes) -> bytes:
    """Return the body with one to three random changes."""
    data = bytearray(body)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data) + 1)
        match rng.choices(range(7), KIND_WEIGHTS)[0]:
            case 0:
                data[at:at] = rng.randbytes(rng.randint(1, 8))
            case 1:
                del data[at : at + rng.randint(1, 32)]
            case 2 if data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
            case 3 if data:
                data[at % len(data)] = rng.choice((0, 0x7F, 0x80, 0xFF, ord('"'), ord("{"), ord("[")))
            case 4:
                del data[at:]
            case 5:
                start = rng.randrange(len(other))
                data[at:at] = other[start : start + rng.randint(1, 64)]
            case 6:
                start = rng.randrange(len(data) + 1)
                data[at:at] = data[start : start + rng.randint(1, 256)] * rng.randint(1, 4)
    return bytes(data)


def bodies(target: Target, count: int, seed: int) -> Iterator[bytes]:
    """Yield mutations, the same for the same seed."""
    rng = random.Random(f"{target}-{seed}")
    originals = seeds(target.signal, target.encoding)
    for _ in range(count):
        yield mutated(rng, rng.choice(originals), rng.choice(originals))


def over_http(address: str, target: Target, count: int, seed: int) -> Counter[str]:
    """Send mutations over one keep-alive connection; count the answers."""
    answers: Counter[str] = Counter()
    kind = {"protobuf": "application/x-protobuf", "json": "application/json"}[target.encoding]
    connection = http.client.HTTPConnection(address, timeout=60)
    for body in bodies(target, count, seed):
        connection.request("POST", f"/v1/{target.signal}", body, {"content-type": kind})
        response = connection.getresponse()
        response.read()
        answers[str(response.status)] += 1
        if response.getheader("connection") == "close":
            connection.close()
    connection.close()
    return answers


def over_grpc(address: str, target: Target, count: int, seed: int) -> Counter[str]:
    """Send mutations over one channel; count the answers."""
    answers: Counter[str] = Counter()
    path = f"/opentelemetry.proto.collector.{SERVICES[target.signal]}/Export"
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(path)
        for body in bodies(target, count, seed):
            try:
                call(body, timeout=60)
                answers["OK"] += 1
            except grpc.RpcError as error:
                answers[error.code().name] += 1
    return answers


def run(target: Target, address: str, count: int) -> Counter[str]:
    """Send ``count`` mutations over several connections."""
    send = over_http if target.transport == "http" else over_grpc
    share = [count // CONNECTIONS + (n < count % CONNECTIONS) for n in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        parts = pool.map(lambda n: send(address, target, share[n], n), range(CONNECTIONS))
        return sum(parts, Counter())


def wrong(target: Target, answers: Counter[str]) -> dict[str, int]:
    """Return the answers that must not be."""
    fine = {str(s) for s in HTTP_FINE} if target.transport == "http" else GRPC_FINE
    return {answer: n for answer, n in answers.items() if answer not in fine}


def targets(signals: list[str], encodings: list[str], transports: list[str]) -> list[Target]:
    """Return every chosen door for every chosen kind of request."""
    doors = {"protobuf": ("http", "grpc"), "json": ("http",)}
    return [Target(s, e, t) for s in signals for e in encodings for t in doors[e] if t in transports]


def measured(target: Target, address: str, count: int, child: psutil.Process) -> dict[str, object]:
    """Fuzz one target and report."""
    run(target, address, min(count, 2_000))  # warm
    before, began = child.memory_info().rss, time.monotonic()
    answers = run(target, address, count)
    return {
        "signal": target.signal,
        "encoding": target.encoding,
        "transport": target.transport,
        "requests": count,
        "seconds": round(time.monotonic() - began, 1),
        "answers": dict(answers),
        "wrong": wrong(target, answers),
        "rss_growth_mib": round((child.memory_info().rss - before) / 2**20, 1),
    }


def main() -> int:
    """Run the fuzzer; see the module."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--requests", type=int, default=1_000_000, help="mutations per signal and encoding")
    options.add_argument("--signal", nargs="*", default=list(MESSAGES), choices=list(MESSAGES))
    options.add_argument("--encoding", nargs="*", default=["protobuf", "json"], choices=["protobuf", "json"])
    options.add_argument("--transport", nargs="*", default=["http", "grpc"], choices=["http", "grpc"])
    chosen = options.parse_args()
    command = [sys.executable, str(Path(__file__).with_name("doors.py"))]
    reports = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        address = json.loads(child.stdout.readline())
        process = psutil.Process(child.pid)
        for target in targets(chosen.signal, chosen.encoding, chosen.transport):
            doors = 2 if target.encoding == "protobuf" else 1  # each takes its share of the mutations
            reports.append(measured(target, address[target.transport], chosen.requests // doors, process))
            print(json.dumps(reports[-1]), file=sys.stderr, flush=True)
        alive = child.poll() is None
        child.communicate()
    good = alive and not any(r["wrong"] for r in reports)
    flat = all(float(str(r["rss_growth_mib"])) * 2**20 < RSS_GROWTH_MAX for r in reports)
    print(json.dumps({"alive": alive, "flat_memory": flat, "targets": reports}, indent=1))
    return 0 if good and flat else 1


if __name__ == "__main__":
    sys.exit(main())
