"""What holds for the journal whatever happens to it, in any order."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from haechi_collector.journal import SIGNALS, Block, Entry, Fate, Journal, Mark, look

SCHEMA = pa.schema([pa.field("text", pa.string(), nullable=False)])
MIB = 1024 * 1024
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from(("traces", "logs")), st.integers(0, 5)),
        st.tuples(st.just("block"), st.sampled_from(("traces", "logs")), st.integers(1, 8)),
        st.tuples(st.just("done"), st.integers(0, 5), st.integers(0, 2)),
        st.tuples(st.just("replay"), st.integers(0, 3), st.integers(1, 2)),
        st.tuples(st.just("crash"), st.just(0), st.just(0)),
    ),
    max_size=30,
)


def entry(signal: str, *texts: str) -> Entry:
    batch = pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], schema=SCHEMA)
    return Entry(signal, "default", 1_000, batch)


@contextmanager
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="journal-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


class Model:
    """A journal beside what it must say."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = Journal(path, 64 * MIB)
        self.open: list[Block] = []
        self.next = 0
        self.accepted = dict.fromkeys(SIGNALS, 0)
        self.stored = dict.fromkeys(SIGNALS, 0)
        self.dead = dict.fromkeys(SIGNALS, 0)
        self.letters: set[str] = set()

    def append(self, signal: str, rows: int) -> None:
        names = [str(self.next + n) for n in range(rows)]
        self.next += rows
        self.journal.append(entry(signal, *names), [Mark(bytes(16), 0, "")]).result(5)
        self.accepted[signal] += rows

    def block(self, signal: str, rows_max: int) -> None:
        waits = any(b.signal == signal for b in self.open)
        ledger = self.journal.ledger()[signal]
        if ledger.queued > sum(b.rows for b in self.open if b.signal == signal):
            block = self.journal.next_block(signal, rows_max, MIB, 0.0)
            assert block is not None
            assert waits or block.rows
            self.open.append(block)

    def done(self, number: int, dead: int) -> None:
        if self.open:
            block = self.open.pop(number % len(self.open))
            dead = min(dead, block.rows)
            self.journal.done(block, dead, Fate(1, dead))
            self.journal.done(block, dead, Fate(1, dead))  # the answer got lost: once more changes nothing
            self.stored[block.signal] += block.rows - dead
            self.dead[block.signal] += dead
            self.accepted["scores"] += 1 + dead
            self.stored["scores"] += 1
            self.dead["scores"] += dead

    def replay(self, letter: int, rows: int) -> None:
        name = f"letter-{letter}"
        taken = self.journal.replay(entry("logs", *(["again"] * rows)), name)
        assert taken == (name not in self.letters)
        self.letters.add(name)
        self.dead["logs"] -= rows * taken

    def crash(self, *_: int) -> None:
        self.journal.close()
        assert all(view.balances for view in look(self.path).signals.values())  # counted entry by entry
        self.journal = Journal(self.path, 64 * MIB)
        self.open = []

    def check(self) -> None:
        for signal, ledger in self.journal.ledger().items():
            assert ledger.balances
            told = (ledger.accepted, ledger.stored, ledger.dead)
            assert told == (self.accepted[signal], self.stored[signal], self.dead[signal])
            assert ledger.queued == self.journal.rows(signal)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_accepted_is_stored_and_queued_and_dead_at_all_times(steps: list[tuple[str, str | int, int]]) -> None:
    """After each of any appends, blocks, confirmations, replays and crashes the ledger balances, and drains to none."""
    with directory() as path:
        model = Model(path)
        for step, *arguments in steps:
            getattr(model, step)(*arguments)
            model.check()
        model.crash()
        for signal in SIGNALS:
            while model.journal.ledger()[signal].queued:
                block = model.journal.next_block(signal, 100, MIB, 0.0)
                assert block is not None
                model.open.append(block)
                model.done(0, 0)
        model.check()
        assert model.journal.size == 0
        model.journal.close()


def blocks(journal: Journal, rows_max: int, bytes_max: int) -> Iterator[tuple[str, int, list[tuple[str, object]]]]:
    journal.stop_accepting()
    while block := journal.next_block("traces", rows_max, bytes_max, 0.0):
        yield block.token, block.rows, [(e.project, e.batch.to_pydict()) for e in block.entries]


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 9_000)), max_size=20),
    fresh_bytes=st.sampled_from([0, 20_000, 60_000]),
    rows_max=st.integers(1, 12),
    bytes_max=st.sampled_from([4_096, 30_000, MIB]),
)
def test_a_block_is_the_same_from_memory_and_from_the_file(
    sizes: list[tuple[int, int]], fresh_bytes: int, rows_max: int, bytes_max: int
) -> None:
    """The same entries give equal blocks and tokens, whether kept in memory, in part, or read back."""
    with directory() as path:
        journal = Journal(path, 64 * MIB)
        for rows, size in sizes:
            journal.append(entry("traces", *("x" * size + str(n) for n in range(rows)))).result(5)
        journal.close()
        copies = [path / name for name in ("kept", "partly", "read")]
        for copy in copies:
            shutil.copytree(path, copy, ignore=shutil.ignore_patterns("kept", "partly", "read"))
        found = []
        for copy, fresh in zip(copies, (MIB, fresh_bytes, 0), strict=True):
            journal = Journal(copy, 64 * MIB, fresh)
            for rows, size in sizes:
                journal.append(entry("traces", *("y" * size + str(n) for n in range(rows)))).result(5)
            found.append(list(blocks(journal, rows_max, bytes_max)))
            journal.close()
        assert found[0] == found[1] == found[2]
        assert sum(rows for _, rows, _ in found[0]) == 2 * sum(rows for rows, _ in sizes)


def test_marks_come_back_after_a_restart_with_and_without_rows(tmp_path: Path) -> None:
    """What is remembered of a request is on disk with its entry, also when all of it was refused."""
    marks = [Mark(bytes([n]) * 16, n, "가" * 100) for n in range(3)]
    journal = Journal(tmp_path, 64 * MIB)
    journal.append(entry("traces", "a"), marks[:2]).result(5)
    journal.append(entry("traces"), marks[2:]).result(5)
    journal.close()

    journal = Journal(tmp_path, 64 * MIB)
    found = [mark for _, mark in journal.remembered()]
    rows = journal.rows("traces")
    journal.close()

    assert [(m.digest, m.refused, m.reason) for m in found] == [(m.digest, m.refused, "가" * 66) for m in marks]
    assert rows == 1


def test_no_more_marks_are_kept_than_the_bound(tmp_path: Path) -> None:
    """Old marks leave as new ones come."""
    from haechi_collector.journal import recent

    journal = Journal(tmp_path, 64 * MIB)
    bound, recent.RECENT_REQUESTS_MAX = recent.RECENT_REQUESTS_MAX, 10
    try:
        for n in range(60):
            journal.append(entry("traces"), [Mark(bytes([n]) * 16, 0, "")]).result(5)
        kept = [mark.digest[0] for _, mark in journal.remembered()]
    finally:
        recent.RECENT_REQUESTS_MAX = bound
        journal.close()

    assert kept == list(range(50, 60))
