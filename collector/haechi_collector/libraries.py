"""What must be said before libraries are imported, by a process that serves.

Guarantee: nothing is imported here but the standard library.

Some libraries import others because they are installed, for what no code of ours calls. In the collector pyarrow brings
in pandas (with chdb it is always there): 25 MiB and a third of the time of its imports. In the web process NiceGUI's
socket.io brings in the clients of three HTTP libraries, which a server has no use for: 12 MiB.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

UNUSED_BY_COLLECTOR: Final = ("pandas", "watchfiles")
UNUSED_BY_WEB: Final = ("aiohttp", "requests", "tornado", "watchfiles")


class _Absent:
    """Finds no module of these names, as if they were not installed."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse those names; leave the others to the next finder."""
        del path, target
        if fullname in self._names:
            raise ModuleNotFoundError(f"{fullname} is left out of this process", name=fullname)
        return None


def leave_out(names: Sequence[str]) -> None:
    """Keep libraries out of this process, for good."""
    sys.meta_path.insert(0, _Absent(frozenset(names)))


def return_freed_pages() -> None:
    """Have Arrow's allocator return freed pages by a thread of its own (jemalloc(3), ``background_thread``).

    Without it pages are returned only while others are asked for: after a burst 200 MiB stay until the next one.
    Arrow's own call for it, ``release_unused``, asks for a name that jemalloc does not know (pyarrow 26).
    """
    os.putenv("JE_ARROW_MALLOC_CONF", "background_thread:true")
