"""The journal keeps what it acknowledged, in order, under tokens that never repeat."""

import os
import signal as signals
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pyarrow as pa
import pytest

from haechi_collector.errors import Rejected, SettingError
from haechi_collector.journal import Entry, Journal, JournalUnreadable, Mark

SCHEMA = pa.schema([pa.field("text", pa.string(), nullable=False)])
MIB = 1024 * 1024


def entry(*texts: str, signal: str = "traces", project: str = "default") -> Entry:
    batch = pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], schema=SCHEMA)
    return Entry(signal, project, 1_000, batch)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path, 64 * MIB)
    yield opened
    opened.close()


def texts(journal: Journal, signal: str = "traces", rows_max: int = 100) -> list[list[str]]:
    block = journal.next_block(signal, rows_max, MIB, 0.0)
    assert block is not None
    return [e.batch.column("text").to_pylist() for e in block.entries]


def test_entries_come_out_in_the_order_they_went_in(journal: Journal) -> None:
    """A block holds the entries of its signal in order, with their project and time."""
    for e in (entry("가", "나"), entry("log", signal="logs"), entry("다", project="other")):
        journal.append(e).result(5)

    block = journal.next_block("traces", 100, MIB, 0.0)

    assert block is not None
    assert [(e.project, e.received_at_ns, e.batch.column("text").to_pylist()) for e in block.entries] == [
        ("default", 1_000, ["가", "나"]),
        ("other", 1_000, ["다"]),
    ]
    assert (journal.rows("traces"), journal.rows("logs")) == (3, 1)


def test_a_block_ends_at_its_bounds(journal: Journal) -> None:
    """Rows beyond the bound wait for the next block, but one entry is never cut."""
    for e in (entry("a", "b"), entry("c"), entry("d", "e", "f", "g")):
        journal.append(e).result(5)

    assert [["a", "b"], ["c"]] == texts(journal, rows_max=3)
    assert [["d", "e", "f", "g"]] == texts(journal, rows_max=3)


def test_done_forgets_the_block_and_frees_its_bytes(journal: Journal) -> None:
    """What ClickHouse has confirmed is gone from the counts."""
    journal.append(entry("a")).result(5)
    block = journal.next_block("traces", 10, MIB, 0.0)
    assert block is not None

    journal.done(block)

    assert (0, 0) == (journal.rows("traces"), journal.size)
    assert journal.wait_empty(0.1)


def test_an_unfinished_block_is_formed_again_the_same_after_a_restart(tmp_path: Path) -> None:
    """The same entries come back under the same token, though more entries wait by then."""
    first = Journal(tmp_path, 64 * MIB)
    first.append(entry("a")).result(5)
    before = first.next_block("traces", 10, MIB, 0.0)
    first.append(entry("b")).result(5)
    first.close()

    second = Journal(tmp_path, 64 * MIB)
    again, rest = second.next_block("traces", 10, MIB, 0.0), second.next_block("traces", 10, MIB, 0.0)
    second.close()

    assert before is not None
    assert again is not None
    assert rest is not None
    assert (before.token, before.rows, before.size) == (again.token, again.rows, again.size)
    assert [["b"]] == [e.batch.column("text").to_pylist() for e in rest.entries]


def test_tokens_never_repeat_though_the_journal_ran_empty(tmp_path: Path) -> None:
    """A restart with an empty journal goes on counting: a reused token would drop new rows silently."""
    seen = set()
    for _ in range(3):
        journal = Journal(tmp_path, 64 * MIB)
        journal.append(entry("a")).result(5)
        block = journal.next_block("traces", 10, MIB, 0.0)
        assert block is not None
        seen.add(block.token)
        journal.done(block)
        journal.close()

    assert 3 == len(seen)


def test_a_full_journal_refuses_and_takes_again_when_there_is_room(tmp_path: Path) -> None:
    """The bound holds in bytes, the refusal asks to come back, and nothing of it is written."""
    journal = Journal(tmp_path, MIB)
    journal.append(entry("x" * 700_000)).result(5)
    with pytest.raises(Rejected, match="journal is full"):
        journal.append(entry("y" * 700_000))
    block = journal.next_block("traces", 10, 2 * MIB, 0.0)
    assert block is not None
    journal.done(block)

    journal.append(entry("y" * 700_000)).result(5)

    assert 1 == journal.rows("traces")
    journal.close()


def test_a_closing_journal_hands_out_what_it_has_and_then_none(journal: Journal) -> None:
    """After `stop_accepting` new entries are refused, waiting ones still come, then None."""
    journal.append(entry("a")).result(5)
    journal.stop_accepting()

    with pytest.raises(Rejected, match="shutting down"):
        journal.append(entry("b"))
    assert [["a"]] == texts(journal)
    assert journal.next_block("traces", 10, MIB, 0.0) is None


def test_a_file_of_another_format_is_refused_in_one_line(tmp_path: Path) -> None:
    """A newer journal is not misread, and garbage is not taken for a journal."""
    Journal(tmp_path, MIB).close()
    with lmdb.open(str(tmp_path), max_dbs=8) as env, env.begin(write=True) as txn:
        txn.put(b"format", b"9", db=env.open_db(b"meta", txn=txn))
    with pytest.raises(SettingError, match="format '9'"):
        Journal(tmp_path, MIB)

    (tmp_path / "data.mdb").write_bytes(b"garbage" * 4096)
    with pytest.raises(JournalUnreadable, match="journal is damaged"):
        Journal(tmp_path, MIB)


_WRITER = """
import sys, pathlib, pyarrow as pa
from haechi_collector.journal import Entry, Journal
schema = pa.schema([pa.field("text", pa.string(), nullable=False)])
journal = Journal(pathlib.Path(sys.argv[1]), 64 << 20)
for n in range(10_000):
    batch = pa.RecordBatch.from_arrays([pa.array([str(n)], pa.string())], schema=schema)
    journal.append(Entry("traces", "default", 1, batch)).result(10)
    print(n, flush=True)
"""


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Every entry whose future resolved is there after the process was killed."""
    child = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    acknowledged = [int(child.stdout.readline()) for _ in range(200)][-1]
    os.kill(child.pid, signals.SIGKILL)
    acknowledged = max([acknowledged, *(int(line) for line in child.stdout.read().splitlines())])
    child.wait()
    child.stdout.close()

    journal = Journal(tmp_path, 64 * MIB)
    kept = [e[0] for e in texts(journal, rows_max=100_000)]
    journal.close()

    assert [str(n) for n in range(len(kept))] == kept
    assert len(kept) > acknowledged


def test_a_journal_that_was_large_gives_its_disk_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a start with nothing in it the file is made small; ledger, name and marks stay."""
    monkeypatch.setattr("haechi_collector.journal.environment.JOURNAL_SHRINK_BYTES", 20 * MIB)
    first = Journal(tmp_path, 256 * MIB)
    for _ in range(40):
        first.append(entry("x" * MIB), [Mark(bytes(16), 0, "")]).result(5)
    large = (tmp_path / "data.mdb").stat().st_size
    first.close()
    full = Journal(tmp_path, 256 * MIB)
    kept = (tmp_path / "data.mdb").stat().st_size
    while full.rows("traces"):
        block = full.next_block("traces", 100, 100 * MIB, 0.0)
        assert block is not None
        full.done(block)
    told = (full.id, full.ledger(), len(list(full.remembered())))
    full.close()

    second = Journal(tmp_path, 256 * MIB)
    assert (second.id, second.ledger(), len(list(second.remembered()))) == told
    second.append(entry("a")).result(5)
    second.close()

    assert kept == large > 40 * MIB
    assert (tmp_path / "data.mdb").stat().st_size < 20 * MIB
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data.mdb", "lock.mdb", "owner"]


def test_nobody_else_can_read_the_journal(tmp_path: Path) -> None:
    """It holds prompts: the file is its owner's alone."""
    Journal(tmp_path, MIB).close()

    assert (tmp_path / "data.mdb").stat().st_mode & 0o077 == 0
