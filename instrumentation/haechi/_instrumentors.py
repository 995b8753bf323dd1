"""Every library that is observed, as an ordinary instrumentor of OpenTelemetry.

``from haechi._instrumentors import openai`` gives a subclass of ``BaseInstrumentor`` for the target ``openai``; the
entry points ``haechi-<target>`` of the group ``opentelemetry_instrumentor`` are these names. The classes are made
from the one table, `haechi.instrument.TARGETS`.

Imported by the package opentelemetry-instrumentation alone, which is no dependency of ours.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]  # untyped

from haechi import _init, _runtime, instrument


class Instrumentor(BaseInstrumentor):  # type: ignore[misc]  # the base class has no types
    """Observes one library."""

    target: str

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: a library that is not there is never imported, and no version is refused."""
        return ()

    def _instrument(self, **options: Any) -> None:
        """Observe, through ``tracer_provider`` where one is given."""
        _init.init_outside()
        runtime, provider = _runtime.current(), options.get("tracer_provider")
        if runtime is None:
            return
        if provider is not None:
            _runtime.use(replace(runtime, tracer=provider.get_tracer("haechi")))
        instrument.install(runtime.config.disabled, only=frozenset({self.target}))

    def _uninstrument(self, **_: Any) -> None:
        """Leave the library alone from now on."""
        instrument.uninstall(only=frozenset({self.target}))


def __getattr__(name: str) -> type[Instrumentor]:
    for target in instrument.TARGETS:
        if target.name.replace("-", "_") == name:
            made = type(name, (Instrumentor,), {"target": target.name, "__doc__": f"Observes {target.name}."})
            globals()[name] = made  # one class per target: BaseInstrumentor keeps its one instance on the class
            return made
    raise AttributeError(name)
