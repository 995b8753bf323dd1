"""The clients that speak OpenAI's chat protocol, and the four ways in which a program talks to one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import fireworks
import groq
import openai
import together
from tests.instrumentation.expectations import cost_usd, counts
from tests.standin import Facts, Standin, expected
from tests.standin.facts import VENDORS

from haechi_schemas import attributes as names

Body = dict[str, Any]
KEY = "sk-standin"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "날씨", "parameters": SCHEMA}}
ASKED = {
    "chat": "Where is Seoul?",
    "korean": "서울은 어디입니까? [korean]",
    "tool": "날씨? [tool]",
    "tools": "[tools]",
    "length": "[length]",
    "refusal": "[refusal]",
    "reasoning": "[reasoning]",
}


@dataclass(frozen=True)
class Client:
    """One client, pointed at one provider."""

    name: str
    vendor: str  # in the stand-in
    provider: str  # on the span
    made: Callable[..., Any]
    made_async: Callable[..., Any]
    other_model: str = ""  # than the stand-in's usual one
    thinks: bool = False  # its answers show what the model thought
    reported_usd: float | None = None  # what the server says a call cost
    host: str = ""  # the provider's own, which the stand-in plays as a proxy
    head: tuple[str, ...] = ()  # further facts of each answer

    @property
    def model(self) -> str:
        return self.other_model or VENDORS[self.vendor].model

    @property
    def asks(self) -> bool:
        """Whether its streams are asked for their usage."""
        return self.made_by_openai and self.provider not in {"groq", "perplexity", "x_ai"}

    @property
    def made_by_openai(self) -> bool:
        return self.name.startswith("openai") or self is AZURE

    def told(self, scenario: str) -> Facts:
        """What the stand-in answers, playing this provider."""
        offered = ({"name": "get_weather", "schema": SCHEMA},)
        told = expected(f"{self.vendor}.{scenario}", model=self.model, tools=offered)
        return told if self.thinks else replace(told, reasoning="")

    def body(self, scenario: str, **more: Any) -> Body:
        """The arguments of a request."""
        tools = {"tools": [WEATHER]} if scenario in {"tool", "tools"} else {}
        return {"model": self.model, "messages": [{"role": "user", "content": ASKED[scenario]}], **tools, **more}

    def usage_facts(self, told: Facts) -> dict[str, Any]:
        """The facts of the usage, with what it costs."""
        usage = counts(told)
        if self.reported_usd is not None:
            return {**usage, names.COST_USD: self.reported_usd}
        return {**usage, names.COST_USD: cost_usd(self.provider, (told.response_model, self.model), usage)}


def at(path: str, kind: Callable[..., Any], **more: Any) -> Callable[[Standin], Any]:
    """Make a client of the stand-in."""
    return lambda standin: kind(base_url=standin.url + path, api_key=KEY, max_retries=0, **more)


def _azure(kind: Callable[..., Any]) -> Callable[[Standin], Any]:
    return lambda s: kind(azure_endpoint=s.url, api_version="2024-10-21", api_key=KEY, max_retries=0)


def _through(url: str, kind: Callable[..., Any], transport: Callable[..., Any]) -> Callable[[Standin], Any]:
    return lambda s: kind(base_url=url, api_key=KEY, max_retries=0, http_client=transport(proxy=s.url))


def _compatible(vendor: str, provider: str, url: str, **more: Any) -> Client:
    """OpenAI's own client, pointed at another provider."""
    plain = _through(url, openai.OpenAI, openai.DefaultHttpxClient)
    asynchronous = _through(url, openai.AsyncOpenAI, openai.DefaultAsyncHttpxClient)
    host = url.split("/")[2]
    return Client(f"openai at {vendor}", vendor, provider, plain, asynchronous, host=host, **more)


_TOGETHER = "/together" + together.Together(api_key=KEY).base_url.path.rstrip("/")  # "/v1" until 3.0
_FIREWORKS_MODEL = "accounts/fireworks/models/gpt-oss-120b"
_TIER = (names.OPENAI_RESPONSE_SERVICE_TIER, names.OPENAI_SYSTEM_FINGERPRINT)
_PRINT = (names.OPENAI_SYSTEM_FINGERPRINT,)
OPENAI = Client("openai", "openai", "openai", at("/v1", openai.OpenAI), at("/v1", openai.AsyncOpenAI), head=_TIER)
AZURE = Client(
    "azure",
    "azure",
    "azure.ai.openai",
    _azure(openai.AzureOpenAI),
    _azure(openai.AsyncAzureOpenAI),
    head=_PRINT,
)
GROQ = Client("groq", "groq", "groq", at("", groq.Groq), at("", groq.AsyncGroq), thinks=True, head=_PRINT)
TOGETHER = Client(
    "together",
    "together",
    "together_ai",
    at(_TOGETHER, together.Together),
    at(_TOGETHER, together.AsyncTogether),
)
FIREWORKS = Client(
    "fireworks",
    "fireworks",
    "fireworks_ai",
    at("/fireworks", fireworks.Fireworks),
    at("/fireworks", fireworks.AsyncFireworks),
    other_model=_FIREWORKS_MODEL,
    thinks=True,
)
CLIENTS = (
    OPENAI,
    AZURE,
    GROQ,
    TOGETHER,
    FIREWORKS,
    _compatible("groq", "groq", "http://api.groq.com/openai/v1", thinks=True, head=_PRINT),
    _compatible("together", "together_ai", "http://api.together.xyz/v1"),
    _compatible(
        "fireworks", "fireworks_ai", "http://api.fireworks.ai/inference/v1", other_model=_FIREWORKS_MODEL, thinks=True
    ),
    _compatible("deepseek", "deepseek", "http://api.deepseek.com/v1", thinks=True),
    _compatible("openrouter", "openrouter", "http://openrouter.ai/api/v1", thinks=True, reported_usd=0.00042),
    _compatible("perplexity", "perplexity", "http://api.perplexity.ai"),
    _compatible("xai", "x_ai", "http://api.x.ai/v1", thinks=True),
)
OWN = (OPENAI, AZURE, GROQ, TOGETHER, FIREWORKS)
"""One for each client library, and Azure."""


def plain(client: Client, standin: Standin, body: Body) -> list[Any]:
    with client.made(standin) as made:
        return [made.chat.completions.create(**body)]


def streamed(client: Client, standin: Standin, body: Body) -> list[Any]:
    with client.made(standin) as made:
        return list(made.chat.completions.create(**body, stream=True))


def plain_async(client: Client, standin: Standin, body: Body) -> list[Any]:
    async def ask() -> Any:
        async with client.made_async(standin) as made:
            return await made.chat.completions.create(**body)

    return [asyncio.run(ask())]


def streamed_async(client: Client, standin: Standin, body: Body) -> list[Any]:
    async def ask() -> list[Any]:
        async with client.made_async(standin) as made:
            return [chunk async for chunk in await made.chat.completions.create(**body, stream=True)]

    return asyncio.run(ask())


Way = Callable[[Client, Standin, Body], list[Any]]
STREAMS: tuple[Way, ...] = (streamed, streamed_async)
WAYS: tuple[Way, ...] = (plain, plain_async, *STREAMS)
