"""A process that this one starts: greeted, watched, started again, stopped.

Guarantees: when `Child.start` returns, the child has said that it works; one that dies is started again with what it
was told before; none outlives the process that started it, however that ends, because it reads the end of a pipe; what
it is told goes through that pipe and nowhere else.

Format: one line of JSON goes to the child's standard input, one comes back on its standard output: ``{"error"}`` for a
setting that does not work, or whatever it tells. Then the pipe stays open until the child is to end. The child's side
is `read_wanted`, `tell` and `parent_ended`.
"""

import json
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from haechi_collector.errors import HaechiError, SettingError

logger = logging.getLogger(__name__)

_STEADY_S: Final = 60.0
"""A child that lived this long has started well: the next restart begins with the shortest wait."""


@dataclass(frozen=True, slots=True)
class State:
    """How a child is, and why when it is not up."""

    name: Literal["starting", "up", "restarting", "failed", "stopped"]
    reason: str = ""

    @property
    def complaint(self) -> str:
        """What is wrong, '' while it is up."""
        return "" if self.name == "up" else f"{self.name}: {self.reason}".rstrip(": ")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a child is.

    Attributes:
        name: as messages call it, such as ``the store``.
        module: run with ``python -m``.
        ready_s: how long it may take from the greeting to its answer.
        stop_s: how long it may take to end once it was told to.
        restart_delays_s: waits before the first, second, ... restart; the last one repeats.
        silent: raised when it ends or is silent at its start.
    """

    name: str
    module: str
    ready_s: float
    stop_s: float
    restart_delays_s: Sequence[float]
    silent: type[HaechiError]


class Child:
    """A child of one kind. Call `start`, then `stop`; a subclass says what the child is told and what it tells."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._stopping = threading.Event()
        self._lock = threading.Lock()  # guards _child against a restart while it is stopped
        self._child: subprocess.Popen[bytes] | None = None
        self._watcher = threading.Thread(target=self._watch, name=f"{kind.name.split()[-1]}-watcher", daemon=True)
        self.state = State("starting")
        self.restarts = 0

    # --- what a subclass says ------------------------------------------------------------------------------

    def wanted(self) -> Mapping[str, object]:
        """Return what the child is told."""
        raise NotImplementedError

    def greeted(self, told: Mapping[str, Any]) -> None:
        """Take what the child answered."""
        raise NotImplementedError

    def restarted(self) -> None:
        """It died and works again."""

    def spawn(self, command: list[str]) -> "subprocess.Popen[bytes]":
        """Run the command with pipes for standard input and output."""
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    # --- from start to stop -------------------------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        """The process's number, None when there is none."""
        return self._child.pid if self._child else None

    def prepare(self) -> None:
        """Start the process so that it can import its modules, and say nothing to it yet; `start` goes on."""
        self._child = self._spawn()

    def start(self) -> None:
        """Start the process and wait until it says that it works.

        Raises:
            SettingError: it names a setting that does not work.
            HaechiError: the kind's ``silent``: it ended or was silent; its own message is on standard error.
        """
        self._launch()
        self._watcher.start()

    def stop(self) -> None:
        """Stop the process in order; kill it when that takes too long. May be called twice."""
        self._stopping.set()
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            self._end(child)
        if self._watcher.is_alive():
            self._watcher.join()
        self.state = State("stopped")

    def _spawn(self) -> "subprocess.Popen[bytes]":
        return self.spawn([sys.executable, "-m", self._kind.module])

    def _launch(self) -> None:
        with self._lock:
            if self._stopping.is_set():
                return
            if self._child is None or self._child.returncode is not None:
                self._child = self._spawn()
            child = self._child
        try:
            self.greeted(self._greet(child))
        except BaseException:
            self._end(child)
            raise
        self.state = State("up")

    def _greet(self, child: "subprocess.Popen[bytes]") -> Mapping[str, Any]:
        """Tell a new child what is wanted; return its answer."""
        name, silent = self._kind.name, self._kind.silent
        if child.stdin is None or child.stdout is None:
            raise silent(f"{name} has no pipes")
        try:
            child.stdin.write(json.dumps(self.wanted()).encode() + b"\n")
            child.stdin.flush()
        except BrokenPipeError:
            raise silent(f"{name} ended as soon as it was started") from None
        answer = _line(child.stdout.fileno(), time.monotonic() + self._kind.ready_s)
        if answer is None:
            raise silent(f"{name} did not answer within {self._kind.ready_s:.0f} s")
        if not answer:
            raise silent(f"{name} ended {_reason(child.wait())} at its start")
        told: dict[str, Any] = json.loads(answer)
        if "error" in told:
            raise SettingError(told["error"])
        return told

    def _watch(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            child = self._child
            if child is None:
                return
            began = time.monotonic()
            status = child.wait()
            if self._stopping.is_set():
                return
            _close_pipes(child)
            failures = 0 if time.monotonic() - began > _STEADY_S else failures
            self.state = State("restarting", f"{self._kind.name} ended {_reason(status)}")
            logger.error("%s; starting it again", self.state.reason)
            failures = self._restart(failures)

    def _restart(self, failures: int) -> int:
        """Try until the child is up or is to stop; return how often it failed in a row."""
        delays = self._kind.restart_delays_s
        while True:
            delay_s = delays[min(failures, len(delays) - 1)]
            failures += 1
            if self._stopping.wait(delay_s):
                return failures
            try:
                self._launch()
            except (SettingError, self._kind.silent) as error:
                self.state = State("failed", str(error))
                logger.exception("%s could not be started again", self._kind.name)
            else:
                self.restarts += 1
                self.restarted()
                return failures

    def _end(self, child: "subprocess.Popen[bytes]") -> None:
        """Let go of the child's standard input, which ends it in order; kill it when that takes too long."""
        if child.stdin is not None:
            child.stdin.close()
        try:
            child.wait(self._kind.stop_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        _close_pipes(child)


def _line(descriptor: int, deadline: float) -> bytes | None:
    """Read one line: None when the deadline passed, what there was when the other side closed."""
    text = b""
    while not text.endswith(b"\n"):
        left_s = deadline - time.monotonic()
        if left_s <= 0 or not select.select([descriptor], [], [], left_s)[0]:
            return None
        part = os.read(descriptor, 4096)
        if not part:
            break
        text += part
    return text


def _close_pipes(child: "subprocess.Popen[bytes]") -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()


def _reason(status: int) -> str:
    return f"by signal {signal.Signals(-status).name}" if status < 0 else f"with status {status}"


# --- the child's side --------------------------------------------------------------------------------------


def leave_signals_to_parent() -> None:
    """Ignore SIGTERM and SIGINT: a terminal sends them to all, and the parent still needs its children then."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def read_wanted() -> dict[str, Any] | None:
    """Return what the parent wants; None when it ended before it said so."""
    line = sys.stdin.readline()
    wanted: dict[str, Any] | None = json.loads(line) if line else None
    return wanted


def tell(line: Mapping[str, object]) -> bool:
    """Answer the parent; False when it has ended."""
    try:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        return False
    return True


def parent_ended(within_s: float) -> bool:
    """Wait for the parent's end of the pipe to be closed: it lets go of this child, or ended in whatever way."""
    return bool(select.select([sys.stdin], [], [], within_s)[0])
