"""The life of one model call: started, then finished exactly once.

Guarantee: whoever finishes first (an answer, an error, the end of a stream, its being dropped) decides; the rest
does nothing. The span carries everything that was known when it ended, and the metrics are recorded from the same
facts. Nothing here raises into the application; `haechi.streams` and `haechi.instrument` call it inside
`haechi._guard.Kept` or through the methods that say so.

Source: semantic-conventions-genai, spans of inference clients.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from haechi import _attributes, _failure, _guard, _runtime, _scope
from haechi._content import Content
from haechi._runtime import Runtime
from haechi_schemas import attributes as names

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

    __slots__ = ("_facts", "_first_chunk_ns", "_runtime", "_span", "_start_ns", "_unfinished", "chunks")

    def __init__(self, runtime: Runtime, request: Request, began: Began | None = None) -> None:
        self._runtime = runtime
        self._start_ns = began.start_ns if began else runtime.clock()
        self._first_chunk_ns: int | None = began.watched.first_chunk_ns if began else None
        self._unfinished = [None]  # holds one item until the end; `pop` is atomic
        self.chunks = began.watched.chunks if began else 0
        within = began.within if began else None
        around = context.get_current() if within is None else within
        if (watching := witness(around)) is not None:
            watching.operations.add(request.operation)
        first: Facts = {names.OPERATION_NAME: request.operation, names.PROVIDER_NAME: request.provider}
        name = request.operation
        if request.model:
            first[names.REQUEST_MODEL] = request.model
            name = f"{name} {request.model}"
        first.update(_scope.attributes(around))
        self._facts = facts = request.attributes
        self._span = runtime.tracer.start_span(
            name, within, kind=SpanKind.CLIENT, attributes=first, start_time=self._start_ns
        )
        _attributes.put(self._span, facts)
        facts.update(first)
        if runtime.prices is not None:
            runtime.prices.warm()

    @property
    def span(self) -> Span:
        """The span of this call."""
        return self._span

    @property
    def content(self) -> Content:
        """The content setting that holds for this call."""
        return self._runtime.content

    @property
    def finished(self) -> bool:
        """Whether the call has ended."""
        return not self._unfinished

    def current(self) -> "Inside":
        """Make the call's span the current one, so that what its client library does lies under it."""
        return Inside(self._span)

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
        known = self._facts
        known.update(added)
        prices = self._runtime.prices
        if prices is None:
            added.pop(names.COST_USD, None)
        elif names.COST_USD not in added and (cost := prices.cost_usd(known, self._start_ns)) is not None:
            added[names.COST_USD] = cost  # what the provider itself says it was comes first
        _attributes.put(self._span, added)
        if self._runtime.metrics is not None:
            self._runtime.metrics.record(known, (end_ns - self._start_ns) / 1e9)
        if error is not None:
            _failure.note(self._span, error)


class Inside:
    """A block in which a call's span is current and further calls are part of it."""

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        self._span = span

    def __enter__(self) -> None:
        _scope.enter_with(self, {_CURRENT: self._span, _INSIDE: True})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _scope.leave(self)


def observing() -> Runtime | None:
    """Return the runtime if a call made now is to be observed; None when off, suppressed, or part of a call."""
    runtime = _runtime.current()
    if runtime is None:
        return None
    values = context.get_current()
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
