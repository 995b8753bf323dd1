"""Memory that a busy collector keeps instead of giving it back and asking for it again.

A request of 512 spans passes through a dozen buffers of a megabyte or two. By default each is mapped and unmapped by
itself, and the kernel clears every page anew: a quarter of the collector's CPU (`clear_page` in a profile). Here
freed memory up to `MEMORY_KEPT_BYTES` stays with the process; more than that goes back.
"""

import ctypes
from typing import Final

import pyarrow as pa

from haechi_collector.limits import MALLOC_ARENAS, MEMORY_KEPT_BYTES

# malloc.h
_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_TOP_PAD_BYTES: Final = 16 * 1024 * 1024


def keep_freed_memory() -> None:
    """Tell glibc's malloc to reuse large blocks, and Arrow to use that malloc. Does nothing on another libc."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    mallopt(_M_ARENA_MAX, MALLOC_ARENAS)
    mallopt(_M_MMAP_THRESHOLD, MEMORY_KEPT_BYTES)
    mallopt(_M_TRIM_THRESHOLD, MEMORY_KEPT_BYTES)
    mallopt(_M_TOP_PAD, _TOP_PAD_BYTES)
    pa.set_memory_pool(pa.system_memory_pool())
