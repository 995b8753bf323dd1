"""Worker threads that clients share fairly.

Guarantees:

* A client runs on no more threads than are left free for the others. So with k clients that want all they can get,
  each has at most 1/(k+1) of the threads, and as many are free for whoever comes next.
* What cannot run yet waits in one line per client, and the lines are served in turn: a client waits behind its own
  work and one piece of each other client's, not behind their whole lines.
* A line is at most ``limits.WORK_LINE_MAX`` long; one more is refused.

It is the rule of `admission`, for threads in the place of bytes.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from haechi_collector import limits
from haechi_collector.errors import Rejected

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Work:
    client: str
    future: Future[Any]
    function: Callable[..., Any]
    args: tuple[Any, ...]

    def do(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self.function(*self.args))
        except BaseException as error:  # noqa: BLE001  the future carries it to whoever waits
            self.future.set_exception(error)


class FairWorkers:
    """``count`` threads. Thread-safe.

    Invariant: whatever may run is running or stands in ``_ready``, which never holds more than there are idle threads.
    """

    def __init__(self, count: int, name: str) -> None:
        self._lock = threading.Lock()  # guards the next four; never held while work is done
        self._lines: OrderedDict[str, deque[_Work]] = OrderedDict()  # none is empty; whose turn is next stands first
        self._running: dict[str, int] = {}  # none is 0
        self._free = count
        self._stopped = False
        self._ready: SimpleQueue[_Work | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._serve, name=f"{name}-{n}", daemon=True) for n in range(count)]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more, forget what has not begun, and do not wait for what has. Idempotent."""
        with self._lock:
            self._stopped = True
            self._lines.clear()
        for _ in self._threads:
            self._ready.put(None)

    def submit(self, client: str, function: Callable[..., T], *args: Any) -> Future[T]:
        """Call ``function`` with ``args`` on a thread; the future has its result or its error.

        Raises:
            Rejected: that client's line is full, or the work has stopped.
        """
        future: Future[T] = Future()
        work = _Work(client, future, function, args)
        with self._lock:
            if self._stopped:
                raise Rejected("the collector is shutting down", limits.RETRY_AFTER_S)
            if self._may_run(client):
                self._begin(work)
            else:
                self._wait_in_line(work)
        return future

    def _serve(self) -> None:
        while (work := self._ready.get()) is not None:
            work.do()
            client = work.client
            del work  # or an idle thread would keep it, and a body with it, alive
            self._finished(client)

    def _may_run(self, client: str) -> bool:
        return self._running.get(client, 0) < self._free

    def _begin(self, work: _Work) -> None:
        self._running[work.client] = self._running.get(work.client, 0) + 1
        self._free -= 1
        self._ready.put(work)

    def _wait_in_line(self, work: _Work) -> None:
        line = self._lines.setdefault(work.client, deque())
        if len(line) >= limits.WORK_LINE_MAX:
            raise Rejected("too many of your requests wait at the moment", limits.RETRY_AFTER_S)
        line.append(work)

    def _finished(self, client: str) -> None:
        with self._lock:
            self._free += 1
            self._running[client] -= 1
            if not self._running[client]:
                del self._running[client]
            while (turn := next((c for c in self._lines if self._may_run(c)), None)) is not None:
                self._begin(self._next_of(turn))

    def _next_of(self, client: str) -> _Work:
        line = self._lines[client]
        work = line.popleft()
        self._lines.move_to_end(client)
        if not line:
            del self._lines[client]
        return work
