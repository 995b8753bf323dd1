"""Whose spans, metrics and logs: the application's providers where it has some, else our own.

Guarantee: an application may set its own provider before `haechi.init`, after it, or after the first spans, by
OpenTelemetry's ordinary functions; it is never refused, and from that moment all tracers and meters that were handed
out before go on through it. As long as it has none, everything behaves as if none were set (our stand-in is a
`ProxyTracerProvider`, which is what libraries look for before they set theirs), but spans are recorded and sent.

How: OpenTelemetry keeps the global provider in one variable, and guards `set_tracer_provider` by a `Once`. Our stand-in
is put into the variable without using up the `Once`.
"""

import os
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal

from opentelemetry import metrics, trace
from opentelemetry.metrics import _internal as metrics_internal
from opentelemetry.util.types import Attributes

from haechi import _guard
from haechi._config import Config
from haechi._own import Own

if TYPE_CHECKING:
    from opentelemetry._logs import Logger
    from opentelemetry.sdk.trace import SpanProcessor

    from haechi._light import LightTracer
    from haechi._metrics import Metrics

_SHUT: Final = trace.NoOpTracerProvider()
_SHUT_METERS: Final = metrics.NoOpMeterProvider()
_kept: Final = _guard.Kept("choosing a provider")


class Tracers(trace.ProxyTracerProvider):
    """Stands where the application's provider will be, if it ever sets one."""

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> trace.Tracer:
        """Return a tracer that always uses the provider in force."""
        return Following(instrumenting_module_name, instrumenting_library_version, schema_url, attributes)

    def add_span_processor(self, span_processor: "SpanProcessor") -> None:
        """Add a processor to our own provider."""
        if _state.own is not None:
            _state.own.add_span_processor(span_processor)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits; return whether all of it was sent."""
        return flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Send what waits. Our own provider ends with `haechi.shutdown` or the program."""
        if _state.own is not None:
            flush(_state.own.config.exit_s)


class Following(trace.ProxyTracer):
    """A tracer that asks for the provider in force at each span."""

    def __init__(self, *scope: Any) -> None:
        super().__init__(*scope)
        self._scope = scope
        self._provider: trace.TracerProvider = _SHUT
        self._followed: trace.Tracer = trace.NoOpTracer()
        self._light: LightTracer | None = None

    @property
    def _tracer(self) -> trace.Tracer:
        if _state.unchanged() and self._provider is _state.in_force:
            return self._followed
        provider, own = _state.provider(), _state.own
        if provider is not self._provider:
            self._followed = provider.get_tracer(*self._scope)
            self._light = own.light(self._followed) if own is not None and provider is own.tracers else None
            self._provider = provider
        return self._followed

    def in_force(self) -> "tuple[trace.Tracer, LightTracer | None]":
        """Return the tracer that this one follows now, and what makes light spans in its stead where they may be."""
        tracer, own = self._tracer, _state.own
        return tracer, self._light if own is not None and own.alone else None


class _Instruments(list[Any]):
    """Instruments of one meter, all filled in from the same provider."""

    real: metrics.Meter | None = None

    def append(self, instrument: Any) -> None:
        """Take an instrument that a meter has just made."""
        super().append(instrument)
        if self.real is not None:
            instrument.on_meter_set(self.real)


class _Meter(metrics_internal._ProxyMeter):  # noqa: SLF001  the API's own way to hand out instruments early
    """A meter whose instruments can be filled in again; the API's own fills them in once."""

    def __init__(self, *scope: Any) -> None:
        super().__init__(*scope)
        self._instruments: _Instruments = _Instruments()

    def on_set_meter_provider(self, meter_provider: metrics.MeterProvider) -> None:
        """Fill all instruments in from a provider."""
        real = meter_provider.get_meter(self.name, self.version, self.schema_url)
        with self._lock:
            self._instruments.real = real
            for instrument in self._instruments:
                instrument.on_meter_set(real)


class Meters(metrics_internal._ProxyMeterProvider):  # noqa: SLF001  the same
    """The same for meters: their instruments are filled in when the provider in force is known, and again later."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[tuple[str, str | None, str | None], _Meter] = {}
        self.ours = False

    def collected(self) -> Literal["here", "elsewhere"] | None:
        """Tell who collects what the meters record: our own thread, or the application's provider, or nobody."""
        if self.ours:
            return "here"
        return "elsewhere" if self._real_meter_provider is not None else None

    def get_meter(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,  # noqa: ARG002  the API's meters drop them too
    ) -> metrics.Meter:
        """Return the meter of a scope; its instruments always use the provider in force."""
        scope = (name, version, schema_url)
        with self._lock:
            meter = self._made.get(scope)
            if meter is None:
                meter = self._made[scope] = _Meter(*scope)
                self._meters.append(meter)
                if self._real_meter_provider is not None:
                    meter.on_set_meter_provider(self._real_meter_provider)
        return meter


class _State:
    """Which providers are in force."""

    def __init__(self) -> None:
        self.own: Own | None = None
        self._followed: trace.TracerProvider | None = None
        self._followed_meters: metrics.MeterProvider | None = None
        self.in_force: trace.TracerProvider | None = None  # as it was when last looked for, among these:
        self._seen: tuple[object, object, object] = (None, None, None)

    def unchanged(self) -> bool:
        """Tell whether the provider that was last found is in force still. Asked at each span."""
        ours, tracers, meters = self._seen
        return (
            self.in_force is not None
            and tracers is trace._TRACER_PROVIDER  # noqa: SLF001  see the module's docstring
            and meters is metrics_internal._METER_PROVIDER  # noqa: SLF001  the same
            and ours is self.own
        )

    def provider(self) -> trace.TracerProvider:
        """Return the provider in force, real; notice when it has changed."""
        found = self._provider()
        self._seen = (self.own, trace._TRACER_PROVIDER, metrics_internal._METER_PROVIDER)  # noqa: SLF001  the same
        self.in_force = found
        return found

    def _provider(self) -> trace.TracerProvider:
        owner = trace.get_tracer_provider()
        own = self.own
        if not isinstance(owner, trace.ProxyTracerProvider):
            if owner is not self._followed or metrics.get_meter_provider() is not self._followed_meters:
                self._follow(owner, own)
            return owner
        if own is None:
            return _SHUT
        if own.tracers is None or metrics.get_meter_provider() is not self._followed_meters:
            self._follow(None, own)
        return own.tracers or _SHUT

    def forget(self) -> None:
        """Look again at the next span."""
        self._followed = self._followed_meters = self.in_force = None

    def _follow(self, theirs: trace.TracerProvider | None, own: Own | None) -> None:
        with _kept:
            self._followed, self._followed_meters = theirs, metrics.get_meter_provider()
            exports = own is not None and (theirs is None or own.config.export == "also")
            if own is not None and theirs is None:
                own.make_tracers()
            if own is not None and theirs is not None:
                _join(theirs, own)
            METERS.ours = False
            if not isinstance(self._followed_meters, metrics_internal._ProxyMeterProvider):  # noqa: SLF001  the same
                METERS.on_set_meter_provider(self._followed_meters)
            elif own is not None and exports and own.config.metrics:
                METERS.on_set_meter_provider(own.make_meters())
                METERS.ours = True
                metrics_internal._PROXY_METER_PROVIDER.on_set_meter_provider(own.make_meters())  # noqa: SLF001  the same


def _join(theirs: trace.TracerProvider, own: Own) -> None:
    if own.config.export != "also":
        _guard.logger.info("spans go through the application's tracer provider; HAECHI_EXPORT=also sends them here too")
        return
    add = getattr(theirs, "add_span_processor", None)
    if add is not None and theirs not in _joined:
        from haechi._sdk import SpanQueue  # noqa: PLC0415  with the first span

        _joined.append(theirs)
        add(SpanQueue(own.pipeline()))


TRACERS: Final = Tracers()
METERS: Final = Meters()
_state: Final = _State()
_joined: Final[list[trace.TracerProvider]] = []
"""Providers that our processor was added to: one or two per program."""


def open_(config: Config, measured: "Metrics | None" = None) -> None:
    """Begin: our stand-ins take the places that are free.

    Args:
        config: what the SDK was told.
        measured: what calls have measured, which our own thread collects.
    """
    _state.own = Own(config, measured)
    _state.forget()
    trace.get_tracer_provider()  # loads what OTEL_PYTHON_TRACER_PROVIDER names
    if trace._TRACER_PROVIDER is None:  # noqa: SLF001  see the module's docstring
        trace._TRACER_PROVIDER = TRACERS  # noqa: SLF001  the same
    metrics.get_meter_provider()
    if metrics_internal._METER_PROVIDER is None:  # noqa: SLF001  the same
        metrics_internal._METER_PROVIDER = METERS  # noqa: SLF001  the same
    if config.export == "also":
        _watch()
        _joined_at_once(trace.get_tracer_provider())


def _watch() -> None:
    """Join a provider at the moment it is set: what it records before our first span is wanted too."""
    plain = trace._set_tracer_provider  # noqa: SLF001  every public way leads through it
    if getattr(plain, "haechi", False):
        return

    def set_and_join(tracer_provider: trace.TracerProvider, log: bool) -> None:
        plain(tracer_provider, log)
        _joined_at_once(trace.get_tracer_provider())

    set_and_join.haechi = True  # type: ignore[attr-defined]  # a mark of ours
    trace._set_tracer_provider = set_and_join  # noqa: SLF001  the same


def _joined_at_once(provider: trace.TracerProvider) -> None:
    with _kept:
        if _state.own is not None and not isinstance(provider, trace.ProxyTracerProvider):
            _join(provider, _state.own)


def close() -> None:
    """End: send what waits, give the places free."""
    own, _state.own = _state.own, None
    if own is not None:
        own.shutdown()
    if trace._TRACER_PROVIDER is TRACERS:  # noqa: SLF001  see the module's docstring
        trace._TRACER_PROVIDER = None  # noqa: SLF001  the same
    if metrics_internal._METER_PROVIDER is METERS:  # noqa: SLF001  the same
        metrics_internal._METER_PROVIDER = None  # noqa: SLF001  the same
    METERS.ours = False
    METERS.on_set_meter_provider(_SHUT_METERS)
    if metrics_internal._METER_PROVIDER is None:  # noqa: SLF001  the same
        metrics_internal._PROXY_METER_PROVIDER._real_meter_provider = None  # noqa: SLF001  it was filled in from ours
    _state.forget()


def flush(timeout_s: float) -> bool:
    """Send what waits; return whether all of it was sent."""
    return _state.own is None or _state.own.flush(timeout_s)


def logger(name: str) -> "Logger":
    """Return a logger of the application's provider, or of our own."""
    from opentelemetry import _logs  # noqa: PLC0415  with the first score
    from opentelemetry._logs._internal import ProxyLoggerProvider  # noqa: PLC0415  the same

    provider = _logs.get_logger_provider()
    if isinstance(provider, ProxyLoggerProvider) and _state.own is not None:  # the API's word for: none is set
        provider = _state.own.make_loggers()
    return provider.get_logger(name)


def _after_fork() -> None:
    for provider in (METERS, metrics_internal._PROXY_METER_PROVIDER):  # noqa: SLF001  see the module's docstring
        provider._lock = Lock()  # noqa: SLF001  another thread of the parent may have held it
        for meter in provider._meters:  # noqa: SLF001  the same
            meter._lock = Lock()  # noqa: SLF001  the same
    if _state.own is not None:
        _state.own.after_fork()
    _state.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
