"""Retention, delete, backup and restore, as a user runs them: beside a running collector and a stopped one."""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.e2e.conftest import Running, collector, wait_until

from haechi_collector.config import Config
from haechi_collector.doctor_keeping import keeping_checks

DAY_NS = 86_400 * 10**9
MARK = "wQ7-needle-Zk41"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of `kept`."""
    return tmp_path_factory.mktemp("keeping") / "data"


@pytest.fixture(scope="module")
def kept(data: Path) -> Iterator[Running]:
    """One collector for most tests of the file; each has users of its own."""
    with collector(data) as running:
        yield running


def send(running: Running, count: int, user: str, start_ns: list[int] | None = None) -> None:
    """Send spans of one user, each of a trace of its own, and wait until they are acknowledged."""
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for n in range(count):
        start = time.time_ns() if start_ns is None else start_ns[n]
        trace_id = hashlib.md5(f"{user} {n}".encode(), usedforsecurity=False).digest()
        span = scope.spans.add(trace_id=trace_id, span_id=trace_id[:8], name=f"span {n}")
        span.start_time_unix_nano, span.end_time_unix_nano = start, min(start + 5, 2**64 - 1)
        attribute = span.attributes.add(key="user.id")
        attribute.value.string_value = user
    answer = httpx2.post(
        f"http://{running.http}/v1/traces",
        content=message.SerializeToString(),
        headers={"content-type": "application/x-protobuf"},
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text


def haechi(*arguments: object, data: Path, status: int = 0) -> str:
    command = [sys.executable, "-m", "haechi_collector", *map(str, arguments), f"--data-dir={data}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def files_with(directory: Path, mark: str) -> list[str]:
    found = []
    for file in directory.rglob("*"):
        try:
            if file.is_file() and mark.encode() in file.read_bytes():
                found.append(str(file))
        except FileNotFoundError:  # a merge ended
            continue
    return found


def spans_of(running: Running, user: str) -> int:
    return int(running.sql(f"SELECT count() FROM spans WHERE user_id = '{user}'"))


def digest(running: Running) -> str:
    """Every value of every span, whatever their order."""
    return running.sql("SELECT count(), groupBitXor(sipHash64(*)), sum(duration_ns), min(start_time) FROM spans")


def test_a_thousand_days_do_not_make_a_thousand_parts(kept: Running) -> None:
    """What lies outside retention is stored under the time it came, and says so."""
    now = time.time_ns()
    send(kept, 1000, "history", [now - day * DAY_NS for day in range(1000)])
    wait_until(lambda: spans_of(kept, "history") == 1000)
    (told,) = kept.rows(
        "SELECT uniqExact(toDate(start_time)) AS days, uniqExact(_part) AS parts, min(duration_ns) AS duration, "
        "countIf(mapContains(attributes_string, 'haechi.time_corrected')) AS marked "
        "FROM spans WHERE user_id = 'history'"
    )
    assert told == {"days": 91, "parts": 91, "duration": 5, "marked": 1000 - 91}
    assert kept.metric("haechi_corrected_times_total") == 1000 - 91


def test_a_user_is_deleted_while_it_runs(kept: Running, data: Path) -> None:
    """Also what was acknowledged a moment before; others stay, and no file of the store has the name."""
    send(kept, 20, "somebody")
    send(kept, 5, MARK)
    assert "5 of spans" in haechi("delete", "--user", MARK, "--yes", data=data)
    assert (spans_of(kept, MARK), spans_of(kept, "somebody")) == (0, 20)
    assert files_with(data / "store", MARK) == []
    assert kept.sql("SELECT kind, spans FROM deletions ORDER BY started_at DESC LIMIT 1") == "user\t5\n"


def test_deleting_asks_first(kept: Running, data: Path) -> None:
    """A dry run deletes nothing; without a terminal the answer must be given with the command."""
    send(kept, 3, "kim")
    assert "3 of spans" in haechi("delete", "--user", "kim", "--dry-run", data=data)
    assert "--yes" in haechi("delete", "--user", "kim", data=data, status=2)
    assert "nothing" in haechi("delete", "--session", "none", data=data)
    assert spans_of(kept, "kim") == 3


def test_what_is_kept_is_told(kept: Running, data: Path) -> None:
    """By the command and by the doctor."""
    send(kept, 1, "told")
    wait_until(lambda: spans_of(kept, "told") == 1)
    told = json.loads(haechi("retention", "--format=json", data=data).splitlines()[-1])
    assert told["retention_days"] == 90
    assert told["tables"]["spans"]["rows"] > 0
    assert told["retention_bytes_max"] > 0
    size, room = keeping_checks(Config(data_dir=data))
    assert (size.state, room.state) == ("ok", "ok")
    assert "rows are kept 90 days" in size.finding
    assert "MiB a day" in room.finding


def test_a_backup_gives_the_same_answers(kept: Running, data: Path, tmp_path: Path) -> None:
    """Made while it runs, with all that was acknowledged, the second on top of the first; restored elsewhere."""
    first, second, again = tmp_path / "first", tmp_path / "second", tmp_path / "again"
    send(kept, 300, "first")
    haechi("backup", first, data=data)
    send(kept, 10, "second")
    haechi("backup", second, "--base", first, data=data)
    before = digest(kept)
    send(kept, 1, "too late")
    assert "is not empty" in haechi("backup", first, data=data, status=2)
    assert "holds store, journal already" in haechi("restore", second, data=data, status=2)
    haechi("restore", second, data=again)
    with collector(again) as restored:
        assert digest(restored) == before
        send(restored, 2, "new")
        wait_until(lambda: spans_of(restored, "new") == 2)


def test_a_stopped_collector_is_kept_as_well(tmp_path: Path) -> None:
    """Deleting and dropping need none that runs."""
    now = time.time_ns()
    with collector(tmp_path) as running:
        send(running, 4, "old", [now - day * DAY_NS for day in range(4)])
        send(running, 2, MARK)
    assert "2 of spans" in haechi("delete", "--user", MARK, "--yes", data=tmp_path)
    assert files_with(tmp_path / "store", MARK) == []
    said = haechi("retention", "--retention-days=1", "--apply", data=tmp_path)
    assert "rows are kept 1 days" in said
    assert said.count("dropped") == 2


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    """An unfinished one too; nothing is made in the data directory."""
    (tmp_path / "half" / "store").mkdir(parents=True)
    said = haechi("restore", tmp_path / "half", data=tmp_path / "data", status=2)
    assert "no finished backup" in said
    assert not (tmp_path / "data").exists()


def test_a_wrong_bound_is_told_in_one_line(tmp_path: Path) -> None:
    """With the key as it was typed."""
    said = haechi("retention", "--retention-days=-1", data=tmp_path, status=2)
    assert said == "haechi: retention_days = -1: expected 0 or more\n"
