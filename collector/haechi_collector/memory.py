"""Memory that a busy collector keeps instead of giving it back and asking for it again, or looking through it.

A request of 512 spans passes through a dozen buffers of a megabyte or two. By default each is mapped and unmapped by
itself, and the kernel clears every page anew: a quarter of the collector's CPU (`clear_page` in a profile). Here
freed memory stays with the process: Arrow's for `MEMORY_KEPT_S`, the C library's up to `MEMORY_KEPT_BYTES`.
"""

import ctypes
import gc
from contextlib import suppress
from typing import Final

import pyarrow as pa

from haechi_collector.limits import MALLOC_ARENAS, MEMORY_KEPT_BYTES, MEMORY_KEPT_S

# malloc.h
_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_TOP_PAD_BYTES: Final = 16 * 1024 * 1024
_MMAP_THRESHOLD_BYTES: Final = 32 * 1024 * 1024  # the most that glibc takes
_YOUNG_OBJECTS: Final = 50_000


def choose_allocators() -> None:
    """Take the allocator for Arrow's memory, and few heaps for the C library's, before threads are started."""
    if "jemalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())
        pa.jemalloc_set_decay_ms(int(MEMORY_KEPT_S * 1000))
    else:
        pa.set_memory_pool(pa.system_memory_pool())
    _mallopt(_M_ARENA_MAX, MALLOC_ARENAS)


def keep_freed_memory() -> None:
    """Tell glibc's malloc to keep large blocks for reuse.

    To be called after the start: large tables that are made before are pages that nothing has touched yet.
    """
    _mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
    _mallopt(_M_TRIM_THRESHOLD, MEMORY_KEPT_BYTES)
    _mallopt(_M_TOP_PAD, _TOP_PAD_BYTES)


def _mallopt(parameter: int, value: int) -> None:
    with suppress(AttributeError):  # not glibc
        ctypes.CDLL(None).mallopt(parameter, value)


def collect_rarely() -> None:
    """Leave what is there out of garbage collection, and collect the rest after more objects than by default.

    The data is in columns; the passes over modules and queues were a fifteenth of the CPU of a busy process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)
