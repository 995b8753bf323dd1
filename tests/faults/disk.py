"""A disk that fails on demand: `disk.c`, preloaded into one process.

It answers the C library's calls on files of one directory with ENOSPC, EROFS or EIO, so that it needs no rights, no
file system of its own and no kernel module; what reaches the real disk is what the process believes it wrote.
"""

import shutil
import subprocess
from enum import IntEnum
from pathlib import Path

import pytest

_SOURCE = Path(__file__).parent / "disk.c"
_SWITCH_BYTES = 4096  # one page, which the process maps


class State(IntEnum):
    """How the disk is (the numbers of `disk.c`)."""

    WELL = 0
    FULL = 1
    READ_ONLY = 2
    CANNOT_SYNC = 3
    BROKEN = 4


class Disk:
    """The disk under a directory, as the processes that are started with `environment` see it."""

    def __init__(self, directory: Path, scratch: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._switch = scratch / f"{directory.name}.switch"
        self._switch.write_bytes(bytes(_SWITCH_BYTES))
        self.environment = {
            "LD_PRELOAD": str(_built(scratch)),
            "HAECHI_FAULT_SWITCH": str(self._switch),
            "HAECHI_FAULT_DIRECTORY": str(directory),
        }

    def turn(self, state: State) -> None:
        """Make the disk so from now on."""
        with self._switch.open("r+b") as file:
            file.write(int(state).to_bytes(4, "little"))


def _built(scratch: Path) -> Path:
    library = scratch / "disk.so"
    if not library.exists():
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            pytest.fail("the disk faults need a C compiler: apt-get install gcc")
        options = ["-shared", "-fPIC", "-nostdlib", "-O1", "-Wno-builtin-declaration-mismatch"]
        subprocess.run([compiler, *options, "-o", str(library), str(_SOURCE)], check=True, timeout=60)
    return library
