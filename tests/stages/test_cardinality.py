"""Values without end do not grow dictionaries, and are not lost."""

import re
from typing import Any

import pyarrow as pa
import pytest
from tests.stages.payloads import normalize, span

from haechi_collector.limits import DISTINCT_VALUE_BYTES_MAX
from haechi_collector.stages.bounds import Bounds
from haechi_collector.stages.known_keys import OTHER
from haechi_collector.stages.known_values import BOUNDED, KnownValues
from haechi_collector.store.migrate import migrations
from haechi_collector.telemetry import Metrics

DAY_NS = 86_400 * 10**9
NOW = 20_000 * DAY_NS + 5
OURS = {"project", "usage_source", "cost_source", "dialect", "type", "temporality", "source"}


def named(*names: str, **columns: Any) -> pa.RecordBatch:
    return normalize(*(span({}, name=name, **columns) for name in names)).spans


def limited(known: KnownValues, *names: str, project: str = "shop", now: int = NOW) -> list[tuple[str, str]]:
    """Each row's name, and the name that its map keeps."""
    rows, _ = known.limit(named(*names), "spans", project, now)
    maps = [dict(m).get("haechi.original.name", "") for m in rows["attributes_string"].to_pylist()]
    return list(zip(rows["name"].to_pylist(), maps, strict=True))


def test_values_beyond_the_bound_are_kept_in_the_map() -> None:
    """Known ones go on as they are, in later batches too."""
    known = KnownValues(values_max=2)
    assert limited(known, "a", "b", "a") == [("a", ""), ("b", ""), ("a", "")]
    assert limited(known, "c", "a", "d") == [(OTHER, "c"), ("a", ""), (OTHER, "d")]
    assert limited(known, "c", "c") == [(OTHER, "c"), (OTHER, "c")]


def test_each_project_and_each_day_has_a_bound_of_its_own() -> None:
    """One project's flood does not take another's names; midnight begins anew."""
    known = KnownValues(values_max=1)
    assert limited(known, "a", "b") == [("a", ""), (OTHER, "b")]
    assert limited(known, "b", "c", project="other") == [("b", ""), (OTHER, "c")]
    assert limited(known, "b", "a", now=NOW + DAY_NS) == [("b", ""), (OTHER, "a")]
    assert limited(known, "a", "b", now=NOW) == [(OTHER, "a"), ("b", "")]


def test_a_value_of_any_length_is_kept_but_not_as_a_word() -> None:
    """Text in a name would make the dictionary as large as the text."""
    long = "x" * (DISTINCT_VALUE_BYTES_MAX + 1)
    assert limited(KnownValues(), long, "ok") == [(OTHER, long), ("ok", "")]


def test_nothing_is_copied_where_all_is_known() -> None:
    """The very batch that came is handed on."""
    known = KnownValues()
    spans = named("a", "b", "")
    assert known.limit(spans, "spans", "shop", NOW) == (spans, {})
    assert known.limit(spans, "spans", "shop", NOW)[0] is spans


def test_a_model_keeps_its_canonical_name_in_the_map() -> None:
    """So that a query finds it where the convention says."""
    rows = [span({"gen_ai.request.model": f"model-{n}", "gen_ai.operation.name": "chat"}) for n in range(3)]
    spans = normalize(*rows).spans
    bounded, moved = KnownValues(values_max=1).limit(spans.slice(1), "spans", "shop", NOW)
    assert bounded["request_model"].to_pylist() == ["model-1", OTHER]
    assert dict(bounded["attributes_string"].to_pylist()[1])["gen_ai.request.model"] == "model-2"
    assert moved == {"request_model": 1}


def test_what_was_changed_is_counted() -> None:
    """By column and by reason, in the collector's own metrics."""
    metrics = Metrics()
    bounds = Bounds(90, metrics, KnownValues(values_max=1))
    bounds.apply(named("a", "b", start_time=5), "spans", "shop", NOW)
    value = metrics.registry.get_sample_value
    assert value("haechi_overflow_values_total", {"column": "name"}) == 1
    assert value("haechi_corrected_times_total", {"table": "spans", "reason": "too_old"}) == 2


def test_keys_beyond_the_bound_become_text_of_one_key() -> None:
    """Of every kind; each stays with its row, and known keys are as they were."""
    known = KnownValues(values_max=3)
    first = normalize(span({"a": "1", "b": 2, "c": True})).spans
    assert known.limit(first, "spans", "shop", NOW)[0] is first
    rows = normalize(span({"a": "x", "d": "y", "e": 7}), span({"f": False, "b": 3}), span({})).spans
    bounded, counts = known.limit(rows, "spans", "shop", NOW)
    assert bounded["attributes_string"].to_pylist() == [
        [("a", "x"), (OTHER, "d=y"), (OTHER, "e=7")],
        [(OTHER, "f=false")],
        [],
    ]
    assert bounded["attributes_number"].to_pylist() == [[], [("b", 3.0)], []]
    assert bounded["attributes_bool"].to_pylist() == [[], [], []]
    assert counts == {"attributes_string": 1, "attributes_number": 1, "attributes_bool": 1}
    assert bounded.schema == rows.schema
    assert known.limit(rows.slice(1, 1), "spans", "shop", NOW)[0]["attributes_string"].to_pylist() == [
        [(OTHER, "f=false")]
    ]


@pytest.mark.parametrize("table", ["spans", "logs", "metric_points", "scores"])
def test_every_dictionary_that_an_emitter_fills_is_bounded(table: str) -> None:
    """All LowCardinality columns of the migrations but those that only take words of the collector's own."""
    sql = "".join(m.text for m in migrations())
    body = sql.split(f"CREATE TABLE IF NOT EXISTS haechi.{table}\n")[1].split("ENGINE")[0]
    columns = set(re.findall(r"^    (\w+) LowCardinality", body, re.MULTILINE))
    assert columns - OURS == set(BOUNDED[table]) - OURS
