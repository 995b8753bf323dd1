"""Memory that a process gives back while it rests.

Guarantees: a process that takes less than `_REST_CPU_SHARE` of a core in each of `_REST_LOOKS` looks in a row gives
back, and again after each further so many,

* what the C library has kept of freed memory (``malloc_trim``);
* the pages of program files that it has mapped. Loading the engine alone maps 170 MiB: relocation tables, constructors,
  and what the kernel maps around each page that is touched; a store at rest needs 12 of them. The files stay in the
  kernel's cache, and a page that is needed again is mapped at its first touch, with 15 neighbours: the first question
  after a rest takes some 5 ms longer, those after it do not.

Nothing is given back where the system is not Linux or the C library not glibc.

Why only mappings of files that are mapped to be executed: libraries stay where they are as long as the process lives,
so that no other memory can have taken the address meanwhile. Those that hold anything written, such as addresses that
the loader filled in, are left alone: it would be lost.

Source: madvise(2), MADV_DONTNEED; proc_pid_smaps(5); malloc_trim(3).
"""

import ctypes
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LOOK_S: Final = 5.0
"""How often it is looked whether the process works. Rarer: it is later at rest. More often: it wakes the CPU."""

_REST_LOOKS: Final = 3
"""Looks in a row without work. Fewer: senders that come every ten seconds find the memory given back each time, and the
kernel clears it anew. More: what a late merge has touched stays longer."""

_REST_CPU_SHARE: Final = 0.02
"""Share of a core since the last look that is no work yet. An idle process takes 0.002 to 0.007. Higher: senders that
are slow but steady, and pages that are left open, seem to rest, and pay for it again and again. Lower: what the store
does by itself every minute keeps it from resting."""

_MADV_DONTNEED: Final = 4
_HEAD: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ (\S+) (\d+)")


@dataclass(frozen=True, slots=True)
class _Mapping:
    first: int
    end: int
    permissions: str
    file: tuple[str, str]  # device and inode
    is_pure: bool  # every page of it is the file's


def give_back() -> None:
    """Give back what the C library has kept, and every page of program files that nothing was written to."""
    library = ctypes.CDLL(None)
    try:
        library.malloc_trim(0)
        smaps = Path("/proc/self/smaps").read_text()
    except (AttributeError, OSError):
        return
    mappings = list(_mappings(smaps))
    programs = {mapping.file for mapping in mappings if "x" in mapping.permissions}
    for mapping in mappings:
        if mapping.is_pure and mapping.file in programs:
            size = mapping.end - mapping.first
            library.madvise(ctypes.c_void_p(mapping.first), ctypes.c_size_t(size), _MADV_DONTNEED)


def rest_until(ended: Callable[[float], bool], at_rest: Callable[[], object] = give_back) -> None:
    """Wait for the end, and give memory back while the process rests.

    Args:
        ended: waits so many seconds at most and tells whether the end has come.
        at_rest: what is done then.
    """
    used_s, quiet = time.process_time(), 0
    while not ended(_LOOK_S):
        before_s, used_s = used_s, time.process_time()
        quiet = quiet + 1 if used_s - before_s < _REST_CPU_SHARE * _LOOK_S else 0
        if quiet == _REST_LOOKS:
            at_rest()
            used_s, quiet = time.process_time(), 0


def _mappings(smaps: str) -> Iterator[_Mapping]:
    """Yield the mappings of files: each a head line, followed by lines ``Name: N kB`` and its flags."""
    for block in re.split(r"\n(?=[0-9a-f]+-)", smaps):
        head = _HEAD.match(block)
        if head is None or head[5] == "0":
            continue
        written = [int(size) for size in re.findall(r"^(?:Anonymous|Swap): +(\d+) kB", block, re.MULTILINE)]
        is_pure = "w" not in head[3] and len(written) == 2 and not any(written)
        yield _Mapping(int(head[1], 16), int(head[2], 16), head[3], (head[4], head[5]), is_pure)
