"""Observes the OpenAI Agents SDK: runs, agents, tools, handoffs and guardrails.

The spans of model calls are those of the providers' clients, and lie under the agent's; models without an observed
client are told of as the SDK sees them. A tool of an MCP server is one span with the request to that server. The SDK's
own tracing goes on as the application has it: nothing is added to it, turned off or exported twice.

A streamed run lasts until its task ends, whether somebody reads its events or not.
"""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

from opentelemetry.context import Context, get_current

from haechi import _guard, _scope, spans
from haechi._content import Content, field
from haechi._endpoints import Kwargs, Patches
from haechi.instrument import _deferred, _subclasses
from haechi.instrument import _openai_agents_models as models
from haechi.instrument import _openai_agents_spans as followed
from haechi.instrument._steps import Opening, Step
from haechi.spans import Facts
from haechi_schemas import attributes as names

SHOWN_CHARS_MAX: Final = 4_000
"""Characters of what goes into a run or comes out of it; its models hold the same text."""
_WORKFLOW: Final = "Agent workflow"  # the SDK's own word where the application has none


class _Run:
    """One run, as a step, whose end may be far from where it began."""

    __slots__ = ("_content", "_step")

    def __init__(self, step: Step, content: Content) -> None:
        self._step = step
        self._content = content

    def leave(self) -> None:
        """Give back what was current when the run began."""
        with _KEPT:
            _scope.leave(self)

    def stop(self, result: Any) -> None:
        """End well."""
        facts: Facts = {}
        with _KEPT:
            facts = _shown(names.OBSERVED_OUTPUT, field(result, "final_output"), self._content)
        self._step.stop(facts)

    def fail(self, error: BaseException) -> None:
        """End with what the application gets."""
        self._step.fail(error)

    def over(self, result: Any, task: Any) -> None:
        """End a streamed run, when its task has ended."""
        with _KEPT:
            stored = getattr(result, "_stored_exception", None)
            error = stored if task.cancelled() else task.exception() or stored
            if error is None:
                self.stop(result)
            else:
                self.fail(error)


def _begin(args: tuple[Any, ...], kwargs: Kwargs) -> _Run | None:
    runtime = spans.observing()
    if runtime is None or get_current().get(followed.RUN):  # an agent that is a tool of another is part of its run
        return None
    with _KEPT:
        config = kwargs.get("run_config")
        name = str(field(config, "workflow_name") or _WORKFLOW)
        facts = _shown(names.OBSERVED_INPUT, args[1] if len(args) > 1 else kwargs.get("input"), runtime.content)
        facts[names.WORKFLOW_NAME] = name
        if (conversation := _conversation(kwargs, config)) is not None:
            facts[names.CONVERSATION_ID] = conversation
        step = Step(runtime, Opening("invoke_workflow", name, facts))
        run = _Run(step, runtime.content)
        _scope.enter(run, Context({**step.context(get_current()), followed.RUN: True}), followed.conversing(facts))
        return run
    return None


def _conversation(kwargs: Kwargs, config: Any) -> str | None:
    """Return what the run is a part of, as the application has named it in one of the SDK's ways."""
    told = (field(kwargs.get("session"), "session_id"), kwargs.get("conversation_id"), field(config, "group_id"))
    return next((value for value in told if isinstance(value, str) and value), None)


def _shown(name: str, value: Any, content: Content) -> Facts:
    return {name: content.told(value, SHOWN_CHARS_MAX)} if content.on and value is not None else {}


async def _run(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    """Observe ``run``, through which ``run_sync`` goes too."""
    del instance
    run = _begin(args, kwargs)
    if run is None:
        return await wrapped(*args, **kwargs)
    try:
        result = await wrapped(*args, **kwargs)
    except BaseException as error:
        run.leave()
        run.fail(error)
        raise
    run.leave()
    run.stop(result)
    return result


def _run_streamed(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    """Observe ``run_streamed``, whose task inherits the run's context."""
    del instance
    run = _begin(args, kwargs)
    if run is None:
        return wrapped(*args, **kwargs)
    try:
        result = wrapped(*args, **kwargs)
    except BaseException as error:
        run.leave()
        run.fail(error)
        raise
    run.leave()
    with _KEPT:
        task = getattr(result, "run_loop_task", None) or result._run_impl_task  # noqa: SLF001  before 0.7
        task.add_done_callback(lambda task: run.over(result, task))
    return result


def _patch_runs(module: ModuleType, patches: Patches) -> None:
    patches.put(module.AgentRunner, "run", _run)
    patches.put(module.AgentRunner, "run_streamed", _run_streamed)


def _patch_spans(module: ModuleType, patches: Patches) -> None:
    for owner in (module.SpanImpl, module.NoOpSpan):
        patches.put(owner, "start", followed.start)
        patches.put(owner, "finish", followed.finish)
        patches.put(owner, "set_error", followed.set_error)


def _patch_traces(module: ModuleType, patches: Patches) -> None:
    for owner in (module.TraceImpl, module.NoOpTrace):
        patches.put(owner, "start", followed.start)
        patches.put(owner, "finish", followed.finish)


def _patch_tools(module: ModuleType, patches: Patches) -> None:
    patches.put(module.ToolContext, "from_agent_context", followed.called)


def _patch_models(module: ModuleType, patches: Patches) -> None:
    _subclasses.wrap(module.Model, ("get_response", "stream_response"), _deferred.begin(models.Agents()), patches)


_PATCHES: Final[Mapping[str, Callable[[ModuleType, Patches], None]]] = {
    "agents.models.interface": _patch_models,
    "agents.run": _patch_runs,
    "agents.tool_context": _patch_tools,
    "agents.tracing.spans": _patch_spans,
    "agents.tracing.traces": _patch_traces,
}


def patch(module: ModuleType, patches: Patches) -> None:
    """Observe one of the SDK's modules."""
    _PATCHES[module.__name__](module, patches)


_KEPT: Final = _guard.Kept("observing a run of agents")
