"""Which libraries are observed, and the hooks that begin it when a library is imported.

Guarantee: a library that the application never imports is never imported by us, and one that another
instrumentation observes is left to that one: no call gives two spans. When the other one stops, ours goes on.

Operations: `install`, `uninstall`. One file per library beside this one, each with ``patch(module, patches)``, which
is called once for each of the target's modules, right after the application has imported it.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from haechi import _guard
from haechi._imports import forget, when_imported

if TYPE_CHECKING:
    from haechi._endpoints import Patches

_BASE: Final = "opentelemetry.instrumentation.instrumentor"
_RIVAL_SCHEMES: Final = ("opentelemetry.instrumentation", "openinference.instrumentation", "openlit.instrumentation")


@dataclass(frozen=True, slots=True)
class Target:
    """One library.

    Attributes:
        name: as in ``HAECHI_DISABLED`` and in the entry point ``haechi-<name>``.
        modules: after whose import ``patch`` is called, each for itself.
        rivals: last words of the packages of other instrumentations of this library, ``openai`` for
            ``opentelemetry.instrumentation.openai`` and ``openinference.instrumentation.openai``.
        ours: the module beside this one that observes it.
    """

    name: str
    modules: tuple[str, ...]
    rivals: tuple[str, ...]
    ours: str


_COPIES: Final = (
    "audio.speech",
    "audio.transcriptions",
    "audio.translations",
    "chat.completions",
    "completions",
    "embeddings",
    "images",
)
"""Modules of clients that are made as OpenAI's is; not every one has them all."""

TARGETS: Final[tuple[Target, ...]] = (
    Target(
        "openai",
        (
            "openai.resources.audio.speech",
            "openai.resources.audio.transcriptions",
            "openai.resources.audio.translations",
            "openai.resources.beta.chat.completions",  # where `parse` was before 1.92
            "openai.resources.beta.threads.runs.runs",
            "openai.resources.beta.threads.threads",
            "openai.resources.chat.completions.completions",
            "openai.resources.completions",
            "openai.resources.embeddings",
            "openai.resources.images",
            "openai.resources.moderations",
            "openai.resources.responses.responses",
            "openai.lib.streaming.chat._completions",
            "openai.lib.streaming.responses._responses",
        ),
        ("openai", "openai_v2", "genai.openai"),
        "openai",
    ),
    Target("groq", tuple(f"groq.resources.{name}" for name in _COPIES), ("groq",), "groq"),
    Target("together", tuple(f"together.resources.{name}" for name in _COPIES), ("together",), "together"),
    Target("fireworks", tuple(f"fireworks.resources.{name}" for name in _COPIES), ("fireworks",), "fireworks"),
    Target("litellm", ("litellm.main", "litellm.responses.main", "litellm"), ("litellm",), "litellm"),
    Target("anthropic", ("anthropic._base_client",), ("anthropic", "genai.anthropic"), "anthropic"),
    Target("bedrock", ("botocore.client", "aiobotocore.client"), ("botocore", "bedrock"), "bedrock"),
    Target(
        "google_genai",
        (
            "google.genai.models",
            "google.genai.chats",
            "google.genai._extra_utils",
            "google.genai._gaos.google_genai",  # interactions, since 3.0
        ),
        ("google_genai", "google_generativeai", "genai.google_genai", "google_ai_studio"),
        "google_genai",
    ),
    Target(
        "mistral",
        (
            *(f"mistralai.client.{name}" for name in ("chat", "fim", "embeddings", "agents", "_hooks.tracing")),
            *(f"mistralai.{name}" for name in ("chat", "fim", "embeddings", "agents", "_hooks.tracing")),  # before 2.0
            "mistralai.azure.client.chat",
            "mistralai.gcp.client.chat",
            "mistralai.gcp.client.fim",
            "mistralai_azure.chat",  # before 2.0, as the two below
            "mistralai_gcp.chat",
            "mistralai_gcp.fim",
        ),
        ("mistralai", "mistral"),
        "mistral",
    ),
    Target("cohere", ("cohere.v2.client", "cohere.v2.raw_client", "cohere.base_client"), ("cohere",), "cohere"),
    Target("ollama", ("ollama._client",), ("ollama",), "ollama"),
    Target(
        "langchain",
        (
            "langchain_core.caches",
            "langchain_core.callbacks.manager",
            "langchain_core.runnables.config",
            "langgraph._internal._runnable",
            "langgraph.utils.runnable",  # before LangGraph 0.6
            "langchain_core.language_models.chat_models",
            "langchain_core.language_models.llms",
            "langchain_core.tools.base",
            "langchain_core.retrievers",
            "langchain_core.prompts.base",
            "langchain_core.embeddings.embeddings",
        ),
        ("langchain", "genai.langchain"),
        "langchain",
    ),
    Target(
        "llama_index",
        (
            "llama_index.core.base.base_query_engine",
            "llama_index.core.base.base_retriever",
            "llama_index.core.base.embeddings.base",
            "llama_index.core.base.llms.base",
            "llama_index.core.chat_engine.types",
            "llama_index.core.postprocessor.types",
            "llama_index.core.response_synthesizers.base",
            "llama_index.core.tools.types",
            "workflows.workflow",
            "llama_index.core.workflow.workflow",  # before 0.13
        ),
        ("llamaindex", "llama_index"),
        "llama_index",
    ),
    Target(
        "chroma",
        ("chromadb.api.models.Collection", "chromadb.api.models.AsyncCollection"),
        ("chromadb",),
        "chroma",
    ),
    Target(
        "qdrant",
        ("qdrant_client.qdrant_client", "qdrant_client.async_qdrant_client"),
        ("qdrant",),
        "qdrant",
    ),
    Target(
        "pinecone",
        (
            *("pinecone.index", "pinecone.async_client.async_index", "pinecone.grpc"),
            *("pinecone.db_data.index", "pinecone.db_data.index_asyncio", "pinecone.grpc.index_grpc"),  # before 9
        ),
        ("pinecone",),
        "pinecone",
    ),
    Target(
        "mcp",
        (
            *(f"fastmcp.client.{name}" for name in ("telemetry", "mixins.tools", "mixins.prompts", "mixins.resources")),
            "mcp.client.session",
            "mcp.client.streamable_http",
            "mcp.server._otel",
            "mcp.server.lowlevel.server",
            "mcp.shared.jsonrpc_dispatcher",
            "mcp.shared.session",  # before 2.0
        ),
        ("mcp",),
        "mcp",
    ),
    Target(
        "openai_agents",
        (
            "agents.models.interface",
            "agents.run",
            "agents.tool_context",
            "agents.tracing.spans",
            "agents.tracing.traces",
        ),
        ("openai_agents", "genai.openai_agents"),
        "openai_agents",
    ),
    Target(
        "pydantic_ai",
        ("pydantic_ai.agent", "pydantic_ai.models", "pydantic_ai.toolsets.abstract"),
        ("pydantic_ai",),
        "pydantic_ai",
    ),
    Target("pgvector", ("psycopg.cursor", "psycopg.cursor_async"), (), "pgvector"),
)
"""Every library that is observed."""


@dataclass(slots=True)
class _Installed:
    """One target that is being observed."""

    target: Target
    patches: "Patches | None" = None  # made when there is something to patch: it brings wrapt, which is slow to import
    loaded: dict[str, ModuleType] = field(default_factory=dict)
    rivals: set[Any] = field(default_factory=set)  # instrumentors of others that are on

    def arrived(self, module: ModuleType) -> None:
        """Observe a module that the application has imported, unless somebody else does."""
        if module.__name__ in self.loaded:
            return
        self.loaded[module.__name__] = module
        if not (self.rivals or rival_active(self.target)):
            self.patch(module)

    def patch(self, module: ModuleType) -> None:
        """Put our observers into a module."""
        with _guard.Kept(f"instrumenting {self.target.name}"):
            from haechi._endpoints import Patches  # noqa: PLC0415  see `patches`

            self.patches = self.patches or Patches()
            import_module(f"{__name__}.{self.target.ours}").patch(module, self.patches)

    def stand_back(self) -> None:
        """Take our observers off, for somebody else's sake."""
        if self.patches is not None:
            self.patches.take_off()

    def go_on(self) -> None:
        """Put our observers back, where they are not."""
        self.stand_back()
        for module in self.loaded.values():
            self.patch(module)


_installed: dict[str, _Installed] = {}


def install(disabled: frozenset[str] = frozenset(), only: frozenset[str] | None = None) -> None:
    """Observe every target that is not disabled, now or when the application imports it. May be called again."""
    for target in TARGETS:
        wanted = target.name not in disabled and (only is None or target.name in only)
        if not wanted or target.name in _installed:
            continue
        installed = _installed[target.name] = _Installed(target)
        for module in target.modules:
            when_imported(module, installed.arrived)
    when_imported(_BASE, _watch_rivals)


def uninstall(only: frozenset[str] | None = None) -> None:
    """Take every observer off; modules imported from now on are left alone."""
    for name in [name for name in _installed if only is None or name in only]:
        installed = _installed.pop(name)
        forget(installed.arrived)
        installed.stand_back()


def rival_active(target: Target) -> bool:
    """Tell whether another instrumentation of the same library is at work."""
    return any(_is_active(sys.modules.get(name)) for name in rival_modules(target))


def rivalled(name: str) -> bool:
    """Tell whether the library of a target is left to another instrumentation."""
    installed = _installed.get(name)
    return installed is not None and (bool(installed.rivals) or rival_active(installed.target))


def rival_modules(target: Target) -> tuple[str, ...]:
    """Return the packages that are known to observe the same library."""
    return tuple(f"{scheme}.{rival}" for scheme in _RIVAL_SCHEMES for rival in target.rivals)


def _is_active(package: ModuleType | None) -> bool:
    """Tell whether a package's instrumentor has been turned on; all of them are singletons of one base class."""
    base = sys.modules.get(_BASE)
    if package is None or base is None:
        return False
    return any(
        isinstance(made, type) and issubclass(made, base.BaseInstrumentor) and made()._is_instrumented_by_opentelemetry  # noqa: SLF001  the public property is newer
        for made in vars(package).values()
        if made is not base.BaseInstrumentor
    )


def _watch_rivals(base: ModuleType) -> None:
    """Learn of every instrumentation that is turned on or off after ours."""
    import wrapt  # noqa: PLC0415  see `_Installed.patches`

    for method in ("instrument", "uninstrument"):
        original = vars(base.BaseInstrumentor)[method]
        if not isinstance(original, wrapt.FunctionWrapper):
            setattr(base.BaseInstrumentor, method, wrapt.FunctionWrapper(original, _rival_turned))


def _rival_turned(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    package = type(instance).__module__
    rivalled = [i for i in _installed.values() if _is_of(package, rival_modules(i.target))]
    if rivalled and wrapped.__name__ == "instrument":
        for installed in rivalled:
            installed.rivals.add(instance)  # already now: it may import the library, of which we are told first
            installed.stand_back()
    result = wrapped(*args, **kwargs)
    for installed in rivalled:
        # Instrumentors of one package may be nested, and one may refuse to be turned on: all of them are remembered.
        (set.add if instance._is_instrumented_by_opentelemetry else set.discard)(installed.rivals, instance)  # noqa: SLF001  see `_is_active`
        if not installed.rivals and not rival_active(installed.target):
            installed.go_on()
    return result


def _is_of(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)
