"""What we write for a batch of spans means what OpenTelemetry's own encoder says of it."""

import gzip
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from tests.instrumentation.receiver import Receiver

import haechi
from haechi import _attributes, _otlp
from haechi.testing import IdGenerator

TEXTS = st.text(max_size=5000) | st.sampled_from(["", "gpt-4o-mini", "서울", "a" * 127, "b" * 128, "c" * 20_000])
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.booleans()
VALUES = TEXTS | NUMBERS | st.lists(TEXTS, max_size=3) | st.lists(st.integers(0, 9), max_size=3)
ATTRIBUTES = st.dictionaries(st.text(min_size=1, max_size=200), VALUES, max_size=30)
LIMITS = SpanLimits(max_span_attributes=20)
TRACERS = [
    TracerProvider(resource=Resource({"service.name": name}), shutdown_on_exit=False, span_limits=limits).get_tracer(
        *of
    )
    for name, limits, of in [
        ("shop", SpanLimits(), ("haechi", "1")),
        ("상점", LIMITS, ("other", None, "http://schema")),
    ]
]
PARENTS = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.booleans(),
    st.sampled_from([0, 1, 1, 1]).map(TraceFlags),
)


@dataclass(frozen=True)
class Recipe:
    """What a span is made of: mostly ordinary, sometimes with links, an error and its event, lost attributes."""

    tracer: trace.Tracer
    name: str
    kind: SpanKind
    attributes: dict[str, Any]
    parent: SpanContext | None
    times: tuple[int, int]
    status: StatusCode
    said: str
    rare: int

    def span(self) -> ReadableSpan:
        """Make it, finished."""
        within = trace.set_span_in_context(NonRecordingSpan(self.parent)) if self.parent else None
        links = [trace.Link(self.parent, {"why": "retry"})] if self.parent and self.rare == 0 else []
        made = self.tracer.start_span(self.name, within, self.kind, self.attributes, links, self.times[0])
        made.set_status(Status(self.status))
        if self.rare == 1:
            made.record_exception(ValueError("잘못"))
            made.set_status(Status(StatusCode.ERROR, self.said))
        made.end(self.times[1])
        return made._readable_span() if isinstance(made, Span) else TRACED  # of a parent that is not sampled


TIMES = st.integers(0, 2**63)
RECIPES = st.builds(
    Recipe,
    st.sampled_from(TRACERS),
    TEXTS,
    st.sampled_from(SpanKind),
    ATTRIBUTES,
    st.none() | PARENTS,
    st.tuples(TIMES, TIMES),
    st.sampled_from(StatusCode),
    TEXTS,
    st.integers(0, 9),
)


def traced() -> ReadableSpan:
    """A span whose trace has a state and is sampled."""
    state = TraceState([("vendor", "1")])
    around = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=state)
    made = TRACERS[0].start_span("traced", trace.set_span_in_context(NonRecordingSpan(around)))
    made.end()
    assert isinstance(made, Span)
    return made._readable_span()


TRACED = traced()


def groups(request: ExportTraceServiceRequest) -> dict[tuple[bytes, str, bytes, str], list[bytes]]:
    """Spans by their resource and scope, in their order; each message written in one way."""
    told: dict[tuple[bytes, str, bytes, str], list[bytes]] = {}
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            written = [resource.resource.SerializeToString(deterministic=True), resource.schema_url]
            whose = (*written, scope.scope.SerializeToString(deterministic=True), scope.schema_url)
            told.setdefault(whose, []).extend(one.SerializeToString(deterministic=True) for one in scope.spans)
    return told


def same(spans: Sequence[ReadableSpan]) -> bool:
    ours = ExportTraceServiceRequest.FromString(_otlp.request(spans))
    return groups(ours) == groups(encode_spans(spans))


@given(st.lists(RECIPES, max_size=5))
def test_it_means_what_opentelemetrys_encoder_says(recipes: list[Recipe]) -> None:
    """Any attributes, parents, kinds, states, times and scopes, read back by protobuf."""
    assert same([*(recipe.span() for recipe in recipes), TRACED])


def test_an_ordinary_span_is_written_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenTelemetry's encoder is asked for the resource and the scope once, and not for the spans."""
    asked = 0
    stock = _otlp._stock

    def counted(span: ReadableSpan) -> Any:
        nonlocal asked
        asked += 1
        return stock(span)

    made = [TRACERS[0].start_span("chat", attributes={"n": number, "reasons": ["stop"]}) for number in range(100)]
    for one in made:
        one.end()
    monkeypatch.setattr(_otlp, "_stock", counted)
    _otlp.request([one._readable_span() for one in made if isinstance(one, Span)])
    assert asked <= 2  # the second for the flags, if no test before it has asked


def test_half_a_character_costs_itself_alone() -> None:
    """As with the stock encoder: the attribute that has no UTF-8 is left out."""
    made = TRACERS[0].start_span("chat", attributes={"good": "1", "bad": "\ud83d"})
    made.end()
    assert isinstance(made, Span)
    told = ExportTraceServiceRequest.FromString(_otlp.request([made._readable_span()]))
    assert [a.key for a in told.resource_spans[0].scope_spans[0].spans[0].attributes] == ["good"]


@pytest.mark.parametrize(
    ("compression", "opened"), [("none", bytes), ("gzip", gzip.decompress), ("deflate", zlib.decompress)]
)
def test_it_is_compressed_as_the_exporter_is_told(
    compression: str, opened: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What arrives is the batch, in the encoding that the request names."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
    with Receiver(opened=opened) as receiver:
        haechi.init("tests", endpoint=receiver.endpoint)
        for number in range(3):
            trace.get_tracer("tests").start_span(f"span {number}").end()
        assert haechi.flush(10)
        haechi.shutdown()
    assert [one.name for one in receiver.spans] == ["span 0", "span 1", "span 2"]


@given(ATTRIBUTES, ATTRIBUTES)
def test_attributes_put_are_attributes_set(first: Mapping[str, Any], then: Mapping[str, Any]) -> None:
    """Whatever the values, and whatever the limits of the provider: also those on number and length."""
    cut = SpanLimits(max_span_attribute_length=10)
    cutting = TracerProvider(shutdown_on_exit=False, span_limits=cut, id_generator=IdGenerator()).get_tracer("cut")
    for tracer in (*TRACERS, cutting):
        ours, theirs = (tracer.start_span("chat", attributes=dict(first)) for _ in range(2))
        _attributes.put(ours, dict(then))
        theirs.set_attributes(dict(then))
        assert held(ours) == held(theirs)


def held(made: trace.Span) -> tuple[dict[str, Any], int] | None:
    kept = getattr(made, "_attributes", None)
    return (dict(kept), kept.dropped) if isinstance(kept, BoundedAttributes) else None


def test_a_span_that_has_ended_takes_no_more() -> None:
    """The SDK's rule."""
    made = TRACERS[0].start_span("chat")
    made.end()
    _attributes.put(made, {"late": 1})
    assert held(made) == ({}, 0)
