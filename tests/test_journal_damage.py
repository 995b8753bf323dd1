"""A journal whose file was changed by something else: nothing false comes out, and the program does not crash on it."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import lmdb
import pyarrow as pa
import pytest

from haechi_collector.errors import SettingError
from haechi_collector.journal import Block, Entry, Journal, JournalUnreadable

SCHEMA = pa.schema([pa.field("text", pa.string(), nullable=False)])
DATA = Path(__file__).parent / "data"
MIB = 1024 * 1024
PAGE = 4096


def entry(*texts: str, project: str = "default") -> Entry:
    batch = pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], schema=SCHEMA)
    return Entry("traces", project, 1_000, batch)


def filled(path: Path) -> None:
    """Entries of one to five pages, the first ten of them in a block."""
    journal = Journal(path, 64 * MIB)
    for n in range(40):
        journal.append(entry(*(f"row {n} {'x' * 300}" for _ in range(1 + n * 2)), project=f"p{n % 3}")).result(5)
    journal.next_block("traces", 90, MIB, 0.0)
    journal.close()


def used(path: Path) -> int:
    """Bytes of the file that LMDB has used."""
    with lmdb.open(str(path), max_dbs=32) as env:
        return int((env.info()["last_pgno"] + 1) * PAGE)


def drained(journal: Journal) -> list[Block]:
    journal.stop_accepting()
    found = []
    while block := journal.next_block("traces", 90, MIB, 0.0):
        found.append(block)
    return found


def test_a_flipped_bit_in_rows_costs_one_entry(tmp_path: Path) -> None:
    """The entry comes out as damaged, with its bytes and the number of its rows; its neighbours come out whole."""
    filled(tmp_path)
    file = tmp_path / "data.mdb"
    data = bytearray(file.read_bytes())
    data[data.index(b"row 20 ")] ^= 4
    file.write_bytes(data)

    journal = Journal(tmp_path, 64 * MIB)
    blocks = drained(journal)
    journal.close()

    (damaged,) = [d for b in blocks for d in b.damaged]
    assert (damaged.rows, damaged.project, damaged.sequence) == (41, "p2", 20)
    assert b"row 20 " in damaged.value
    assert sum(e.batch.num_rows for b in blocks for e in b.entries) == sum(1 + n * 2 for n in range(40)) - 41


READER = """
import pathlib, sys
from haechi_collector.errors import SettingError
from haechi_collector.journal import Journal
try:
    journal = Journal(pathlib.Path(sys.argv[1]), 64 << 20)
except SettingError as error:
    print("refused", error)
    sys.exit()
journal.stop_accepting()
rows = damaged = 0
while block := journal.next_block("traces", 90, 1 << 20, 0.0):
    texts = [t for e in block.entries for t in e.batch.column("text").to_pylist()]
    assert all(t.startswith("row ") and t.endswith("x" * 300) for t in texts), "false rows"
    rows += len(texts)
    damaged += block.rows - len(texts)
    journal.done(block)
journal.close()
print("read", rows + damaged)
"""


def outcome(path: Path) -> str:
    """Read a journal in a process of its own, which may crash."""
    command = [sys.executable, "-c", READER, str(path)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert child.returncode == 0, child.stderr
    return child.stdout.strip()


def test_no_flipped_bit_crashes_the_program_or_gives_false_rows(tmp_path: Path) -> None:
    """Whichever bit: every row comes out or is counted as damaged, or the journal is refused in one line."""
    base = tmp_path / "base"
    filled(base)
    size = used(base)
    chance = random.Random(7)
    offsets = [chance.randrange(2, size // PAGE) * PAGE + chance.randrange(32) for _ in range(8)]
    offsets += [chance.randrange(size) for _ in range(4)]
    for n, offset in enumerate(offsets):
        work = tmp_path / f"work-{n}"
        shutil.copytree(base, work)
        with (work / "data.mdb").open("r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ (1 << chance.randrange(8))]))
        told = outcome(work)
        assert told == "read 1600" or told.startswith("refused"), (offset, told)
        shutil.rmtree(work)


@pytest.mark.parametrize("share", [0.0005, 0.3, 0.9])
def test_a_truncated_file_is_refused_in_one_line_and_left_as_it_is(tmp_path: Path, share: float) -> None:
    """The line says what to do, and every byte that is left is still there."""
    filled(tmp_path)
    file = tmp_path / "data.mdb"
    os.truncate(file, int(used(tmp_path) * share))
    before = file.read_bytes()

    with pytest.raises(JournalUnreadable, match=r"journal is damaged: .*move the directory away") as refused:
        Journal(tmp_path, 64 * MIB)

    assert "\n" not in str(refused.value)
    assert file.read_bytes() == before


def test_an_lmdb_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """Nothing is written into a file that is not a journal."""
    with lmdb.open(str(tmp_path), max_dbs=2) as env, env.begin(write=True) as txn:
        txn.put(b"theirs", b"1", db=env.open_db(b"other", txn=txn))
    before = (tmp_path / "data.mdb").read_bytes()

    with pytest.raises(JournalUnreadable, match="no journal"):
        Journal(tmp_path, 64 * MIB)

    assert (tmp_path / "data.mdb").read_bytes() == before


def test_a_second_process_is_refused_with_the_number_of_the_first(tmp_path: Path) -> None:
    """One line names the process that has the journal; when that has ended the journal is free."""
    first = Journal(tmp_path, 64 * MIB)
    with pytest.raises(SettingError, match=f"process {os.getpid()} has this journal open"):
        Journal(tmp_path, 64 * MIB)
    first.close()

    Journal(tmp_path, 64 * MIB).close()


def test_the_journal_of_format_2_is_read_to_the_last_row(tmp_path: Path) -> None:
    """A file that an earlier program left, with a formed block and entries behind it, loses nothing."""
    shutil.copytree(DATA / "journal-v2", tmp_path / "journal")
    journal = Journal(tmp_path / "journal", 64 * MIB)
    ledger = journal.ledger()["traces"]
    blocks = drained(journal)
    journal.close()

    assert blocks[0].token == "e4b91a5ed80a-traces-1-2-ae90a64fece4389b"
    assert [(e.project, e.batch.column("text").to_pylist()) for b in blocks for e in b.entries] == [
        ("default", ["두", "셋"]),
        ("other", ["넷"]),
        ("default", ["다섯"]),
    ]
    assert (ledger.accepted, ledger.stored, ledger.queued, ledger.dead) == (5, 0, 4, 1)
