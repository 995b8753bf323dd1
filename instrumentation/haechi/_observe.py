"""`@haechi.observe`: a span for each run of a function, its arguments and its result as the content setting says.

Guarantee: that of `haechi._wrapping` for the function, that of `haechi.span` for the span. Arguments are written down
before the body runs, so that what the body does to them does not show. The span of a generator is open until the
generator is exhausted, closed or dropped; what it yields first is kept as its result, up to `TEXTS_MAX` pieces of
text or `haechi._values.ITEMS_MAX` other items.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar, overload

from haechi import _guard, _kinds, _values, _wrapping
from haechi._kinds import Kind
from haechi._span import span

TEXTS_MAX: Final = 20_000
"""Pieces of text of one generator that are kept; an answer of a model has some thousands. A generator may never end."""

_F = TypeVar("_F")
_Args = tuple[Any, ...]
_Kwargs = dict[str, Any]


@overload
def observe(function: _F, /) -> _F: ...


@overload
def observe(
    *,
    name: str | None = None,
    kind: Kind | None = None,
    capture_input: bool = True,
    capture_output: bool = True,
    **attributes: object,
) -> Callable[[_F], _F]: ...


def observe(
    function: _F | None = None,
    /,
    *,
    name: str | None = None,
    kind: Kind | None = None,
    capture_input: bool = True,
    capture_output: bool = True,
    **attributes: object,
) -> _F | Callable[[_F], _F]:
    """Record a span for each run of a function: ``@haechi.observe`` or ``@haechi.observe(kind="tool")``.

    Takes functions, coroutine functions, generators, async generators and methods of every kind. Of a class it
    observes the public methods and ``__call__``. Nothing about the function changes for who calls it.

    Args:
        function: what is observed.
        name: the block's name; by default the function's own, after its class. Of a class the prefix of its methods.
        kind: what it is in the words of the GenAI conventions, as for `haechi.span`.
        capture_input: False keeps the arguments out, whatever the content setting says.
        capture_output: False keeps the result out.
        attributes: attributes of each span.

    Raises:
        TypeError: what is decorated is no function and no class.
        ValueError: there is no such kind.
    """
    _kinds.words_of(kind)
    observer = _Observer(name, kind, capture_input, capture_output, attributes)
    return observer.decorate if function is None else observer.decorate(function)


@dataclass(frozen=True, slots=True)
class _Observer:
    """How one decorator observes."""

    name: str | None
    kind: Kind | None
    capture_input: bool
    capture_output: bool
    attributes: Mapping[str, object]

    def decorate(self, target: _F) -> _F:
        return _wrapping.wrap(target, partial(self._begin_of, isinstance(target, type)))

    def _begin_of(self, of_class: bool, function: Callable[..., Any]) -> _wrapping.Begin:
        own = _qualified(function)
        name = own if self.name is None else f"{self.name}.{function.__name__}" if of_class else self.name
        arguments = _arguments(function, self.kind) if self.capture_input else None

        def begin(args: _Args, kwargs: _Kwargs) -> _Run:
            begun = span(name, kind=self.kind, **self.attributes).start()
            content = begun.records_content
            if content and arguments is not None:
                given = arguments(args, kwargs)
                if given is not None:
                    begun.input(given)
            return _Run(begun, output=content and self.capture_output)

        return begin


class _Run:
    """One run of an observed function."""

    __slots__ = ("_items", "_output", "_span")

    def __init__(self, begun: span, *, output: bool) -> None:
        self._span = begun
        self._output = output
        self._items: list[object] = []

    def item(self, item: object) -> None:
        """Keep what a generator yields, while there is room."""
        if not self._output:
            return
        if issubclass(type(item), str):
            if len(self._items) < TEXTS_MAX:
                self._items.append(item)
        elif len(self._items) < _values.ITEMS_MAX:
            self._items.append(_values.plain(item))  # now: its consumer may change it

    def stop(self, result: object) -> None:
        """End well."""
        self._tell(result)
        self._span.stop()

    def fail(self, error: BaseException) -> None:
        """End with an error, or by being closed."""
        self._tell(None)
        self._span.fail(error)

    def _tell(self, result: object) -> None:
        if not self._output:
            return
        if self._items:
            result = self._items
            with _KEPT:
                if all(issubclass(type(item), str) for item in self._items):
                    result = "".join(self._items)  # type: ignore[arg-type]  # all are text
        if result is not None:
            self._span.output(result)


def _qualified(function: Callable[..., Any]) -> str:
    """Return a function's name after that of its class, without the function that defines it."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return str(name).rpartition("<locals>.")[2]


def _arguments(function: Callable[..., Any], kind: Kind | None) -> Callable[[_Args, _Kwargs], object] | None:
    """Return what makes the recorded input of one call: its arguments by name, or a retriever's query."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some functions written in C have none
        return None
    first = next(iter(signature.parameters), None)

    def arguments(args: _Args, kwargs: _Kwargs) -> object:
        try:
            named = signature.bind(*args, **kwargs).arguments
        except TypeError:  # the call is wrong: the function will say so itself
            return None
        if first in {"self", "cls"}:
            del named[first]
        if kind == "retriever":
            return next((value for value in named.values() if issubclass(type(value), str)), None)
        return named or None

    return arguments


_KEPT: Final = _guard.Kept("haechi.observe")
