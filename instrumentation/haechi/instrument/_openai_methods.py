"""One method of a client that is made as OpenAI's is: what it asks, what it answers, and how its stream is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from haechi._content import Content
from haechi._endpoints import Kwargs
from haechi.instrument import _openai_usage as usage
from haechi.instrument._openai_facts import model_of
from haechi.instrument._providers import known_server, server_of
from haechi.spans import Facts, Request
from haechi.streams import Reader


@dataclass(slots=True)
class _Request(Request):
    """What is asked; ``asks_usage``: also for the stream's usage, which the application has not asked for."""

    asks_usage: bool = False


@dataclass(frozen=True, slots=True)
class Method:
    """The `haechi._endpoints.Endpoint` of a method.

    Attributes:
        operation: of the convention.
        asked: the arguments, a copy → what they ask; content only where it is wanted.
        told: an answer → what it says.
        reader_of: makes the reader of a stream; its second argument: the chunk of usage alone is to be hidden.
        asks_usage: whether a stream is to be asked for its usage.
        provider: of the client, where its address does not say otherwise.
    """

    operation: str
    asked: Callable[[Kwargs, Content], Facts]
    told: Callable[[Any, Content], Facts]
    reader_of: Callable[[Content, bool], Reader] | None = None
    asks_usage: bool = False
    provider: str = "openai"

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked; a stream is asked for its usage, unless the application says what it wants."""
        client = instance._client  # noqa: SLF001  resources have no public way to their client
        server = known_server(client)
        if server is None:
            azure = self.provider == "openai" and hasattr(client, "_api_version")
            server = server_of(client, "azure.ai.openai" if azure else self.provider)
        facts = self.asked(kwargs, content)
        facts.update(server.facts)
        asks = self.asks_usage and "stream" in kwargs and usage.wanted(client, server.provider, kwargs)
        if asks:
            usage.ask(kwargs)
        return _Request(self.operation, server.provider, model_of(kwargs), facts, asks)

    def made(self, provider: str, model: str, facts: Facts, *, asks: bool) -> Request:
        """Return a request of this operation; ``asks``: also for the usage of its stream."""
        return _Request(self.operation, provider, model, facts, asks)

    def response(self, result: Any, content: Content) -> Facts:
        """Return what the answer says."""
        return self.told(result, content)

    def reader(self, request: Request, kwargs: Mapping[str, Any], content: Content) -> Reader | None:
        """Return the reader of a streamed answer."""
        if self.reader_of is None or kwargs.get("stream") is not True:
            return None
        return self.reader_of(content, isinstance(request, _Request) and request.asks_usage)
