"""LangChain's runs: which of them are spans, and which span is current while a runnable's own code runs.

Guarantee: one span per top-level run, per agent and per node of a graph, not one per runnable; each under the span
that was current where it began, in whatever thread or task that happens. No context of ours is current in the
application's code outside of the runnables.

How: the callback managers say where every run begins and ends, with the id of the run around it; LangChain and
LangGraph run a runnable's code in a copy of the context that they prepare, where the span becomes the current one.

Bound: `RUNS_MAX` runs under way; beyond it the oldest is taken for lost.
"""

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.context import Context, attach, create_key, get_current

from haechi import _guard, _scope, _wrapping, spans
from haechi._content import Content
from haechi.instrument import _langchain_facts as told
from haechi.instrument._steps import IDLE, Opening, Step
from haechi.spans import Facts
from haechi_schemas import attributes as names

RUNS_MAX: Final = 10_000
"""Runs under way at once. Fewer: a wide batch forgets its first runs; runs that never end would stay for ever."""

SHOWN_CHARS_MAX: Final = 4_000
"""Characters of each text that goes into a chain or comes out of it. More: its models, tools and retrievers hold the
same text, and a chain's span would grow with all of them."""

_RUN: Final = create_key("haechi-langchain-run")


class _Run:
    """A run that has a span, or has it for the runs within.

    ``content`` is None where the span holds none: what nodes hand on is what the graph, its models and tools tell.
    """

    __slots__ = ("content", "context", "run_id", "step")

    def __init__(self, run_id: object, step: Step, around: Context, content: Content | None) -> None:
        self.run_id = run_id
        self.step = step
        self.content = content
        self.context = Context({**step.context(around), _RUN: self})


_UNKNOWN: Final = {"input": ""}
"""What LangChain says goes into a stream, as long as it has not been read."""

_runs: dict[object, _Run] = {}
"""The runs under way, by id. A run without a span of its own stands for the one around it."""


def within(callbacks: Any) -> Context:
    """Return the context in which something begins that LangChain asks for with these callbacks.

    It is the current one, unless the run around it runs elsewhere: a graph's loop, or a chain of the old kind, whose
    code does not run in a context of its own.
    """
    current = get_current()
    run = _runs.get(getattr(callbacks, "parent_run_id", None))
    return current if run is None or current.get(_RUN) is run else run.context


def enter(config: Mapping[str, Any]) -> None:
    """Make the span of the run around the current one; called in a context that LangChain has copied for a runnable."""
    with _KEPT:
        context = within(config.get("callbacks"))
        if context is not get_current():
            attach(context)


class Starting:
    """A callback manager is told that a chain begins (a run for `haechi._wrapping`)."""

    __slots__ = ("_inputs", "_kwargs", "_manager")

    def __init__(self, manager: Any, inputs: Any, kwargs: Mapping[str, Any]) -> None:
        self._manager = manager
        self._inputs = inputs
        self._kwargs = kwargs

    def item(self, item: object) -> None:
        """It is no generator."""

    def stop(self, run: object) -> None:
        """Learn the run's id."""
        with _KEPT:
            _begun(run, self._inputs, self._kwargs)

    def fail(self, error: BaseException) -> None:
        """Nothing has begun."""


def starting(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _wrapping.Run:
    """Begin to observe ``on_chain_start``."""
    if spans.observing() is None:
        return IDLE
    inputs = args[2] if len(args) > 2 else kwargs.get("inputs")
    return Starting(args[0], inputs, kwargs)


def ended(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _wrapping.Run:
    """Observe ``on_chain_end``."""
    with _KEPT:
        run = _over(args[0].run_id)
        if run is not None:
            outputs = args[1] if len(args) > 1 else kwargs.get("outputs")
            given = _shown(run, names.OBSERVED_INPUT, kwargs.get("inputs"))  # of a stream it is known at the end
            run.step.stop({**given, **_shown(run, names.OBSERVED_OUTPUT, outputs)})
    return IDLE


def failed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _wrapping.Run:
    """Observe ``on_chain_error``."""
    with _KEPT:
        run = _over(args[0].run_id)
        error = args[1] if len(args) > 1 else kwargs.get("error")
        if run is not None and isinstance(error, BaseException):
            finish(run.step, error)
    return IDLE


def finish(step: Step, error: BaseException) -> None:
    """End a step with an exception; one by which a graph waits for somebody is no failure."""
    if interrupts(error):
        step.stop({names.GRAPH_INTERRUPTED: True})
    else:
        step.fail(error)


def interrupts(error: BaseException) -> bool:
    """Tell whether an exception is LangGraph's way to leave a node that goes on later or elsewhere."""
    return any(kind.__name__ == "GraphBubbleUp" for kind in type(error).__mro__)


def _over(run_id: object) -> _Run | None:
    run = _runs.pop(run_id, None)
    return run if run is not None and run.run_id == run_id else None


def _begun(run: Any, inputs: Any, kwargs: Mapping[str, Any]) -> None:
    if run.run_id in _runs:  # LangGraph tells tracers of the same run apart from the others
        return
    around = _runs.get(run.parent_run_id)
    runtime = spans.observing()
    opening = _opening(run, kwargs)
    if opening is None or runtime is None:
        if around is not None:
            _keep(run.run_id, around)
        return
    opening.within = _conversation(within(run), run.metadata)
    content = None if names.GRAPH_NODE in opening.facts else runtime.content
    begun = _Run(run.run_id, Step(runtime, opening), opening.within, content)
    if inputs != _UNKNOWN:
        begun.step.span.set_attributes(_shown(begun, names.OBSERVED_INPUT, inputs))
    _keep(run.run_id, begun)


def _keep(run_id: object, run: _Run) -> None:
    if len(_runs) >= RUNS_MAX:
        lost = _runs.pop(next(iter(_runs)))
        lost.step.stop()
    _runs[run_id] = run


def _opening(run: Any, kwargs: Mapping[str, Any]) -> Opening | None:
    """Return the span of a run, None for one that is part of the one around it."""
    metadata = run.metadata or {}
    name = str(kwargs.get("name") or "")
    agent = _agent(run, name)
    if agent is not None:
        return Opening("invoke_agent", agent, {names.AGENT_NAME: agent})
    if metadata.get("langgraph_node") == name and _step_of_graph(run.tags):
        return _node(name, metadata)
    if run.parent_run_id is None and kwargs.get("run_type") != "prompt":
        return Opening("invoke_workflow", name, {names.WORKFLOW_NAME: name} if name else {})
    return None


def _node(name: str, metadata: Mapping[str, Any]) -> Opening:
    facts: Facts = {names.GRAPH_NODE: name}
    step = metadata.get("langgraph_step")
    if isinstance(step, int):
        facts[names.GRAPH_STEP] = step
    return Opening("execute_task", name, facts)


def _step_of_graph(tags: Any) -> bool:
    return any(str(tag).startswith("graph:step:") for tag in tags or ())


def _agent(run: Any, name: str) -> str | None:
    """Return the name of the agent that a run is, None where it is none.

    ``create_agent`` names its graph in the metadata; those of an agent inside of another are inherited by its runs.
    """
    metadata = run.metadata or {}
    if metadata.get("ls_integration") == "langchain_create_agent" and name and not _step_of_graph(run.tags):
        named = metadata.get("lc_agent_name")
        if name == named or (run.parent_run_id is None and named is None):
            return name
    return None


def _conversation(around: Context, metadata: Mapping[str, Any] | None) -> Context:
    """Return the context with the graph's thread as the conversation, unless the application has said which it is."""
    thread = (metadata or {}).get("thread_id")
    known = _scope.attributes(around)
    if not thread or names.CONVERSATION_ID in known:
        return around
    return _scope.inside(around, {**known, names.CONVERSATION_ID: str(thread)})


def _shown(run: _Run, name: str, value: Any) -> Facts:
    """Return what goes into a chain or comes out of it: the last message of a conversation, anything else in short."""
    content = run.content
    if content is None or not content.on or value is None:
        return {}
    talk = value.get("messages") if isinstance(value, Mapping) else value
    last = talk[-1] if isinstance(talk, list) and talk else value
    if hasattr(last, "response_metadata") or hasattr(last, "additional_kwargs"):
        return {name: content.json(told.messages([last]))}
    return {name: content.told(last, SHOWN_CHARS_MAX)}


_KEPT: Final = _guard.Kept("observing a chain")
