"""Observes LlamaIndex: query and chat engines, retrievers, rerankers, tools, workflows and agents, models of their own.

The spans of model calls are those of the providers' clients; see `haechi.instrument._deferred` for where there is
none. The body of a streamed answer runs where it is read, after the engine has returned: it lies under the engine.
"""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

from opentelemetry.context import Context, create_key, get_current

from haechi import _guard, _scope, _wrapping, spans
from haechi._content import Content
from haechi._endpoints import Kwargs, Patches
from haechi.instrument import _deferred, _llama_index_models, _relay, _retrieval, _steps, _subclasses
from haechi.instrument._retrieval import Document
from haechi.instrument._steps import Called, Opening, Ordinary, Step
from haechi.spans import Facts
from haechi_schemas import attributes as names

SHOWN_CHARS_MAX: Final = 4_000
"""Characters of what goes into an engine or comes out of it; its models and retrievers hold the same text."""

_TOOL: Final = create_key("haechi-llama-index-tool")


class Engine(Ordinary):
    """A method of a query engine, a chat engine or a synthesizer."""

    def __init__(self, operation: str, subject: str = "") -> None:
        self._operation = operation
        self._subject = subject

    def opening(self, called: Called, content: Content) -> Opening | None:
        """Return the engine's name and the question."""
        name = type(called.instance).__name__
        asked = called.args[1] if len(called.args) > 1 else next(iter(called.kwargs.values()), None)
        facts = _shown(names.OBSERVED_INPUT, asked, content)
        if self._subject:
            facts[self._subject] = name
        return Opening(self._operation, name, facts)

    def closing(self, opening: Opening, called: Called, result: Any, content: Content) -> Facts:
        """Return the answer; that of a stream is not there yet."""
        del opening, called
        answer = getattr(result, "response", None)
        return _shown(names.OBSERVED_OUTPUT, answer, content) if isinstance(answer, str) and answer else {}

    def goes_on(self, result: Any, run: _relay.Resumable) -> bool:
        """Tell whether the answer is a stream: its body asks the model, when it is read."""
        if not _relay.is_generator(getattr(result, "response_gen", None)) or not hasattr(result, "source_nodes"):
            return False
        if "response_gen" not in vars(result):  # a property, of an answer that a thread of its own writes
            return False
        result.response_gen = _relay.relay(result.response_gen, run)
        return True


class Retriever(Ordinary):
    """``BaseRetriever.retrieve`` and ``aretrieve``."""

    def opening(self, called: Called, content: Content) -> Opening | None:
        """Return the question."""
        asked = called.argument(1, "str_or_query_bundle")
        query = getattr(asked, "query_str", asked)
        return _retrieval.retriever(type(called.instance).__name__, query, content)

    def closing(self, opening: Opening, called: Called, result: Any, content: Content) -> Facts:
        """Return the nodes."""
        del called
        found = [Document(_id(node), node.node.get_content(), node.score) for node in result or ()]
        return _retrieval.found_facts(found, content, _retrieval.looked(opening))


class Reranker(Ordinary):
    """``postprocess_nodes`` of what reranks. The texts are those of the retrieval, so that only their order is told."""

    def opening(self, called: Called, content: Content) -> Opening | None:
        """Return the reranker's name; other postprocessors are no steps."""
        del content
        name = type(called.instance).__name__
        return Opening("rerank", name, {}) if "rerank" in name.lower() else None

    def closing(self, opening: Opening, called: Called, result: Any, content: Content) -> Facts:
        """Return the nodes that were kept."""
        del opening, called
        return _retrieval.found_facts([Document(_id(node), None, node.score) for node in result or ()], content)


class Tool(Ordinary):
    """``call`` and ``acall`` of any tool."""

    def opening(self, called: Called, content: Content) -> Opening | None:
        """Return the tool and its arguments. A tool that calls another one of its name is one with it."""
        metadata = called.instance.metadata
        name = str(metadata.name or type(called.instance).__name__)
        if get_current().get(_TOOL) == name:
            return None
        facts: Facts = {names.TOOL_NAME: name, names.TOOL_TYPE: "function"}
        if content.on:
            facts[names.TOOL_DESCRIPTION] = content.text(str(metadata.description))
            facts[names.TOOL_CALL_ARGUMENTS] = content.told(_given(called))
        return Opening("execute_tool", name, facts, marks=Context({_TOOL: name}))

    def closing(self, opening: Opening, called: Called, result: Any, content: Content) -> Facts:
        """Return the result. A tool that answers with its error has failed, though the agent goes on."""
        del opening, called
        facts: Facts = {names.ERROR_TYPE: "tool_error"} if getattr(result, "is_error", False) else {}
        if content.on and result is not None:
            facts[names.TOOL_CALL_RESULT] = content.told(getattr(result, "content", result))
        return facts


def _given(called: Called) -> object:
    """Return the arguments of a tool that the model gave, without the workflow's context."""
    named = {key: value for key, value in called.kwargs.items() if key != "ctx"}
    return named or (called.args[1] if len(called.args) == 2 else called.args[1:])


def _id(node: Any) -> str | None:
    own = getattr(node.node, "node_id", None)
    return None if own is None else str(own)


def _shown(name: str, value: Any, content: Content) -> Facts:
    if not content.on or value is None:
        return {}
    return {name: content.told(getattr(value, "query_str", value), SHOWN_CHARS_MAX)}


def _run_workflow(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    """Observe ``Workflow.run``, which returns at once; the tasks that it starts inherit the step's context."""
    step = _workflow(instance, kwargs)
    if step is None:
        return wrapped(*args, **kwargs)
    try:
        handler = wrapped(*args, **kwargs)
    except BaseException as error:
        _scope.leave(step)
        step.fail(error)
        raise
    with _KEPT:
        _scope.leave(step)
        getattr(handler, "_result_task", handler).add_done_callback(lambda task: _over(step, task))
    return handler


def _workflow(instance: Any, kwargs: Kwargs) -> Step | None:
    runtime = spans.observing()
    if runtime is None:
        return None
    with _KEPT:
        agent = hasattr(instance, "agents") or hasattr(instance, "system_prompt")
        name = str((getattr(instance, "name", None) if agent else None) or type(instance).__name__)
        asked = kwargs.get("user_msg") or getattr(kwargs.get("start_event"), "user_msg", None)
        facts = _shown(names.OBSERVED_INPUT, asked if agent else kwargs or None, runtime.content)
        facts[names.AGENT_NAME if agent else names.WORKFLOW_NAME] = name
        step = Step(runtime, Opening("invoke_agent" if agent else "invoke_workflow", name, facts))
        _scope.enter(step, step.context())
        return step
    return None


def _over(step: Step, task: Any) -> None:
    with _KEPT:
        if task.cancelled():
            step.stop()
        elif (error := task.exception()) is not None:
            step.fail(error)
        else:
            step.stop()


def _patch_workflow(module: ModuleType, patches: Patches) -> None:
    patches.put(module.Workflow, "run", _run_workflow)


def _patch_llm(module: ModuleType, patches: Patches) -> None:
    chat, complete = _llama_index_models.Chat(), _llama_index_models.Complete()
    for model, words in ((chat, ("chat", "achat")), (complete, ("complete", "acomplete"))):
        _subclasses.wrap(module.BaseLLM, words, _deferred.begin(model), patches)

    def streams(owner: type) -> None:
        for model, word in ((chat, "stream_chat"), (complete, "stream_complete")):
            _subclasses.put(owner, word, _deferred.relaying(model), patches)
            _subclasses.put(owner, f"a{word}", _deferred.relaying_async(model), patches)

    _subclasses.each(module.BaseLLM, streams, patches)


def _patch_embedding(module: ModuleType, patches: Patches) -> None:
    begin = _deferred.begin(_llama_index_models.Embedding())
    for kind in ("query_embedding", "text_embedding", "text_embedding_batch"):
        patches.wrap(module.BaseEmbedding, f"get_{kind}", begin)
        patches.wrap(module.BaseEmbedding, f"aget_{kind}", begin)


def _methods(owner: str, begin: _wrapping.Begin, *words: str) -> Callable[[ModuleType, Patches], None]:
    """Return what observes methods that a base class defines for all."""

    def observe(module: ModuleType, patches: Patches) -> None:
        for word in words:
            patches.wrap(vars(module)[owner], word, begin)

    return observe


def _each(owner: str, begin: _wrapping.Begin, *words: str) -> Callable[[ModuleType, Patches], None]:
    """Return what observes methods that each subclass defines anew."""
    return lambda module, patches: _subclasses.wrap(vars(module)[owner], words, begin, patches)


_QUERY: Final = _steps.begin(Engine("invoke_workflow", names.WORKFLOW_NAME))
_SYNTHESIZE: Final = _steps.begin(Engine("execute_task"))
_PATCHES: Final[Mapping[str, Callable[[ModuleType, Patches], None]]] = {
    "llama_index.core.base.base_query_engine": _methods("BaseQueryEngine", _QUERY, "query", "aquery"),
    "llama_index.core.base.base_retriever": _methods(
        "BaseRetriever", _steps.begin(Retriever()), "retrieve", "aretrieve"
    ),
    "llama_index.core.response_synthesizers.base": _methods(
        "BaseSynthesizer", _SYNTHESIZE, "synthesize", "asynthesize"
    ),
    "llama_index.core.postprocessor.types": _methods(
        "BaseNodePostprocessor", _steps.begin(Reranker()), "postprocess_nodes", "apostprocess_nodes"
    ),
    "llama_index.core.chat_engine.types": _each(
        "BaseChatEngine", _QUERY, "chat", "achat", "stream_chat", "astream_chat"
    ),
    "llama_index.core.tools.types": _each("BaseTool", _steps.begin(Tool()), "call", "acall"),
    "llama_index.core.base.llms.base": _patch_llm,
    "llama_index.core.base.embeddings.base": _patch_embedding,
    "workflows.workflow": _patch_workflow,
    "llama_index.core.workflow.workflow": _patch_workflow,  # before 0.13
}
_KEPT: Final = _guard.Kept("observing a workflow")


def patch(module: ModuleType, patches: Patches) -> None:
    """Observe one of the library's modules."""
    _PATCHES[module.__name__](module, patches)
