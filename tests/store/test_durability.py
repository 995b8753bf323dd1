"""What is stored outlives its process; what the store cannot have it says in one line; its state is the truth."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from haechi_collector.errors import StoreUnavailable
from haechi_collector.store.client import Dsn, StoreClient
from haechi_collector.store.insert import Inserter
from haechi_collector.store.migrate import migrate
from haechi_collector.store.supervisor import EmbeddedStore

MakeSpans = Callable[..., pa.RecordBatch]


def command(directory: Path, port: int = 0) -> list[str]:
    return [sys.executable, "-m", "haechi_collector", "store", "--path", str(directory), "--port", str(port)]


class Running:
    """The command on a directory, and a client of its writer."""

    def __init__(self, directory: Path) -> None:
        self.process = subprocess.Popen(command(directory), stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        words = self.process.stdout.readline().split()
        self.ready = dict(word.split("=", 1) for word in words[1:])
        self.passwords = dict(line.split(" ", 1) for line in Path(self.ready["passwords"]).read_text().splitlines())
        self.port = int(self.ready["store"].rpartition(":")[2])
        dsn = Dsn("http", "127.0.0.1", self.port, "haechi", self.passwords["haechi"], "haechi")
        self.client = StoreClient.connect(dsn)

    def kill(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def running(directory: Path) -> Iterator[Running]:
    store = Running(directory)
    try:
        yield store
    finally:
        store.kill()


def refusal(directory: Path, port: int = 0) -> tuple[int, list[str]]:
    done = subprocess.run(command(directory, port), capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def test_what_was_acknowledged_is_there_after_kill_9(directory: Path, make_spans: MakeSpans) -> None:
    """Tokens are remembered too: a block that is sent again is not stored again, under another token it is."""
    batch = make_spans(200, seed=41)
    with running(directory) as first:
        migrate(first.client)
        Inserter(first.client).insert("spans", batch, "one")
    with running(directory) as second:
        assert migrate(second.client) == []
        assert second.client.query("SELECT * FROM spans").sort_by("span_id").to_pylist() == sorted(
            batch.to_pylist(), key=lambda row: str(row["span_id"])
        )
        for token, rows in (("one", 200), ("two", 400)):
            Inserter(second.client).insert("spans", batch, token)
            assert second.client.command("SELECT count() FROM spans") == rows
        assert first.passwords != second.passwords


def test_a_directory_or_port_in_use_is_one_line_and_status_2(directory: Path, tmp_path: Path) -> None:
    """The line names who holds the directory, or the address; the first store goes on."""
    with running(directory) as store:
        status, lines = refusal(directory)
        assert (status, len(lines)) == (2, 1)
        assert f"{directory} is in use by process {store.process.pid}" in lines[0]
        status, lines = refusal(tmp_path / "other", store.port)
        assert (status, len(lines)) == (2, 1)
        assert f"cannot listen on 127.0.0.1:{store.port}: Address already in use" in lines[0]
        assert store.client.command("SELECT 1", needs_database=False) == 1


def test_a_directory_is_free_again_after_kill_9(directory: Path) -> None:
    """No lock is left to be removed by hand."""
    with running(directory):
        pass
    with running(directory) as second:
        assert second.client.command("SELECT 1", needs_database=False) == 1


@pytest.mark.parametrize("inside", ["", "store"])
def test_a_file_in_the_directorys_place_is_one_line_and_status_2(tmp_path: Path, inside: str) -> None:
    """The line names the directory."""
    (tmp_path / "file").write_text("x")
    status, lines = refusal(tmp_path / "file" / inside)
    assert (status, len(lines)) == (2, 1)
    assert f"the store's directory {tmp_path / 'file' / inside} cannot be made" in lines[0]
    assert (tmp_path / "file").read_text() == "x"


def test_a_port_that_is_none_is_one_line_and_status_2(directory: Path) -> None:
    """Too large for a port."""
    status, lines = refusal(directory, 70_000)
    assert (status, len(lines)) == (2, 1)
    assert "cannot listen on 127.0.0.1:70000" in lines[0]


def test_the_store_listens_on_loopback_alone(directory: Path) -> None:
    """Unless it is told otherwise: another address of this machine answers nothing."""
    with running(directory) as store, socket.socket() as other:
        assert store.ready["store"] == f"http://127.0.0.1:{store.port}"
        other.settimeout(5)
        assert other.connect_ex(("127.0.0.2", store.port)) != 0


@pytest.fixture
def supervised(directory: Path) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(directory, 0)
    store.start()
    yield store
    store.stop()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_the_supervisors_state_is_the_truth(supervised: EmbeddedStore, directory: Path) -> None:
    """A store that cannot come back says why; when it can, it has its port, its passwords and its clients again."""
    client, dsn, reader_dsn = StoreClient.connect(supervised.dsn), supervised.dsn, supervised.reader_dsn
    pid = supervised.pid
    assert pid is not None
    with (directory / "haechi.lock").open("r+") as lock:
        waiting = threading.Thread(target=fcntl.flock, args=(lock, fcntl.LOCK_EX))  # the first to have it after the end
        waiting.start()
        os.kill(pid, signal.SIGKILL)
        waiting.join()
        until(lambda: supervised.state.name == "failed", "failure")
        assert f"{directory} is in use by process" in supervised.state.reason
        with pytest.raises(StoreUnavailable):
            client.command("SELECT 1", needs_database=False)
    until(lambda: supervised.state.name == "up" and supervised.restarts == 1, "restart")
    assert supervised.state.reason == ""
    assert (supervised.dsn, supervised.reader_dsn) == (dsn, reader_dsn)
    assert client.command("SELECT 1", needs_database=False) == 1
    client.close()
