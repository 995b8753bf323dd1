"""How much memory this process and its control group use, and how much they may.

Read from Linux's ``/proc`` and ``/sys/fs/cgroup``, version 2 and version 1. What the kernel can drop at once, the
inactive part of the page cache, does not count as used: the journal's and the store's files live there.

Sources: proc_pid_statm(5); the kernel's admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst. The working set is
counted as the kubelet counts it.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_MACHINE_BYTES: Final = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@dataclass(frozen=True, slots=True)
class Group:
    """A control group with a limit on memory: its folder, and what its version calls the files."""

    folder: Path
    limit_bytes: int
    usage_name: str
    inactive_name: str

    def used_bytes(self) -> int:
        """Return the bytes in use without those that the kernel can drop at once."""
        lines = (self.folder / "memory.stat").read_text().splitlines()
        inactive = next((int(line.split()[1]) for line in lines if line.split()[0] == self.inactive_name), 0)
        return max(0, int((self.folder / self.usage_name).read_text()) - inactive)


def resident_bytes() -> int:
    """Return the memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


def memory_bytes(group: Group | None) -> int:
    """Return the memory that there is, for the machine or for the group."""
    return min(_MACHINE_BYTES, group.limit_bytes) if group else _MACHINE_BYTES


def tightest_group(membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> Group | None:
    """Return the group with the smallest limit of those that this process is in, None where nothing is limited."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return None
    groups = [group for line in lines for group in _limited(root, *line.split(":", 2))]
    return min(groups, key=lambda group: group.limit_bytes, default=None)


def _limited(root: Path, _number: str, controllers: str, path: str) -> list[Group]:
    if not controllers:
        return _chain(root, path, "memory.max", "memory.current", "inactive_file")
    if "memory" in controllers.split(","):
        limit, usage = "memory.limit_in_bytes", "memory.usage_in_bytes"
        return _chain(root / "memory", path, limit, usage, "total_inactive_file")
    return []


def _chain(root: Path, path: str, limit_name: str, usage_name: str, inactive_name: str) -> list[Group]:
    # In a container the path may be the host's, while the folder that is mounted is already the group's own.
    own = root / path.lstrip("/")
    folders = [folder for folder in (own, *own.parents) if folder == root or root in folder.parents]
    found = []
    for folder in folders:
        limit = _number_in(folder / limit_name)
        if limit is not None and limit < _MACHINE_BYTES:
            found.append(Group(folder, limit, usage_name, inactive_name))
    return found


def _number_in(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such file; or "max"
        return None
