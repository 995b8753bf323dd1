"""The OpenTelemetry context follows threads: `threading.Thread` and `concurrent.futures.ThreadPoolExecutor`.

Guarantee: what is current where a thread is started or work is handed to a pool is current where it runs, and gone
after it. With that `asyncio.to_thread` and `run_in_executor` are covered too. The application sees nothing of it: no
function is replaced, no frame of ours stands in a traceback, a worker's other context variables stay its own. While
OpenTelemetry's own instrumentation of threads is active, ours does nothing.

How: `Thread.start` reads the attribute ``_bootstrap`` in the thread that starts, a pool makes a ``_WorkItem`` in the
thread that submits and runs it inside a ``try`` of its own. Where an interpreter has no such names, nothing is done.
A pool's workers do not inherit: they outlive whoever happened to start them.

Not followed: `multiprocessing.pool.ThreadPool` and threads started by `_thread` or in C.
"""

import contextvars
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, Final

from opentelemetry.context import Context, attach, get_current

from haechi import _imports

_POOLS: Final = ("concurrent.futures.thread", "multiprocessing.pool")
_BOOTSTRAP: Final = "_bootstrap"
_ITEM: Final = "_WorkItem"
_OTHER: Final = "opentelemetry.instrumentation.threading"


class _Bootstrap:
    """Stands for `Thread._bootstrap`: what `Thread.start` reads is bound to the context that is current then."""

    def __init__(self, original: Callable[..., Any]) -> None:
        self.original = original

    def __get__(self, thread: threading.Thread | None, owner: type) -> Callable[..., Any]:
        bound: Callable[..., Any] = self.original.__get__(thread, owner)
        context = get_current()
        if not context or thread is None or _stays_behind(thread) or _other_is_active():
            return bound
        own: contextvars.Context | None = getattr(thread, "_context", None)
        if own is not None:  # Python 3.14 runs the thread's body in a context of its own
            own.run(_attach_if_none, context)
            return bound
        fresh = contextvars.Context()  # a new thread begins with an empty one anyway
        fresh.run(attach, context)
        return partial(fresh.run, bound)  # no frame of Python's lies between


def install() -> None:
    """Begin to carry the context. May be called again."""
    bootstrap = vars(threading.Thread).get(_BOOTSTRAP)
    if bootstrap is not None and not isinstance(bootstrap, _Bootstrap):
        setattr(threading.Thread, _BOOTSTRAP, _Bootstrap(bootstrap))
    _imports.when_imported(_POOLS[0], _carry_items)


def uninstall() -> None:
    """Stop carrying it."""
    bootstrap = vars(threading.Thread).get(_BOOTSTRAP)
    if isinstance(bootstrap, _Bootstrap):
        setattr(threading.Thread, _BOOTSTRAP, bootstrap.original)
    _imports.forget(_carry_items)
    pools = sys.modules.get(_POOLS[0])
    carrying = getattr(pools, _ITEM, None)
    if carrying in _originals:
        setattr(pools, _ITEM, _originals.pop(carrying))


_originals: Final[dict[type, type]] = {}
"""Our class of work items → the pool's own; at most one."""


def _carry_items(pools: ModuleType) -> None:
    original = getattr(pools, _ITEM, None)
    if isinstance(original, type) and original not in _originals:
        carrying = _carrying(original)
        _originals[carrying] = original
        setattr(pools, _ITEM, carrying)


def _carrying(original: Any) -> type:
    """Return a class of work items that remember where they were made."""

    class WorkItem(original):  # type: ignore[misc]  # known when it runs
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.haechi_context = get_current()

        def run(self, *args: Any) -> None:
            before = get_current()
            if before == self.haechi_context or _other_is_active():
                super().run(*args)
                return
            attach(self.haechi_context)
            try:
                super().run(*args)
            finally:
                attach(before)

    return WorkItem


def _stays_behind(thread: threading.Thread) -> bool:
    """Tell whether a thread is a pool's own worker."""
    return getattr(getattr(thread, "_target", None), "__module__", None) in _POOLS


def _attach_if_none(context: Context) -> None:
    if not get_current():
        attach(context)


def _other_is_active() -> bool:
    other = sys.modules.get(_OTHER)
    return other is not None and bool(other.ThreadingInstrumentor()._is_instrumented_by_opentelemetry)  # noqa: SLF001  the public property is newer
