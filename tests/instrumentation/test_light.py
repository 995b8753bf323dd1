"""The light span of a model call says what the SDK's span would have said, and is there only where it may be."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Told
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from tests.instrumentation.receiver import Receiver

import haechi
from haechi import _otlp, _runtime
from haechi._light import LightSpan, LightTracer, light_tracer
from haechi.spans import Call, Request
from haechi.testing import IdGenerator, MemoryExporter
from haechi_schemas import attributes as names

Act = Callable[[trace.Span], None]
"""What somebody does with a span."""

ERROR = ValueError("잘못")
PARENT = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("vendor", "1")]))
CONTEXTS = {
    "none": Context(),
    "remote": trace.set_span_in_context(NonRecordingSpan(PARENT), Context()),
    "local": trace.set_span_in_context(NonRecordingSpan(SpanContext(7, 8, False, TraceFlags(3))), Context()),
}
VALUES = st.text(max_size=100) | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.lists(st.text(), max_size=3)
ATTRIBUTES = st.dictionaries(st.text(min_size=1, max_size=9), VALUES, max_size=6)
TIMES = st.integers(1, 2**62)


def acts() -> st.SearchStrategy[Act]:
    """Anything that OpenTelemetry lets code do with a span, its end included."""
    statuses = st.builds(Status, st.sampled_from(StatusCode)) | st.sampled_from(StatusCode)
    return st.one_of(
        ATTRIBUTES.map(lambda some: lambda span: span.set_attributes(some)),
        VALUES.map(lambda value: lambda span: span.set_attribute("one", value)),
        st.tuples(ATTRIBUTES, TIMES).map(lambda told: lambda span: span.add_event("retried", *told)),
        ATTRIBUTES.map(lambda some: lambda span: span.add_link(PARENT, some)),
        ATTRIBUTES.map(lambda some: lambda span: span.add_link(trace.INVALID_SPAN_CONTEXT, some)),
        statuses.map(lambda status: lambda span: span.set_status(status)),
        TIMES.map(lambda at: lambda span: span.record_exception(ERROR, {"more": True}, at)),
        st.text(max_size=9).map(lambda name: lambda span: span.update_name(name)),
        TIMES.map(lambda at: lambda span: span.end(at)),
    )


class Ended(SpanProcessor):
    """Spans of the SDK that have ended."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def sides() -> tuple[LightTracer, list[ReadableSpan], trace.Tracer, list[ReadableSpan]]:
    """A light tracer and one of the SDK that count their ids alike, each with the spans that have ended."""
    ours, theirs = (
        TracerProvider(resource=Resource({}), id_generator=IdGenerator(), shutdown_on_exit=False) for _ in range(2)
    )
    ended = Ended()
    theirs.add_span_processor(ended)
    light: list[ReadableSpan] = []
    made = light_tracer(ours, ours.get_tracer("haechi"), lambda span, _: light.append(span))
    assert made is not None
    return made, light, theirs.get_tracer("haechi"), ended.spans


def end(span: trace.Span) -> None:
    span.end(5)


def told(encoded: bytes) -> list[Told]:
    """Spans of a request, attributes in the order of their names."""
    request = ExportTraceServiceRequest.FromString(encoded)
    spans = [span for r in request.resource_spans for s in r.scope_spans for span in s.spans]
    for span in spans:
        span.attributes.sort(key=lambda attribute: attribute.key)
    return spans


@given(st.sampled_from(sorted(CONTEXTS)), ATTRIBUTES, st.lists(acts(), max_size=8), TIMES)
def test_it_says_what_the_sdks_span_says(where: str, facts: dict[str, Any], done: list[Act], at: int) -> None:
    """Whatever is done with it, also after its end, by our encoder and by OpenTelemetry's."""
    lights, light, plains, plain = sides()
    ours = lights.start("chat", trace.get_current_span(CONTEXTS[where]), dict(facts), at)
    theirs = plains.start_span("chat", CONTEXTS[where], SpanKind.CLIENT, facts, start_time=at)
    assert ours is not None
    for act in (*done, end):
        act(ours)
        act(theirs)
        assert ours.is_recording() == theirs.is_recording()
    assert ours.get_span_context() == theirs.get_span_context()
    expected = told(encode_spans(plain).SerializeToString())
    assert told(encode_spans(light).SerializeToString()) == expected
    assert told(_otlp.request(light)) == expected


@pytest.mark.parametrize("count", [127, 128, 129, 200])
def test_it_keeps_as_many_attributes_as_the_sdk(count: int) -> None:
    """The last ones, and says how many there were beside."""
    lights, light, plains, plain = sides()
    facts: dict[str, Any] = {f"a{number}": number for number in range(count)}
    ours = lights.start("chat", None, dict(facts), 1)
    assert ours is not None
    ours.end(2)
    plains.start_span("chat", Context(), SpanKind.CLIENT, facts, start_time=1).end(2)
    assert told(_otlp.request(light)) == told(encode_spans(plain).SerializeToString())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver
        haechi.shutdown()


def call(facts: dict[str, Any] | None = None) -> Call:
    """A finished call of a model that has a price."""
    runtime = _runtime.current()
    assert runtime is not None
    made = Call(runtime, Request("chat", "openai", "gpt-4o-mini", facts or {}))
    made.stop({names.USAGE_INPUT_TOKENS: 1000, names.USAGE_OUTPUT_TOKENS: 0})
    return made


def test_a_call_is_light_and_priced_on_its_way_out(receiver: Receiver) -> None:
    """The cost is not known when it ends, and arrives."""
    haechi.init("tests", endpoint=receiver.endpoint)
    light = call().span
    assert isinstance(light, LightSpan)
    assert haechi.flush(10)
    assert receiver.spans[0].attributes[names.COST_USD] == pytest.approx(0.00015)


def test_a_cost_that_the_provider_says_stays(receiver: Receiver) -> None:
    """Whatever the price book thinks."""
    haechi.init("tests", endpoint=receiver.endpoint)
    call({names.COST_USD: 3.5})
    assert haechi.flush(10)
    assert receiver.spans[0].attributes[names.COST_USD] == 3.5


def test_a_processor_of_the_applications_sees_everything_at_the_end(receiver: Receiver) -> None:
    """Added to our provider it is given spans of the SDK, cost and all, from then on."""
    haechi.init("tests", endpoint=receiver.endpoint)
    call()
    exporter = MemoryExporter()
    provider: Any = trace.get_tracer_provider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    assert isinstance(call().span, Span)
    assert [span.attributes[names.COST_USD] for span in exporter.spans if span.attributes] == [pytest.approx(0.00015)]
    assert haechi.flush(10)
    assert len(receiver.spans) == 2


def test_below_a_parent_that_is_not_sampled_nothing_is_recorded(receiver: Receiver) -> None:
    """As with the SDK's own span."""
    haechi.init("tests", endpoint=receiver.endpoint)
    unsampled = NonRecordingSpan(SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(0)))
    with trace.use_span(unsampled):
        made = call().span
    assert not made.is_recording()
    assert made.get_span_context().trace_id == 7
    assert haechi.flush(10)
    assert receiver.spans == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OTEL_TRACES_SAMPLER", "always_on"), ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4")],
)
def test_settings_of_the_sdk_are_left_to_it(
    variable: str, value: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one could make another span of it, the SDK makes it."""
    monkeypatch.setenv(variable, value)
    haechi.init("tests", endpoint=receiver.endpoint)
    assert isinstance(call().span, Span)
    assert haechi.flush(10)
    assert receiver.spans[0].attributes[names.OPERATION_NAME] == "chat"
