"""Once and only once on the way on: whatever fails in between, and whenever the program is started again."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from haechi.pricing import PriceBook
from haechi_collector.carry import Carrier
from haechi_collector.config import Config
from haechi_collector.dead_letters import DeadLetters
from haechi_collector.decode import decode_traces_json
from haechi_collector.errors import StoreError, StoreUnavailable
from haechi_collector.journal import Entry, Journal
from haechi_collector.pipeline import Pipeline
from haechi_collector.store.client import StoreClient
from haechi_collector.store.tables import Tables
from haechi_collector.telemetry import Metrics
from haechi_collector.writer import Writer

MIB = 1024 * 1024


def entry(*names: str, trace: int = 1, project: str = "default") -> Entry:
    spans = ",".join(
        f'{{"traceId":"{trace:032x}","spanId":"{n + 1:016x}","name":"{name}"}}' for n, name in enumerate(names)
    )
    body = f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}'
    return Entry("traces", project, time.time_ns(), decode_traces_json(body.encode()))


@pytest.fixture
def choosy(client: StoreClient) -> Iterator[StoreClient]:
    """A store whose spans may not be named poison."""
    client.command("TRUNCATE TABLE spans")
    client.command("TRUNCATE TABLE dead_letters")
    client.command("ALTER TABLE spans ADD CONSTRAINT IF NOT EXISTS choosy CHECK name NOT LIKE 'poison%'")
    yield client
    client.command("ALTER TABLE spans DROP CONSTRAINT IF EXISTS choosy")


def names(client: StoreClient) -> list[str]:
    found: list[str] = client.query("SELECT name FROM spans ORDER BY name")["name"].to_pylist()
    return found


def letters(client: StoreClient) -> list[dict[str, object]]:
    found: list[dict[str, object]] = client.query("SELECT signal, code, rows FROM dead_letters").to_pylist()
    return found


class Failing(Tables):
    """Real tables behind a way that fails: an insert is applied and its answer lost, or it never arrives."""

    def __init__(self, client: StoreClient, *failures: tuple[int, bool, Exception]) -> None:
        super().__init__(client)
        self.calls = 0
        self._failures = {number: (applied, error) for number, applied, error in failures}

    def insert(self, table: str, batch: pa.RecordBatch, token: str = "") -> None:
        """Insert, or fail on the calls that were named."""
        self.calls += 1
        applied, error = self._failures.get(self.calls, (True, None))
        if applied:
            super().insert(table, batch, token)
        if error is not None:
            raise error


def carrier(journal: Journal, tables: Tables) -> Carrier:
    return Carrier(journal, Pipeline(PriceBook.load(None), Metrics()), tables, Metrics())


def carried(path: Path, tables: Tables) -> None:
    """Open the journal as a new program would and carry its next block."""
    journal = Journal(path, 64 * MIB)
    try:
        block = journal.next_block("traces", 100, MIB, 0.0)
        assert block is not None
        way = carrier(journal, tables)
        way.store(way.prepare(block))
    finally:
        journal.close()


def filled(path: Path, *entries: Entry) -> None:
    journal = Journal(path, 64 * MIB)
    for e in entries:
        journal.append(e).result(5)
    journal.close()


@pytest.mark.parametrize("call", range(1, 14))
def test_a_block_that_is_cut_off_anywhere_is_stored_once_after_a_restart(
    choosy: StoreClient, tmp_path: Path, call: int
) -> None:
    """The answer to one of the inserts is lost and the program ends; the next start stores each row once."""
    rows = [f"good {n}" for n in range(5)] + ["poison"] + [f"good {n}" for n in range(5, 8)]
    filled(tmp_path, entry(*rows), entry("other", project="b"))
    failing = Failing(choosy, (call, True, StoreUnavailable("the answer was lost")))

    try:
        carried(tmp_path, failing)
    except StoreUnavailable:
        carried(tmp_path, Tables(choosy))
    except StoreError:  # the cut insert was one that ClickHouse refuses
        carried(tmp_path, Tables(choosy))

    assert names(choosy) == sorted(set(rows) - {"poison"} | {"other"})
    assert letters(choosy) == [{"signal": "traces", "code": "469", "rows": 1}]


def test_rows_are_not_doubled_when_the_reason_of_a_refusal_goes_away_half_way(
    choosy: StoreClient, tmp_path: Path
) -> None:
    """Half of a refused block was stored, then the table takes all: the whole is not sent again."""
    filled(tmp_path, entry("a", "b", "c", "poison"))
    with pytest.raises(StoreUnavailable):
        carried(tmp_path, Failing(choosy, (3, False, StoreUnavailable("down"))))
    assert names(choosy) == ["a", "b"]
    choosy.command("ALTER TABLE spans DROP CONSTRAINT choosy")

    carried(tmp_path, Tables(choosy))

    assert names(choosy) == ["a", "b", "c", "poison"]
    assert letters(choosy) == []


def test_a_refusal_that_is_about_no_row_sets_nothing_aside(choosy: StoreClient, tmp_path: Path) -> None:
    """A missing column is not the rows' fault: they stay in the journal until it is mended."""
    filled(tmp_path, entry("a"))
    with pytest.raises(StoreError):
        carried(tmp_path, Failing(choosy, (1, False, StoreError("no such column", 16))))

    carried(tmp_path, Tables(choosy))

    assert (names(choosy), letters(choosy)) == (["a"], [])


def test_a_fault_of_ours_is_tried_again_soon(choosy: StoreClient, tmp_path: Path) -> None:
    """An error that is neither ClickHouse's nor a stage's does not leave the block until the next start."""
    journal = Journal(tmp_path, 64 * MIB)
    failing = Failing(choosy, (1, False, RuntimeError("a fault of ours")), (2, True, RuntimeError("another")))
    writer = Writer(journal, Pipeline(PriceBook.load(None), Metrics()), failing, Config(block_wait_s=0.01), Metrics())
    journal.append(entry("a", "b")).result(5)
    writer.start()

    assert journal.wait_empty(30)
    assert (names(choosy), failing.calls, writer.stuck()) == (["a", "b"], 3, [])
    journal.stop_accepting()
    writer.stop(5)
    journal.close()


def test_a_block_that_cannot_be_stored_says_why(choosy: StoreClient, tmp_path: Path) -> None:
    """It is shown with its rows, the number of attempts and the last error, and goes on when that is over."""
    journal = Journal(tmp_path, 64 * MIB)
    failures = [(n, False, StoreUnavailable("too many parts")) for n in range(1, 4)]
    failing = Failing(choosy, *failures)
    writer = Writer(journal, Pipeline(PriceBook.load(None), Metrics()), failing, Config(block_wait_s=0.01), Metrics())
    journal.append(entry("a", "b")).result(5)
    writer.start()
    seen = []
    while not journal.wait_empty(0.01):
        seen += writer.stuck()
    journal.stop_accepting()
    writer.stop(5)
    journal.close()

    assert {(s.signal, s.first, s.rows, s.error) for s in seen} == {
        ("traces", 0, 2, "StoreUnavailable: too many parts")
    }


def test_only_the_rows_that_break_a_stage_are_set_aside(choosy: StoreClient, tmp_path: Path) -> None:
    """An entry holds several requests; one row of it that no stage can take costs the others nothing."""
    whole = entry(*(f"row {n}" for n in range(16))).batch
    position = whole.schema.get_field_index("name")
    wide = whole.schema.field(position).with_type(pa.binary()).with_nullable(False)
    broken = [f"row {n}".encode() for n in range(16)]
    broken[5] = b"\xff\xfe"  # not UTF-8: no decoder lets it through
    batch = whole.set_column(position, wide, pa.array(broken, pa.binary()))
    text = batch.column(position).view(pa.string())
    filled(tmp_path, Entry("traces", "default", 1, whole.set_column(position, whole.schema.field(position), text)))

    carried(tmp_path, Tables(choosy))

    assert len(names(choosy)) + sum(int(str(letter["rows"])) for letter in letters(choosy)) == 16
    assert len(names(choosy)) >= 15


def test_a_damaged_entry_becomes_a_dead_letter_and_the_others_are_stored(choosy: StoreClient, tmp_path: Path) -> None:
    """Its bytes are kept, its rows are counted, and the ledger balances."""
    filled(tmp_path, entry("good", trace=1), entry("bent", "out", "of shape", trace=2), entry("fine", trace=3))
    file = tmp_path / "data.mdb"
    file.write_bytes(file.read_bytes().replace(b"bent", b"lent"))

    carried(tmp_path, Tables(choosy))

    assert names(choosy) == ["fine", "good"]
    assert letters(choosy) == [{"signal": "traces", "code": "journal", "rows": 3}]
    journal = Journal(tmp_path, 64 * MIB)
    ledger = journal.ledger()["traces"]
    journal.close()
    assert (ledger.accepted, ledger.stored, ledger.queued, ledger.dead) == (5, 2, 0, 3)


def told(steps: Iterator[str]) -> dict[str, object]:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: dict[str, object] = end.value
            return result


ALL = {"signal": "", "reason": "", "since_ns": 0}


@pytest.fixture
def working(choosy: StoreClient, tmp_path: Path) -> Iterator[tuple[Journal, DeadLetters]]:
    """A journal with a writer at work, and two poisoned spans among its dead letters."""
    journal = Journal(tmp_path, 64 * MIB)
    tables = Tables(choosy)
    writer = Writer(journal, Pipeline(PriceBook.load(None), Metrics()), tables, Config(block_wait_s=0.01), Metrics())
    writer.start()
    journal.append(entry("good", "poison", trace=1, project="p")).result(5)
    journal.append(entry("poison 2", trace=2)).result(5)
    assert journal.wait_empty(30)
    yield journal, DeadLetters(journal, tables)
    journal.stop_accepting()
    writer.stop(5)
    journal.close()


def test_dead_letters_come_back_once_after_a_fix(choosy: StoreClient, working: tuple[Journal, DeadLetters]) -> None:
    """They go through the stages into their table and project, and move in the ledger from dead to stored."""
    journal, dead_letters = working
    groups = told(dead_letters.groups(ALL))["groups"]
    before = journal.ledger()["traces"]
    choosy.command("ALTER TABLE spans DROP CONSTRAINT choosy")

    done = told(dead_letters.replay(ALL))
    again = told(dead_letters.replay(ALL))

    assert [(g["signal"], g["code"], g["letters"], g["rows"]) for g in groups] == [("traces", "469", 2, 2)]  # type: ignore[attr-defined]
    assert (done["letters"], done["rows"], done["passed"], again["letters"]) == (2, 2, True, 0)
    rows = choosy.query("SELECT project, name FROM spans ORDER BY name").to_pylist()
    assert [tuple(r.values()) for r in rows] == [("p", "good"), ("p", "poison"), ("default", "poison 2")]
    after = journal.ledger()["traces"]
    assert (before.accepted, before.stored, before.dead) == (3, 1, 2)
    assert (after.accepted, after.stored, after.dead) == (3, 3, 0)


def test_what_fails_again_stays_with_its_new_reason(choosy: StoreClient, working: tuple[Journal, DeadLetters]) -> None:
    """A replay before the fix ends, and the letters are as many as before."""
    journal, dead_letters = working

    done = told(dead_letters.replay({**ALL, "reason": "CHOOSY"}))

    assert (done["letters"], done["failed_again"]) == (2, 2)
    assert letters(choosy) == [{"signal": "traces", "code": "469", "rows": 1}] * 2
    assert journal.ledger()["traces"].balances


def test_a_letter_whose_deletion_was_cut_off_is_not_stored_twice(
    choosy: StoreClient, working: tuple[Journal, DeadLetters]
) -> None:
    """The journal remembers the letters that came back, until they are gone."""
    journal, dead_letters = working
    choosy.command("ALTER TABLE spans DROP CONSTRAINT choosy")
    kept = choosy.query("SELECT id FROM dead_letters")["id"].to_pylist()
    for identity in kept:
        dead_letters._bring_back(identity)  # and then the program ended

    done = told(dead_letters.replay(ALL))

    assert done["letters"] == 2
    assert names(choosy) == ["good", "poison", "poison 2"]
    assert letters(choosy) == []
    assert journal.ledger()["traces"].stored == 3


def test_dropped_letters_stay_counted_as_dead(choosy: StoreClient, working: tuple[Journal, DeadLetters]) -> None:
    """The letters are gone; the ledger still says what became of their rows."""
    journal, dead_letters = working

    assert told(dead_letters.drop({**ALL, "dry_run": True})) == {"letters": 2, "rows": 2}
    assert told(dead_letters.drop({**ALL, "signal": "logs"})) == {"letters": 0, "rows": 0}
    assert told(dead_letters.drop(ALL)) == {"letters": 2, "rows": 2}
    assert letters(choosy) == []
    assert journal.ledger()["traces"].dead == 2


def test_every_table_drops_a_block_that_is_sent_again(client: StoreClient) -> None:
    """Each table that rows are inserted into has a deduplication window, the targets of views included."""
    rows = client.query(
        "SELECT name, engine, engine_full FROM system.tables "
        "WHERE database = 'haechi' AND NOT startsWith(name, 'schema_')"
    ).to_pylist()
    tables = {r["name"]: r["engine_full"] for r in rows if "MergeTree" in r["engine"]}

    assert {"spans", "logs", "metric_points", "scores", "dead_letters", "ledger"} <= tables.keys()
    assert [name for name, full in tables.items() if "non_replicated_deduplication_window = 10000" not in full] == []
    assert [r["name"] for r in rows if r["engine"] == "MaterializedView"] == []


def test_a_journal_can_be_copied_while_it_is_closed(choosy: StoreClient, tmp_path: Path) -> None:
    """A copy of the directory carries the same blocks under the same tokens: carried twice, stored once."""
    filled(tmp_path / "journal", entry("a"), entry("b", trace=2))
    journal = Journal(tmp_path / "journal", 64 * MIB)
    journal.next_block("traces", 1, MIB, 0.0)
    journal.close()
    shutil.copytree(tmp_path / "journal", tmp_path / "copy")

    carried(tmp_path / "journal", Tables(choosy))
    carried(tmp_path / "copy", Tables(choosy))

    assert names(choosy) == ["a"]
