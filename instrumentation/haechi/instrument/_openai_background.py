"""Calls whose answer is fetched later: responses in the background, runs of assistants.

Guarantee: fetching an answer that is still under way makes no span. The first fetch that finds it finished makes one,
with its usage; later ones make none (in one process; the collector tells the same answer by its id).
"""

from collections.abc import Callable
from typing import Any, Final

from opentelemetry import context

from haechi import _guard, _raw, _runtime, spans
from haechi._content import field
from haechi._endpoints import Kwargs, Observer, around, around_async
from haechi.instrument._openai_finished import first, is_finished
from haechi.instrument._openai_methods import Method
from haechi.spans import Began, Call, Witness

_FETCHING: Final = _guard.Kept("reading an answer that was fetched")


def fetching(method: Method) -> Observer:
    """Return the observer of a synchronous method that fetches an answer, or goes on with its stream."""
    streamed = around(method)

    def observer(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
        if kwargs.get("stream") is True:
            return streamed(wrapped, instance, args, kwargs)
        began_ns = _now_ns()
        answer = wrapped(*args, **kwargs)
        with _FETCHING:
            _tell(method, instance, answer, began_ns)
        return answer

    return observer


def fetching_async(method: Method) -> Observer:
    """Return the observer of a coroutine method that fetches an answer, or goes on with its stream."""
    streamed = around_async(method)

    async def observer(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
        if kwargs.get("stream") is True:
            return await streamed(wrapped, instance, args, kwargs)
        began_ns = _now_ns()
        answer = await wrapped(*args, **kwargs)
        with _FETCHING:
            _tell(method, instance, answer, began_ns)
        return answer

    return observer


def _now_ns() -> int:
    runtime = _runtime.current()
    return runtime.clock() if runtime is not None else 0


def _tell(method: Method, instance: Any, answer: Any, began_ns: int) -> None:
    """Make the span of an answer that has just been found finished."""
    runtime = spans.observing()
    if runtime is None or not began_ns:
        return
    if (http := getattr(answer, "http_response", None)) is not None:  # the client's own polling fetches raw answers
        if not http.is_stream_consumed:
            return
        answer = _raw.loose(http.content)
    if (
        field(answer, "background") is False
        or not is_finished(field(answer, "status"))
        or not first(field(answer, "id"))
    ):
        return
    request = method.request(instance, {"model": field(answer, "model")}, runtime.content)
    Call(runtime, request, Began(began_ns, context.get_current(), Witness())).stop(method.told(answer, runtime.content))
