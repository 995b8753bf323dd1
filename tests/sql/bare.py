"""The harm that a statement does to an engine without the guard, seen from outside."""

import contextlib
import json
import re
import select
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

CHILD = Path(__file__).parent / "bare_child.py"
MARK = "root:"
"""Begins /etc/passwd, and every secret in the tables of the throwaway engine."""

PATIENCE_S = 1.5
"""A statement that is not done by then holds its place."""

SLOW_S = 0.9
_FILE = "/etc/passwd"
_MISSING = "/no/such/file"
_SETTINGS = re.compile(r"^SELECT .*? (SETTINGS .*)$", re.DOTALL)


@dataclass
class Ran:
    """What came of a statement."""

    error: str
    answer: str
    changed: bool
    seconds: float


class Listener:
    """A port on this machine that counts who calls, and sends everyone away."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.calls = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            self.calls += 1
            caller.settimeout(0.1)
            with caller, contextlib.suppress(OSError):
                caller.recv(65536)
                caller.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def close(self) -> None:
        """Take no more calls."""
        self._socket.close()


class Bare:
    """Runs statements in a throwaway engine and says what harm they did."""

    def __init__(self, directory: Path) -> None:
        self.out = directory / "out"
        self.out.mkdir()
        self._tables = directory / "tables"
        self._listener = Listener()
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._listener.close()

    def written(self, attack: str) -> str:
        """The text of an attack, with the places of this run."""
        return attack.replace("@OUT@", str(self.out)).replace("@PORT@", str(self._listener.port))

    def does(self, attack: str, harm: str) -> bool:
        """Run an attack and tell whether it does this harm.

        ``reads`` a file or another's secret, ``writes`` a file, ``calls`` another machine, ``changes`` tables, users,
        functions or settings, ``sets`` a setting of its own query, ``tells`` something (any answer that is not empty),
        ``holds`` its place for long, ``kills`` the engine.
        """
        sql = self.written(attack)
        calls, files = self._listener.calls, set(self.out.iterdir())
        ran = self._run(sql)
        if ran is None:
            called = self._listener.calls > calls
            return harm == ("calls" if called else "holds" if self._child else "kills")
        seen = {
            "reads": lambda: MARK in ran.answer or f"{MARK}x" in ran.error or self._reads_file(sql, ran),
            "writes": lambda: set(self.out.iterdir()) != files,
            "calls": lambda: self._listener.calls > calls,
            "changes": lambda: ran.changed,
            "kills": lambda: False,
            "holds": lambda: ran.seconds > SLOW_S,
            "sets": lambda: self._sets(sql),
            "tells": lambda: bool(ran.answer),
        }
        return bool(seen[harm]())

    def ran_out(self, sql: str) -> bool:
        """Tell whether a statement needs more memory than the throwaway engine may take, or longer than a moment."""
        ran = self._run(sql)
        return ran is None or "MEMORY_LIMIT_EXCEEDED" in ran.error or "TOO_LARGE" in ran.error or ran.seconds > SLOW_S

    def _reads_file(self, sql: str, ran: Ran) -> bool:
        """The engine answers while the file is there, and misses it when it is not."""
        if _FILE not in sql or ran.changed or ran.error:
            return False
        other = self._run(sql.replace(_FILE, _MISSING))
        return other is not None and _MISSING.lstrip("/") in other.error

    def _sets(self, sql: str) -> bool:
        """The query's own SETTINGS are in force while it runs."""
        found = _SETTINGS.match(sql)
        if not found:
            return False
        name = re.findall(r"(?:SETTINGS|,)\s*`?(\w+)`?", found[1])
        plain = re.sub(r"FORMAT \w+", "", found[1])
        asked = f"SELECT name FROM system.settings WHERE changed AND name = '{name[-1]}' {plain}"
        ran = self._run(asked)
        return ran is not None and ran.answer.strip() == name[-1]

    def _run(self, sql: str) -> Ran | None:
        """What came of it; None when it was not done in time (the engine is started anew) or the engine died."""
        child = self._started()
        assert child.stdin is not None
        assert child.stdout is not None
        begun = time.monotonic()
        child.stdin.write(json.dumps({"sql": sql}) + "\n")
        child.stdin.flush()
        if not select.select([child.stdout], [], [], PATIENCE_S)[0]:
            self._stop()
            self._started()
            return None
        line = child.stdout.readline()
        if not line:
            self._stop()
            return None
        told: dict[str, Any] = json.loads(line)
        return Ran(told["error"], told["answer"], told["changed"], time.monotonic() - begun)

    def _started(self) -> "subprocess.Popen[str]":
        if self._child is None:
            command = [sys.executable, str(CHILD), str(self._tables)]
            pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            # A session of its own: SYSTEM SHUTDOWN ends the whole process group.
            self._child = subprocess.Popen(command, text=True, cwd=self.out, start_new_session=True, **pipes)
            assert self._child.stdout is not None
            assert self._child.stdout.readline() == "ready\n"
        return self._child

    def _stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None
