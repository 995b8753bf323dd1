"""The metrics of calls where our own thread collects them: they wait for it, and none is lost."""

from collections.abc import Callable

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from tests.instrumentation.receiver import Receiver

import haechi
from haechi import _metrics, _runtime
from haechi._metrics import Metrics
from haechi.spans import Call, Request
from haechi_schemas import attributes as names

FACTS = {names.OPERATION_NAME: "chat", names.USAGE_INPUT_TOKENS: 7, names.USAGE_OUTPUT_TOKENS: 2}


def counted(reader: InMemoryMetricReader) -> dict[str, int]:
    """How many measurements each metric has."""
    data = reader.get_metrics_data()
    if data is None:
        return {}
    metrics = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
    return {m.name: sum(p.count for p in m.data.data_points if isinstance(p, HistogramDataPoint)) for m in metrics}


def test_a_flush_sends_what_every_call_has_measured() -> None:
    """By the histograms of the conventions, once per call, one of tokens per kind."""
    with Receiver() as receiver:
        haechi.init("tests", endpoint=receiver.endpoint)
        runtime = _runtime.current()
        assert runtime is not None
        for _ in range(30):
            call = Call(runtime, Request("chat", "openai", "gpt-4o-mini", {}))
            call.chunk()
            call.stop({names.USAGE_INPUT_TOKENS: 7, names.USAGE_OUTPUT_TOKENS: 2})
        assert haechi.flush(10)
        haechi.shutdown()
    scopes = [s for request in receiver.metrics for r in request.resource_metrics for s in r.scope_metrics]
    last = {m.name: m.histogram.data_points for s in scopes for m in s.metrics}
    assert {name: [point.count for point in points] for name, points in last.items()} == {
        "gen_ai.client.operation.duration": [30],
        "gen_ai.client.operation.time_to_first_chunk": [30],
        "gen_ai.client.token.usage": [30, 30],
    }
    assert [point.sum for point in last["gen_ai.client.token.usage"]] == [210, 60]


@pytest.fixture
def made() -> Callable[[bool], tuple[Metrics, InMemoryMetricReader]]:
    def make(later: bool) -> tuple[Metrics, InMemoryMetricReader]:
        reader = InMemoryMetricReader()
        return Metrics(
            MeterProvider([reader], shutdown_on_exit=False), lambda: "here" if later else "elsewhere"
        ), reader

    return make


def test_an_applications_own_metrics_are_recorded_at_once(
    made: Callable[[bool], tuple[Metrics, InMemoryMetricReader]],
) -> None:
    """Its readers ask whenever they want to."""
    metrics, reader = made(False)
    metrics.record(FACTS, 0.5)
    assert counted(reader) == {"gen_ai.client.operation.duration": 1, "gen_ai.client.token.usage": 2}


def test_what_waits_is_bounded(
    made: Callable[[bool], tuple[Metrics, InMemoryMetricReader]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound a call is recorded at once; all are counted in the end."""
    monkeypatch.setattr(_metrics, "WAITING_MAX", 3)
    metrics, reader = made(True)
    for _ in range(5):
        metrics.record(FACTS, 0.5)
    assert counted(reader)["gen_ai.client.operation.duration"] == 2
    metrics.settle()
    assert counted(reader)["gen_ai.client.operation.duration"] == 5


def test_a_forked_child_records_none_of_its_parents(
    made: Callable[[bool], tuple[Metrics, InMemoryMetricReader]],
) -> None:
    """What waited at the fork is the parent's."""
    metrics, reader = made(True)
    metrics.record(FACTS, 0.5)
    metrics.after_fork()
    metrics.settle()
    assert counted(reader) == {}
