"""Turning the SDK on and off.

Guarantee: `init` may be called any number of times and keeps nothing that the caller must hold. Where it was turned on
for the application from outside (``haechi run``, ``opentelemetry-instrument``), a later call in code adds what it says
to that; where it was called in code, a later call that says something else is named in one warning and changes nothing.
"""

import logging
import os
from collections.abc import Iterable
from functools import partial
from threading import RLock
from typing import Any

from haechi import _guard, _providers, _runtime, _threads, instrument
from haechi._config import Config, read
from haechi._cost import Prices
from haechi._metrics import Metrics
from haechi._runtime import Runtime
from haechi._tally import Tally

_lock = RLock()  # scope: the two below, and turning on and off
_given: dict[str, Any] | None = None
_outside = False


def init(  # noqa: PLR0913  named, each what it says
    service_name: str | None = None,
    *,
    service_version: str | None = None,
    environment: str | None = None,
    endpoint: str | None = None,
    key: str | None = None,
    content: str | None = None,
    cost: bool | None = None,
    stream_usage: bool | None = None,
    disabled: Iterable[str] | None = None,
    export: str | None = None,
    queue_spans_max: int | None = None,
    queue_bytes_max: int | None = None,
    exit_s: float | None = None,
    enabled: bool | None = None,
) -> None:
    """Observe the LLM libraries of this process and export what they do.

    Every argument may be left out; then the environment decides, then the default (docs/settings.md). With none set,
    spans and metrics go to a collector on this machine.

    Args:
        service_name: ``service.name``; default: the script's or module's name.
        service_version: ``service.version``.
        environment: ``deployment.environment.name``, such as production.
        endpoint: where to send to, OTLP over HTTP: ``http://host:4318``.
        key: API key of the collector.
        content: what of prompts and answers is recorded: ``off`` (default), ``on``, ``redacted``; ``on:2000`` cuts
            each text after 2000 characters.
        cost: put the cost of a call on its span.
        stream_usage: ask providers for the usage of streams where it must be asked for.
        disabled: libraries that are left alone.
        export: ``auto``: an application's own tracer provider is left as it is; ``also``: what goes through it is
            sent to ``endpoint`` too.
        queue_spans_max: spans that wait for the collector; more are dropped, counted and said.
        queue_bytes_max: the same in bytes.
        exit_s: seconds that the program's end waits for the rest to be sent.
        enabled: False turns everything off.

    Raises:
        ValueError: an argument does not fit; the message names it. Nothing else is raised.
    """
    given = {name: value for name, value in locals().items() if value is not None}
    config = read(given)
    with _lock:
        if _given is not None and not _outside:
            _warn_of_change(given)
            return
        _turn_on(config, given, outside=False)


def init_outside() -> None:
    """Turn on for an application that did not ask: settings come from the environment alone. Never raises."""
    with _guard.Kept("turning on"), _lock:
        if _given is None:
            _turn_on(read(), {}, outside=True)


def flush(timeout: float = 5.0) -> bool:
    """Send what waits now, within ``timeout`` seconds; return whether all of it was sent."""
    with _guard.Kept("flush"):
        return _providers.flush(timeout)
    return False


def shutdown() -> None:
    """Send what waits, within the bounds of the program's end, and stop observing. `init` may be called again."""
    global _given  # noqa: PLW0603  the one state of the process
    with _guard.Kept("shutdown"), _lock:
        instrument.uninstall()
        _threads.uninstall()
        _runtime.use(None)
        _providers.close()
        _given = None


def _turn_on(config: Config, given: dict[str, Any], *, outside: bool) -> None:
    global _given, _outside
    if _given is not None:
        shutdown()
    _given, _outside = given, outside
    if not config.enabled:
        return
    with _guard.Kept("turning on"):
        tally = Tally(delta=config.temporality != "cumulative")
        metrics = Metrics(_providers.METERS, _providers.METERS.collected, tally) if config.metrics else None
        _providers.open_(config, metrics)
        _runtime.use(
            Runtime(
                config,
                _providers.TRACERS.get_tracer("haechi", _version()),
                metrics,
                Prices() if config.cost else None,
                logger=partial(_providers.logger, "haechi"),
            )
        )
        _threads.install()
        if "*" not in config.disabled:
            instrument.install(config.disabled)


def _version() -> str:
    from haechi import __version__  # noqa: PLC0415  the package imports this module

    return __version__


def _warn_of_change(given: dict[str, Any]) -> None:
    before = _given or {}
    changed = sorted(name for name in given if given[name] != before.get(name))
    if changed:
        logging.getLogger("haechi").warning(
            "haechi.init() was called before; %s of this call %s no effect",
            ", ".join(f"{name}={given[name]!r}" if name != "key" else "key" for name in changed),
            "has" if len(changed) == 1 else "have",
        )


def _before_fork() -> None:
    runtime = _runtime.current()
    if runtime is not None and runtime.prices is not None:
        runtime.prices.before_fork()


def _after_fork() -> None:
    global _lock  # noqa: PLW0603  the same
    _lock = RLock()
    runtime = _runtime.current()
    if runtime is not None and runtime.prices is not None:
        runtime.prices.after_fork()
    if runtime is not None and runtime.metrics is not None:
        runtime.metrics.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
