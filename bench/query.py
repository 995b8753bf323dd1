"""How long questions take: ``python bench/query.py --millions 10 [--dir DIR] [--ingest 20000]`` prints JSON.

A week of traffic of a RAG application is made inside the store: traces of four spans (workflow, retrieval, two calls),
a daily rhythm, 8 models, 6 prompt versions, 5,000 users of whom few ask often, prompts and answers of 1.3 KB in Korean
and English (sentences of which there are 4,096, so they compress better than real ones). Then a collector is started on
it, and every route is asked over HTTP, cold (the first time) and warm (the median), in turn with the engine's bare
percentile query over the same rows, so that a busy moment of the machine meets both. ``of_bare`` is the ratio of the
medians; ``cpu_of_bare`` that of the CPU that all processes took, which other programs disturb less.

With ``--ingest`` spans of 2.6 KB arrive over OTLP at that rate all the while. ``--dir`` keeps the data directory for
another run; one that was ingested into has later spans than its week. Each answer is checked to be one.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import psutil
from ingest import GrpcConnection, cycle, program
from sample import requests

from haechi_collector.store.client import Dsn, StoreClient
from haechi_collector.store.migrate import migrate

BARE = "SELECT request_model, quantiles(0.5,0.95,0.99)(duration_ns) FROM spans GROUP BY 1"
BARS = {
    "summary_24h": 0.25,
    "percentiles_by_model_24h": 0.25,
    "summary_7d": 1.0,
    "percentiles_by_model_7d": 1.0,
    "costs_by_user_7d": 1.2,
    "percentiles_by_prompt_version_with_attribute_24h": 0.6,
    "trace": 0.15,
    "text_24h": 2.0,
}
WEEK_S, CHUNK = 7 * 86_400, 500_000
WORDS = (
    "refund order invoice delivery account policy warranty contract customer question answer document search index "
    "latency budget token model prompt release region support shipment 환불 주문 배송 결제 계정 정책 보증 계약 고객 "
    "질문 답변 문서 검색 색인 지연 예산 모델 버전 지역 지원 확인 부탁 감사합니다 언제 어디서 어떻게"
).split()
ROWS = """
INSERT INTO spans (project, trace_id, span_id, parent_span_id, name, kind, service_name, environment, start_time,
 duration_ns, status_code, operation, provider, request_model, response_model, input_tokens, output_tokens,
 cache_read_tokens, usage_source, cost_usd, cost_source, cost_details, ttft_ns, is_streaming, user_id, session_id,
 prompt_name, prompt_version, input_messages, output_messages, attributes_string, attributes_number,
 resource_attributes, ingested_at)
WITH (SELECT groupArray(s) FROM sentences) AS said,
 intDiv(number, 4) AS t, number % 4 AS kind_of, kind_of >= 2 AS is_call,
 cityHash64(t) AS h, cityHash64(number, 1) AS g, (g % 1000000 + 1) / 1000001.0 AS u,
 {week} * (number / {rows}) AS x,
 sqrt(-2 * log(u)) * cos(6.283185307 * ((cityHash64(number, 2) % 1000000) / 1000000.0)) AS normal,
 toUInt64(pow((h % 1000000) / 1000000.0, 3) * 5000) AS who,
 1 + h % 6 AS version, h % 8 AS m,
 200 + g % 3000 AS tokens_in, 20 + intDiv(g, 5000) % 500 AS tokens_out,
 toDecimal64(tokens_in * (1 + m) + tokens_out * 4 * (1 + m), 12) / 10000000 AS cost
SELECT 'default', lower(hex(h)) || lower(hex(cityHash64(t, 7))), lower(hex(g)),
 if(kind_of = 0, '', lower(hex(cityHash64(t * 4, 1)))),
 ['invoke_workflow answer', 'retrieval articles', 'chat', 'chat'][kind_of + 1], 'client',
 ['support-bot', 'doc-search', 'code-helper'][1 + h % 3], ['production', 'staging'][1 + (h % 10 = 0)],
 fromUnixTimestamp64Nano(toInt64({begin} + toInt64((x - 6875 * sin(6.283185307 * x / 86400)) * 1000) * 1000000
 + kind_of * 1000000), 'UTC'),
 toUInt64(exp(20.3 + 0.15 * m + 0.7 * normal)), if(g % 50 = 0, 'error', 'unset'),
 ['invoke_workflow', 'retrieval', 'chat', 'chat'][kind_of + 1],
 if(is_call, ['openai', 'anthropic', 'gcp.gemini', 'mistral_ai'][1 + m % 4], ''),
 if(is_call, 'model-' || toString(m), ''), if(is_call, 'model-' || toString(m), ''),
 if(is_call, tokens_in, 0), if(is_call, tokens_out, 0),
 if(is_call AND g % 3 = 0, 128, 0), if(is_call, 'reported', if(kind_of = 0, 'repeated', 'none')),
 if(is_call AND m != 7, cost, NULL), multiIf(NOT is_call, '', m = 7, 'unpriced', 'price_book'),
 if(is_call AND m != 7, map('input.rate', '0.0000025', 'cache_read.rate', '0.00000125', 'output.rate', '0.00001',
 'priced_as', 'openai/gpt-4o', 'price_book', 'genai-prices'), map()),
 if(is_call AND g % 2 = 0, toUInt64(exp(19.3 + 0.4 * normal)), NULL), is_call AND g % 2 = 0,
 'user-' || toString(who), 'session-' || toString(who) || '-' || toString(intDiv(t, 1000)),
 'support-answer', toString(version),
 if(is_call, '[{{"role":"user","parts":[{{"type":"text","content":"' || arrayStringConcat(arrayMap(i -> said[1 +
 cityHash64(number, i) % 4096], range(12)), '. ') || if(g % 20011 = 0, ' needle 바늘', '') || '"}}]}}]', ''),
 if(is_call, '[{{"role":"assistant","parts":[{{"type":"text","content":"' || arrayStringConcat(arrayMap(i -> said[1 +
 cityHash64(number, i, 3) % 4096], range(6)), '. ') || '"}}]}}]', ''),
 map('tenant', 'tenant-' || toString(h % 40), 'gen_ai.response.id', hex(g), 'http.route', '/ask', 'scope', 'rag'),
 map('gen_ai.request.temperature', (h % 10) / 10, 'gen_ai.request.max_tokens', 512),
 map('service.name', 'support-bot', 'service.instance.id', 'pod-' || toString(h % 7), 'telemetry.sdk.name', 'otel'),
 now64(9)
FROM numbers({offset}, {count})
"""


def fill(client: StoreClient, rows: int, begin_ns: int) -> None:
    """Make the spans."""
    words = ", ".join(f"'{word}'" for word in WORDS)
    client.command("CREATE TABLE IF NOT EXISTS sentences (s String) ENGINE = Memory")
    client.command("TRUNCATE TABLE sentences")
    client.command(
        f"INSERT INTO sentences SELECT arrayStringConcat(arrayMap(i -> [{words}][1 + cityHash64(number, i) % "
        f"{len(WORDS)}], range(9)), ' ') FROM numbers(4096)"
    )
    for offset in range(0, rows, CHUNK):
        count = min(CHUNK, rows - offset)
        made = ROWS.format(week=WEEK_S, rows=rows, begin=begin_ns, offset=offset, count=count)
        client.command(made, {"max_execution_time": 0, "max_partitions_per_insert_block": 100})
    client.command("DROP TABLE sentences")


@dataclass(frozen=True, slots=True)
class Running:
    """A collector and its store: where they answer, and their processes."""

    client: StoreClient
    url: str
    grpc: str
    processes: list[psutil.Process]

    def cpu_s(self) -> float:
        """CPU seconds so far, of all of them."""
        trees = [one for process in self.processes for one in (process, *process.children(recursive=True))]
        return sum(sum(one.cpu_times()[:2]) for one in trees)


@contextmanager
def running(directory: Path, rows: int) -> Iterator[Running]:
    """Run a store with a week of spans, and a collector on it."""
    with program("store", f"--path={directory / 'store'}", "--port=0") as (store, told):
        passwords = dict(line.split() for line in Path(told["passwords"]).read_text().splitlines())
        dsn = Dsn.parse(told["store"].replace("//", f"//haechi:{passwords['haechi']}@", 1) + "/haechi")
        client = StoreClient.connect(dsn, answer_s=3600)
        migrate(client)
        if not client.command("SELECT count() FROM spans"):
            fill(client, rows, int(time.time() * 1e9) - WEEK_S * 10**9)
        settle(client)
        ports = [f"--{door}-port=0" for door in ("grpc", "http", "web")]
        with program("serve", f"--data-dir={directory}", f"--clickhouse={dsn.text}", *ports) as (collector, doors):
            yield Running(client, f"http://{doors['web'].split('//')[-1]}", doors["grpc"], [store, collector])
        client.close()


def settle(client: StoreClient) -> None:
    """Wait until the store neither merges nor rewrites."""
    busy = "SELECT (SELECT count() FROM system.merges) + (SELECT count() FROM system.mutations WHERE NOT is_done)"
    while client.command(busy):
        time.sleep(0.5)


@contextmanager
def ingesting(address: str, rate: int) -> Iterator[None]:
    """Send spans at a rate all the while; 0 sends none."""
    ended = threading.Event()

    def send() -> None:
        connection, bodies, began = GrpcConnection(address), cycle(requests(40, 512)), time.monotonic()
        for n, body in enumerate(bodies):
            if ended.wait(max(0.0, began + n * 512 / rate - time.monotonic())):
                return
            connection.send(body)

    thread = threading.Thread(target=send)
    if rate:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if rate:
            thread.join()


def questions(end_ns: int, trace_id: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Path and parameters of each question, by name."""

    def over(days: int) -> dict[str, Any]:
        begin, end = (
            datetime.fromtimestamp(ns / 1e9, UTC).isoformat() for ns in (end_ns - days * 86_400 * 10**9, end_ns)
        )
        return {"from": begin, "to": end}

    day, week = over(1), over(7)
    return {
        "summary_24h": ("summary", day),
        "summary_7d": ("summary", week),
        "percentiles_by_model_24h": ("latency", {**day, "group_by": "model"}),
        "percentiles_by_model_7d": ("latency", {**week, "group_by": "model"}),
        "percentiles_by_model_and_hour_24h": ("latency", {**day, "group_by": "model", "interval": "1h"}),
        "percentiles_by_prompt_version_with_attribute_24h": (
            "latency",
            {**day, "group_by": "prompt_version", "attr:tenant": "tenant-7"},
        ),
        "percentiles_by_attribute_24h": ("latency", {**day, "group_by": "attr:tenant"}),
        "heatmap_24h": ("latency", {**day, "interval": "30m", "include": "histogram,heatmap"}),
        "costs_by_user_7d": ("costs", {**week, "group_by": "user"}),
        "costs_by_model_and_day_7d": ("costs", {**week, "group_by": "model", "interval": "1d"}),
        "costs_savings_24h": ("costs", {**day, "group_by": "model", "include": "savings,users"}),
        "traces_newest_24h": ("traces", day),
        "traces_dearest_24h": ("traces", {**day, "order": "dearest"}),
        "traces_of_user_7d": ("traces", {**week, "user": "user-4321"}),
        "text_24h": ("traces", {**day, "q": "바늘"}),
        "text_english_24h": ("traces", {**day, "q": "NEEDLE"}),
        "trace": (f"traces/{trace_id}", {}),
    }


class Asker:
    """Asks over one connection, and takes times."""

    def __init__(self, of: Running) -> None:
        self._of, self._http = of, httpx2.Client(trust_env=False, timeout=300)

    def ask(self, path: str, parameters: dict[str, Any]) -> tuple[float, float]:
        """Return the milliseconds that an answer took, and those of CPU."""
        cpu_s, began = self._of.cpu_s(), time.perf_counter()
        answer = self._http.get(f"{self._of.url}/{path}", params=parameters)
        taken = time.perf_counter() - began
        assert answer.status_code == 200, answer.text
        assert len(answer.content) > 50, answer.text
        return taken * 1e3, (self._of.cpu_s() - cpu_s) * 1e3

    def beside_bare(self, path: str, parameters: dict[str, Any], repeats: int) -> dict[str, float]:
        """Ask in turn with the bare query; return what both took."""
        bare = {"query": f"{BARE} FORMAT JSONEachRow"}
        cold = self.ask(path, parameters)[0]
        asked = [(*self.ask("sql", bare), *self.ask(path, parameters)) for _ in range(repeats)]
        bare_ms, _, warm_ms, _ = (statistics.median(column) for column in zip(*asked, strict=True))
        bare_cpu, cpu = (sum(row[n] for row in asked) / repeats for n in (1, 3))  # the clock ticks every 10 ms
        return {
            "cold_ms": round(cold, 1),
            "warm_ms": round(warm_ms, 1),
            "bare_ms": round(bare_ms, 1),
            "of_bare": round(warm_ms / bare_ms, 3),
            "cpu_ms": round(cpu, 1),
            "cpu_of_bare": round(cpu / bare_cpu, 3),
        }


def measure(of: Running, repeats: int) -> dict[str, Any]:
    """Ask everything."""
    facts = of.client.query(
        "SELECT count() AS spans, max(toUnixTimestamp64Nano(start_time)) AS last, "
        "argMax(trace_id, start_time) AS trace FROM spans"
    ).to_pylist()[0]
    asker, routes = Asker(of), {}
    asker.ask("sql", {"query": f"{BARE} FORMAT JSONEachRow"})
    for name, (path, parameters) in questions(facts["last"] + 1, facts["trace"]).items():
        routes[name] = told = asker.beside_bare(f"api/v1/{path}", parameters, repeats)
        if name in BARS:
            told |= {"bar": BARS[name], "holds": told["of_bare"] <= BARS[name]}
    parts = of.client.query(
        "SELECT count() AS n, sum(bytes_on_disk) AS b FROM system.parts WHERE active AND table = 'spans'"
    )
    size = parts.to_pylist()[0]
    about = {"spans": facts["spans"], "parts": size["n"], "disk_mb": round(size["b"] / 1e6)}
    bare = {what: statistics.median(told[what] for told in routes.values()) for what in ("bare_ms",)}
    return {**about, **bare, "routes": routes}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--millions", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--dir", type=Path, help="keep the data directory here, and use what is there")
    parser.add_argument("--ingest", type=int, default=0, help="spans a second that arrive meanwhile")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        directory = options.dir or Path(scratch)
        with running(directory, round(options.millions * 1e6)) as of, ingesting(of.grpc, options.ingest):
            print(json.dumps({"ingest": options.ingest, **measure(of, options.repeats)}, indent=2))


if __name__ == "__main__":
    main()
