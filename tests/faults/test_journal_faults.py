"""A journal whose file was damaged while nobody looked: what is whole is stored, what is not is told."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import lmdb
import pytest
from tests.faults.load import Load, Tally, traces
from tests.faults.oracle import imbalance, judge_soon, ledger
from tests.faults.processes import Collector, free_ports

MakeCollector = Callable[..., Collector]
ROWS = 64
REQUESTS = 12


class Backlog:
    """The directory of a collector that was killed with everything still in its journal."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (port,) = free_ports(1)
        collector = Collector(directory, clickhouse=f"http://haechi:x@127.0.0.1:{port}/haechi")
        collector.launch()
        load = Load(collector, lambda number: traces(number, ROWS), senders=1, pause_s=0.0)
        load.send(REQUESTS)
        collector.kill()
        self.tally: Tally = load.tally

    def copy(self, directory: Path) -> Path:
        """Copy the directory but for the socket that the killed one left; return the copy's journal file."""
        shutil.copytree(self.directory, directory, ignore=shutil.ignore_patterns("*.sock"))
        return directory / "journal" / "data.mdb"


@pytest.fixture(scope="module")
def backlog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backlog]:
    """One backlog; each test damages a copy."""
    return Backlog(tmp_path_factory.mktemp("backlog") / "data")


def flip(file: Path, at: int) -> None:
    """Flip one bit."""
    with file.open("r+b") as data:
        data.seek(at)
        (byte,) = data.read(1)
        data.seek(at)
        data.write(bytes([byte ^ 4]))


def test_a_flipped_bit_costs_its_own_request_alone(
    backlog: Backlog, make_collector: MakeCollector, tmp_path: Path
) -> None:
    """The entry is set aside and counted; every other row is stored, and no altered row is."""
    file = backlog.copy(tmp_path / "flipped")
    victim = sorted(backlog.tally.sent["traces"])[ROWS * 5].encode()
    content, at = file.read_bytes(), -1
    while (at := content.find(victim, at + 1)) >= 0:
        flip(file, at)
    collector = make_collector(directory=tmp_path / "flipped")
    collector.start()
    verdict = judge_soon(collector.reader, backlog.tally, timeout_s=4)
    assert (verdict.doubled, verdict.altered, verdict.never_sent) == (0, 0, 0)
    spans = ledger(collector)["traces"]
    store = collector.reader()
    stored = store.query("SELECT count() FROM spans").column(0)[0].as_py()
    reasons = store.query("SELECT reason, sum(rows) FROM dead_letters GROUP BY reason").to_pydict()
    store.close()
    assert spans == {"accepted": ROWS * REQUESTS, "stored": stored, "queued": 0, "dead": ROWS}
    assert stored == ROWS * (REQUESTS - 1)
    assert len(reasons["reason"]) == 1
    assert "damaged" in reasons["reason"][0]
    assert imbalance(ledger(collector)) == {}
    assert collector.stop() == 0


def refusal(directory: Path) -> str:
    """Start a collector that must refuse; return the one line that it says."""
    ports = [f"--{door}-port=0" for door in ("grpc", "http", "web", "store")]
    command = [sys.executable, "-m", "haechi_collector", "serve", f"--data-dir={directory}", *ports]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert str(directory) in lines[0]
    return lines[0]


def truncated(file: Path) -> None:
    used = len(file.read_bytes().rstrip(b"\0"))  # disk is allocated ahead of it
    os.truncate(file, used // 2 // 4096 * 4096)


def torn(file: Path) -> None:
    os.truncate(file, 5000)


def foreign(file: Path) -> None:
    file.write_bytes(b"this is not a journal\n" * 10_000)


def of_another_version(file: Path) -> None:
    with lmdb.open(str(file.parent), max_dbs=4) as env:
        meta = env.open_db(b"meta")
        with env.begin(write=True) as transaction:
            transaction.put(b"format", b"999", db=meta)


def of_another_program(file: Path) -> None:
    file.unlink()
    with lmdb.open(str(file.parent)) as env, env.begin(write=True) as transaction:
        transaction.put(b"key", b"value")


@pytest.mark.parametrize("damage", [truncated, torn, foreign, of_another_version, of_another_program])
def test_an_unreadable_journal_is_one_line_and_status_2(
    backlog: Backlog, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """The line names the directory, and nothing in it is changed."""
    file = backlog.copy(tmp_path / "data")
    damage(file)
    before = file.read_bytes()
    assert "journal" in refusal(tmp_path / "data")
    assert file.read_bytes() == before


OPEN = """
import sys
from pathlib import Path
from haechi_collector.errors import HaechiError
from haechi_collector.journal import SIGNALS, Journal
try:
    journal = Journal(Path(sys.argv[1]), 1 << 30)
except HaechiError:
    sys.exit(2)
journal.stop_accepting()
rows = 0
try:
    while block := journal.next_block("traces", 8192, 1 << 26, 0.0):
        rows += sum(entry.batch.num_rows for entry in block.entries)
        journal.done(block)
except HaechiError:
    sys.exit(2)
journal.close()
print(rows)
"""


def test_no_flipped_bit_crashes_it(backlog: Backlog, tmp_path: Path) -> None:
    """Bits anywhere in the file, the tree's own pages too: it opens and gives whole entries, or says that it cannot."""
    chance = random.Random(11)
    seen = set()
    for number in range(8):
        file = backlog.copy(tmp_path / str(number))
        used = len(file.read_bytes().rstrip(b"\0"))
        for _ in range(3):
            flip(file, chance.randrange(used))
        command = [sys.executable, "-c", OPEN, str(file.parent)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        seen.add(done.returncode)
        assert done.returncode in {0, 2}, (done.returncode, done.stderr)
        assert done.returncode == 2 or int(done.stdout) % ROWS == 0
    assert 0 in seen
