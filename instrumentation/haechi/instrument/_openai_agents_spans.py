"""The spans that the OpenAI Agents SDK makes of its own run, followed: agents, tools, handoffs, guardrails, traces.

Guarantee: each span of the SDK that is a step gives one step, current as long as the SDK's own is, whether the SDK's
tracing is on, off or exported elsewhere; the SDK's spans and their processors are left as they are. What failed is told
by the exception that ends the span, or by the error that the SDK attaches to it.

Spans of model calls, of single turns and of lists of tools are no steps.
"""

import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.context import Context, create_key, get_current

from haechi import _guard, _scope, spans
from haechi._content import Content
from haechi._endpoints import Kwargs
from haechi.instrument._steps import Opening, Step
from haechi.spans import Facts
from haechi_schemas import attributes as names

RUN: Final = create_key("haechi-openai-agents-run")
"""In the context of a run: inside of it there is no second one."""
_STEP: Final = create_key("haechi-openai-agents-step")


@dataclass(slots=True)
class _Followed:
    """A step, and how things stood when it began."""

    step: Step
    content: Content
    raised: BaseException | None
    failed: bool = False  # whether the SDK has attached an error

    def end(self, data: Any) -> None:
        """End, with what the SDK's span says by now."""
        facts: Facts = {}
        with _KEPT:
            _scope.leave(self)
            facts = _closing(self.step, data, self.content)
        raised = sys.exception()
        if raised is not None and raised is not self.raised:
            self.step.fail(raised)
            return
        if self.failed and (word := _FAILING.get(getattr(data, "type", ""))) is not None:
            facts[names.ERROR_TYPE] = word
        self.step.stop(facts)


_FAILING: Final = {"agent": "agent_error", "function": "tool_error"}
"""Spans to which the SDK attaches nothing but failures, and the types of these."""
_followed: "weakref.WeakKeyDictionary[Any, _Followed]" = weakref.WeakKeyDictionary()


def start(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    """Observe ``start`` of a span or of a trace."""
    result = wrapped(*args, **kwargs)
    runtime = spans.observing()
    if runtime is not None and instance not in _followed:
        with _KEPT:
            opening = _opening(instance, runtime.content)
            if opening is not None:
                step = Step(runtime, opening)
                followed = _followed[instance] = _Followed(step, runtime.content, sys.exception())
                if args[0] if args else kwargs.get("mark_as_current"):
                    inside = Context({**step.context(get_current()), _STEP: step})
                    _scope.enter(followed, inside, conversing(opening.facts))
    return result


def finish(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    """Observe ``finish`` of a span or of a trace."""
    followed = _followed.pop(instance, None)
    if followed is not None:
        with _KEPT:
            followed.end(getattr(instance, "span_data", None))
    return wrapped(*args, **kwargs)


def set_error(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    """Observe ``set_error`` of a span: tools that fail are answered for, and do not raise."""
    followed = _followed.get(instance)
    if followed is not None:
        followed.failed = True
    return wrapped(*args, **kwargs)


def called(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    """Observe ``ToolContext.from_agent_context``, which knows the id of the call that a tool's span is of."""
    del instance
    with _KEPT:
        call_id = args[1] if len(args) > 1 else kwargs.get("tool_call_id")
        step = get_current().get(_STEP)
        if isinstance(step, Step) and isinstance(call_id, str):
            step.span.set_attribute(names.TOOL_CALL_ID, call_id)
    return wrapped(*args, **kwargs)


def conversing(facts: Facts) -> Facts:
    """Return the attributes of what begins inside of a step: those around, and the step's conversation."""
    conversation = facts.get(names.CONVERSATION_ID)
    around = _scope.attributes()
    return {**around, names.CONVERSATION_ID: conversation} if conversation is not None else dict(around)


def _opening(instance: Any, content: Content) -> Opening | None:
    data = getattr(instance, "span_data", None)
    kind = getattr(data, "type", "trace" if data is None else "")
    opener = _OPENINGS.get(kind)
    return None if opener is None else opener(instance if data is None else data, content)


def _trace(trace: Any, content: Content) -> Opening | None:
    """Return the step of a trace that the application began; one that a run began is the run."""
    del content
    if get_current().get(RUN):
        return None
    name = "" if trace.name == "no-op" else str(trace.name)
    facts: Facts = {names.WORKFLOW_NAME: name} if name else {}
    group = getattr(trace, "group_id", None)
    if isinstance(group, str):
        facts[names.CONVERSATION_ID] = group
    return Opening("invoke_workflow", name, facts)


def _agent(data: Any, content: Content) -> Opening:
    del content
    return Opening("invoke_agent", str(data.name), {names.AGENT_NAME: str(data.name)})


def _function(data: Any, content: Content) -> Opening:
    del content
    return Opening("execute_tool", str(data.name), {names.TOOL_NAME: str(data.name), names.TOOL_TYPE: "function"})


def _handoff(data: Any, content: Content) -> Opening:
    del content
    return Opening("handoff", "", {names.HANDOFF_FROM: str(data.from_agent)})


def _guardrail(data: Any, content: Content) -> Opening:
    del content
    return Opening("guardrail", str(data.name), {names.GUARDRAIL_NAME: str(data.name)})


_OPENINGS: Final[dict[str, Callable[[Any, Content], Opening | None]]] = {
    "agent": _agent,
    "function": _function,
    "guardrail": _guardrail,
    "handoff": _handoff,
    "trace": _trace,
}


def _closing(step: Step, data: Any, content: Content) -> Facts:
    kind = getattr(data, "type", "")
    if kind == "handoff" and data.to_agent:
        step.span.update_name(f"handoff {data.to_agent}")
        return {names.HANDOFF_TO: str(data.to_agent)}
    if kind == "guardrail":
        return {names.GUARDRAIL_TRIGGERED: bool(data.triggered)}
    if kind != "function" or not content.on:
        return {}
    facts: Facts = {}
    if data.input is not None:
        facts[names.TOOL_CALL_ARGUMENTS] = content.told(data.input)
    if data.output is not None:
        facts[names.TOOL_CALL_RESULT] = content.told(data.output)
    return facts


_KEPT: Final = _guard.Kept("observing a run of agents")
