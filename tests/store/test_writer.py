"""The way on against the real engine: one row that it refuses costs its neighbours nothing."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from haechi.pricing import PriceBook
from haechi_collector.batch import DECODED_SPANS
from haechi_collector.config import Config
from haechi_collector.decode import decode_traces_json
from haechi_collector.journal import Entry, Journal
from haechi_collector.pipeline import Pipeline
from haechi_collector.store.client import StoreClient
from haechi_collector.store.tables import Tables
from haechi_collector.telemetry import Metrics
from haechi_collector.writer import Writer

MIB = 1024 * 1024


def entry(*names: str, trace: int = 1) -> Entry:
    spans = ",".join(
        f'{{"traceId":"{trace:032x}","spanId":"{n + 1:016x}","name":"{name}"}}' for n, name in enumerate(names)
    )
    body = f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}'
    return Entry("traces", "default", time.time_ns(), decode_traces_json(body.encode()))


@pytest.fixture
def choosy(client: StoreClient) -> Iterator[StoreClient]:
    """A store whose spans may not be named poison."""
    client.command("TRUNCATE TABLE spans")
    client.command("TRUNCATE TABLE dead_letters")
    client.command("ALTER TABLE spans ADD CONSTRAINT choosy CHECK name != 'poison'")
    yield client
    client.command("ALTER TABLE spans DROP CONSTRAINT choosy")


def written(client: StoreClient, path: Path, entries: list[Entry]) -> Metrics:
    """Run a writer over the entries until the journal is empty."""
    metrics = Metrics()
    journal = Journal(path, 64 * MIB)
    for e in entries:
        journal.append(e).result(5)
    pipeline = Pipeline(PriceBook.load(None), metrics)
    writer = Writer(journal, pipeline, Tables(client), Config(block_wait_s=0.01), metrics)
    writer.start()
    assert journal.wait_empty(30)
    journal.stop_accepting()
    writer.stop(5)
    journal.close()
    return metrics


def test_a_refused_row_is_set_aside_and_its_neighbours_are_stored(choosy: StoreClient, tmp_path: Path) -> None:
    """Nine of ten rows are stored; the tenth waits in dead_letters with the reason and itself, to be replayed."""
    names = [f"good {n}" for n in range(4)] + ["poison"] + [f"good {n}" for n in range(4, 9)]
    metrics = written(choosy, tmp_path, [entry(*names)])

    stored = choosy.query("SELECT name FROM spans ORDER BY name")["name"].to_pylist()
    letter = choosy.query("SELECT signal, code, rows, reason, base64Encode(payload) AS payload FROM dead_letters")
    assert stored == sorted(set(names) - {"poison"})
    assert letter.select(["signal", "code", "rows"]).to_pylist() == [{"signal": "traces", "code": "469", "rows": 1}]
    assert "choosy" in letter["reason"][0].as_py()
    replayed = pa.ipc.open_stream(base64.b64decode(letter["payload"][0].as_py())).read_all()
    assert replayed["name"].to_pylist() == ["poison"]
    assert metrics.counter("haechi_dead_rows_total", "traces")._value.get() == 1
    assert metrics.counter("haechi_stored_rows_total", "traces")._value.get() == 9


def test_an_entry_that_breaks_a_stage_is_set_aside_whole(choosy: StoreClient, tmp_path: Path) -> None:
    """A batch of another shape, as an older program might have left, does not hold up the queue behind it."""
    strange = pa.RecordBatch.from_arrays([pa.array(["x"])], names=["unknown"])
    written(choosy, tmp_path, [Entry("traces", "default", 1, strange), entry("fine", trace=2)])

    assert choosy.query("SELECT name FROM spans")["name"].to_pylist() == ["fine"]
    assert choosy.query("SELECT code, rows FROM dead_letters").to_pylist() == [{"code": "stage", "rows": 1}]
    assert "unknown" not in DECODED_SPANS.names
