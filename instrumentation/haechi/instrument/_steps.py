"""Steps of a framework's run that are no model calls: workflows, agents, graph nodes, prompts, tools, retrievals.

Guarantee: a step is finished exactly once, by whoever comes first. Nothing here raises: `begin` makes runs for
`haechi._wrapping` that keep their errors to themselves, and do nothing when telemetry is off or suppressed.

How a framework is written: one small `Part` per kind of method, which tells what a call means from its arguments and
from its result.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from haechi import _failure, _guard, _scope, _wrapping, spans
from haechi._content import Content
from haechi._runtime import Runtime
from haechi.spans import Facts
from haechi_schemas import attributes as names

if TYPE_CHECKING:
    from haechi.instrument import _relay


class Step:
    """One step, as a span."""

    __slots__ = ("_runtime", "_unfinished", "span")

    def __init__(self, runtime: Runtime, opening: "Opening") -> None:
        self._runtime = runtime
        self._unfinished: list[None] = []  # holds one item from start to end; `pop` is atomic
        facts = opening.facts
        facts.update(_scope.attributes(opening.within))
        if opening.operation:
            facts[names.OPERATION_NAME] = opening.operation
        name = f"{opening.operation} {opening.name}".strip()
        kind, within = opening.kind, opening.within
        self.span = runtime.tracer.start_span(name, within, kind=kind, attributes=facts, start_time=runtime.clock())
        self._unfinished.append(None)

    def context(self, around: Context | None = None) -> Context:
        """Return a context in which this step is the current span."""
        return trace.set_span_in_context(self.span, around)

    def stop(self, facts: Mapping[str, AttributeValue] | None = None) -> None:
        """Finish well, with what is known at the end."""
        self._finish(facts or {}, None)

    def fail(self, error: BaseException, facts: Mapping[str, AttributeValue] | None = None) -> None:
        """Finish with an error. A generator that is closed has not failed."""
        self._finish(facts or {}, error if _failure.is_failure(error) else None)

    def _finish(self, facts: Mapping[str, AttributeValue], error: BaseException | None) -> None:
        try:
            self._unfinished.pop()
        except IndexError:
            return
        with _KEPT:
            if error is not None:
                _failure.note(self.span, error)
            elif names.ERROR_TYPE in facts:  # an answer that says that it is none
                self.span.set_status(Status(StatusCode.ERROR))
            self.span.set_attributes(facts)  # last: a protocol's own code says more than the class of an error
        self.span.end(self._runtime.clock())

    def __del__(self, _ending: Callable[[], bool] = sys.is_finalizing) -> None:
        """End a step that goes on in something that nobody has read."""
        if self._unfinished and not _ending():  # at the interpreter's end our modules are gone
            self.stop()


@dataclass(slots=True)
class Opening:
    """What is known of a step when it begins.

    Attributes:
        operation: value of ``gen_ai.operation.name`` and first word of the span's name; '' where the conventions have
            no word for it.
        name: the rest of the span's name, '' for none.
        facts: its attributes; becomes the step's own.
        within: the context in which it begins; None for the current one.
        kind: CLIENT where it is a request to a store.
        marks: values of the context inside of the step.
    """

    operation: str
    name: str
    facts: Facts
    within: Context | None = None
    kind: SpanKind = SpanKind.INTERNAL
    marks: Context = field(default_factory=Context)


@dataclass(frozen=True, slots=True)
class Called:
    """The arguments of one call of a method."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    @property
    def instance(self) -> Any:
        """Whose method it is."""
        return self.args[0]

    def argument(self, position: int, name: str) -> Any:
        """Return an argument given by position (0 is the instance) or by name, None where it is not given."""
        return self.args[position] if len(self.args) > position else self.kwargs.get(name)


class Part(Protocol):
    """What one method of a framework means. Stateless; one instance serves every call."""

    def opening(self, called: Called, content: Content) -> Opening | None:
        """Return the step that begins, None where this call is none."""

    def closing(self, opening: Opening, called: Called, result: Any, content: Content) -> Facts:
        """Return what the result says. ``result`` is None where there is none, as after a generator."""

    def goes_on(self, result: Any, run: "_relay.Resumable") -> bool:
        """Tell whether the step goes on in a generator of the result, which is given the run with `_relay.relay`."""

    def error(self, error: BaseException) -> Facts | None:
        """Return what to say of an exception that is no failure, None where it is one."""


class Ordinary:
    """A part that ends when its method returns, and for which every exception is a failure."""

    def goes_on(self, result: Any, run: "_relay.Resumable") -> bool:
        """Return False."""
        del result, run
        return False

    def error(self, error: BaseException) -> Facts | None:
        """Return None."""
        del error
        return None


class _Idle:
    """The run of a call that is not observed."""

    def item(self, item: object) -> None:
        """Nothing."""

    def stop(self, result: object, /) -> None:
        """Nothing."""

    def fail(self, error: BaseException, /) -> None:
        """Nothing."""


IDLE: Final = _Idle()


class _StepRun:
    """The run of a call that is a step; the step is the current span while the call lasts."""

    __slots__ = ("_called", "_content", "_inside", "_opening", "_part", "_step")

    def __init__(self, runtime: Runtime, part: Part, called: Called, opening: Opening) -> None:
        self._part = part
        self._called = called
        self._opening = opening
        self._content = runtime.content
        self._step = Step(runtime, opening)
        around = get_current() if opening.within is None else opening.within
        self._inside = self._step.context(Context({**around, **opening.marks}) if opening.marks else around)
        self.resume()

    def resume(self) -> Self:
        """Make the step the current span."""
        _scope.enter(self, self._inside, _scope.attributes(self._inside))
        return self

    def item(self, item: object) -> None:
        """Items of a generator are nothing to a step."""

    def stop(self, result: object) -> None:
        """End well."""
        facts: Facts = {}
        with _KEPT:
            _scope.leave(self)
            if self._part.goes_on(result, self):
                return
            facts = self._part.closing(self._opening, self._called, result, self._content)
        self._step.stop(facts)

    def fail(self, error: BaseException) -> None:
        """End with what the method raised."""
        facts: Facts | None = None
        with _KEPT:
            _scope.leave(self)
            facts = self._part.error(error)
        if facts is None:
            self._step.fail(error)
        else:
            self._step.stop(facts)


def begin(part: Part) -> _wrapping.Begin:
    """Return what makes the run of each call of a method that is a step."""

    def begin_step(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _wrapping.Run:
        runtime = spans.observing()
        if runtime is None:
            return IDLE
        with _KEPT:
            called = Called(args, kwargs)
            opening = part.opening(called, runtime.content)
            return IDLE if opening is None else _StepRun(runtime, part, called, opening)
        return IDLE

    return begin_step


_KEPT: Final = _guard.Kept("observing a step")
