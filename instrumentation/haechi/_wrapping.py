"""Running something around a function of any kind, without the function's users noticing.

Guarantee: the wrapped function has the signature, the kind (function, coroutine function, generator, async generator,
static or class method) and the pickled name of the original; results, items, exceptions and what is sent or thrown
into a generator pass unmodified. A generator's body runs in its own context: what is current inside is not current
in the code that consumes it, wherever that code runs. (One thing differs: a generator function that is called with
wrong arguments says so at the first item, because only then anything of it runs.)

What is run around is a `Run`: made when the body begins (for generators: at the first item), told of each item, and
told exactly once how the body ended. Runs never raise; that is their maker's duty.

Source: PEP 380 (how a delegating generator passes values and exceptions on) and PEP 525.
"""

import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import partial
from types import TracebackType
from typing import Any, Final, Protocol, TypeVar

from opentelemetry.context import Context, attach, get_current

_T = TypeVar("_T")
_Function = Callable[..., Any]

WRAPPED: Final = "__haechi_wrapped__"
"""Marks what is wrapped, so that wrapping its class does not wrap it again."""


class Run(Protocol):
    """One run of a wrapped function, begun by its being made."""

    def item(self, item: object) -> None:
        """Take note of an item that a generator yielded."""

    def stop(self, result: object, /) -> None:
        """End well; with None for a generator."""

    def fail(self, error: BaseException, /) -> None:
        """End with what the body raised; a GeneratorExit says that its consumer closed or dropped it."""


Begin = Callable[[tuple[Any, ...], dict[str, Any]], Run]
"""Makes the run of one call from its positional and named arguments."""


def wrap(target: _T, begin_of: Callable[[_Function], Begin]) -> _T:
    """Return a function that runs around a function; a class gets its public methods replaced and is returned.

    Args:
        target: a function of any kind, a class, a `staticmethod` or a `classmethod`.
        begin_of: makes the maker of runs for one function; for a class asked once per method.

    Raises:
        TypeError: the target is none of these.
    """
    if isinstance(target, (staticmethod, classmethod)):
        return type(target)(wrap(target.__func__, begin_of))
    if isinstance(target, type):
        for name, method in _methods(target):
            setattr(target, name, wrap(method, begin_of))
        return target
    if not callable(target):
        raise TypeError(f"expected a function or a class to decorate, got {type(target).__name__}")
    wrapper = functools.wraps(target)(_wrapper(target, begin_of(target)))
    setattr(wrapper, WRAPPED, True)
    return wrapper  # type: ignore[return-value]  # the same signature and kind, which is this module's promise


def _methods(owner: type) -> list[tuple[str, object]]:
    return [
        (name, member)
        for name, member in vars(owner).items()
        if (inspect.isfunction(member) or isinstance(member, (staticmethod, classmethod)))
        and (not name.startswith("_") or name == "__call__")
        and not hasattr(member, WRAPPED)
    ]


def _wrapper(function: _Function, begin: Begin) -> _Function:
    if inspect.iscoroutinefunction(function):
        return _coroutine(function, begin)
    if inspect.isasyncgenfunction(function):
        return _async_generator(function, begin)
    if inspect.isgeneratorfunction(function):
        return _generator(function, begin)
    return _function(function, begin)


def _function(function: _Function, begin: Begin) -> _Function:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        run = begin(args, kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            run.fail(error)
            raise
        run.stop(result)
        return result

    return wrapper


def _coroutine(function: Callable[..., Awaitable[Any]], begin: Begin) -> _Function:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        run = begin(args, kwargs)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            run.fail(error)
            raise
        run.stop(result)
        return result

    return wrapper


class _Inside:
    """The context of a generator's body: current while the body runs, kept while its consumer does."""

    __slots__ = ("_inside", "_outside")

    def __init__(self) -> None:
        self._inside: Context = get_current()
        self._outside: Context = self._inside

    def __enter__(self) -> None:
        self._outside = get_current()
        attach(self._inside)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._inside = get_current()
        attach(self._outside)


def _generator(function: Callable[..., Generator[Any, Any, Any]], begin: Begin) -> _Function:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        inside = _Inside()
        body = function(*args, **kwargs)
        resume: Callable[[], Any] = partial(next, body)
        with inside:
            run = begin(args, kwargs)
        while True:
            with inside:
                try:
                    item = resume()
                except StopIteration as end:
                    run.stop(None)
                    return end.value
                except BaseException as error:
                    run.fail(error)
                    raise
                run.item(item)
            try:
                resume = partial(body.send, (yield item))
            except BaseException as error:  # noqa: BLE001  the body decides what becomes of it
                resume = partial(body.throw, error)

    return wrapper


def _async_generator(function: Callable[..., AsyncGenerator[Any, Any]], begin: Begin) -> _Function:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        inside = _Inside()
        body = function(*args, **kwargs)
        resume: Callable[[], Awaitable[Any]] = partial(anext, body)
        with inside:
            run = begin(args, kwargs)
        while True:
            with inside:
                try:
                    item = await resume()
                except StopAsyncIteration:
                    run.stop(None)
                    return
                except BaseException as error:
                    run.fail(error)
                    raise
                run.item(item)
            try:
                resume = partial(body.asend, (yield item))
            except BaseException as error:  # noqa: BLE001  the body decides what becomes of it
                resume = partial(body.athrow, error)

    return wrapper
