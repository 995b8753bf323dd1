"""The life of one model call: started, then finished exactly once.

Guarantee: whoever finishes first (an answer, an error, the end of a stream, its being dropped) decides; the rest
does nothing. The span carries everything that was known when it ended, and the metrics are recorded from the same
facts. Nothing here raises into the application; `haechi.streams` and `haechi.instrument` call it inside
`haechi._guard.Kept` or through the methods that say so.

Source: semantic-conventions-genai, spans of inference clients.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from haechi import _attributes, _failure, _guard, _runtime, _scope
from haechi._cost import Prices
from haechi._providers import Following
from haechi._runtime import Runtime
from haechi_schemas import attributes as names

if TYPE_CHECKING:
    from haechi._light import LightSpan

Facts = dict[str, AttributeValue]
"""Attributes of a span, by their canonical names."""

_CURRENT: Final = next(iter(trace.set_span_in_context(trace.INVALID_SPAN, Context())))  # has no public name
_INSIDE: Final = context.create_key("haechi-call")
_WITNESS: Final = context.create_key("haechi-witness")
_SUPPRESSED: Final = (
    _INSIDE,  # a call made by a client library on behalf of a call that is observed already
    "suppress_instrumentation",  # OpenTelemetry's own word for: not now
    "suppress_language_model_instrumentation",  # the same, of OpenLLMetry
)


@dataclass(slots=True)
class Request:
    """What is asked of a model, as told by a client library.

    ``attributes`` are the call's parameters and, where the setting wants it, content.
    """

    operation: str
    provider: str
    model: str
    attributes: Facts


class Witness:
    """Learns of the model calls begun in a block, for who would tell of the call itself if nobody else did.

    Frameworks call models of their own or through clients that are observed; only the innermost makes a span.
    """

    __slots__ = ("chunks", "first_chunk_ns", "operations")

    def __init__(self) -> None:
        self.operations: set[str] = set()
        self.first_chunk_ns: int | None = None
        self.chunks = 0

    def inside(self, around: Context) -> Context:
        """Return the context of a block that this witness watches."""
        return context.set_value(_WITNESS, self, around)

    def chunk(self, now_ns: int) -> None:
        """Note that a chunk of a streamed answer has arrived."""
        if self.chunks == 0:
            self.first_chunk_ns = now_ns
        self.chunks += 1


def witness(within: Context | None = None) -> Witness | None:
    """Return who watches a context, by default the current one."""
    watching = (context.get_current() if within is None else within).get(_WITNESS)
    return watching if isinstance(watching, Witness) else None


@dataclass(frozen=True, slots=True)
class Began:
    """How a call began of which is told when it is over.

    Attributes:
        start_ns: when, in nanoseconds since the epoch.
        within: the context in which it began.
        watched: who counted the chunks of its answer.
    """

    start_ns: int
    within: Context
    watched: Witness


class Call:
    """One model call, started when it is made; safe to finish from another thread or task."""

    __slots__ = (
        "_facts",
        "_first_chunk_ns",
        "_light",
        "_runtime",
        "_span",
        "_start_ns",
        "_unfinished",
        "chunks",
        "content",
    )

    def __init__(self, runtime: Runtime, request: Request, began: Began | None = None) -> None:
        self._runtime = runtime
        self.content = runtime.content  # the setting that holds for this call
        self._start_ns = began.start_ns if began else runtime.clock()
        self._first_chunk_ns: int | None = began.watched.first_chunk_ns if began else None
        self._unfinished = [None]  # holds one item until the end; `pop` is atomic
        self.chunks = began.watched.chunks if began else 0
        within = began.within if began else None
        around = _scope.current() if within is None else within
        watching: Any = around.get(_WITNESS)
        if watching is not None:
            watching.operations.add(request.operation)
        self._facts: Facts = {names.OPERATION_NAME: request.operation, names.PROVIDER_NAME: request.provider}
        name = request.operation
        if request.model:
            self._facts[names.REQUEST_MODEL] = request.model
            name = f"{name} {request.model}"
        self._facts.update(_scope.attributes(around))
        self._light: LightSpan | None = None
        self._span = self._begin(name, around, request.attributes)
        if runtime.prices is not None and not runtime.prices.begun:
            runtime.prices.warm()

    def _begin(self, name: str, around: Context, asked: Facts) -> Span:
        """Return the span, begun with what is known of the call, and with what is asked of the model."""
        facts, tracer, light = self._facts, self._runtime.tracer, None
        if isinstance(tracer, Following):
            tracer, light = tracer.in_force()
        if light is not None:
            facts.update(asked)
            below: Any = around.get(_CURRENT)
            self._light = light.start(name, below, facts, self._start_ns)
            if self._light is not None:
                return self._light
        span = tracer.start_span(name, around, kind=SpanKind.CLIENT, attributes=facts, start_time=self._start_ns)
        _attributes.put(span, asked)
        facts.update(asked)
        return span

    @property
    def span(self) -> Span:
        """The span of this call."""
        return self._span

    @property
    def finished(self) -> bool:
        """Whether the call has ended."""
        return not self._unfinished

    def current(self) -> _scope.Inside:
        """Make the call's span the current one, so that what its client library does lies under it."""
        return _scope.Inside({_CURRENT: self._span, _INSIDE: True})

    def chunk(self) -> None:
        """Note that a chunk of a streamed answer has arrived."""
        if self._first_chunk_ns is None:
            self._first_chunk_ns = self._runtime.clock()
        self.chunks += 1

    def stop(self, facts: Mapping[str, AttributeValue]) -> None:
        """Finish well, with what the answer says."""
        self._finish(facts, None)

    def fail(self, error: BaseException, facts: Mapping[str, AttributeValue] | None = None) -> None:
        """Finish with the error that the application gets, and what was known of the answer."""
        self._finish(facts or {}, error)

    def _finish(self, facts: Mapping[str, AttributeValue], error: BaseException | None) -> None:
        try:
            self._unfinished.pop()
        except IndexError:
            return
        end_ns = self._runtime.clock()
        try:
            self._tell(dict(facts), end_ns, error)
        except Exception as ours:  # noqa: BLE001  the boundary of `_guard`, without its block: this runs at every call
            _guard.log_once("finishing a span", ours)
        self._span.end(end_ns)

    def _tell(self, added: Facts, end_ns: int, error: BaseException | None) -> None:
        """Put what is known at the end on the span, and record the metrics."""
        if self._first_chunk_ns is not None:
            added[names.RESPONSE_TIME_TO_FIRST_CHUNK] = (self._first_chunk_ns - self._start_ns) / 1e9
        if self.chunks:
            added[names.RESPONSE_CHUNK_COUNT] = self.chunks
        if error is not None:
            added.update(_failure.facts(error))
        elif names.ERROR_TYPE in added:  # an answer that says that it is none
            self._span.set_status(Status(StatusCode.ERROR))
        if self._runtime.prices is None:
            added.pop(names.COST_USD, None)
        self._facts.update(added)
        self._put(added, self._runtime.prices)
        if self._runtime.metrics is not None:
            self._runtime.metrics.record(self._facts, (end_ns - self._start_ns) / 1e9)
        if error is not None:
            _failure.note(self._span, error)

    def _put(self, added: Facts, prices: Prices | None) -> None:
        """Put on the span what the end has added, and the cost; a light one has the first, and is priced later."""
        if self._light is None:
            if prices is not None:
                prices.add_cost(self._facts, self._start_ns)
            if names.COST_USD in self._facts:
                added[names.COST_USD] = self._facts[names.COST_USD]
            _attributes.put(self._span, added)
        elif prices is not None:
            self._light.prices = prices


def observing() -> Runtime | None:
    """Return the runtime if a call made now is to be observed; None when off, suppressed, or part of a call."""
    runtime = _runtime.current()
    if runtime is None:
        return None
    values = _scope.current()
    for key in _SUPPRESSED:
        if values.get(key):
            return None
    return runtime


def part_of_call(around: Context) -> Context:
    """Return the context of a block whose calls somebody else tells of: in it nothing is observed."""
    return context.set_value(_INSIDE, True, around)


def inside() -> bool:
    """Tell whether what happens now is part of a call that is observed."""
    return bool(context.get_current().get(_INSIDE))
