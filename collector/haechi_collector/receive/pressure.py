"""Watches the memory, so that requests are refused before the kernel ends the process.

Guarantees, ``limits.MEMORY_CHECK_S`` late at most:

* Above ``limits.MEMORY_SOFT_SHARE`` of ``bytes_max``, or of the control group's memory above
  ``limits.MEMORY_GROUP_SHARE``, `shortage` says so, and freed memory is given back to the system.
* Above ``bytes_max`` itself, ``shed`` is called at each look until it is below again.

The process's own memory is compared with ``bytes_max``; the group's, of all its processes, with the group's limit.
"""

import ctypes
import logging
import threading
from collections.abc import Callable
from typing import Final

import pyarrow as pa

from haechi_collector import limits
from haechi_collector.memory_use import Group, memory_bytes, resident_bytes, tightest_group

logger = logging.getLogger(__name__)

_SHORT: Final = "memory is short at the moment"


class Pressure:
    """The watch. ``bytes_max`` None takes the default: see `limits.MEMORY_SHARE`."""

    def __init__(self, bytes_max: int | None = None, group: Group | None = None) -> None:
        self._group = group or tightest_group()
        share = int(memory_bytes(self._group) * limits.MEMORY_SHARE)
        self.bytes_max = bytes_max or min(share, limits.MEMORY_BYTES_DEFAULT_MAX)
        self.bytes_used = resident_bytes()
        self._shortage = ""
        self._sheds: list[Callable[[], int]] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._thread.join()

    def shortage(self) -> str:
        """Say that memory is short; '' when it is not."""
        return self._shortage

    def on_excess(self, shed: Callable[[], int]) -> None:
        """Call ``shed`` when the memory is above ``bytes_max``; it returns how many requests it gave up."""
        self._sheds.append(shed)

    def _watch(self) -> None:
        while not self._stopped.wait(limits.MEMORY_CHECK_S):
            self._look()

    def _look(self) -> None:
        self.bytes_used = resident_bytes()
        was_short = bool(self._shortage)
        if self._is_short():
            _give_back_freed_memory()
            self.bytes_used = resident_bytes()
        self._shortage = _SHORT if self._is_short() else ""
        if self._shortage and not was_short:
            logger.warning("memory is short: %d of %d bytes; requests are refused", self.bytes_used, self.bytes_max)
        if self.bytes_used > self.bytes_max:
            given_up = sum(shed() for shed in self._sheds)
            logger.warning("memory is above memory_bytes_max: %d arriving messages were given up", given_up)

    def _is_short(self) -> bool:
        if self.bytes_used > self.bytes_max * limits.MEMORY_SOFT_SHARE:
            return True
        return self._group is not None and (
            self._group.used_bytes() > self._group.limit_bytes * limits.MEMORY_GROUP_SHARE
        )


def _give_back_freed_memory() -> None:
    pa.default_memory_pool().release_unused()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:  # not glibc
        return
