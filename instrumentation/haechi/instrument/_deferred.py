"""Model calls that a framework makes, told of only where no observed client made them.

Guarantee: one model call is one span. Where an observed client answers underneath, its span is the call, and nothing is
built here but a witness; so too where another instrumentation observes the client. Otherwise the framework's own word
is the span, made at the end with its real start, time to first chunk and number of chunks.

`begin` makes runs for `haechi._wrapping`; they keep their errors to themselves.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol, Self

from opentelemetry.context import Context, get_current

from haechi import _failure, _guard, _scope, _wrapping, instrument, spans
from haechi._content import Content
from haechi._endpoints import Kwargs, Observer
from haechi._runtime import Runtime
from haechi.instrument import _relay
from haechi.instrument._steps import IDLE, Called
from haechi.spans import Began, Call, Facts, Request, Witness
from haechi_schemas import attributes as names

INFERENCE: Final = frozenset({"chat", "text_completion", "generate_content"})
EMBEDDINGS: Final = frozenset({"embeddings"})


class Model(Protocol):
    """What a framework's method that calls a model means. Stateless; one instance serves every call."""

    operations: frozenset[str]
    """Operations of an observed client that are this call."""
    cumulative: bool
    """Whether each item of a stream holds those before it, so that the last one is enough."""

    def within(self, called: Called) -> Context:
        """Return the context in which the call begins."""

    def request(self, called: Called, content: Content) -> Request:
        """Return what was asked."""

    def answer(self, called: Called, result: Any, items: list[Any], content: Content) -> Facts:
        """Return what was answered, by the result or by the items of a stream."""


class ModelRun:
    """One call of a model by a framework."""

    __slots__ = ("_began", "_called", "_count", "_items", "_model", "_runtime", "_witness")

    def __init__(self, runtime: Runtime, model: Model, called: Called) -> None:
        self._runtime = runtime
        self._model = model
        self._called = called
        self._items: list[Any] = []
        self._count = 0
        self._witness = Witness()
        self._began = Began(runtime.clock(), model.within(called), self._witness)
        self.resume()

    def resume(self) -> Self:
        """Begin to watch: what begins from now on in this task or thread lies inside of the call."""
        within = self._began.within
        _scope.enter(self, self._witness.inside(within), _scope.attributes(within))
        return self

    def pause(self) -> None:
        """Cease to watch, until the next `resume`."""
        _scope.leave(self)

    def item(self, item: object) -> None:
        """Keep what a stream yields, where it is needed. The framework keeps it too, until the stream ends."""
        if self._seen():
            return
        if self._model.cumulative:
            self._items.clear()
        self._items.append(item)
        self._count += 1
        if self._witness.chunks < self._count:  # else the framework has told of it already
            self._witness.chunk(self._runtime.clock())

    def stop(self, result: object) -> None:
        """End well."""
        self._finish(result, None)

    def fail(self, error: BaseException) -> None:
        """End with what the method raised."""
        self._finish(None, error)

    def _seen(self) -> bool:
        return not self._model.operations.isdisjoint(self._witness.operations)

    def _finish(self, result: object, error: BaseException | None) -> None:
        with _KEPT:
            self.pause()
            if self._seen():
                self._tell_outer()
            elif not _told_by_others(self._called.instance):
                self._tell(result, error)

    def _tell_outer(self) -> None:
        if (outer := spans.witness(self._began.within)) is not None:
            outer.operations |= self._witness.operations

    def _tell(self, result: object, error: BaseException | None) -> None:
        content, called = self._runtime.content, self._called
        answer = self._model.answer(called, result, self._items, content)
        request = self._model.request(called, content)
        if self._witness.chunks:
            request.attributes[names.REQUEST_STREAM] = True
        call = Call(self._runtime, request, self._began)
        if error is not None and _failure.is_failure(error):
            call.fail(error, answer)
        else:
            call.stop(answer)


def _told_by_others(model: Any) -> bool:
    """Tell whether the client under a framework's model is left to another instrumentation, whose span is the call.

    The client is told by the module of the model's class: ``langchain_openai``, ``llama_index.llms.openai``.
    """
    words = [word.removeprefix("langchain_") for word in type(model).__module__.split(".")]
    return any(instrument.rivalled(_CLIENTS.get(word, word)) for word in words)


_CLIENTS: Final = {
    "aws": "bedrock",
    "azure_openai": "openai",
    "bedrock_converse": "bedrock",
    "google": "google_genai",
    "mistralai": "mistral",
    "openai_chatcompletions": "openai",
    "openai_responses": "openai",
}


class Lookup:
    """A question to a cache of answers; where it has one no model is asked, and there is no call to tell of."""

    __slots__ = ()

    def item(self, item: object) -> None:
        """It is no generator."""

    def stop(self, result: object) -> None:
        """Tell the call around that it has its answer."""
        if result is not None and (watching := spans.witness()) is not None:
            watching.operations |= INFERENCE

    def fail(self, error: BaseException) -> None:
        """A cache that fails has nothing."""


def begin(model: Model) -> Callable[[tuple[Any, ...], dict[str, Any]], _wrapping.Run]:
    """Return what makes the run of each call of a method that calls a model."""

    def begin_model(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _wrapping.Run:
        runtime = spans.observing()
        if runtime is None:
            return IDLE
        with _KEPT:
            return ModelRun(runtime, model, Called(args, kwargs))
        return IDLE

    return begin_model


def relaying(model: Model) -> Observer:
    """Return the observer of a method that returns a generator, whose body is a part of the call.

    Such a body runs where the generator is read, far from what asked for it; it gets the context of the call.
    """
    start = begin(model)

    def observer(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
        run = start((instance, *args), kwargs)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            run.fail(error)
            raise
        return _relayed(run, result)

    return observer


def relaying_async(model: Model) -> Observer:
    """Return the observer of a coroutine method that returns an asynchronous generator."""
    start = begin(model)

    async def observer(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
        run = start((instance, *args), kwargs)
        try:
            result = await wrapped(*args, **kwargs)
        except BaseException as error:
            run.fail(error)
            raise
        return _relayed(run, result)

    return observer


def _relayed(run: _wrapping.Run, result: Any) -> Any:
    if not (isinstance(run, ModelRun) and _relay.is_generator(result)):
        run.stop(result)
        return result
    run.pause()
    return _relay.relay(result, run)


def here(called: Called) -> Context:
    """Return the current context, where the arguments say nothing better."""
    del called
    return get_current()


_KEPT: Final = _guard.Kept("observing a model")
