"""Observes the Model Context Protocol: tools that are called, prompts and resources that are read, on both sides.

Guarantee: one request is one span of the client and one of the server, the server's a child of the client's across
processes: the context travels in the request's ``_meta``, as W3C trace context. Where a framework's span of the same
tool is around the request, that one is the client's span. The SDK's own spans (since 2.0) and those of FastMCP's client
give way to ours for what is observed here; for the rest of the protocol they stay as they are. FastMCP's server has a
span of its own for each request, which is the server's.

Source: semantic-conventions-genai, MCP; SEP-414.
"""

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from types import ModuleType
from typing import Any, Final

from opentelemetry import propagate, trace
from opentelemetry.context import Context, create_key, get_current
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from haechi import _guard, _scope, spans
from haechi._endpoints import Kwargs, Patches
from haechi._runtime import Runtime
from haechi.instrument import _mcp_facts as facts
from haechi.instrument._providers import server_at
from haechi.instrument._steps import Opening, Step
from haechi.spans import Facts
from haechi_schemas import attributes as names

_EXCHANGE: Final = create_key("haechi-mcp-exchange")


class _Exchange:
    """One request under way, at its client or at its server."""

    __slots__ = ("_asked", "_content", "_step", "answered", "kind", "span")

    def __init__(self, runtime: Runtime, asked: facts.Asked, known: Facts, kind: SpanKind, within: Context) -> None:
        self._asked = asked
        self._content = runtime.content
        self.kind = kind
        self.answered = False
        told = {**asked.facts(runtime.content), **known}
        tool = _tool_around(asked) if kind is SpanKind.CLIENT else None
        self._step: Step | None = None
        if tool is None:
            self._step = Step(runtime, Opening(asked.operation, asked.name, told, within, kind))
        else:  # which has said some of it in its own words
            tool.set_attributes({name: value for name, value in told.items() if name not in _attributes(tool)})
        self.span: Span = tool or self._step.span  # type: ignore[union-attr]  # one of the two
        inside = Context({**trace.set_span_in_context(self.span, within), _EXCHANGE: self})
        _scope.enter(self, inside, _scope.attributes(within))

    def is_of(self, kind: SpanKind, method: object) -> bool:
        """Tell whether a span that the SDK would make is this one."""
        return self.kind is kind and self._asked.method == method

    def answer(self, result: Any) -> None:
        """Take the answer in, that of a tool or the protocol's own error."""
        self.answered = True
        with _KEPT:
            said = facts.refused(result) or facts.answered(self._asked, result, self._content)
            if names.ERROR_TYPE in said:
                self.span.set_status(Status(StatusCode.ERROR))
            self.span.set_attributes(said)

    def end(self, error: BaseException | None = None) -> None:
        """End with the error that whoever asked gets, if any."""
        with _KEPT:
            _scope.leave(self)
        if self._step is None:
            return
        if error is None:
            self._step.stop()
        else:
            self._step.fail(error, facts.refused(getattr(error, "error", None)))


def _tool_around(asked: facts.Asked) -> Span | None:
    """Return a framework's span of the tool that is called, which may bear a prefix there; None where there is none."""
    span = trace.get_current_span()
    known = _attributes(span)
    if known.get(names.OPERATION_NAME) != "execute_tool" or names.MCP_METHOD_NAME in known:
        return None
    return span if str(known.get(names.TOOL_NAME, "")).endswith(asked.target) else None


def _attributes(span: Span) -> Mapping[str, AttributeValue]:
    """Return what a span says so far; nothing where it is not recorded."""
    return getattr(span, "attributes", None) or {}


def _begin(
    asked: facts.Asked | None, known: Callable[[], Facts], kind: SpanKind, carrier: Any = None
) -> _Exchange | None:
    runtime = spans.observing()
    if runtime is None or asked is None:
        return None
    with _KEPT:
        return _Exchange(runtime, asked, known(), kind, _carried(carrier))
    return None


def _carried(carrier: Any) -> Context:
    """Return the context that a request brings along, the current one where it brings none."""
    if not carrier:
        return get_current()
    context = propagate.extract(carrier)
    return context if trace.get_current_span(context).get_span_context().is_valid else get_current()


async def _send(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    """Observe ``send_request`` of a client's session."""
    request = args[0] if args else kwargs.get("request")
    request = getattr(request, "root", request)  # before 2.0 a union in a box
    asked = facts.asked(getattr(request, "method", None), getattr(request, "params", None))
    exchange = _begin(asked, lambda: _known_of(instance), SpanKind.CLIENT)
    if exchange is None:
        return await wrapped(*args, **kwargs)
    if not hasattr(instance, "_dispatcher"):  # since 2.0 it is the SDK that carries the context
        with _KEPT:
            args, kwargs = _carrying(args, kwargs)
    try:
        result = await wrapped(*args, **kwargs)
    except BaseException as error:
        exchange.end(error)
        raise
    exchange.answer(result)
    exchange.end()
    return result


def _carrying(args: tuple[Any, ...], kwargs: Kwargs) -> tuple[tuple[Any, ...], Kwargs]:
    """Return the arguments of ``send_request`` with the current context in a copy of the request."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    boxed = args[0] if args else kwargs["request"]
    request = getattr(boxed, "root", boxed)
    params = request.params
    given = params.meta.model_dump(exclude_none=True) if params.meta else {}
    meta = type(params).Meta(**{**given, **carrier})
    copy = request.model_copy(update={"params": params.model_copy(update={"meta": meta})})
    copy = copy if boxed is request else boxed.model_copy(update={"root": copy})
    return ((copy, *args[1:]), kwargs) if args else (args, {**kwargs, "request": copy})


def _known_of(session: Any) -> Facts:
    """Return what a client's session knows of itself and of its server."""
    written = getattr(getattr(session, "_dispatcher", session), "_write_stream", None)
    transport = None if written is None else _transports.get(_pipe(written))
    known: Facts = {}
    version = getattr(session, "protocol_version", None) or getattr(transport, "protocol_version", None)
    if isinstance(version, str):
        known[names.MCP_PROTOCOL_VERSION] = version
    if transport is not None:
        known |= server_at(transport.url, "").facts
        if transport.session_id:
            known[names.MCP_SESSION_ID] = transport.session_id
    return known


_transports: "weakref.WeakKeyDictionary[Any, Any]" = weakref.WeakKeyDictionary()
"""By the stream that a client's session writes into: where that goes, over HTTP."""


def _pipe(stream: Any) -> Any:
    """Return what can be remembered of a stream, which since 2.0 is in a wrapper."""
    return getattr(stream, "_inner", stream)


async def _post(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    """Remember what a transport's ``post_writer`` reads from."""
    with _KEPT:
        _transports[_pipe(kwargs["write_stream"] if "write_stream" in kwargs else args[3])] = instance
    return await wrapped(*args, **kwargs)


async def _handle(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    """Observe ``_handle_request`` of a server before 2.0, which answers by `_respond`."""
    del instance
    message, request = args[0], args[1]
    asked = facts.asked(getattr(request, "method", None), getattr(request, "params", None))

    def known() -> Facts:
        metadata = getattr(message, "message_metadata", None)
        session = facts.session_of(getattr(metadata, "request_context", None))
        return {names.JSONRPC_REQUEST_ID: str(message.request_id), **session}

    meta = getattr(message, "request_meta", None)
    exchange = _begin(asked, known, SpanKind.SERVER, getattr(meta, "model_extra", None))
    return await _ended(exchange, wrapped, args, kwargs)


async def _respond(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    """Read the answer of a server before 2.0."""
    del instance
    exchange = get_current().get(_EXCHANGE)
    if isinstance(exchange, _Exchange) and exchange.kind is SpanKind.SERVER and not exchange.answered:
        response = args[0] if args else kwargs.get("response")
        exchange.answer(getattr(response, "root", response))
    return await wrapped(*args, **kwargs)


async def _middle(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    """Observe what goes through the SDK's own middleware, since 2.0; its span is ours, see `_yielding`."""
    del instance
    context = args[0]
    asked = facts.asked(context.method, context.params) if context.request_id is not None else None

    def known() -> Facts:
        return {names.MCP_PROTOCOL_VERSION: context.protocol_version, **facts.session_of(context.request)}

    exchange = _begin(asked, known, SpanKind.SERVER, context.meta)
    return await _ended(exchange, wrapped, args, kwargs, answers=True)


async def _ended(
    exchange: _Exchange | None,
    wrapped: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Kwargs,
    *,
    answers: bool = False,
) -> Any:
    """Run a server's handler; ``answers`` where what it returns is the answer."""
    if exchange is None:
        return await wrapped(*args, **kwargs)
    try:
        result = await wrapped(*args, **kwargs)
    except BaseException as error:
        # The SDK's middleware has said what failed, without what clients sent that was no good.
        exchange.end(None if answers and isinstance(error, Exception) else error)
        raise
    if answers:
        exchange.answer(result)
    exchange.end()
    return result


def _yielding(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    """Observe the SDK's ``otel_span``: what it would say is said by the span that there is already."""
    del instance
    exchange = get_current().get(_EXCHANGE)
    told = kwargs.get("attributes") or {}
    if not isinstance(exchange, _Exchange) or not exchange.is_of(kwargs["kind"], told.get(names.MCP_METHOD_NAME)):
        return wrapped(*args, **kwargs)
    return _ours(exchange.span, told)


def _transparent(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    """Observe FastMCP's ``client_span``, around a request that will be a span of ours."""
    del instance
    method = args[1] if len(args) > 1 else kwargs.get("method")
    if method not in facts.METHODS or spans.observing() is None:
        return wrapped(*args, **kwargs)
    return nullcontext(trace.get_current_span())


@contextmanager
def _ours(span: Span, told: Facts) -> Iterator[Span]:
    with _KEPT:
        request_id = told.get(names.JSONRPC_REQUEST_ID)
        if request_id is not None:
            span.set_attribute(names.JSONRPC_REQUEST_ID, request_id)
    yield span


_FASTMCP: Final = (("", "client_span", _transparent),)
_PATCHES: Final[Mapping[str, tuple[tuple[str, str, Callable[..., Any]], ...]]] = {
    "fastmcp.client.mixins.prompts": _FASTMCP,
    "fastmcp.client.mixins.resources": _FASTMCP,
    "fastmcp.client.mixins.tools": _FASTMCP,
    "fastmcp.client.telemetry": _FASTMCP,
    "mcp.client.session": (("ClientSession", "send_request", _send),),
    "mcp.client.streamable_http": (("StreamableHTTPTransport", "post_writer", _post),),
    "mcp.server._otel": (("OpenTelemetryMiddleware", "__call__", _middle), ("", "otel_span", _yielding)),
    "mcp.server.lowlevel.server": (("Server", "_handle_request", _handle),),  # before 2.0
    "mcp.shared.jsonrpc_dispatcher": (("", "otel_span", _yielding),),
    "mcp.shared.session": (("BaseSession", "send_request", _send), ("RequestResponder", "respond", _respond)),
}
"""By module: class ('' for the module itself), name, observer. What does not exist in a version is left out."""


def patch(module: ModuleType, patches: Patches) -> None:
    """Observe one of the SDK's modules."""
    for owner, name, observer in _PATCHES[module.__name__]:
        patches.put(getattr(module, owner) if owner else module, name, observer)


_KEPT: Final = _guard.Kept("observing MCP")
