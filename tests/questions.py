"""A real store with real tables and the API in front of it, for the tests of questions."""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pyarrow as pa
import uvicorn
from prometheus_client import CollectorRegistry

from haechi_collector import limits
from haechi_collector.api.app import ApiState, create_api
from haechi_collector.api.scores import NoWayIn, WayIn
from haechi_collector.batch import SCORES, SPANS
from haechi_collector.gate.gate import Caller
from haechi_collector.gate.keys import Scope as KeyScope
from haechi_collector.intake import Intake
from haechi_collector.journal import Journal
from haechi_collector.query.sql import SqlReader
from haechi_collector.receive.admission import Admission
from haechi_collector.receive.http import http_app
from haechi_collector.receive.http_server import serve_http
from haechi_collector.sockets import OTLP_FILE
from haechi_collector.store.client import StoreClient
from haechi_collector.store.insert import Inserter
from haechi_collector.store.migrate import migrate
from haechi_collector.store.supervisor import EmbeddedStore
from haechi_collector.telemetry import Metrics
from haechi_collector.web_process.way_in import OtlpSocket

T0_NS = 1_790_000_000 * 10**9
"""The moment that the rows of the tests begin at: 2026-09-21T14:13:20Z."""

SECOND = 10**9
FROM, TO = "2026-09-21T00:00:00Z", "2026-09-23T00:00:00Z"


class GateByName:
    """The key is the project's name; without a key everything is seen."""

    asks = False

    def admit(self, credential: str, scope: KeyScope) -> Caller:
        del scope
        return Caller(credential, credential, credential) if credential else Caller()

    def charge(self, caller: Caller, size: int) -> None:
        """Count nothing."""


class Ready:
    """Every part works."""

    def parts(self) -> dict[str, str]:
        return {"store": "ok"}


@dataclass(frozen=True)
class Answering:
    """An API that answers over tables that tests fill."""

    url: str
    client: StoreClient

    def get(self, path: str, project: str = "", **parameters: Any) -> dict[str, Any]:
        """The answer of a route, over the window of the tests."""
        answer = self.ask(path, project, **parameters)
        assert answer.status_code == 200, answer.text
        read: dict[str, Any] = answer.json()
        return read

    def ask(self, path: str, project: str = "", **parameters: Any) -> httpx2.Response:
        """The whole response. ``from_`` is ``from``; ``attr`` is a dict of attributes."""
        attributes = {f"attr:{key}": value for key, value in parameters.pop("attr", {}).items()}
        window = {"from": parameters.pop("from_", FROM), "to": parameters.pop("to", TO)}
        headers = {"Authorization": f"Bearer {project}"} if project else {}
        with httpx2.Client(trust_env=False, timeout=60) as http:
            return http.get(f"{self.url}/api/v1/{path}", params={**window, **parameters, **attributes}, headers=headers)

    def post(self, path: str, body: object, content_type: str = "application/json") -> httpx2.Response:
        """What a route answers to JSON, or to bytes that should be."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": content_type}
        return httpx2.post(f"{self.url}/api/v1/{path}", content=content, headers=headers, trust_env=False, timeout=60)

    def raw(self, path: str) -> httpx2.Response:
        """A path as it stands."""
        return httpx2.get(f"{self.url}{path}", trust_env=False, timeout=60)

    def fill(self, spans: Sequence[Mapping[str, Any]], scores: Sequence[Mapping[str, Any]] = ()) -> None:
        """Make these the only rows."""
        self.client.command("TRUNCATE TABLE spans")
        self.client.command("TRUNCATE TABLE scores")
        inserter = Inserter(self.client)
        for table, schema, rows in (("spans", SPANS, spans), ("scores", SCORES, scores)):
            if rows:
                batch = pa.RecordBatch.from_pylist([dict(row) for row in rows], schema=schema)
                inserter.insert(table, batch, str(time.monotonic_ns()))


@contextmanager
def taking(directory: Path) -> Iterator[WayIn]:
    """Run the way in as far as the journal."""
    journal, gate = Journal(directory / "journal", 2**30), GateByName()
    intake = Intake(journal, Metrics())
    app = http_app(intake, Admission(limits.BYTES_IN_FLIGHT_MAX), limits.REQUEST_BYTES_MAX, gate=gate)
    server = serve_http(app, "127.0.0.1", 0, inside=directory / OTLP_FILE)
    server.start()
    yield OtlpSocket(directory)
    server.stop(5)
    intake.close()
    journal.close()


@contextmanager
def answering(directory: Path, way_in: WayIn | None = None) -> Iterator[Answering]:
    """Run a store and the API in front of it."""
    store = EmbeddedStore(directory, 0)
    store.start()
    client = StoreClient.connect(store.dsn)
    try:
        migrate(client)
        dsn = store.reader_dsn
        reader = SqlReader(dsn.url, dsn.user, dsn.password, dsn.database)
        app = create_api(ApiState(Ready(), CollectorRegistry(), reader, GateByName(), way_in=way_in or NoWayIn()))
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield Answering(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", client)
        finally:
            server.should_exit = True
            thread.join(20)
    finally:
        client.close()
        store.stop()


def _empty(kind: pa.DataType) -> Any:
    if pa.types.is_map(kind) or pa.types.is_list(kind):
        return []
    if pa.types.is_string(kind):
        return ""
    if pa.types.is_boolean(kind):
        return False
    return None if pa.types.is_decimal(kind) else 0


_SPAN = {one.name: None if one.nullable else _empty(one.type) for one in SPANS}
_SCORE = {one.name: None if one.nullable else _empty(one.type) for one in SCORES}


def span(number: int, **columns: Any) -> dict[str, Any]:
    """A span in a trace of its own, one second after that of the number before."""
    given = {
        "project": "default",
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "name": "n",
        "start_time": T0_NS + number * SECOND,
        "duration_ns": 10**8,
        "status_code": "unset",
        "usage_source": "none",
        "ingested_at": T0_NS,
    }
    return {**_SPAN, **given, **columns}


def call(number: int, **columns: Any) -> dict[str, Any]:
    """A call of a model, which costs a millionth."""
    given = {
        "operation": "chat",
        "provider": "openai",
        "request_model": "gpt-4o",
        "usage_source": "reported",
        "input_tokens": 100,
        "output_tokens": 10,
        "cost_usd": Decimal("0.000001"),
        "cost_source": "price_book",
    }
    return span(number, **{**given, **columns})


def score(number: int, **columns: Any) -> dict[str, Any]:
    """A judgement on the span of that number."""
    given = {
        "project": "default",
        "id": f"score-{number}",
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "timestamp": T0_NS + number * SECOND,
        "ingested_at": T0_NS,
    }
    return {**_SCORE, **given, **columns}
