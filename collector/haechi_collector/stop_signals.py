"""SIGTERM and SIGINT as an event that other threads wait for.

Guarantee: a signal is never lost and never blocks, also when it comes twice or while the main thread waits. A handler
runs between two instructions of the main thread, which may hold the very lock that `Event.set` takes; so it only puts
a word into a queue that is made for that (`queue.SimpleQueue.put` is reentrant), and a thread sets the event.
"""

import signal
import threading
from queue import SimpleQueue


def stop_event() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set from now on. Call it in the main thread, once."""
    asked: SimpleQueue[int] = SimpleQueue()
    stop = threading.Event()

    def wait() -> None:
        asked.get()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: asked.put(number))
    threading.Thread(target=wait, name="signals", daemon=True).start()
    return stop
