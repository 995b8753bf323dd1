"""What each method of the Anthropic client means.

A batch's answers are no usage of the call that fetches them: they may be fetched twice, and cost half. Their number
and tokens are told by attributes of their own.

Every endpoint is given ``body``, the request's JSON object, and ``path``.
"""

from collections.abc import Mapping
from typing import Any, Final

from haechi._content import Content, field
from haechi._endpoints import Endpoint, Kwargs
from haechi.instrument import _anthropic_facts as messages
from haechi.instrument._anthropic_messages import asked
from haechi.instrument._providers import Server, server_of
from haechi.spans import Facts, Request
from haechi.streams import Reader
from haechi_schemas import attributes as names

_PLATFORMS: Final = {
    "BaseBedrockClient": "aws.bedrock",
    "BaseMantleClient": "aws.bedrock",
    "BaseVertexClient": "gcp.vertex_ai",
}
"""Base classes of the clients of those who resell Anthropic's models; elsewhere the provider is Anthropic."""


def _server(client: Any) -> Server:
    platform = next((_PLATFORMS[base.__name__] for base in type(client).__mro__ if base.__name__ in _PLATFORMS), None)
    return server_of(client, platform or "anthropic")


class _Messages:
    """``messages.create``, ``stream`` and ``parse``."""

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked."""
        body, server = kwargs["body"], _server(instance)
        facts = {**server.facts, **messages.parameters(body), **asked(body, content)}
        return Request("chat", server.provider, str(body.get("model") or ""), facts)

    def response(self, result: Any, content: Content) -> Facts:
        """Return what the answer says."""
        return messages.answered(result, content)

    def reader(self, request: Request, kwargs: Mapping[str, Any], content: Content) -> Reader | None:
        """Return the reader of a streamed answer."""
        del request
        return messages.MessageReader(content) if kwargs["body"].get("stream") is True else None


class _CountTokens:
    """``messages.count_tokens``. Its answer is no usage: counting costs nothing."""

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked."""
        body, server = kwargs["body"], _server(instance)
        return Request(
            "count_tokens", server.provider, str(body.get("model") or ""), {**server.facts, **asked(body, content)}
        )

    def response(self, result: Any, content: Content) -> Facts:
        """Return the count."""
        del content
        count = field(result, "input_tokens")
        return {names.COUNTED_INPUT_TOKENS: count} if isinstance(count, int) else {}

    def reader(self, request: Request, kwargs: Mapping[str, Any], content: Content) -> None:
        """Return None: it does not stream."""


class _Batch:
    """``messages.batches.create``."""

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked. The prompts of a whole batch are not recorded: there may be 100,000."""
        del content
        server = _server(instance)
        requests = kwargs["body"].get("requests") or []
        models = {str(field(field(one, "params"), "model") or "") for one in requests}
        facts = {**server.facts, names.BATCH_REQUESTS: len(requests)}
        return Request("create_batch", server.provider, models.pop() if len(models) == 1 else "", facts)

    def response(self, result: Any, content: Content) -> Facts:
        """Return the batch's id."""
        del content
        return {names.RESPONSE_ID: str(field(result, "id") or "")}

    def reader(self, request: Request, kwargs: Mapping[str, Any], content: Content) -> None:
        """Return None: it does not stream."""


class _BatchResults:
    """``messages.batches.results``: answers that the application reads one by one."""

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked."""
        del content
        server = _server(instance)
        facts: Facts = {**server.facts, names.RESPONSE_ID: kwargs["path"].split("/")[-2]}
        return Request("get_batch_results", server.provider, "", facts)

    def response(self, result: Any, content: Content) -> Facts:
        """Return nothing: the answers come later."""
        del result, content
        return {}

    def reader(self, request: Request, kwargs: Mapping[str, Any], content: Content) -> Reader:
        """Return the reader of the answers."""
        del request, kwargs, content
        return _BatchReader()


class _BatchReader:
    """Counts the answers of a batch."""

    def __init__(self) -> None:
        self._facts: dict[str, int] = dict.fromkeys(_BATCH_COUNTS, 0)

    def read(self, chunk: Any) -> bool:
        """Take an answer in."""
        result = field(chunk, "result")
        self._facts[names.BATCH_REQUESTS] += 1
        if field(result, "type") == "succeeded":
            self._facts[names.BATCH_SUCCEEDED] += 1
            usage = messages.usage_facts([field(field(result, "message"), "usage")])
            for total, name in (
                (names.BATCH_INPUT_TOKENS, names.USAGE_INPUT_TOKENS),
                (names.BATCH_OUTPUT_TOKENS, names.USAGE_OUTPUT_TOKENS),
            ):
                count = usage.get(name)
                self._facts[total] += count if isinstance(count, int) else 0
        return True

    def facts(self) -> Facts:
        """Return the counts so far."""
        return dict(self._facts)


_BATCH_COUNTS: Final = (
    names.BATCH_REQUESTS,
    names.BATCH_SUCCEEDED,
    names.BATCH_INPUT_TOKENS,
    names.BATCH_OUTPUT_TOKENS,
)


_MESSAGES: Final = _Messages()
_POSTED: Final[Mapping[str, Endpoint]] = {
    "/v1/messages": _MESSAGES,
    "/v1/messages/count_tokens": _CountTokens(),
    "/v1/messages/batches": _Batch(),
}
_RESULTS: Final = _BatchResults()


def endpoint_at(method: str, path: str) -> Endpoint | None:
    """Return what a request means, None where it asks nothing of a model."""
    if method == "post":
        return _POSTED.get(path)
    return _RESULTS if path.endswith("/results") and "/messages/batches/" in path else None
