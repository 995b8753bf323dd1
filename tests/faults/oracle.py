"""The oracle: what ClickHouse holds, row by row, against what was sent and acknowledged; and the ledger beside it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.load import Tally
from tests.faults.processes import Collector

from haechi_collector.errors import StoreUnavailable
from haechi_collector.store.client import StoreClient

STORED_S = 60.0
_STATES = ("stored", "queued", "dead")
_PROOF = "attributes_string['proof']"
_QUERIES = {
    "traces": f"SELECT span_id AS id, count() AS n, countIf({_PROOF} != span_id) AS wrong FROM spans GROUP BY id",
    "logs": f"SELECT {_PROOF} AS id, count() AS n, countIf(body != 'fault') AS wrong FROM logs GROUP BY id",
    "metrics": f"SELECT {_PROOF} AS id, count() AS n, countIf(value != 1) AS wrong FROM metric_points GROUP BY id",
    "scores": "SELECT span_id AS id, count() AS n, countIf(name != 'kept') AS wrong FROM scores GROUP BY id",
}


@dataclass(frozen=True)
class Verdict:
    """How many rows are wrong, by how; all 0 is right."""

    lost: int = 0
    doubled: int = 0
    never_sent: int = 0
    altered: int = 0
    refused_for_good: int = 0


def judge(store: StoreClient, tally: Tally) -> Verdict:
    """Compare every row by its id."""
    lost = doubled = strange = altered = 0
    for signal, query in _QUERIES.items():
        table = store.query(query)
        ids = table.column("id").to_pylist()
        doubled += sum(n > 1 for n in table.column("n").to_pylist())
        altered += sum(table.column("wrong").to_pylist())
        lost += len(tally.acknowledged[signal] - set(ids))
        strange += len(set(ids) - tally.sent[signal])
    return Verdict(lost, doubled, strange, altered, len(tally.surprises))


def judge_soon(connect: Callable[[], StoreClient], tally: Tally, timeout_s: float = STORED_S) -> Verdict:
    """Judge when nothing is missing any more, or when the time is over."""
    deadline = time.monotonic() + timeout_s
    while True:
        verdict = Verdict(lost=-1)
        try:
            store = connect()
            verdict = judge(store, tally)
            store.close()
        except StoreUnavailable:
            pass
        if not verdict.lost or time.monotonic() > deadline:
            return verdict
        time.sleep(0.3)


def ledger(collector: Collector) -> dict[str, dict[str, int]]:
    """Return the ledger: rows by signal and state (accepted, stored, queued, dead)."""
    rows: dict[str, dict[str, int]] = {}
    for name, value in collector.metrics().items():
        if name.startswith("haechi_ledger_rows{"):
            labels = dict(label.split("=") for label in name.partition("{")[2].rstrip("}").replace('"', "").split(","))
            rows.setdefault(labels["signal"], {})[labels["state"]] = int(value)
    assert rows.keys() >= {"traces", "logs", "metrics"}
    return rows


def imbalance(rows: dict[str, dict[str, int]]) -> dict[str, int]:
    """Return, by signal, how far accepted is from stored + queued + dead, where it is."""
    off = {s: states["accepted"] - sum(states[state] for state in _STATES) for s, states in rows.items()}
    return {signal: difference for signal, difference in off.items() if difference}
