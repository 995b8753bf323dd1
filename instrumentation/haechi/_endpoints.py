"""Putting an observer around a client's method, once, and taking it off again.

Guarantee: an observed method is called with the arguments that the application gave, plus what the endpoint asks the
provider for (`Endpoint.request`); its result and its errors are the application's. Off, suppressed, or failing itself,
an observer is a plain call.
"""

import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Final, Protocol

import wrapt

from haechi import _guard, _raw, _wrapping, spans, streams
from haechi._content import Content
from haechi.spans import Call, Facts, Request

_ANSWERED: Final = _guard.Kept("reading an answer")

Kwargs = dict[str, Any]
Observer = Callable[[Callable[..., Any], Any, tuple[Any, ...], Kwargs], Any]
"""Called with the original, its instance, and the arguments; returns what the application gets."""


class Endpoint(Protocol):
    """What one method of a client means. Stateless; one instance serves every call."""

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked. May change ``kwargs``, a copy, to ask the provider for the usage of a stream."""

    def response(self, result: Any, content: Content) -> Facts:
        """Return what the answer says."""

    def reader(self, request: Request, kwargs: Mapping[str, Any], content: Content) -> streams.Reader | None:
        """Return the reader of a streamed answer, None where the answer will be no stream.

        ``kwargs`` are the application's own, as they were before `request`.
        """


@dataclass(slots=True)
class Asked:
    """A call under way: what was asked, and how its answer is read."""

    endpoint: Endpoint
    call: Call
    reader: streams.Reader | None
    raw: bool

    def answered(self, result: Any) -> Any:
        """Take the answer in; return what the application gets: the answer itself, or its stream, watched."""
        if self.raw:
            with _ANSWERED:
                _raw.watch(result, self.call, self.reader, self._read)
                return result
        elif self.reader is not None:
            return self.watched(result, self.reader)
        facts: Facts = {}
        try:
            facts = self.endpoint.response(result, self.call.content)
        except Exception as error:  # noqa: BLE001  as in `ask`
            _guard.log_once(_ANSWERED.where, error)
        self.call.stop(facts)
        return result

    def failed(self, error: BaseException) -> None:
        """Take the error in. Clients that cannot use an answer give it along, as ``completion``: it was paid for."""
        facts: Facts = {}
        if (answer := getattr(error, "completion", None)) is not None:
            with _ANSWERED:
                facts = self._read(answer)
        self.call.fail(error, facts)

    def watched(self, result: Any, reader: streams.Reader) -> Any:
        """Return a streamed answer, watched. For clients whose answer is more than the stream, or no plain one."""
        return streams.watch(result, self.call, reader)

    def _read(self, answer: Any) -> Facts:
        return self.endpoint.response(answer, self.call.content)


Asker = Callable[[Any, tuple[Any, ...], Kwargs], tuple[Asked | None, Kwargs]]
"""Called with an instance and the arguments of its method; starts to observe the call, unless it is not to be."""


def ask(endpoint: Endpoint, instance: Any, kwargs: Kwargs, kind: type[Asked] = Asked) -> tuple[Asked | None, Kwargs]:
    """Start to observe a call, unless that is off; return it with the arguments to go on with."""
    runtime = spans.observing()
    if runtime is None:
        return None, kwargs
    try:
        changed = dict(kwargs)
        request = endpoint.request(instance, changed, runtime.content)
        reader = endpoint.reader(request, kwargs, runtime.content)
        raw = "extra_headers" in kwargs and _raw.is_raw(kwargs)
        return kind(endpoint, Call(runtime, request), reader, raw), changed
    except Exception as error:  # noqa: BLE001  the boundary of `_guard`, without its block: this runs at every call
        _guard.log_once("reading a request", error)
        return None, kwargs


def around(endpoint: Endpoint) -> Observer:
    """Return the observer of a synchronous method."""
    return asking(lambda instance, _, kwargs: ask(endpoint, instance, kwargs))


def around_async(endpoint: Endpoint) -> Observer:
    """Return the observer of a coroutine method; the call starts when it is awaited."""
    return asking_async(lambda instance, _, kwargs: ask(endpoint, instance, kwargs))


def asking(asker: Asker) -> Observer:
    """Return the observer of a synchronous method through which calls of several kinds go."""

    def observer(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
        asked, kwargs = asker(instance, args, kwargs)
        if asked is None:
            return wrapped(*args, **kwargs)
        try:
            with asked.call.current():
                result = wrapped(*args, **kwargs)
        except BaseException as error:
            asked.failed(error)
            raise
        return asked.answered(result)

    return observer


def asking_async(asker: Asker) -> Observer:
    """Return the observer of a coroutine method through which calls of several kinds go."""

    async def observer(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
        asked, kwargs = asker(instance, args, kwargs)
        if asked is None:
            return await wrapped(*args, **kwargs)
        try:
            with asked.call.current():
                result = await wrapped(*args, **kwargs)
        except BaseException as error:
            asked.failed(error)
            raise
        return asked.answered(result)

    return observer


def running(begin: _wrapping.Begin, *, asynchronous: bool) -> Observer:
    """Return the observer that runs something around a function or a coroutine function."""

    def observer(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
        run = begin((instance, *args), kwargs)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            run.fail(error)
            raise
        run.stop(result)
        return result

    async def async_observer(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
        run = begin((instance, *args), kwargs)
        try:
            result = await wrapped(*args, **kwargs)
        except BaseException as error:
            run.fail(error)
            raise
        run.stop(result)
        return result

    return async_observer if asynchronous else observer


def _warning(original: Any, observer: Observer) -> Observer:
    """Return the observer of a method that may be deprecated: it warns in the decorator's stead.

    The decorator names its caller, and Python shows such a warning only where that is the program's main module.
    """
    message, inner = getattr(original, "__deprecated__", None), getattr(original, "__wrapped__", None)
    if not isinstance(message, str) or inner is None:
        return observer

    def deprecated(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
        del wrapped
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return observer(inner.__get__(instance), instance, args, kwargs)

    return deprecated


class _Observed(wrapt.FunctionWrapper):  # type: ignore[type-arg]  # not generic at run time
    """A method with our observer around it."""


_NONE: Final = object()


class Patches:
    """What one instrumentation has put around things, so that it can be taken off again."""

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any]] = []
        self._ours: list[object] = []  # what `set` has set

    def put(self, owner: Any, name: str, observer: Observer) -> None:
        """Put an observer around ``owner.name``, a method or a function.

        Nothing is done where the name does not exist in this version of the library, or is observed already. One that
        was observed elsewhere and found its way here (``from x import *``) is only remembered, to be taken off.
        """
        original = vars(owner).get(name)
        if original is None:
            return
        if isinstance(original, _Observed):
            if not any(known is owner and name == other for known, other, _ in self._undo):
                self._undo.append((owner, name, original.__wrapped__))
            return
        self._undo.append((owner, name, original))
        setattr(owner, name, _Observed(original, _warning(original, observer)))

    def wrap(self, owner: Any, name: str, begin: _wrapping.Begin) -> None:
        """Run something around ``owner.name``, a function of any kind. Nothing is done where `put` would do nothing."""
        original = vars(owner).get(name)
        if original is None or hasattr(original, _wrapping.WRAPPED):
            return
        if not isinstance(original, FunctionType):  # somebody's wrapper: called as they want to be called
            self.put(owner, name, running(begin, asynchronous=inspect.iscoroutinefunction(original)))
            return
        self._undo.append((owner, name, original))
        setattr(owner, name, _wrapping.wrap(original, lambda _: begin))

    def set(self, owner: Any, name: str, ours: object) -> None:
        """Set ``owner.name``, whether there is such a name or not."""
        self._undo.append((owner, name, vars(owner).get(name, _NONE)))
        self._ours.append(ours)
        setattr(owner, name, ours)

    def take_off(self) -> None:
        """Put every original back, but where somebody has wrapped ours since: taking ours out would take theirs."""
        while self._undo:
            owner, name, original = self._undo.pop()
            if not self._is_ours(vars(owner).get(name)):
                continue
            if original is _NONE:
                delattr(owner, name)
            else:
                setattr(owner, name, original)

    def _is_ours(self, value: object) -> bool:
        made = isinstance(value, _Observed) or hasattr(value, _wrapping.WRAPPED)
        return made or any(value is ours for ours in self._ours)
