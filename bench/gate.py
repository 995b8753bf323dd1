"""What the gate costs a request: CPU microseconds, the key in the headers, both quotas on. Prints JSON."""

import contextlib
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from haechi_collector.errors import Unauthenticated
from haechi_collector.gate.credentials import credential_of_headers, credential_of_metadata
from haechi_collector.gate.gate import KeyGate, OpenGate
from haechi_collector.gate.key_store import KeyStore
from haechi_collector.gate.keys import Key, Scope
from haechi_collector.metadata.database import Database
from haechi_collector.telemetry import Metrics

REQUESTS = 20_000
SPANS = 512
US_PER_SPAN_MAX = 1.0


def cost_us(ask: Callable[[], object]) -> float:
    """Return the least of five runs."""
    runs = []
    for _ in range(5):
        begun = time.process_time()
        for _ in range(REQUESTS):
            ask()
        runs.append((time.process_time() - begun) / REQUESTS * 1e6)
    return round(min(runs), 2)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as directory:
        store = KeyStore(Database.open_file(Path(directory) / "metadata.sqlite3"))
        draft = Key("", "", "p", frozenset({Scope.INGEST}), "", 0, requests_per_second=1e6, bytes_per_day=10**15)
        _, text = store.create(draft)
        gate, open_gate = KeyGate(store, Metrics()), OpenGate()
        gate.refresh()
        store.close()
    metadata = [("user-agent", "OTel"), ("te", "trailers"), ("authorization", f"Bearer {text}")]
    headers = [(name.encode(), value.encode()) for name, value in metadata]

    def refused() -> None:
        with contextlib.suppress(Unauthenticated):
            gate.admit(text[:-1], Scope.INGEST)

    costs = {
        "grpc": cost_us(lambda: gate.charge(gate.admit(credential_of_metadata(metadata), Scope.INGEST), 1000)),
        "http": cost_us(lambda: gate.charge(gate.admit(credential_of_headers(headers), Scope.INGEST), 1000)),
        "refused": cost_us(refused),
        "without_keys": cost_us(lambda: open_gate.admit(credential_of_metadata(metadata), Scope.INGEST)),
    }
    per_span = costs["grpc"] / SPANS
    assert per_span < US_PER_SPAN_MAX
    print(json.dumps({"us_per_request": costs, "us_per_span_of_512": round(per_span, 4)}, indent=2))


if __name__ == "__main__":
    main()
