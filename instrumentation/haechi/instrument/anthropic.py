"""Observes the Anthropic client: its own API, and those of Bedrock, Vertex AI and others that it can be pointed at.

What is observed is ``request``, through which every method of the client goes: ``create``, ``stream``, ``parse``, the
tool runner, ``beta``, raw responses. So a call begins when its request does, retries are part of it, and nothing
depends on which helpers a version ships.

The client makes spans of its own where OpenTelemetry is set up. A call that is observed here gets none of them, so
that there is one span; the trace context that they would send is sent all the same, and is that of our span. Where
OpenTelemetry is set up by us alone, calls of other kinds get none either: they would send what the program without
us does not send. Spans of the client that stand for no request (the tool runner's and its tools') stay.
"""

import weakref
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

from opentelemetry import propagate, trace

from haechi import _guard, _runtime, streams
from haechi._endpoints import Asked, Kwargs, Patches, ask, asking, asking_async
from haechi.instrument._anthropic_endpoints import endpoint_at

_ASKING: Final = _guard.Kept("reading a request of Anthropic's client")


class _Asked(Asked):
    """A call whose stream is watched from inside.

    The stream stays the object that the client made: before 1.0 ``isinstance`` took nothing else for a ``Stream``.
    """

    __slots__ = ()

    def watched(self, result: Any, reader: streams.Reader) -> Any:
        """Watch what the stream iterates over, and its being closed."""
        inner = getattr(result, "_iterator", None)
        if inner is None or not hasattr(result, "close"):
            return streams.watch(result, self.call, reader)
        watch = streams.Watch(self.call, reader)
        result._iterator = streams.watch_with(watch, inner)  # noqa: SLF001  see above
        result.close = _closing(weakref.ref(result), watch.end)
        return result


def _closing(held: "weakref.ref[Any]", end: Callable[[streams.Outcome], None]) -> Callable[[], Any]:
    """Return a ``close`` that ends the watch too. It does not hold the stream, which would never be dropped."""

    def close() -> Any:
        end("closed")
        stream: Any = held()
        return type(stream).close(stream)

    return close


def _ask(instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> tuple[Asked | None, Kwargs]:
    """Start to observe a request, if it asks a model."""
    asked: Asked | None = None
    if _runtime.current() is not None:
        with _ASKING:
            options = args[1] if len(args) > 1 else kwargs["options"]
            asked = _observed(instance, options)
    return asked, kwargs


def _observed(client: Any, options: Any) -> Asked | None:
    """``options`` are those of one request, made for it by the client; what is changed in them holds for it alone."""
    path = str(options.url).partition("?")[0]
    endpoint = endpoint_at(options.method, path)
    sends = _sends_context(client)
    if (endpoint is not None or not sends) and getattr(options, "span_name", None) is not None:
        options.span_name = None  # the client makes no span of a request that has none
    if endpoint is None:
        return None
    headers = options.headers if isinstance(options.headers, Mapping) else {}
    read = {"path": path, "body": options.json_data, "extra_headers": headers}
    asked, _ = ask(endpoint, client, read, _Asked)
    if sends:
        context = trace.set_span_in_context(asked.call.span) if asked is not None else None
        carrier: dict[str, str] = {}
        propagate.inject(carrier, context)
        options.headers = {**headers, **carrier}
    return asked


def _sends_context(client: Any) -> bool:
    """Tell whether this client would send a trace context without us: it can, and the application has OpenTelemetry."""
    options = getattr(client, "open_telemetry", None)  # of clients since 2.0
    if not isinstance(options, Mapping) or not (options["propagation"] and options["traces"]["enabled"]):
        return False
    ours = isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    return options.get("tracer_provider") is not None or not ours


def patch(module: ModuleType, patches: Patches) -> None:
    """Observe the client's two base classes."""
    patches.put(module.SyncAPIClient, "request", asking(_ask))
    patches.put(module.AsyncAPIClient, "request", asking_async(_ask))
