"""One process per journal: a lock that the kernel lets go of when its holder ends, however that happens."""

import fcntl
import os
import time
from pathlib import Path
from typing import IO, Final

from haechi_collector.errors import SettingError

_FILE: Final = "owner"
_TRIES: Final = 4
_PATIENCE_S: Final = 0.05


class Owner:
    """Holds a journal's directory until `release`."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            SettingError: another process has it, or the directory cannot be written.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._file = (path / _FILE).open("a+")
        except OSError as error:
            raise SettingError(f"{path}: the journal cannot be opened: {error.strerror}") from error
        if not self._locked():
            self._file.close()
            raise SettingError(
                f"{path}: process {owner_pid(path)} has this journal open; stop it, or give this one another --data-dir"
            )
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def _locked(self) -> bool:
        """Take the lock; `owner_pid` holds it for a moment, so that once is not enough to tell."""
        for _ in range(_TRIES):
            if _lock(self._file):
                return True
            time.sleep(_PATIENCE_S)
        return False

    def release(self) -> None:
        """Let another process have it. Idempotent."""
        self._file.close()


def owner_pid(path: Path) -> str:
    """Return the number of the process that has the journal open, '' when none has."""
    try:
        with (path / _FILE).open("r+") as file:
            return "" if _lock(file) else file.read() or "unknown"
    except OSError:
        return ""


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
