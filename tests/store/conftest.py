"""The parts that the store's tests share: a running store with its tables, and realistic spans."""

import random
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from haechi_collector.batch import SPANS
from haechi_collector.store.client import StoreClient
from haechi_collector.store.migrate import migrate
from haechi_collector.store.supervisor import EmbeddedStore

ENGLISH = ["account", "invoice", "refund", "latency", "token", "retrieval", "document", "policy", "claim"]
KOREAN = ["안녕하세요", "고객님", "주문", "배송", "환불", "요청", "확인", "결제", "오류", "문서", "요약", "보험"]
MODELS = ["gpt-4o", "gpt-4o-mini", "claude-sonnet-4-20250514", "gemini-2.5-flash"]
DAY_NS = 86_400 * 10**9


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    running = EmbeddedStore(tmp_path_factory.mktemp("store") / "데이터 1", 0)
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def client(store: EmbeddedStore) -> Iterator[StoreClient]:
    connected = StoreClient.connect(store.dsn)
    migrate(connected)
    yield connected
    connected.close()


@pytest.fixture
def table(client: StoreClient) -> Iterator[str]:
    """A small table of its own for a test: a UInt64, b String."""
    client.command("CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
    yield "haechi.t"
    client.command("DROP TABLE t")


@pytest.fixture
def spans(client: StoreClient) -> None:
    """The table spans, empty before the test."""
    client.command("TRUNCATE TABLE spans")


def _span(r: random.Random, now_ns: int) -> dict[str, Any]:
    def text(words: int) -> str:
        return " ".join(r.choices(ENGLISH + KOREAN, k=words))

    tokens = r.randrange(4000)
    row: dict[str, Any] = {f.name: _zero(f.type) for f in SPANS}
    return row | {
        "project": "default",
        "trace_id": r.randbytes(16).hex(),
        "span_id": r.randbytes(8).hex(),
        "name": "chat",
        "kind": "client",
        "service_name": r.choice(["support-bot", "doc-search"]),
        "start_time": now_ns - r.randrange(10**9),
        "duration_ns": r.randrange(10**9),
        "status_code": "unset",
        "operation": "chat",
        "provider": "openai",
        "request_model": r.choice(MODELS),
        "input_tokens": tokens,
        "cost_usd": r.choice([None, Decimal(tokens).scaleb(-12)]),
        "cost_details": [("input_rate", "3e-6")],
        "ttft_ns": r.choice([None, 7]),
        "is_streaming": True,
        "finish_reasons": ["stop", "length"],
        "input_messages": text(60),
        "output_messages": text(40),
        "attributes_string": [("app.feature", "채팅"), ("quote", "it's a \\ and \t")],
        "attributes_number": [("temperature", 0.25)],
        "attributes_bool": [("cached", True)],
        "resource_attributes": [("service.name", "support-bot")],
        "ingested_at": now_ns,
    }


def _zero(kind: pa.DataType) -> Any:
    if pa.types.is_map(kind) or pa.types.is_list(kind):
        return []
    if pa.types.is_string(kind):
        return ""
    return None if pa.types.is_decimal(kind) else 0


@pytest.fixture(scope="session")
def make_spans() -> Callable[..., pa.RecordBatch]:
    """Make a batch of the schema SPANS; the same seed gives the same rows."""
    now_ns = time.time_ns()

    def make(rows: int, seed: int = 1, days: int = 1) -> pa.RecordBatch:
        r = random.Random(seed)
        made = [_span(r, now_ns - DAY_NS * (number % days)) for number in range(rows)]
        return pa.RecordBatch.from_pylist(made, schema=SPANS)

    return make


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory for a store of the test's own."""
    return tmp_path / "store"
