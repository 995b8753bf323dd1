"""What observing costs the application: ours beside every other instrumentation of the same OpenAI client, in one run.

    python -m venv peers
    peers/bin/pip install --pre openai wrapt genai-prices opentelemetry-exporter-otlp-proto-http \
        opentelemetry-instrumentation-openai openinference-instrumentation-openai \
        opentelemetry-instrumentation-genai-openai
    python bench/client_overhead.py --python peers/bin/python [--launches 5] [--rounds 5] [--calls 100]

One process per contender, all alive at once, all with the same client against the same local server, content on, and
the same pipeline. ``span``: an application's own TracerProvider of OpenTelemetry's SDK with its batch processor.
``export``: the spans go to a local sink over OTLP, by OpenTelemetry's exporter, or as `haechi.init` does it.
``metrics``: so do the metrics of the calls, of those that have any (OpenInference has none).

Each round asks each contender in turn for the same calls, so that whatever else the machine does hits all of them; a
figure is the median over rounds of a contender's CPU minus that of the bare client in the same round. Each launch
starts the processes anew, because where a process happens to lie in memory alone makes calls 5 % slower or faster.

On a busy machine those figures are 20 µs uncertain. In processes of their own, each contender is therefore also timed
in place: what a call takes outside the client's method, and the CPU of all other threads, of which the export is one.
OpenInference does its work inside that method, so that this is no figure of it.

Prints one JSON object per contender and a table: added CPU and time per call and per chunk (µs), resident memory per
1,000 finished spans (KiB), the two figures taken in place (µs), CPU and time that importing and turning it on adds to
importing the client, and the CPU that the first call adds (ms), because what is not imported at once is imported then.
"""

import argparse
import json
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
CONTENDERS = ("bare", "haechi", "opentelemetry", "openinference", "openllmetry")
PIPELINES = ("span", "export", "metrics")
FEW, MANY = 20, 420
"""Chunks of a short and of a long stream; the difference of the two is what chunks cost."""

Report = dict[str, dict[str, float]]
"""By contender: its figures."""

CHILD = ROOT / "bench" / "client_overhead_child.py"
USAGE = {"prompt_tokens": 19, "completion_tokens": 11, "total_tokens": 30}


class Provider(BaseHTTPRequestHandler):
    """Chat completions, plain and streamed, and a sink for OTLP. As many chunks as ``max_tokens`` says."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one segment: two would wait 40 ms for each other's acknowledgement
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer at once."""
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path.startswith("/v1/chat"):
            self._chat(json.loads(body))
        else:
            self._answer(b"", "application/x-protobuf")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _chat(self, asked: dict[str, Any]) -> None:
        base = {"id": "chatcmpl-1", "created": 1, "model": asked["model"]}
        if not asked.get("stream"):
            said = {"role": "assistant", "content": "Seoul is the capital of Korea. " * 4}
            choice = {"index": 0, "message": said, "finish_reason": "stop"}
            answer = {**base, "object": "chat.completion", "choices": [choice], "usage": USAGE}
            return self._answer(json.dumps(answer).encode(), "application/json")
        base["object"] = "chat.completion.chunk"
        deltas = [{"content": f"word{n} "} for n in range(asked["max_tokens"])]
        chunks = [{**base, "choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
        chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        if (asked.get("stream_options") or {}).get("include_usage"):
            chunks.append({**base, "choices": [], "usage": USAGE})
        lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
        return self._answer("".join([*lines, "data: [DONE]\n\n"]).encode(), "text/event-stream")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve() -> None:
    """Serve on any free port of loopback, print it, and end when stdin closes."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


class Child:
    """One contender in its own process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.started = self._read()

    def ask(self, kind: str, calls: int, chunks: int = 0) -> dict[str, float]:
        """Let it make calls; return CPU and time per call in µs, or KiB per 1,000 spans."""
        assert self._process.stdin is not None
        print(kind, calls, chunks, file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._process.args} ended early")
        return dict(json.loads(line))


@contextmanager
def started(*command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process that ends when its stdin closes."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


@dataclass(frozen=True)
class Load:
    """How much is asked of each contender: calls a round, rounds a launch of its process."""

    launches: int
    rounds: int
    calls: int


def measure(python: str, port: int, pipeline: str, load: Load) -> Report:
    """Return each contender's figures."""
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for launch in range(load.launches):
        print(f"{pipeline}: launch {launch + 1} of {load.launches}", file=sys.stderr, flush=True)
        with ExitStack() as stack:
            children = {
                name: Child(stack.enter_context(started(python, str(CHILD), name, str(port), pipeline)))
                for name in CONTENDERS
            }
            for child in children.values():
                child.ask("plain", load.calls)
            for _ in range(load.rounds):
                for name, child in children.items():
                    seen[name].append(one_round(child, load.calls))
            if launch == load.launches - 1:
                memory = {name: child.ask("memory", 2000) for name, child in children.items()}
    return {name: added(seen[name], seen["bare"]) | memory[name] for name in CONTENDERS}


def in_place(python: str, port: int, pipeline: str, load: Load) -> Report:
    """Return what each contender does around the client's method, less the timer itself; medians over launches."""
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for _ in range(load.launches):
        for name in CONTENDERS:
            with started(python, str(CHILD), name, str(port), pipeline, "between") as process:
                child = Child(process)
                child.ask("plain", load.calls)  # imports what the first call and the first export need
                seen[name].append(child.ask("plain", 4 * load.calls))
    return {name: added(seen[name], seen["bare"]) for name in CONTENDERS}


def one_round(child: Child, calls: int) -> dict[str, float]:
    """Return CPU and time per call and per chunk, in µs, of one round."""
    plain = child.ask("plain", calls)
    few, many = child.ask("stream", calls // 4, FEW), child.ask("stream", calls // 4, MANY)
    chunk = {f"{key}_per_chunk_us": (many[key] - few[key]) / (MANY - FEW) for key in ("cpu", "wall")}
    return {"cpu_per_call_us": plain["cpu"], "wall_per_call_us": plain["wall"], **chunk}


def added(rounds: list[dict[str, float]], bare: list[dict[str, float]]) -> dict[str, float]:
    """Return the medians of what a contender adds to the bare client in the same round."""
    return {
        key: round(statistics.median(ours[key] - theirs[key] for ours, theirs in zip(rounds, bare, strict=True)), 1)
        for key in rounds[0]
    }


def imports(python: str, port: int, rounds: int) -> Report:
    """Return what importing and turning on adds to importing the client: CPU and time, medians in ms."""
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name in CONTENDERS:
            with started(python, str(CHILD), name, str(port), "metrics") as process:
                child = Child(process)
                first = child.ask("plain", 1)
                seen[name].append({**child.started, "first_call_cpu_ms": first["cpu"] / 1e3})
    return {
        name: {
            key: round(
                statistics.median(s[key] for s in seen[name]) - statistics.median(s[key] for s in seen["bare"]), 1
            )
            for key in ("import_cpu_ms", "import_wall_ms", "first_call_cpu_ms")
        }
        for name in CONTENDERS
    }


def table(report: Report) -> str:
    """Return the figures as a Markdown table, contenders as columns."""
    names = [name for name in CONTENDERS if name != "bare"]
    rows = [f"| added | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    rows += [f"| {key} | {' | '.join(str(report[name][key]) for name in names)} |" for key in report["haechi"]]
    return "\n".join(rows)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has every contender installed")
    parser.add_argument("--launches", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5, help="of each launch")
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return 0
    with started(sys.executable, __file__, "--serve") as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        load = Load(options.launches, options.rounds, options.calls)
        report = {}
        for pipeline in PIPELINES:
            figures, placed = (take(options.python, port, pipeline, load) for take in (measure, in_place))
            report[pipeline] = figures = {name: figures[name] | placed[name] for name in CONTENDERS}
            print(f"\n{pipeline}\n{table(figures)}", file=sys.stderr)
        report["import"] = imports(options.python, port, options.launches)
        print(f"\nimport\n{table(report['import'])}", file=sys.stderr)
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
