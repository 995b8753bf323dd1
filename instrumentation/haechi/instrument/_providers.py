"""Who answers, told by the address that a client is pointed at.

Many providers speak OpenAI's protocol, so that an OpenAI client says nothing of whose models it uses; its base URL
does. Names are those of ``gen_ai.provider.name`` in the conventions where they list the provider, elsewhere those that
the price book knows.
"""

import weakref
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from haechi import _runtime
from haechi.spans import Facts
from haechi_schemas import attributes as names

_HOSTS: Final = {
    "ai-gateway.vercel.sh": "vercel",
    "ai.api.nvidia.com": "nvidia",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "amazonaws.com": "aws.bedrock",
    "api.anthropic.com": "anthropic",
    "api.avian.io": "avian",
    "api.aws": "aws.bedrock",
    "api.cerebras.ai": "cerebras",
    "api.cohere.ai": "cohere",
    "api.cohere.com": "cohere",
    "api.deepinfra.com": "deepinfra",
    "api.deepseek.com": "deepseek",
    "api.fireworks.ai": "fireworks_ai",
    "api.groq.com": "groq",
    "api.hyperbolic.xyz": "hyperbolic",
    "api.minimax.io": "minimax",
    "api.minimaxi.com": "minimax",
    "api.mistral.ai": "mistral_ai",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "api.novita.ai": "novita",
    "api.openai.com": "openai",
    "api.perplexity.ai": "perplexity",
    "api.sambanova.ai": "sambanova",
    "api.studio.nebius.com": "nebius",
    "api.tokenfactory.nebius.com": "nebius",
    "api.together.ai": "together_ai",
    "api.together.xyz": "together_ai",
    "api.upstage.ai": "upstage",
    "api.voyageai.com": "voyageai",
    "api.x.ai": "x_ai",
    "api.z.ai": "zai",
    "bigmodel.cn": "zhipuai",
    "clovastudio.apigw.ntruss.com": "naver.clova",
    "clovastudio.stream.ntruss.com": "naver.clova",
    "codestral.mistral.ai": "mistral_ai",
    "cognitiveservices.azure.com": "azure.ai.openai",
    "dashscope-intl.aliyuncs.com": "alibaba",
    "dashscope.aliyuncs.com": "alibaba",
    "endpoints.ai.cloud.ovh.net": "ovhcloud",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "inference.ai.azure.com": "azure.ai.inference",
    "inference.baseten.co": "baseten",
    "integrate.api.nvidia.com": "nvidia",
    "models.github.ai": "github",
    "ollama.com": "ollama",
    "openai.azure.com": "azure.ai.openai",
    "openrouter.ai": "openrouter",
    "router.huggingface.co": "huggingface",
    "services.ai.azure.com": "azure.ai.inference",
}
"""The ends of hosts; what stands before one ends with a dot or a dash (``us-central1-aiplatform.googleapis.com``)."""
_PORTS: Final = {1234: "lm_studio", 4000: "litellm", 11434: "ollama", 30000: "sglang"}
"""What listens there by default, on hosts that nothing else is known of. 8000, vLLM's, says nothing."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a client sends its requests, and who that is."""

    provider: str
    address: str
    port: int | None
    facts: Facts = field(init=False, repr=False, compare=False, default_factory=dict)
    """The attributes of the address. Not to be changed."""

    def __post_init__(self) -> None:
        if self.address:
            self.facts[names.SERVER_ADDRESS] = self.address
        if self.port is not None:
            self.facts[names.SERVER_PORT] = self.port


def provider_of(host: str, port: int | None, otherwise: str, own: tuple[tuple[str, str], ...] = ()) -> str:
    """Return the provider behind an address, ``otherwise`` when it is nobody's known; ``own`` hosts come first."""
    for name, provider in own:
        if name in {host, f"{host}:{port}"}:
            return provider
    for end, provider in _HOSTS.items():
        if host == end or host.endswith((f".{end}", f"-{end}")):
            return provider
    return _PORTS.get(port or 0, otherwise)


def server_of(client: Any, otherwise: str) -> Server:
    """Return where a client (it has a ``base_url``) sends its requests; remembered as long as the client lives."""
    if (known := known_server(client)) is not None:
        return known
    url, own, number = getattr(client, "base_url", ""), _own(), id(client)
    server = _server_at(str(url), otherwise, own)
    held = "_base_url" if getattr(client, "_base_url", None) is url else "base_url"
    _servers[number] = _Known(weakref.ref(client, lambda _: _servers.pop(number, None)), held, url, own, server)
    return server


def known_server(client: Any) -> Server | None:
    """Return what `server_of` has remembered of a client, None where that is nothing or does not hold any more."""
    known = _servers.get(id(client))
    if known is None or known.client() is not client or known.url is not getattr(client, known.held, ""):
        return None
    runtime = _runtime.current()
    return known.server if runtime is None or known.own is runtime.config.providers else None


def server_at(url: str, otherwise: str) -> Server:
    """Return who answers at a base URL; remembered by the URL, for clients that hold it as text."""
    return _server_at(url, otherwise, _own())


def _own() -> tuple[tuple[str, str], ...]:
    runtime = _runtime.current()
    return runtime.config.providers if runtime is not None else ()


@lru_cache(maxsize=256)
def _server_at(url: str, otherwise: str, own: tuple[tuple[str, str], ...]) -> Server:
    parts = urlsplit(url)
    port = parts.port if parts.port is not None else {"https": 443, "http": 80}.get(parts.scheme)
    host = parts.hostname or ""
    return Server(provider_of(host, port, otherwise, own), host, port)


@dataclass(frozen=True, slots=True)
class _Known:
    """Where a client was found to send its requests, and what that was told by.

    ``held``: where the client holds its ``base_url``: OpenAI's goes through four functions to say it.
    """

    client: "weakref.ref[Any]"
    held: str
    url: Any
    own: tuple[tuple[str, str], ...]
    server: Server


_servers: Final[dict[int, _Known]] = {}  # by the client's address, as long as it lives
