"""`haechi.span`: the life of one block of the application, started, then finished exactly once.

Guarantee: whoever finishes first decides, from whichever task or thread; the rest does nothing. Nothing here raises,
and the application's own exceptions pass unmodified. Before `haechi.init` and after `haechi.shutdown` all of it
does nothing.
"""

import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

from opentelemetry import trace
from opentelemetry.context import get_value

from haechi import _failure, _guard, _kinds, _misuse, _runtime, _scope, _values
from haechi._misuse import MisuseError
from haechi._runtime import Runtime
from haechi_schemas import attributes as names

_SUPPRESSED: Final = "suppress_instrumentation"  # OpenTelemetry's own word for: not now
_OFF: Final = trace.INVALID_SPAN


class span:  # noqa: N801  reads as a verb: `with haechi.span("rerank")`
    """One block of the application as a span.

    ``with haechi.span("rerank") as block:`` begins and ends it, and is built on `start`, `stop` and `fail`, which
    serve where a block does not fit a ``with``. A span that is dropped unfinished ends when it is dropped.

    Args:
        name: what the block is called, such as ``rerank``. With a kind the span's name is ``execute_tool rerank``
            and the like, as the conventions want it.
        kind: what the block is in the words of the GenAI conventions: agent, chain (the same as workflow), chat,
            embeddings, retriever, tool. An unknown one makes a plain span.
        attributes: anything else to say; what is no text, number, boolean or list of text becomes JSON.
    """

    __slots__ = ("__weakref__", "_attributes", "_name", "_runtime", "_span", "_unfinished", "_words")

    def __init__(self, name: str, /, *, kind: _kinds.Kind | None = None, **attributes: object) -> None:
        self._name = name
        self._attributes = attributes
        self._words = _kinds.PLAIN
        self._runtime: Runtime | None = None
        self._span: trace.Span = _OFF
        self._unfinished: list[None] = []  # holds one item from start to finish; `pop` is atomic
        if kind is not None:
            try:
                self._words = _kinds.words_of(kind)
            except MisuseError as error:
                _misuse.say("haechi.span", error)

    @property
    def trace_id(self) -> str:
        """The id of its trace, 32 hexadecimal digits; '' before the start and where nothing is recorded."""
        return _hex(self._span.get_span_context().trace_id, 32)

    @property
    def span_id(self) -> str:
        """Its own id, 16 hexadecimal digits; '' before the start and where nothing is recorded."""
        return _hex(self._span.get_span_context().span_id, 16)

    @property
    def records_content(self) -> bool:
        """Whether `input` and `output` record anything: it has begun, is sampled, and the setting wants content."""
        runtime = self._runtime
        return runtime is not None and runtime.content.on and self._span.is_recording()

    def start(self, *, current: bool = True) -> Self:
        """Begin. A second start does nothing.

        Args:
            current: whether spans begun from now on in this task or thread lie under this one, until it ends. Say
                False where the block ends in another task or thread than this one, which would not notice.
        """
        if self._span is _OFF:
            with _KEPT:
                self._start(current=current)
        return self

    def _start(self, *, current: bool) -> None:
        runtime = _runtime.current()
        if runtime is None or get_value(_SUPPRESSED):
            return
        words, name = self._words, self._name
        attributes = _values.attributes(self._attributes) if self._attributes else {}
        attributes.update(_scope.attributes())
        if words.operation:
            attributes[names.OPERATION_NAME] = words.operation
            if words.subject:
                attributes[words.subject] = name
            name = f"{words.operation} {name}"
        self._runtime = runtime
        self._span = runtime.tracer.start_span(name, attributes=attributes, start_time=runtime.clock())
        self._unfinished.append(None)
        if current:
            _scope.enter(self, trace.set_span_in_context(self._span))

    def set(self, values: Mapping[str, object] | None = None, /, **attributes: object) -> Self:
        """Say more; a mapping serves names with dots. After the end it does nothing."""
        if self._unfinished:
            with _KEPT:
                self._span.set_attributes(_values.attributes({**(values or {}), **attributes}))
        return self

    def input(self, value: object) -> Self:
        """Say what goes in: text, or anything, which becomes JSON. Recorded as the content setting says."""
        return self._content(self._words.input, value)

    def output(self, value: object) -> Self:
        """Say what comes out, in the same way."""
        return self._content(self._words.output, value)

    def _content(self, name: str, value: object) -> Self:
        runtime = self._runtime
        if runtime is not None and self._unfinished and self.records_content:
            with _KEPT:
                content = runtime.content
                plain = _values.plain(value, content.chars_max)
                told = content.text(plain) if isinstance(plain, str) else content.json(plain)
                self._span.set_attribute(name, told)
        return self

    def stop(self) -> None:
        """Finish well."""
        self._finish(None)

    def fail(self, error: BaseException) -> None:
        """Finish with an error. A generator that is closed, or an exit with success, is none."""
        self._finish(error if _failure.is_failure(error) else None)

    def _finish(self, error: BaseException | None) -> None:
        try:
            self._unfinished.pop()
        except IndexError:
            return
        with _KEPT:
            _scope.leave(self)
        if error is not None:
            with _KEPT:
                _failure.note(self._span, error)
        with _KEPT:
            self._span.end(self._runtime.clock() if self._runtime else None)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.stop()
        else:
            self.fail(error)

    def __del__(self, _ending: Callable[[], bool] = sys.is_finalizing) -> None:
        if getattr(self, "_unfinished", None) and not _ending():  # at the interpreter's end our modules are gone
            self._finish(None)


def _hex(number: int, digits: int) -> str:
    return format(number, f"0{digits}x") if number else ""


_KEPT: Final = _guard.Kept("haechi.span")
