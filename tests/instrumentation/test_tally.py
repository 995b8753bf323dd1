"""What is counted here is what the SDK's histograms count of the same calls."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    HistogramDataPoint,
    InMemoryMetricReader,
    MetricsData,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from tests.instrumentation.receiver import Receiver

import haechi
from haechi import _runtime, _tally
from haechi._metrics import Metrics
from haechi._tally import Instrument, Tally
from haechi.spans import Call, Request
from haechi_schemas import attributes as names

RESOURCE = Resource({"service.name": "shop"})
AROUND = [
    Context(),
    *(
        trace.set_span_in_context(NonRecordingSpan(SpanContext(trace_id, 3, False, TraceFlags(flags))), Context())
        for trace_id, flags in ((7, 1), (8, 0), (9, 1))
    ),
]
SECONDS = st.integers(0, 100_000).map(lambda number: number / 1024)  # whose sums are exact in any order
FACTS = st.fixed_dictionaries(
    {names.OPERATION_NAME: st.sampled_from(["chat", "embeddings"])},
    optional={
        names.REQUEST_MODEL: st.sampled_from(["a", "b"]),
        names.SERVER_PORT: st.sampled_from([443, 8000]),
        names.ERROR_TYPE: st.just("TimeoutError"),
        names.RESPONSE_TIME_TO_FIRST_CHUNK: SECONDS,
        names.USAGE_INPUT_TOKENS: st.integers(0, 10**8) | st.sampled_from([1, 4, 16]),
        names.USAGE_OUTPUT_TOKENS: st.integers(0, 10**8),
    },
)
CALLS = st.lists(st.tuples(FACTS, SECONDS, st.sampled_from(AROUND)), max_size=8)


def points(data: MetricsData | None) -> dict[Any, Any]:
    """Points without their times, by metric and attributes."""
    told = {}
    for resource in data.resource_metrics if data is not None else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                whose = (resource.resource, scope.scope, metric.name, metric.unit, metric.description)
                for point in metric.data.data_points:
                    assert isinstance(point, HistogramDataPoint)
                    assert 0 < point.start_time_unix_nano <= point.time_unix_nano
                    timeless = [replace(one, time_unix_nano=0) for one in point.exemplars]
                    told[whose, frozenset((point.attributes or {}).items())] = replace(
                        point, start_time_unix_nano=0, time_unix_nano=0, exemplars=timeless
                    )
    return told


@pytest.mark.parametrize("delta", [False, True])
@given(rounds=st.lists(CALLS, max_size=3))
def test_it_counts_as_the_sdk_does(delta: bool, rounds: list[list[tuple[Mapping[str, Any], float, Context]]]) -> None:
    """Any calls, in spans that are sampled or not or in none, collected several times."""
    temporality: Any = {Histogram: AggregationTemporality.DELTA} if delta else {}
    reader = InMemoryMetricReader(preferred_temporality=temporality)
    provider = MeterProvider([reader], RESOURCE, shutdown_on_exit=False)
    tally = Tally(delta=delta)
    tally.exported = True
    ours, theirs = Metrics(provider, lambda: "here", tally), Metrics(provider, lambda: "elsewhere")
    for calls in rounds:
        for facts, duration_s, around in calls:
            token = attach(around)
            ours.record(facts, duration_s)
            theirs.record(facts, duration_s)
            detach(token)
        ours.settle()
        assert points(tally.collect("haechi", RESOURCE)) == points(reader.get_metrics_data())


def test_the_sets_of_attributes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes beyond is counted together, in the specification's words."""
    monkeypatch.setattr(_tally, "SERIES_MAX", 2)
    tally, size = Tally(delta=False), Instrument("size", "1", "Size", (1.0,))
    for number in range(5):
        tally.add(size, (("model", f"m{number}"),), 1, None)
    counted = points(tally.collect("haechi", RESOURCE))
    assert {attributes: point.count for (_, attributes), point in counted.items()} == {
        frozenset({("model", "m0")}): 1,
        frozenset({("model", "m1")}): 1,
        frozenset({("otel.metric.overflow", True)}): 3,
    }


def test_a_forked_child_begins_at_nothing() -> None:
    """What was counted is its parent's."""
    tally = Tally(delta=False)
    tally.add(Instrument("size", "1", "Size", (1.0,)), (), 1, None)
    tally.reset()
    assert tally.collect("haechi", RESOURCE) is None


@pytest.mark.parametrize(("kept", "exemplars"), [("trace_based", 1), ("always_off", 0), ("always_on", 1)])
def test_which_exemplars_are_kept_is_left_to_the_sdk(
    kept: str, exemplars: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever counts: the environment's word holds."""
    monkeypatch.setenv("OTEL_METRICS_EXEMPLAR_FILTER", kept)
    with Receiver() as receiver:
        haechi.init("tests", endpoint=receiver.endpoint)
        runtime = _runtime.current()
        assert runtime is not None
        with haechi.span("around"):
            Call(runtime, Request("chat", "openai", "gpt-4o-mini", {})).stop({})
        assert haechi.flush(10)
        haechi.shutdown()
    last = receiver.metrics[0].resource_metrics[0].scope_metrics[0].metrics[0]
    assert [len(point.exemplars) for point in last.histogram.data_points] == [exemplars]
