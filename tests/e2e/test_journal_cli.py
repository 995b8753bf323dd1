"""The ledger of a real collector, and the commands that show what is in its journal and among its dead letters."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.e2e.conftest import Running, collector, wait_until

from haechi_collector.store.client import StoreClient
from haechi_collector.store.supervisor import EmbeddedStore


def haechi(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "haechi_collector", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


def send_spans(running: Running, first: int, count: int, name: str = "span") -> None:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for n in range(first, first + count):
        scope.spans.add(trace_id=(n + 1).to_bytes(16), span_id=(n + 1).to_bytes(8), name=name)
    send(running, "traces", message.SerializeToString())


def send_logs(running: Running, count: int) -> None:
    message = ExportLogsServiceRequest()
    scope = message.resource_logs.add().scope_logs.add()
    for n in range(count):
        scope.log_records.add(time_unix_nano=1_800_000_000 * 10**9 + n).body.string_value = f"line {n}"
    send(running, "logs", message.SerializeToString())


def send(running: Running, signal_: str, body: bytes) -> None:
    headers = {"content-type": "application/x-protobuf"}
    answer = httpx2.post(f"http://{running.http}/v1/{signal_}", content=body, headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text


def ledger(running: Running) -> dict[str, dict[str, int]]:
    """What /metrics says: signal → state → rows."""
    text = httpx2.get(f"http://{running.web}/metrics", timeout=10, trust_env=False).text
    told: dict[str, dict[str, int]] = {}
    for line in text.splitlines():
        if line.startswith("haechi_ledger_rows{"):
            labels, value = line.removeprefix("haechi_ledger_rows{").split("} ")
            names = dict(part.split("=") for part in labels.split(","))
            told.setdefault(names["signal"].strip('"'), {})[names["state"].strip('"')] = int(float(value))
    return told


def balances(states: dict[str, int]) -> bool:
    return states["accepted"] == states["stored"] + states["queued"] + states["dead"]


def test_the_ledger_says_what_the_tables_hold(tmp_path: Path) -> None:
    """Over a kill and a restart: accepted = stored + queued + dead, and stored is what count() says."""
    with collector(tmp_path) as running:
        for n in range(5):
            send_spans(running, 100 * n, 100)
            assert all(balances(states) for states in ledger(running).values())
        send_logs(running, 7)
        os.kill(running.process.pid, signal.SIGKILL)
    offline = json.loads(haechi("journal", f"--data-dir={tmp_path}", "--format=json").stdout)
    assert offline["pid"] == ""
    assert {n: s["ledger"]["accepted"] for n, s in offline["signals"].items()} == {
        "traces": 500,
        "logs": 7,
        "metrics": 0,
        "scores": 0,
    }

    with collector(tmp_path) as running:
        send_spans(running, 1_000, 50)
        wait_until(lambda: all(states["queued"] == 0 for states in ledger(running).values()))
        told = ledger(running)
        assert told["traces"] == {"accepted": 550, "stored": 550, "queued": 0, "dead": 0}
        assert told["logs"] == {"accepted": 7, "stored": 7, "queued": 0, "dead": 0}
        assert running.sql("SELECT (SELECT count() FROM spans), (SELECT count() FROM logs)").split() == ["550", "7"]
        now = "SELECT accepted, stored, queued, dead, balances FROM ledger_now WHERE signal = 'traces'"
        wait_until(lambda: running.sql(now).split() == ["550", "550", "0", "0", "1"])
        live = json.loads(haechi("journal", f"--data-dir={tmp_path}", "--format=json").stdout)
        assert (live["pid"], live["stuck"]) == (str(running.process.pid), [])
        checked = haechi("doctor", f"--data-dir={tmp_path}", f"--web-port={running.web.rsplit(':', 1)[1]}").stdout
        assert "ok    ledger: traces 550 = 550 stored + 0 queued + 0 dead" in checked


def test_journal_says_what_it_holds_and_what_is_missing(tmp_path: Path) -> None:
    """One line where there is none; a table where there is one; a second collector is told who has it."""
    missing = haechi("journal", f"--data-dir={tmp_path}")
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)
    assert "there is no journal" in missing.stderr
    with collector(tmp_path) as running:
        table = haechi("journal", f"--data-dir={tmp_path}").stdout
        assert f"process {running.process.pid} has it open" in table
        assert "everything is stored" in table
        second = haechi("serve", f"--data-dir={tmp_path}", "--clickhouse=http://127.0.0.1:1", "--web-port=0")
        assert (second.returncode, second.stderr.count("\n")) == (2, 1)
        assert f"process {running.process.pid} has this journal open" in second.stderr


def test_a_damaged_journal_stops_the_start_in_one_line(tmp_path: Path) -> None:
    """Status 2, and the line says what to do; nothing is deleted."""
    with collector(tmp_path):
        pass
    file = tmp_path / "journal" / "data.mdb"
    file.write_bytes(b"garbage" * 4096)

    for command in ("serve", "journal"):
        refused = haechi(command, f"--data-dir={tmp_path}")
        assert (refused.returncode, refused.stderr.strip().count("\n")) == (2, 0), refused.stderr
        assert "the journal is damaged" in refused.stderr
        assert "move the directory away" in refused.stderr
    assert file.read_bytes() == b"garbage" * 4096


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    """A store beside the collector, as a ClickHouse server is."""
    running = EmbeddedStore(tmp_path / "server", 0)
    running.start()
    yield running
    running.stop()


def test_dead_letters_are_listed_replayed_and_dropped(store: EmbeddedStore, tmp_path: Path) -> None:
    """Refused rows wait with the reason; after the fix they are stored, by a running collector or without one."""
    data = f"--data-dir={tmp_path / 'data'}"
    dsn = f"--clickhouse=http://{store.dsn.user}:{store.dsn.password}@{store.dsn.address}/haechi"
    client = StoreClient.connect(store.dsn)
    with collector(tmp_path / "data", dsn) as running:
        client.command("ALTER TABLE haechi.spans ADD CONSTRAINT choosy CHECK name != 'poison'")
        send_spans(running, 0, 3, "poison")
        send_spans(running, 10, 2, "good")
        wait_until(lambda: ledger(running)["traces"]["queued"] == 0)
        assert ledger(running)["traces"] == {"accepted": 5, "stored": 2, "queued": 0, "dead": 3}

        listed = haechi("dead-letters", "list", data, dsn).stdout
        assert ("469" in listed, "choosy" in listed) == (True, True)
        failed = haechi("dead-letters", "replay", data, dsn, "--reason=choosy")
        assert (failed.returncode, "3 rows failed again" in failed.stdout) == (1, True)
        client.command("ALTER TABLE haechi.spans DROP CONSTRAINT choosy")
        replayed = haechi("dead-letters", "replay", data, dsn)
        assert (replayed.returncode, replayed.stdout.strip()) == (0, "replayed 3 letters, 3 rows")
        assert client.query("SELECT name, count() AS n FROM spans GROUP BY 1 ORDER BY 1").to_pylist() == [
            {"name": "good", "n": 2},
            {"name": "poison", "n": 3},
        ]
        assert ledger(running)["traces"] == {"accepted": 5, "stored": 5, "queued": 0, "dead": 0}

        client.command("ALTER TABLE haechi.spans ADD CONSTRAINT choosy CHECK name != 'poison'")
        send_spans(running, 20, 4, "poison")
        wait_until(lambda: ledger(running)["traces"]["dead"] == 4)
    client.command("ALTER TABLE haechi.spans DROP CONSTRAINT choosy")
    unasked = haechi("dead-letters", "drop", data, dsn)
    assert (unasked.returncode, "--yes: is needed" in unasked.stderr) == (2, True)
    beside = haechi("dead-letters", "replay", data, dsn, "--signal=traces", "--since=-1h")
    assert (beside.returncode, beside.stdout.strip()) == (0, "replayed 4 letters, 4 rows"), beside.stderr
    assert haechi("dead-letters", "list", data, dsn).stdout.strip() == "no dead letters"
    wrong = haechi("dead-letters", "list", data, dsn, "--signal=spans")
    assert (wrong.returncode, wrong.stderr.strip()) == (
        2,
        "haechi: --signal spans: expected one of traces, logs, metrics, scores",
    )
    assert client.query("SELECT count() AS n FROM spans").to_pylist() == [{"n": 9}]
    client.close()
