"""Observes AWS Bedrock's runtime, called through botocore (boto3) or aiobotocore (aioboto3).

What is observed is ``_make_api_call``, through which every method of every client goes: client classes are generated
when an application asks for one, so there is nothing else to take hold of that covers the clients made before. Calls of
other services pay for one look into a small table. botocore's own hooks would not do: they are told of a request and
of a response, but not of errors on the way, and not in the caller's context.

OpenTelemetry's instrumentation of botocore observes Bedrock too; where it is at work, its span is the call's.
"""

import json
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

from haechi import _guard, _runtime, streams
from haechi._content import Content
from haechi._endpoints import Asked, Endpoint, Kwargs, Patches, ask, asking, asking_async
from haechi.instrument import _bedrock_bodies as bodies
from haechi.instrument import _bedrock_converse as converse
from haechi.instrument._bedrock_streams import AsyncEvents, AsyncTeed, InvokeReader, Tee, Teed
from haechi.instrument._providers import Server, server_at
from haechi.spans import Facts, Request
from haechi.streams import Reader
from haechi_schemas import attributes as names

_PROVIDER: Final = "aws.bedrock"
_ASKING: Final = _guard.Kept("reading a request to Bedrock")
_ANSWERED: Final = _guard.Kept("reading an answer of Bedrock's")


def _server(client: Any) -> Server:
    return server_at(client.meta.endpoint_url, _PROVIDER)


def _aws_facts(result: Mapping[str, Any]) -> Facts:
    request_id = (result.get("ResponseMetadata") or {}).get("RequestId")
    return {names.AWS_REQUEST_ID: request_id} if isinstance(request_id, str) else {}


class _Converse:
    """``converse`` and ``converse_stream``."""

    def __init__(self, *, streamed: bool) -> None:
        self._streamed = streamed

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked."""
        facts = {**_server(instance).facts, **converse.parameters(kwargs), **converse.asked(kwargs, content)}
        if self._streamed:
            facts[names.REQUEST_STREAM] = True
        return Request("chat", _PROVIDER, str(kwargs.get("modelId") or ""), facts)

    def response(self, result: Any, content: Content) -> Facts:
        """Return what the answer says."""
        return converse.answered(result, content) | _aws_facts(result)

    def reader(self, request: Request, kwargs: Mapping[str, Any], content: Content) -> Reader | None:
        """Return the reader of a streamed answer."""
        del request, kwargs
        return converse.ConverseReader(content) if self._streamed else None


class _Invoke:
    """``invoke_model`` and ``invoke_model_with_response_stream``."""

    def __init__(self, *, streamed: bool) -> None:
        self._streamed = streamed

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked. A body that is a file is the client's to read."""
        body = kwargs.get("body")
        read = json.loads(body) if isinstance(body, str | bytes | bytearray) else {}
        operation, asked = bodies.asked(read, content)
        facts = {**_server(instance).facts, **asked}
        if self._streamed:
            facts[names.REQUEST_STREAM] = True
        guardrail = kwargs.get("guardrailIdentifier")
        if isinstance(guardrail, str):
            facts[names.AWS_GUARDRAIL_ID] = guardrail
        return Request(operation, _PROVIDER, str(kwargs.get("modelId") or ""), facts)

    def response(self, result: Any, content: Content) -> Facts:
        """Return nothing: the body says it all, and is still to be read."""
        del result, content
        return {}

    def reader(self, request: Request, kwargs: Mapping[str, Any], content: Content) -> Reader:
        """Return the reader of a streamed answer; the body of a plain one is read as it passes."""
        del request, kwargs
        return InvokeReader(content)


class _CountTokens:
    """``count_tokens``. Its answer is no usage: counting costs nothing."""

    def request(self, instance: Any, kwargs: Kwargs, content: Content) -> Request:
        """Return what is asked."""
        said = (kwargs.get("input") or {}).get("converse") or {}
        facts = {**_server(instance).facts, **converse.asked(said, content)}
        return Request("count_tokens", _PROVIDER, str(kwargs.get("modelId") or ""), facts)

    def response(self, result: Any, content: Content) -> Facts:
        """Return the count."""
        del content
        count = result.get("inputTokens")
        return _aws_facts(result) | ({names.COUNTED_INPUT_TOKENS: count} if isinstance(count, int) else {})

    def reader(self, request: Request, kwargs: Mapping[str, Any], content: Content) -> None:
        """Return None: it does not stream."""


_ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "Converse": _Converse(streamed=False),
    "ConverseStream": _Converse(streamed=True),
    "InvokeModel": _Invoke(streamed=False),
    "InvokeModelWithResponseStream": _Invoke(streamed=True),
    "CountTokens": _CountTokens(),
}


class _Asked(Asked):
    """A call whose answer is a dictionary that holds the stream, or the body."""

    __slots__ = ()

    def watched(self, result: Any, reader: Reader) -> Any:
        """Watch what is to be read; the dictionary is the client's own."""
        with _ANSWERED:
            told = _aws_facts(result)
            key = "stream" if "stream" in result else "body"
            if hasattr(result[key], "get_initial_response"):
                self.call.span.set_attributes(told)
                result[key] = _events(result[key], streams.Watch(self.call, reader))
            else:
                headers = (result.get("ResponseMetadata") or {}).get("HTTPHeaders") or {}
                _tee(result[key], Tee(self.call, told | bodies.told_in_headers(headers)))
        return result


def _events(stream: Any, watch: streams.Watch) -> Any:
    return AsyncEvents(stream, watch) if hasattr(stream, "__aiter__") else streams.Stream(stream, watch)


def _tee(body: Any, tee: Tee) -> None:
    kind = AsyncTeed if hasattr(body, "__aiter__") else Teed
    if hasattr(body, "_raw_stream"):
        body._raw_stream = kind(body._raw_stream, tee)  # noqa: SLF001  the body's public methods all read from it
    else:
        body.__wrapped__ = kind(body.__wrapped__, tee)  # aiobotocore's before 3.0


def _ask(instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> tuple[Asked | None, Kwargs]:
    """Start to observe a call, if it is one of a model."""
    endpoint = _ENDPOINTS.get(args[0] if args else kwargs.get("operation_name", ""))
    asked: Asked | None = None
    if endpoint is not None and _runtime.current() is not None:
        with _ASKING:
            if instance.meta.service_model.service_name == "bedrock-runtime":
                params = args[1] if len(args) > 1 else kwargs["api_params"]
                asked, _ = ask(endpoint, instance, params, _Asked)
    return asked, kwargs


def patch(module: ModuleType, patches: Patches) -> None:
    """Observe the base class of all clients, of botocore or of aiobotocore."""
    if module.__name__ == "aiobotocore.client":
        patches.put(module.AioBaseClient, "_make_api_call", asking_async(_ask))
    else:
        patches.put(module.BaseClient, "_make_api_call", asking(_ask))
