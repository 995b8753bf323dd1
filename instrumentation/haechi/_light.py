"""The span of a model call on its way into our own queue: made and ended in a fraction of the time the SDK's takes.

Guarantee: what is exported is what a span of the SDK would have said. There is a light one only where nobody could see
it before the queue does (`haechi._own.Own.light`) and where no setting of the SDK changes it: every span is sampled,
values are kept whole. Everywhere else, also below a parent that is not sampled, the SDK makes the span.

How: its attributes are the call's own dictionary, looked at when they are exported. The cost of the call, which needs
nothing of the moment, is worked out then, by the thread that exports, for many calls in one go.

Source: OpenTelemetry's specification of the trace API and SDK. This imports the SDK, so import it late.
"""

import time
import traceback
from collections.abc import Callable, Mapping
from sys import getsizeof
from types import MappingProxyType
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider, sampling
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
)
from opentelemetry.util.types import Attributes, AttributeValue

from haechi._cost import Prices
from haechi._sdk import SPAN_BYTES, values_bytes

_RANDOM: Final[int] = getattr(TraceFlags, "RANDOM_TRACE_ID", 0)  # of newer versions of the API
_FLAGS: Final = {random: TraceFlags(TraceFlags.SAMPLED | random) for random in (0, _RANDOM)}

Queue = Callable[[ReadableSpan, int], None]
"""Takes a span that has ended, and how many bytes of memory it holds."""


class LightSpan(ReadableSpan, Span):
    """A span that records: it begins with `LightTracer.start` and ends in the queue. Once it has ended it is as it is.

    Args:
        of: who makes it.
        name: its name.
        ids: its own, and its parent's.
        facts: its attributes; they stay the caller's to add to until the end.
        start_ns: when it began, in nanoseconds since the epoch.
    """

    def __init__(
        self,
        of: "LightTracer",
        name: str,
        ids: tuple[SpanContext, SpanContext | None],
        facts: dict[str, AttributeValue],
        start_ns: int,
    ) -> None:
        super().__init__(
            name, *ids, of.resource, facts, kind=SpanKind.CLIENT, start_time=start_ns, instrumentation_scope=of.scope
        )
        self._facts = facts
        self._limits = of.limits
        self._ends_in = [of.queue]  # holds one item until the end; `pop` is atomic
        self.prices: Prices | None = None  # who works the cost out when the span is exported

    @property
    def attributes(self) -> Mapping[str, AttributeValue]:
        """The attributes as the SDK keeps them: clean, and no more than its limit."""
        return MappingProxyType(BoundedAttributes(self._limits.max_span_attributes, self.told()))

    @property
    def dropped_attributes(self) -> int:
        """How many attributes are beyond the limit."""
        most = self._limits.max_span_attributes
        return 0 if most is None else max(0, len(self._facts) - most)

    def told(self) -> Mapping[str, Any]:
        """Return the attributes as they were set, and the cost. For the thread that exports."""
        prices, self.prices = self.prices, None
        if prices is not None:
            prices.add_cost(self._facts, self._start_time or 0)
        return self._facts

    def get_span_context(self) -> SpanContext:
        """Return the ids."""
        return self._context  # type: ignore[return-value]  # a readable span need have none, this one has

    def is_recording(self) -> bool:
        """Tell whether the span goes on."""
        return self._end_time is None

    def end(self, end_time: int | None = None) -> None:
        """End; a second time nothing happens."""
        try:
            queue = self._ends_in.pop()
        except IndexError:
            return
        self._end_time = end_time or time.time_ns()
        size = SPAN_BYTES + sum(map(getsizeof, self._facts.values()))
        if self._events:
            size += sum(values_bytes(event.attributes) for event in self._events)
        queue(self, size)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set what other code has to say of the call."""
        if self.is_recording():
            self._facts.update(BoundedAttributes(attributes=attributes))

    def set_attribute(self, key: str, value: Any) -> None:
        """Set one attribute."""
        self.set_attributes({key: value})

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """Add an event, as many as the SDK keeps."""
        if self.is_recording():
            kept = BoundedAttributes(self._limits.max_event_attributes, attributes)
            self._events = _with(self._events, self._limits.max_events, Event(name, kept, timestamp))

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """Add a link, as many as the SDK keeps."""
        if self.is_recording() and (context.is_valid or attributes or context.trace_state):
            kept = BoundedAttributes(self._limits.max_link_attributes, attributes)
            self._links = _with(self._links, self._limits.max_links, Link(context, kept))

    def update_name(self, name: str) -> None:
        """Take another name."""
        if self.is_recording():
            self._name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status; OK is final, and nothing becomes unset again."""
        given = Status(status, description) if isinstance(status, StatusCode) else status
        if self.is_recording() and not given.is_unset and self._status.status_code is not StatusCode.OK:
            self._status = given

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Add an error as an event, in the words of the conventions."""
        kind = type(exception)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        said = {
            "exception.type": f"{module}{kind.__qualname__}",
            "exception.message": str(exception),
            "exception.stacktrace": "".join(traceback.format_exception(exception)),
            "exception.escaped": str(escaped),
        }
        self.add_event("exception", {**said, **(attributes or {})}, timestamp)


class LightTracer:
    """Makes light spans of one scope for one provider.

    Args:
        provider: ours, whose spans these are.
        scope: who instruments: the SDK's object, the same as its own spans have, because spans are grouped by it.
        queue: where they end.
    """

    def __init__(self, provider: TracerProvider, scope: Any, queue: Queue) -> None:
        self.resource = provider.resource
        self.scope = scope
        self.limits = SpanLimits()
        self.queue = queue
        self._trace_id = provider.id_generator.generate_trace_id
        self._span_id = provider.id_generator.generate_span_id
        is_random = getattr(provider.id_generator, "is_trace_id_random", None)
        self._root_flags = _FLAGS[_RANDOM if is_random is not None and is_random() else 0]

    def start(self, name: str, below: Span | None, facts: dict[str, AttributeValue], start_ns: int) -> LightSpan | None:
        """Return a span that has begun ``below`` another one; None where that is not sampled: there is to be none."""
        parent = None if below is None else below.get_span_context()
        if parent is None or not parent.is_valid:
            ids = SpanContext(self._trace_id(), self._span_id(), False, self._root_flags)
            return LightSpan(self, name, (ids, None), facts, start_ns)
        if not parent.trace_flags.sampled:
            return None
        flags = _FLAGS[parent.trace_flags & _RANDOM]
        ids = SpanContext(parent.trace_id, self._span_id(), False, flags, parent.trace_state)
        return LightSpan(self, name, (ids, parent), facts, start_ns)


def light_tracer(provider: TracerProvider, tracer: Tracer, queue: Queue) -> LightTracer | None:
    """Return what makes a tracer's spans light, None where the SDK's settings would make something else of them."""
    scope = getattr(tracer, "_instrumentation_scope", None)  # none where the SDK is turned off
    if scope is None or provider.sampler is not sampling.DEFAULT_ON:
        return None
    made = LightTracer(provider, scope, queue)
    return made if made.limits.max_span_attribute_length is None else None


def _with(held: Any, most: int | None, added: object) -> Any:
    """Return a list of the SDK's, which keeps the last ones, with one more in it."""
    kept = held if isinstance(held, BoundedList) else BoundedList(most)
    kept.append(added)
    return kept
