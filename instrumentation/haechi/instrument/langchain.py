"""Observes LangChain and LangGraph: chains, agents, nodes, prompts, tools, retrievers, and models of their own.

The spans of model calls are those of the providers' clients; see `haechi.instrument._deferred` for where there is
none. See `haechi.instrument._langchain_runs` for chains.
"""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

from haechi import _runtime, _wrapping, spans
from haechi._content import Content
from haechi._endpoints import Kwargs, Patches
from haechi.instrument import _deferred, _langchain_models, _retrieval, _steps, _subclasses
from haechi.instrument import _langchain_facts as told
from haechi.instrument import _langchain_runs as runs
from haechi.instrument._steps import Called, Opening, Ordinary
from haechi.spans import Facts
from haechi_schemas import attributes as names

OUTLINE_CHARS_MAX: Final = 200
"""Characters of each text in a variable of a prompt that is no text itself."""


class Tool(Ordinary):
    """``BaseTool.run`` and ``arun``, through which every tool is called."""

    def opening(self, called: Called, content: Content) -> Opening | None:
        """Return the tool, the call's id and its arguments."""
        tool, kwargs = called.instance, called.kwargs
        facts: Facts = {names.TOOL_NAME: tool.name, names.TOOL_TYPE: "function"}
        if isinstance(call_id := kwargs.get("tool_call_id"), str):
            facts[names.TOOL_CALL_ID] = call_id
        if content.on:
            facts[names.TOOL_DESCRIPTION] = content.text(str(tool.description))
            facts[names.TOOL_CALL_ARGUMENTS] = content.told(_given(tool, called.argument(1, "tool_input")))
        config = kwargs.get("config") or {}
        around = runs.within(called.argument(5, "callbacks") or config.get("callbacks"))
        return Opening("execute_tool", tool.name, facts, around)

    def closing(self, opening: Opening, called: Called, result: Any, content: Content) -> Facts:
        """Return the result. A tool that answers with its error has failed, though the agent goes on."""
        del opening, called
        facts: Facts = {names.ERROR_TYPE: "tool_error"} if getattr(result, "status", None) == "error" else {}
        if content.on and result is not None:
            facts[names.TOOL_CALL_RESULT] = content.told(getattr(result, "content", result))
        return facts

    def error(self, error: BaseException) -> Facts | None:
        """Return that it waits for somebody, where it does."""
        return {names.GRAPH_INTERRUPTED: True} if runs.interrupts(error) else None


class Retriever(Ordinary):
    """``BaseRetriever.invoke`` and ``ainvoke``."""

    def opening(self, called: Called, content: Content) -> Opening | None:
        """Return the query."""
        config = called.argument(2, "config") or {}
        name = str(config.get("run_name") or called.instance.get_name())
        around = runs.within(config.get("callbacks"))
        return _retrieval.retriever(name, called.argument(1, "input"), content, around)

    def closing(self, opening: Opening, called: Called, result: Any, content: Content) -> Facts:
        """Return the documents."""
        del called
        return _retrieval.found_facts(told.documents(result), content, _retrieval.looked(opening))


class Prompt(Ordinary):
    """``BasePromptTemplate.invoke`` and ``ainvoke``."""

    def opening(self, called: Called, content: Content) -> Opening | None:
        """Return the template's name and, where content is wanted, what is put into it."""
        prompt = called.instance
        config = called.argument(2, "config") or {}
        facts = _hub(prompt.metadata or {})
        if named := config.get("run_name") or prompt.name:
            facts.setdefault(names.PROMPT_NAME, str(named))
        if content.on:
            facts |= _variables(called.argument(1, "input"), prompt.input_variables, content)
        name = str(facts.get(names.PROMPT_NAME) or type(prompt).__name__)
        return Opening("prompt", name, facts, runs.within(config.get("callbacks")))

    def closing(self, opening: Opening, called: Called, result: Any, content: Content) -> Facts:
        """Return nothing more: the model's call holds the prompt itself."""
        del opening, called, result, content
        return {}


def _hub(metadata: Mapping[str, Any]) -> Facts:
    """Return name and version of a prompt that was pulled from LangChain's hub."""
    facts: Facts = {}
    if isinstance(repo := metadata.get("lc_hub_repo"), str):
        facts[names.PROMPT_NAME] = repo
    if isinstance(commit := metadata.get("lc_hub_commit_hash"), str):
        facts[names.PROMPT_VERSION] = commit
    return facts


def _variables(given: Any, wanted: list[str], content: Content) -> Facts:
    if not isinstance(given, Mapping):
        given = dict.fromkeys(wanted[:1], given)
    return {names.PROMPT_VARIABLE_PREFIX + str(key): _variable(value, content) for key, value in given.items()}


def _variable(value: Any, content: Content) -> str:
    """Return what a variable holds; of documents and the like an outline, because retrieval and model hold them too."""
    return content.told(value, runs.SHOWN_CHARS_MAX if isinstance(value, str) else OUTLINE_CHARS_MAX)


def _given(tool: Any, tool_input: Any) -> Any:
    """Return the arguments of a tool that the model gave, without those that the framework puts in."""
    if not isinstance(tool_input, Mapping):
        return tool_input
    only = getattr(tool, "_filter_injected_args", dict)  # before langchain-core 1.0 there is none
    return {key: value for key, value in only(tool_input).items() if isinstance(value, _PLAIN)}


_PLAIN: Final = (str, int, float, bool, list, dict, type(None))


def _entering(wrapped: Callable[..., Any], _instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    """Observe ``_set_config_context``, called in the context that a runnable's code is about to run in."""
    result = wrapped(*args, **kwargs)
    if _runtime.current() is not None:
        runs.enter(args[0] if args else kwargs["config"])
    return result


def _token(wrapped: Callable[..., Any], _instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    """Observe ``on_llm_new_token``: a model that is streamed although its caller waits for the whole."""
    if (watching := spans.witness()) is not None and (runtime := _runtime.current()) is not None:
        watching.chunk(runtime.clock())
    return wrapped(*args, **kwargs)


def _patch_manager(module: ModuleType, patches: Patches) -> None:
    for manager in (module.CallbackManager, module.AsyncCallbackManager):
        patches.wrap(manager, "on_chain_start", runs.starting)
    for manager in (module.CallbackManagerForChainRun, module.AsyncCallbackManagerForChainRun):
        patches.wrap(manager, "on_chain_end", runs.ended)
        patches.wrap(manager, "on_chain_error", runs.failed)
    for manager in (module.CallbackManagerForLLMRun, module.AsyncCallbackManagerForLLMRun):
        patches.put(manager, "on_llm_new_token", _token)
        patches.put(manager, "on_stream_event", _token)


def _patch_config(module: ModuleType, patches: Patches) -> None:
    patches.put(module, "_set_config_context", _entering)


def _patch_chat(module: ModuleType, patches: Patches) -> None:
    _patch_pairs(module.BaseChatModel, patches, _CHAT)


def _patch_text(module: ModuleType, patches: Patches) -> None:
    _patch_pairs(module.BaseLLM, patches, _TEXT)


def _patch_tool(module: ModuleType, patches: Patches) -> None:
    _patch_pairs(module.BaseTool, patches, {"run": _steps.begin(Tool()), "arun": _steps.begin(Tool())})


def _patch_retriever(module: ModuleType, patches: Patches) -> None:
    _patch_pairs(module.BaseRetriever, patches, dict.fromkeys(("invoke", "ainvoke"), _steps.begin(Retriever())))


def _patch_prompt(module: ModuleType, patches: Patches) -> None:
    _patch_pairs(module.BasePromptTemplate, patches, dict.fromkeys(("invoke", "ainvoke"), _steps.begin(Prompt())))


def _patch_caches(module: ModuleType, patches: Patches) -> None:
    _subclasses.wrap(module.BaseCache, ("lookup", "alookup"), lambda _args, _kwargs: _LOOKUP, patches)


def _patch_embeddings(module: ModuleType, patches: Patches) -> None:
    begin = _deferred.begin(_langchain_models.Embeddings())
    _subclasses.wrap(module.Embeddings, ("embed_documents", "embed_query"), begin, patches)


def _patch_pairs(owner: type, patches: Patches, begins: Mapping[str, _wrapping.Begin]) -> None:
    for name, begin in begins.items():
        patches.wrap(owner, name, begin)


_GENERATE: Final = _deferred.begin(_langchain_models.Chat())
_STREAM: Final = _deferred.begin(_langchain_models.ChatStream())
_COMPLETE: Final = _deferred.begin(_langchain_models.Text())
_COMPLETE_STREAM: Final = _deferred.begin(_langchain_models.TextStream())
_CHAT: Final = {
    "_generate_with_cache": _GENERATE,
    "_agenerate_with_cache": _GENERATE,
    "stream": _STREAM,
    "astream": _STREAM,
}
_TEXT: Final = {
    "_generate_helper": _COMPLETE,
    "_agenerate_helper": _COMPLETE,
    "stream": _COMPLETE_STREAM,
    "astream": _COMPLETE_STREAM,
}
_LOOKUP: Final = _deferred.Lookup()
_PATCHES: Final[Mapping[str, Callable[[ModuleType, Patches], None]]] = {
    "langchain_core.callbacks.manager": _patch_manager,
    "langchain_core.runnables.config": _patch_config,
    "langgraph._internal._runnable": _patch_config,
    "langgraph.utils.runnable": _patch_config,  # before LangGraph 0.6
    "langchain_core.language_models.chat_models": _patch_chat,
    "langchain_core.language_models.llms": _patch_text,
    "langchain_core.caches": _patch_caches,
    "langchain_core.tools.base": _patch_tool,
    "langchain_core.retrievers": _patch_retriever,
    "langchain_core.prompts.base": _patch_prompt,
    "langchain_core.embeddings.embeddings": _patch_embeddings,
}


def patch(module: ModuleType, patches: Patches) -> None:
    """Observe one of the library's modules."""
    _PATCHES[module.__name__](module, patches)
