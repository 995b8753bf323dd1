"""Blocks go in as they are, and content that came late is written into the spans it belongs to."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from haechi_collector.errors import StoreError, StoreUnavailable
from haechi_collector.limits import UPDATE_SPANS_MAX
from haechi_collector.stages.join_content import LateContent
from haechi_collector.store.client import StoreClient
from haechi_collector.store.cluster import quoted
from haechi_collector.store.embedded_limits import STORE_STATEMENT_BYTES_MAX
from haechi_collector.store.tables import Tables

MakeSpans = Callable[..., pa.RecordBatch]

pytestmark = pytest.mark.usefixtures("spans")

AWKWARD = 'it\'s \\ \t\r\n "한글" `x` {x:String} %s %(a)s -- no /* comment */ ; ? \0 🙂'


@pytest.fixture
def tables(client: StoreClient) -> Tables:
    return Tables(client)


def ids(batch: pa.RecordBatch) -> list[tuple[str, str]]:
    return list(zip(batch.column("trace_id").to_pylist(), batch.column("span_id").to_pylist(), strict=True))


def with_values(batch: pa.RecordBatch, **values: Any) -> pa.RecordBatch:
    for name, value in values.items():
        position = batch.schema.get_field_index(name)
        field = batch.schema.field(position)
        batch = batch.set_column(position, field, pa.array([value] * batch.num_rows, field.type))
    return batch


def stored(tables: Tables) -> dict[str, dict[str, Any]]:
    return {row["span_id"]: row for row in tables.query("SELECT * FROM spans").to_pylist()}


def test_a_block_reads_back_as_it_went_in(tables: Tables, make_spans: MakeSpans) -> None:
    """Decimals and nulls, maps, lists, Korean and empty text, over sixty days."""
    batch = make_spans(120, seed=31, days=60)
    costs = batch.column("cost_usd")
    assert 0 < costs.null_count < batch.num_rows
    tables.insert("spans", batch, "tables-values")
    assert stored(tables) == {row["span_id"]: row for row in batch.to_pylist()}
    days = tables.query("SELECT uniqExact(toDate(start_time)) AS days FROM spans")
    assert days["days"].to_pylist() == [60]


def test_without_a_token_each_call_stores_its_block(tables: Tables, make_spans: MakeSpans) -> None:
    """With one, it is stored once."""
    batch = make_spans(3, seed=32)
    for token in ("", "", "tables-once", "tables-once"):
        tables.insert("spans", batch, token)
    assert tables.command("SELECT count() FROM spans") == 9


def test_late_content_fills_what_a_span_lacks(tables: Tables, make_spans: MakeSpans) -> None:
    """Text, numbers and lists, character by character; other spans and columns stay as they were."""
    batch = with_values(
        make_spans(4, seed=33), input_messages="", output_messages="", input_tokens=0, ttft_ns=None, finish_reasons=[]
    )
    tables.insert("spans", batch, "tables-fill")
    before = stored(tables)
    first, second, *_ = ids(batch)
    late = {"input_messages": AWKWARD, "input_tokens": 12, "ttft_ns": 7, "finish_reasons": ["stop", "it's"]}
    tables.update_spans([LateContent(*first, late), LateContent(*second, {"output_messages": "답"})])
    expected = before | {
        first[1]: before[first[1]] | late,
        second[1]: before[second[1]] | {"output_messages": "답"},
    }
    assert stored(tables) == expected


def test_a_longer_text_replaces_a_shorter_one_and_never_the_reverse(tables: Tables, make_spans: MakeSpans) -> None:
    """Running it again, in any order, changes nothing; a number that is known stays."""
    batch = with_values(make_spans(1, seed=34), input_messages="[1]", input_tokens=5, finish_reasons=["stop"])
    tables.insert("spans", batch, "tables-longer")
    ((trace, span),) = ids(batch)
    longer = LateContent(trace, span, {"input_messages": "[1,2]", "input_tokens": 9, "finish_reasons": ["length"]})
    shorter = LateContent(trace, span, {"input_messages": "[]"})
    for late in (longer, shorter, longer):
        tables.update_spans([late])
        row = stored(tables)[span]
        assert (row["input_messages"], row["input_tokens"], row["finish_reasons"]) == ("[1,2]", 5, ["stop"])


def test_content_of_spans_that_are_not_there_is_passed_over(tables: Tables, make_spans: MakeSpans) -> None:
    """A span of the same id in another trace is another span."""
    batch = with_values(make_spans(2, seed=35), output_messages="")
    tables.insert("spans", batch, "tables-absent")
    before = stored(tables)
    (trace, _), (_, other) = ids(batch)
    late = {"output_messages": "not yours"}
    tables.update_spans([LateContent(trace, other, late), LateContent("0" * 32, "0" * 16, late)])
    tables.update_spans([])
    assert stored(tables) == before


def test_more_content_than_one_statement_takes_is_written_whole(tables: Tables, make_spans: MakeSpans) -> None:
    """Each span gets its own text, over several statements of long text."""
    batch = with_values(make_spans(UPDATE_SPANS_MAX + 20, seed=36), output_messages="")
    tables.insert("spans", batch, "tables-many")
    texts = {span: f"{span} 답변 " * 300 for _, span in ids(batch)}
    tables.update_spans([LateContent(*key, {"output_messages": texts[key[1]]}) for key in ids(batch)])
    assert {span: row["output_messages"] for span, row in stored(tables).items()} == texts


def test_content_longer_than_a_statement_is_written_whole(tables: Tables, make_spans: MakeSpans) -> None:
    """Long prompts of many spans go in several statements, by their size."""
    batch = with_values(make_spans(UPDATE_SPANS_MAX, seed=38), input_messages="")
    tables.insert("spans", batch, "tables-long")
    text = "긴 'x' " * (STORE_STATEMENT_BYTES_MAX // UPDATE_SPANS_MAX // len("긴 'x' ".encode()))
    tables.update_spans([LateContent(*key, {"input_messages": text}) for key in ids(batch)])
    sql = "SELECT uniqExact(input_messages) AS texts, min(length(input_messages)) AS bytes FROM spans"
    assert tables.query(sql).to_pylist() == [{"texts": 1, "bytes": len(text.encode())}]


def test_late_content_stays_when_parts_merge(tables: Tables, client: StoreClient, make_spans: MakeSpans) -> None:
    """The patch parts become part of the rows."""
    batch = with_values(make_spans(50, seed=37), output_messages="")
    tables.insert("spans", batch, "tables-merge")
    tables.update_spans([LateContent(*ids(batch)[7], {"output_messages": AWKWARD})])
    before = stored(tables)
    client.command("OPTIMIZE TABLE spans FINAL")
    assert stored(tables) == before
    assert before[ids(batch)[7][1]]["output_messages"] == AWKWARD


def test_in_a_cluster_the_update_is_for_every_node(client: StoreClient) -> None:
    """The embedded engine reads the statement and carries nothing out for other nodes."""
    with pytest.raises(StoreError, match="Replicated DDL queries are disabled") as caught:
        Tables(client, cluster="prod").update_spans([LateContent("0" * 32, "0" * 16, {"output_messages": "x"})])
    assert not isinstance(caught.value, StoreUnavailable)
    assert caught.value.clickhouse_code == 392


def test_a_cluster_is_named_as_an_identifier() -> None:
    """Whatever it is called."""
    assert quoted("a`b\\") == "`a\\`b\\\\`"
