"""The store's process lives, dies and comes back as it should."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from haechi_collector.errors import SettingError, StoreUnavailable
from haechi_collector.store.client import StoreClient
from haechi_collector.store.insert import Inserter
from haechi_collector.store.migrate import migrate
from haechi_collector.store.supervisor import EmbeddedStore

MakeSpans = Callable[..., pa.RecordBatch]


@pytest.fixture
def own(directory: Path) -> Iterator[EmbeddedStore]:
    """A store of the test's own."""
    made = EmbeddedStore(directory, 0)
    made.start()
    yield made
    made.stop()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_acknowledged_rows_survive_kill_9_again_and_again(own: EmbeddedStore, make_spans: MakeSpans) -> None:
    """The supervisor starts it anew on the same port; a block that was cut off is sent again and stored once."""
    client = StoreClient.connect(own.dsn)
    migrate(client)
    inserter, acknowledged = Inserter(client), 0
    for turn in range(3):
        for number in range(4):
            inserter.insert("spans", make_spans(500, seed=turn * 10 + number), f"{turn}-{number}")
            acknowledged += 500
        pid = own.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda before=pid: own.state.name == "up" and own.pid != before, "restart")  # type: ignore[misc]
        inserter.insert("spans", make_spans(500, seed=turn * 10 + 3), f"{turn}-3")
        assert client.command("SELECT count() FROM spans") == acknowledged
    assert own.restarts == 3
    client.close()


def test_a_store_that_is_killed_while_it_inserts_loses_nothing(own: EmbeddedStore, make_spans: MakeSpans) -> None:
    """The insert is sent until it is acknowledged, and counts once."""
    client = StoreClient.connect(own.dsn)
    migrate(client)
    inserter, batches = Inserter(client), [make_spans(2000, seed=seed) for seed in range(6)]
    for number, batch in enumerate(batches):
        if number % 2:
            assert own.pid is not None
            killer = subprocess.Popen(["sh", "-c", f"sleep 0.0{number}; kill -9 {own.pid}"])
        while True:
            try:
                inserter.insert("spans", batch, f"block-{number}")
                break
            except StoreUnavailable:
                time.sleep(0.05)
        if number % 2:
            killer.wait()
            until(lambda expected=(number + 1) // 2: own.restarts == expected and own.state.name == "up", "restart")  # type: ignore[misc]
    assert client.command("SELECT count() FROM spans") == 12_000
    assert client.command("SELECT uniqExact(span_id) FROM spans") == 12_000
    client.close()


def test_stop_ends_the_process_in_order(own: EmbeddedStore) -> None:
    """With status 0, and twice does no harm."""
    assert own.pid is not None
    process = psutil.Process(own.pid)
    assert own.state.name == "up"
    own.stop()
    own.stop()
    assert (own.state.name, process.is_running()) == ("stopped", False)


PARENT = """
import os, sys, time
from pathlib import Path
from haechi_collector.store.supervisor import EmbeddedStore
store = EmbeddedStore(Path(sys.argv[1]), 0)
store.start()
print(store.pid, flush=True)
time.sleep(60)
"""


def test_the_store_ends_with_its_parent(directory: Path) -> None:
    """Even when that is killed without a word."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(directory)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    assert child.is_running()
    assert all("haechi" not in word or "store" in word for word in child.cmdline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    gone, alive = psutil.wait_procs([child], timeout=20)
    assert (len(gone), alive) == (1, [])


def test_passwords_are_in_no_command_line_environment_or_file(own: EmbeddedStore, directory: Path) -> None:
    """They go through the pipe alone."""
    process, password = psutil.Process(own.pid), own.dsn.password
    assert password not in " ".join(process.cmdline())
    assert password not in str(process.environ())
    assert not [f for f in directory.rglob("*") if f.is_file() and password.encode() in f.read_bytes()]


def test_a_second_store_on_a_directory_is_refused(own: EmbeddedStore, directory: Path) -> None:
    """In one line that names the directory and who holds it."""
    second = EmbeddedStore(directory, 0)
    with pytest.raises(SettingError, match=f"{directory} is in use by process {own.pid}; one process may hold it"):
        second.start()
    second.stop()


def test_a_port_in_use_is_named(directory: Path) -> None:
    """With the address and the reason."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        store = EmbeddedStore(directory, port)
        with pytest.raises(SettingError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            store.start()
        store.stop()


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A file in its place, no right to write, or a name the engine cannot take."""
    (tmp_path / "file").write_text("x")
    for path, reason in (
        (tmp_path / "file" / "store", "cannot be made: Not a directory"),
        (Path("/proc/haechi"), "cannot be made: No such file or directory"),
        (tmp_path / "a?b", "must not have"),
    ):
        store = EmbeddedStore(path, 0)
        with pytest.raises(SettingError, match=reason):
            store.start()
        store.stop()


def test_the_command_runs_the_store_alone(directory: Path) -> None:
    """It says where it is, leaves the password readable by its owner alone, and ends on SIGTERM with status 0."""
    code = (
        "import sys; from pathlib import Path; from haechi_collector.store.embedded import run_alone; "
        "sys.exit(run_alone(Path(sys.argv[1]), '127.0.0.1', 0))"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(directory)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    ready = dict(part.split("=", 1) for part in child.stdout.readline().split()[1:])
    passwords = Path(ready["passwords"])
    name, password = passwords.read_text().split()
    request = urllib.request.Request(f"{ready['store']}/?query=SELECT+currentRoles()")
    request.add_header("X-ClickHouse-User", name)
    request.add_header("X-ClickHouse-Key", password)
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.read() == b"['writer']\n"
    assert passwords.stat().st_mode & 0o777 == 0o600
    child.send_signal(signal.SIGTERM)
    assert child.wait(20) == 0
    child.stdout.close()


def test_an_idle_store_is_small(own: EmbeddedStore) -> None:
    """A third of a gigabyte at most, most of it the engine's program file."""
    assert own.state.name == "up"
    assert psutil.Process(own.pid).memory_info().rss < 350 * 1024 * 1024
