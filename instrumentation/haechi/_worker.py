"""One thread of ours, that does some work at intervals or when woken.

Guarantee: nothing that the work does is observed or logged as the application's. The thread starts when asked to,
never stops a program from ending, and leaves before a fork, at a moment when it holds no lock: a child forked in the
middle of its imports would find modules locked for ever, and since 3.12 Python warns of a fork beside threads. Nothing
here waits on locks or conditions of `threading`, so signal handlers and finalizers may come in at any point.
"""

import os
import sys
import threading
import time
from _thread import start_new_thread  # as it is now: gevent replaces it later, and greenlets must not wait for us
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

from opentelemetry import context

from haechi import _guard, _wire

FORK_WAIT_S: Final = 1.0
"""How long a fork waits for the thread to leave its imports. Shorter: the child may find a module locked for ever."""
_POLL_S: Final = 0.0005


class Worker:
    """The thread.

    Args:
        work: what to do; it returns early where `leaving` says so.
        last: what to do when stopped.
        interval_s: how long to wait between two times.
        harmless: tells whether the thread waits for the network and holds no lock.
    """

    def __init__(
        self, work: Callable[[], None], last: Callable[[], None], interval_s: float, harmless: Callable[[], bool]
    ) -> None:
        self._work = work
        self._last = last
        self._interval_s = interval_s
        self._harmless = harmless
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._may_start: list[None] = [None]  # whoever pops it starts the thread
        self._native_id = 0
        self._parked = False  # for the time of a fork
        self._stopped = False
        self.running = False

    @property
    def leaving(self) -> bool:
        """Whether the thread is to come out of its work."""
        return self._parked or self._stopped

    def wake(self) -> None:
        """Do the work now."""
        self._wake.put(None)

    def start(self) -> bool:
        """Start the thread unless it runs; return whether it began. Where threads cannot start, nothing happens."""
        try:
            self._may_start.pop()
        except IndexError:
            return False
        self.running = not self.leaving
        try:
            if self.running:
                start_new_thread(self._run, ())
        except RuntimeError:  # no more threads, or the interpreter ends
            self.running = False
        if not self.running:
            self._may_start.append(None)
        return self.running

    def stop(self) -> None:
        """End the thread when its present work is done."""
        self._stopped = True
        self.wake()

    def here(self) -> None:
        """Do the work once in the caller's thread."""
        self._silently(self._work)

    def park(self) -> None:
        """Wait until the thread has left, or waits for the network."""
        self._parked = True
        self.wake()
        deadline = time.monotonic() + FORK_WAIT_S
        while self.running and not self._harmless() and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        while not self.running and self._native_id and _exists(self._native_id) and time.monotonic() < deadline:
            time.sleep(_POLL_S)  # it has left Python, and not yet the kernel's list that Python looks at

    def resume(self, *, wanted: bool) -> None:
        """Go on after a fork; where Python would warn of a thread begun here (since 3.12), when next asked to."""
        self._parked = False
        if wanted and sys.version_info < (3, 12):
            self.start()
        self.wake()

    def _run(self) -> None:
        self._native_id = threading.get_native_id()
        self._silently(self._loop)
        self.running = False
        self._may_start.append(None)

    def _loop(self) -> None:
        while not self.leaving:
            with suppress(Empty):
                self._wake.get(timeout=self._interval_s)
            if not self.leaving:
                with _guard.Kept("exporting"):
                    self._work()
        if self._stopped:
            self._last()

    def _silently(self, work: Callable[[], None]) -> None:
        quiet = context.set_value("suppress_instrumentation", True, context.Context())
        token = context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True, quiet))  # noqa: SLF001  no public name
        thread = threading.get_ident()
        _wire.hush(thread)
        with _guard.Kept("exporting"):
            work()
        _wire.speak(thread)
        context.detach(token)


def _exists(native_id: int) -> bool:
    return os.path.exists(f"/proc/self/task/{native_id}")
