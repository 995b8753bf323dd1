"""The clients of Google, Mistral, Cohere and Ollama, each driven in the same four ways.

A client is opened for each use, closed after it, and given to the methods that ask.
"""

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import cohere
import ollama
from google import genai
from tests.standin.cohere import TOOL_PLAN

from haechi_schemas import attributes as names

with suppress(ImportError):
    from mistralai import Mistral
with suppress(ImportError):
    from mistralai.client import Mistral  # since 2.0

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTION: dict[str, Any] = {"name": "get_weather", "description": "Tells the weather", "parameters": SCHEMA}


@dataclass(frozen=True)
class Google:
    """google-genai, of the Gemini API."""

    url: str
    vendor = "google"
    provider = "gcp.gemini"
    operation = "generate_content"
    error: ClassVar[dict[int, str]] = {400: "ClientError", 401: "ClientError", 429: "ClientError", 500: "ServerError"}
    parameters: ClassVar[dict[str, Any]] = {
        names.REQUEST_TEMPERATURE: 0.2,
        names.REQUEST_MAX_TOKENS: 64,
        names.REQUEST_TOP_P: 0.9,
    }
    function = FUNCTION | {"parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}}

    @contextmanager
    def opened(self) -> Iterator[Any]:
        client = genai.Client(api_key="k", http_options={"base_url": self.url})
        try:
            yield client
        finally:
            if hasattr(client, "close"):
                client.close()
            else:  # the oldest has no method of its own for it
                client._api_client._httpx_client.close()

    @asynccontextmanager
    async def opened_async(self) -> AsyncIterator[Any]:
        with self.opened() as client:
            try:
                yield client.aio
            finally:
                if hasattr(client.aio, "aclose"):
                    await client.aio.aclose()
                else:
                    await client._api_client._async_httpx_client.aclose()

    def asked(self, text: str, *, tool: bool) -> dict[str, Any]:
        config: dict[str, Any] = {"temperature": 0.2, "max_output_tokens": 64, "top_p": 0.9}
        more = {"tools": [{"function_declarations": [self.function]}]} if tool else {}
        return {"model": "gemini-2.5-flash", "contents": text, "config": config | more}

    def ask(self, client: Any, text: str, *, tool: bool = False) -> Any:
        return client.models.generate_content(**self.asked(text, tool=tool))

    ask_async = ask  # the asynchronous client has the same methods

    def stream(self, client: Any, text: str, *, tool: bool = False) -> Any:
        return client.models.generate_content_stream(**self.asked(text, tool=tool))

    async def stream_async(self, client: Any, text: str, *, tool: bool = False) -> Any:
        return await client.models.generate_content_stream(**self.asked(text, tool=tool))

    def response_id(self, number: int) -> str | None:
        told = "responseId" in inspect.getsource(genai.models._GenerateContentResponse_from_mldev)  # not by the oldest
        return f"standin{number:06d}" if told else None

    def call_id(self, number: int) -> str | None:
        return f"fc-standin{number:06d}0"


@dataclass(frozen=True)
class MistralClient:
    """mistralai."""

    url: str
    vendor = "mistral"
    provider = "mistral_ai"
    operation = "chat"
    error: ClassVar[dict[int, str]] = dict.fromkeys((400, 401, 429, 500), "SDKError")
    parameters: ClassVar[dict[str, Any]] = {
        names.REQUEST_TEMPERATURE: 0.2,
        names.REQUEST_MAX_TOKENS: 64,
        names.REQUEST_SEED: 7,
    }
    function = FUNCTION

    @contextmanager
    def opened(self) -> Iterator[Any]:
        with Mistral(api_key="k", server_url=f"{self.url}/mistral") as client:
            yield client

    @asynccontextmanager
    async def opened_async(self) -> AsyncIterator[Any]:
        async with Mistral(api_key="k", server_url=f"{self.url}/mistral") as client:
            yield client

    def asked(self, text: str, *, tool: bool) -> dict[str, Any]:
        more = {"tools": [{"type": "function", "function": self.function}]} if tool else {}
        said = [{"role": "user", "content": text}]
        sampled = {"temperature": 0.2, "max_tokens": 64, "random_seed": 7}
        return {"model": "mistral-small-latest", "messages": said, **sampled, **more}

    def ask(self, client: Any, text: str, *, tool: bool = False) -> Any:
        return client.chat.complete(**self.asked(text, tool=tool))

    def ask_async(self, client: Any, text: str, *, tool: bool = False) -> Any:
        return client.chat.complete_async(**self.asked(text, tool=tool))

    def stream(self, client: Any, text: str, *, tool: bool = False) -> Any:
        return client.chat.stream(**self.asked(text, tool=tool))

    async def stream_async(self, client: Any, text: str, *, tool: bool = False) -> Any:
        return await client.chat.stream_async(**self.asked(text, tool=tool))

    def response_id(self, number: int) -> str | None:
        return f"chatcmpl-standin{number:06d}"

    def call_id(self, number: int) -> str | None:
        return f"call_standin{number:06d}0"


@dataclass(frozen=True)
class Cohere:
    """cohere, of the second version of its API."""

    url: str
    vendor = "cohere"
    provider = "cohere"
    operation = "chat"
    error: ClassVar[dict[int, str]] = {
        400: "BadRequestError",
        401: "UnauthorizedError",
        429: "TooManyRequestsError",
        500: "InternalServerError",
    }
    parameters: ClassVar[dict[str, Any]] = {
        names.REQUEST_TEMPERATURE: 0.2,
        names.REQUEST_MAX_TOKENS: 64,
        names.REQUEST_TOP_P: 0.9,
    }
    function = FUNCTION
    plan = TOOL_PLAN

    @contextmanager
    def opened(self) -> Iterator[Any]:
        with cohere.ClientV2("k", base_url=self.url) as client:
            yield client

    @asynccontextmanager
    async def opened_async(self) -> AsyncIterator[Any]:
        async with cohere.AsyncClientV2("k", base_url=self.url) as client:
            yield client

    def asked(self, text: str, *, tool: bool) -> dict[str, Any]:
        more = {"tools": [{"type": "function", "function": self.function}]} if tool else {}
        said = [{"role": "user", "content": text}]
        sampled = {"temperature": 0.2, "max_tokens": 64, "p": 0.9, "request_options": {"max_retries": 0}}
        return {"model": "command-r-08-2024", "messages": said, **sampled, **more}

    def ask(self, client: Any, text: str, *, tool: bool = False) -> Any:
        return client.chat(**self.asked(text, tool=tool))

    ask_async = ask  # the asynchronous client has the same methods

    def stream(self, client: Any, text: str, *, tool: bool = False) -> Any:
        return client.chat_stream(**self.asked(text, tool=tool))

    async def stream_async(self, client: Any, text: str, *, tool: bool = False) -> Any:
        return client.chat_stream(**self.asked(text, tool=tool))

    def response_id(self, number: int) -> str | None:
        return f"c-standin{number:06d}"

    def call_id(self, number: int) -> str | None:
        return f"call_standin{number:06d}0"


@dataclass(frozen=True)
class Ollama:
    """ollama."""

    url: str
    vendor = "ollama"
    provider = "ollama"
    operation = "chat"
    error: ClassVar[dict[int, str]] = dict.fromkeys((400, 401, 429, 500), "ResponseError")
    parameters: ClassVar[dict[str, Any]] = {
        names.REQUEST_TEMPERATURE: 0.2,
        names.REQUEST_MAX_TOKENS: 64,
        names.REQUEST_STOP_SEQUENCES: ("END",),
    }
    function = FUNCTION

    @contextmanager
    def opened(self) -> Iterator[Any]:
        client = ollama.Client(self.url)
        with client._client:  # the oldest has no method of its own for it
            yield client

    @asynccontextmanager
    async def opened_async(self) -> AsyncIterator[Any]:
        client = ollama.AsyncClient(self.url)
        async with client._client:
            yield client

    def asked(self, text: str, *, tool: bool) -> dict[str, Any]:
        more = {"tools": [{"type": "function", "function": self.function}]} if tool else {}
        options = {"temperature": 0.2, "num_predict": 64, "stop": ["END"]}
        return {"messages": [{"role": "user", "content": text}], "options": options, **more}

    def ask(self, client: Any, text: str, *, tool: bool = False) -> Any:
        return client.chat("llama3.2", **self.asked(text, tool=tool))

    ask_async = ask  # the asynchronous client has the same methods

    def stream(self, client: Any, text: str, *, tool: bool = False) -> Any:
        return client.chat("llama3.2", **self.asked(text, tool=tool), stream=True)

    async def stream_async(self, client: Any, text: str, *, tool: bool = False) -> Any:
        return await client.chat("llama3.2", **self.asked(text, tool=tool), stream=True)

    def response_id(self, number: int) -> str | None:
        del number
        return None

    def call_id(self, number: int) -> str | None:
        del number
        return None


FourClients = Google | MistralClient | Cohere | Ollama
CLIENTS = (Google, MistralClient, Cohere, Ollama)

WARNINGS = (
    "ignore:Inheritance class AiohttpClientSession",  # Google's client warns of itself
    "ignore:Accessing the 'model_fields' attribute",  # Mistral's oldest with the newest pydantic
)
