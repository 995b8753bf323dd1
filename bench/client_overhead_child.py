"""One contender of `client_overhead.py`: NAME PORT PIPELINE, then orders on stdin, answers on stdout as JSON lines.

With a fourth argument, ``between``, what lies between the application and the client's method is timed in place.
"""

import functools
import gc
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "instrumentation"), str(ROOT / "schemas")]
MESSAGES: Any = [
    {"role": "system", "content": "You answer questions about Korea. " * 6},
    {"role": "user", "content": "What is the capital? 수도는 어디입니까?"},
]


def provider(port: str, pipeline: str) -> Any:
    """Return OpenTelemetry's SDK as everybody sets it up; for ``metrics`` also theirs."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, _: Any) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    exporter: SpanExporter = Nowhere()
    if pipeline != "span":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter(f"http://127.0.0.1:{port}/v1/traces")
    made = TracerProvider()
    made.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(made)
    if pipeline == "metrics":
        from opentelemetry import metrics
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

        reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"http://127.0.0.1:{port}/v1/metrics"))
        metrics.set_meter_provider(MeterProvider([reader]))
    return made


def turn_on(name: str, port: str, pipeline: str) -> Any:
    """Turn one instrumentation on; return its provider."""
    if name == "bare":
        return None
    if name == "haechi" and pipeline != "span":  # as users have it: the SDK's own set-up
        if pipeline == "export":
            os.environ["OTEL_METRICS_EXPORTER"] = "none"  # noqa: TID251
        import haechi

        haechi.init(endpoint=f"http://127.0.0.1:{port}", content="on")
        return None
    made = provider(port, pipeline)
    if name == "haechi":
        import haechi

        haechi.init(content="on")
    elif name == "opentelemetry":
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

        OpenAIInstrumentor().instrument()
    elif name == "openinference":
        from openinference.instrumentation.openai import OpenAIInstrumentor  # type: ignore[no-redef]

        OpenAIInstrumentor().instrument()
    elif name == "openllmetry":
        from opentelemetry.instrumentation.openai import OpenAIInstrumentor  # type: ignore[no-redef]

        OpenAIInstrumentor().instrument()
    return made


def calls_of(port: str) -> dict[str, Callable[[int], None]]:
    """Return what can be ordered: one plain call, one stream."""
    import openai

    client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0)

    def plain(_: int) -> None:
        client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, temperature=0.2)

    def stream(chunks: int) -> None:
        for _ in client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True, max_tokens=chunks):
            pass

    return {"plain": plain, "stream": stream}


def timed(call: Callable[[int], None], calls: int, chunks: int) -> dict[str, float]:
    """Return CPU of the whole process, its export included, and time, in µs a call."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(calls):
        call(chunks)
    return {
        "cpu": (time.process_time() - cpu) / calls * 1e6,
        "wall": (time.perf_counter() - wall) / calls * 1e6,
    }


class Between:
    """Times what an instrumentation does around the client's method; nothing for one that goes in deeper.

    It stands in for the method before anything is turned on, so that instrumentations wrap it.
    """

    def __init__(self, pipeline: str) -> None:
        from openai.resources.chat.completions import Completions

        self.inside_ns = 0
        self._settle_s = 0.0 if pipeline == "span" else 5.5  # the SDK's processor exports every 5 s
        original = Completions.create

        @functools.wraps(original)
        def create(*args: Any, **kwargs: Any) -> Any:
            begun = time.perf_counter_ns()
            try:
                return original(*args, **kwargs)
            finally:
                self.inside_ns = time.perf_counter_ns() - begun

        Completions.create = create  # type: ignore[method-assign,assignment]

    def timed(self, call: Callable[[int], None], calls: int) -> dict[str, float]:
        """Return the time of a call outside the client, in the median, and the CPU of other threads per call, in µs."""
        outside = []
        everything, mine = time.process_time(), time.thread_time()
        for _ in range(calls):
            begun = time.perf_counter_ns()
            call(0)
            outside.append(time.perf_counter_ns() - begun - self.inside_ns)
        time.sleep(self._settle_s)
        others = time.process_time() - everything - (time.thread_time() - mine)
        return {"between_us": statistics.median(outside) / 1e3, "other_threads_us": others / calls * 1e6}


def memory(made: Any, call: Callable[[int], None], calls: int) -> dict[str, float]:
    """Return what 1,000 finished spans hold until they are exported, in KiB of resident memory."""
    if made is not None:
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        made.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    gc.collect()
    before = resident_kib()
    for _ in range(calls):
        call(0)
    gc.collect()
    return {"kib_per_1000_spans": round((resident_kib() - before) / calls * 1000)}


def resident_kib() -> float:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024


def main() -> None:
    """Start, then obey."""
    name, port, pipeline = sys.argv[1:4]
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"  # noqa: TID251
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"  # noqa: TID251
    cpu, wall = time.process_time(), time.perf_counter()
    between = Between(pipeline) if sys.argv[4:] == ["between"] else None
    made = turn_on(name, port, pipeline)
    orders = calls_of(port)
    spent = {
        "import_cpu_ms": (time.process_time() - cpu) * 1e3,
        "import_wall_ms": (time.perf_counter() - wall) * 1e3,
    }
    print(json.dumps(spent), flush=True)
    for line in sys.stdin:
        kind, calls, chunks = line.split()
        if kind == "memory":
            print(json.dumps(memory(made, orders["plain"], int(calls))), flush=True)
        elif between is not None:
            print(json.dumps(between.timed(orders["plain"], int(calls))), flush=True)
        else:
            print(json.dumps(timed(orders[kind], int(calls), int(chunks))), flush=True)


if __name__ == "__main__":
    main()
