"""Observes Pydantic AI: runs of agents, their tools, and models without an observed client.

Every way to run an agent (``run``, ``run_sync``, ``run_stream``, ``iter`` ...) goes through ``Agent.iter``, every tool
through its toolset. The spans of model calls are those of the providers' clients. Where the library's own
instrumentation is on, it tells of agents, tools and calls, and ours stands back, so that nothing is told twice.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from types import ModuleType, TracebackType
from typing import Any, Final

import wrapt
from opentelemetry import trace
from opentelemetry.context import Context, create_key, get_current

from haechi import _guard, _scope, _wrapping, spans
from haechi._content import Content
from haechi._endpoints import Kwargs, Observer, Patches
from haechi.instrument import _deferred, _steps, _subclasses
from haechi.instrument import _pydantic_ai_models as models
from haechi.instrument._steps import Called, Opening, Ordinary, Step
from haechi.spans import Facts
from haechi_schemas import attributes as names

SHOWN_CHARS_MAX: Final = 4_000
"""Characters of what goes into a run or comes out of it; its models hold the same text."""
_NATIVE: Final = "pydantic-ai"  # the scope of the library's own spans
_CALL_ID: Final = create_key("haechi-pydantic-ai-call")
_NO_FAILURES: Final = frozenset({"ApprovalRequired", "CallDeferred"})  # the tool's answer comes later


class _Entered(wrapt.ObjectProxy):  # type: ignore[type-arg]  # not generic at run time
    """What ``Agent.iter`` returns, with a step around what happens inside."""

    def __init__(self, manager: Any, agent: Any, args: tuple[Any, ...], kwargs: Kwargs) -> None:
        super().__init__(manager)
        self._self_called = (agent, args, kwargs)
        self._self_step: Step | None = None
        self._self_run: Any = None

    async def __aenter__(self) -> Any:
        self._self_step = _agent(*self._self_called)
        try:
            self._self_run = await self.__wrapped__.__aenter__()
        except BaseException as error:
            self._end(error)
            raise
        return self._self_run

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Any:
        try:
            result = await self.__wrapped__.__aexit__(kind, error, traceback)
        except BaseException as raised:
            self._end(raised)
            raise
        self._end(None if result else error)
        return result

    def _end(self, error: BaseException | None) -> None:
        step, self._self_step = self._self_step, None
        if step is None:
            return
        facts: Facts = {}
        with _KEPT:
            _scope.leave(step)
            runtime = spans.observing()
            output = getattr(getattr(self._self_run, "result", None), "output", None)
            if runtime is not None and runtime.content.on and output is not None:
                facts[names.OBSERVED_OUTPUT] = runtime.content.told(output, SHOWN_CHARS_MAX)
        if error is None:
            step.stop(facts)
        else:
            step.fail(error, facts)


def _agent(agent: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Step | None:
    """Begin the step of a run."""
    runtime = spans.observing()
    if runtime is None:
        return None
    with _KEPT:
        if _is_native(agent, kwargs):
            return None
        name = str(agent.name or "agent")
        facts: Facts = {names.AGENT_NAME: name}
        asked = args[0] if args else kwargs.get("user_prompt")
        if runtime.content.on and asked is not None:
            facts[names.OBSERVED_INPUT] = runtime.content.told(asked, SHOWN_CHARS_MAX)
        inside = _scope.attributes()
        if isinstance(conversation := kwargs.get("conversation_id"), str):
            facts[names.CONVERSATION_ID] = conversation
            inside = {names.CONVERSATION_ID: conversation, **inside}
        step = Step(runtime, Opening("invoke_agent", name, facts))
        _scope.enter(step, step.context(get_current()), inside)
        return step
    return None


def _is_native(agent: Any, kwargs: Kwargs) -> bool:
    """Tell whether the library itself will record a run: turned on for the agent, for all, or by its model."""
    model = kwargs.get("model") or agent.model
    instrument = getattr(agent, "instrument", None)
    settings = instrument if instrument is not None else agent._instrument_default  # noqa: SLF001  as the library
    held = [getattr(model, "instrumentation_settings", None), settings, *_capabilities(agent, kwargs)]
    return any(_records(one) for one in held)


def _capabilities(agent: Any, kwargs: Kwargs) -> list[Any]:
    """Return the settings of the capabilities that record, of an agent and of a run; since 2.0."""
    root = getattr(agent, "_root_capability", None)
    given = [*(getattr(root, "capabilities", None) or ()), *(kwargs.get("capabilities") or ())]
    return [one.settings for one in given if type(one).__name__ == "Instrumentation"]


def _records(settings: Any) -> bool:
    if not settings:
        return False
    tracer = trace.get_tracer(_NATIVE) if settings is True else settings.tracer
    return type(getattr(tracer, "_tracer", tracer)).__name__ != "NoOpTracer"  # the former: of a proxy


def _iter(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    return _Entered(wrapped(*args, **kwargs), instance, args, kwargs)


class Tool(Ordinary):
    """``call_tool`` of any toolset."""

    def opening(self, called: Called, content: Content) -> Opening | None:
        """Return the tool and its arguments. Toolsets around toolsets pass one call on, which is one."""
        context, tool = called.argument(3, "ctx"), called.argument(4, "tool")
        call_id = context.tool_call_id
        if get_current().get(_CALL_ID) == (call_id, context.run_step) or tool.tool_def.kind == "output" or _native():
            return None
        name = str(called.argument(1, "name"))
        facts: Facts = {names.TOOL_NAME: name, names.TOOL_TYPE: "function"}
        if isinstance(call_id, str):
            facts[names.TOOL_CALL_ID] = call_id
        if content.on:
            if tool.tool_def.description:
                facts[names.TOOL_DESCRIPTION] = content.text(str(tool.tool_def.description))
            facts[names.TOOL_CALL_ARGUMENTS] = content.told(called.argument(2, "tool_args"))
        return Opening("execute_tool", name, facts, marks=Context({_CALL_ID: (call_id, context.run_step)}))

    def closing(self, opening: Opening, called: Called, result: Any, content: Content) -> Facts:
        """Return the result."""
        del opening, called
        if not content.on or result is None:
            return {}
        return {names.TOOL_CALL_RESULT: content.told(getattr(result, "return_value", result))}

    def error(self, error: BaseException) -> Facts | None:
        """Return nothing to say of a call that somebody will answer later."""
        return {} if type(error).__name__ in _NO_FAILURES else None


def _native() -> bool:
    """Tell whether the current span is the library's own, of what is about to happen."""
    scope = getattr(trace.get_current_span(), "instrumentation_scope", None)
    return scope is not None and scope.name == _NATIVE and trace.get_current_span().is_recording()


class _Told:
    """The run of a model call that the library's own span tells of: the client underneath is not asked again."""

    def __init__(self) -> None:
        if (watching := spans.witness()) is not None:
            watching.operations.add("chat")
        _scope.enter(self, spans.part_of_call(get_current()))

    def pause(self) -> None:
        """Give back what was current."""
        _scope.leave(self)

    def item(self, item: object) -> None:
        """Nothing."""

    def stop(self, result: object) -> None:
        """End."""
        del result
        self.pause()

    def fail(self, error: BaseException) -> None:
        """End."""
        del error
        self.pause()


def _begin(args: tuple[Any, ...], kwargs: Kwargs) -> _wrapping.Run:
    """Make the run of one call of a model."""
    return _Told() if _native() else _MODEL(args, kwargs)


class _Streamed(wrapt.ObjectProxy):  # type: ignore[type-arg]  # not generic at run time
    """What ``request_stream`` returns: a block in which the answer is read."""

    def __init__(self, manager: Any, called: tuple[Any, ...], kwargs: Kwargs) -> None:
        super().__init__(manager)
        self._self_called = (called, kwargs)
        self._self_run: Any = None
        self._self_stream: Any = None

    async def __aenter__(self) -> Any:
        run = self._self_run = _begin(*self._self_called)
        try:
            stream = self._self_stream = await self.__wrapped__.__aenter__()
        except BaseException as error:
            run.fail(error)
            raise
        with _KEPT:
            if isinstance(run, _deferred.ModelRun | _Told):
                run.pause()
                _count(stream, run)
        return stream

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Any:
        try:
            result = await self.__wrapped__.__aexit__(kind, error, traceback)
        except BaseException as raised:
            self._self_run.fail(raised)
            raise
        if error is None or result:
            with _KEPT:
                self._self_run.stop(self._self_stream.get())
        else:
            self._self_run.fail(error)
        return result


def _count(stream: Any, run: _wrapping.Run) -> None:
    """Have a run told of each event of a stream, whoever reads it."""
    events = stream._get_event_iterator  # noqa: SLF001  what the library's own iterator reads

    async def counted() -> AsyncIterator[Any]:
        async for event in events():
            run.item(event)
            yield event

    stream._get_event_iterator = counted  # noqa: SLF001  the same


def _request_stream(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    manager = wrapped(*args, **kwargs)
    return manager if spans.observing() is None else _Streamed(manager, (instance, *args), kwargs)


_MODEL: Final = _deferred.begin(models.Chat())


def _patch_agents(module: ModuleType, patches: Patches) -> None:
    observer: Observer = _iter
    patches.put(module.Agent, "iter", observer)


def _patch_models(module: ModuleType, patches: Patches) -> None:
    _subclasses.wrap(module.Model, ("request",), _begin, patches)
    _subclasses.each(
        module.Model, lambda owner: _subclasses.put(owner, "request_stream", _request_stream, patches), patches
    )


def _patch_toolsets(module: ModuleType, patches: Patches) -> None:
    _subclasses.wrap(module.AbstractToolset, ("call_tool",), _steps.begin(Tool()), patches)


_PATCHES: Final[Mapping[str, Callable[[ModuleType, Patches], None]]] = {
    "pydantic_ai.agent": _patch_agents,
    "pydantic_ai.models": _patch_models,
    "pydantic_ai.toolsets.abstract": _patch_toolsets,
}


def patch(module: ModuleType, patches: Patches) -> None:
    """Observe one of the library's modules."""
    _PATCHES[module.__name__](module, patches)


_KEPT: Final = _guard.Kept("observing Pydantic AI")
