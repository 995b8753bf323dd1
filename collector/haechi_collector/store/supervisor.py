"""The embedded store's process: started, watched, started again, stopped.

Guarantees: when `start` returns, the store answers; a store that dies is started again on the same port with the same
passwords; no store outlives the process that started it, however that ends (it reads the end of a pipe); the
passwords go through that pipe and nowhere else.
"""

import json
import logging
import os
import secrets
import select
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from haechi_collector.errors import SettingError, StoreUnavailable
from haechi_collector.store.client import Dsn
from haechi_collector.store.embedded_limits import STORE_READY_S, STORE_RESTART_DELAYS_S, STORE_STOP_S

logger = logging.getLogger(__name__)

_COMMAND: Final = [sys.executable, "-m", "haechi_collector.store.embedded"]
_STEADY_S: Final = 60.0
"""A store that lived this long has started well: the next restart begins with the shortest wait."""


@dataclass(frozen=True, slots=True)
class State:
    """How the store is, and why when it is not up."""

    name: Literal["starting", "up", "restarting", "failed", "stopped"]
    reason: str = ""


class EmbeddedStore:
    """The store of a data directory.

    Args:
        data_dir: the store's own directory.
        port: port to listen on; 0 takes any free one, which is kept over restarts.
        host: address to bind.
        is_open: whether the user ``reader`` needs no password, or gets one that nobody is told.
        patience_s: how long to wait for a directory that another process holds: that of a caller who was killed may
            still be ending.
    """

    def __init__(
        self, data_dir: Path, port: int, host: str = "127.0.0.1", *, is_open: bool = True, patience_s: float = 0.0
    ) -> None:
        self._path, self._host, self._port, self._patience_s = data_dir, host, port, patience_s
        self._passwords = {user: secrets.token_urlsafe(24) for user in ("haechi", "reader", "web")}
        if is_open:
            self._passwords["reader"] = ""
        self._stopping = threading.Event()
        self._lock = threading.Lock()  # guards _child against a restart while it is stopped
        self._child: subprocess.Popen[bytes] | None = None
        self._watcher = threading.Thread(target=self._watch, name="store-watcher", daemon=True)
        self.state = State("starting")
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The process's number, None when there is none."""
        return self._child.pid if self._child else None

    @property
    def dsn(self) -> Dsn:
        """The writer's way to the store; the port is right once `start` has returned."""
        return self._dsn("haechi")

    @property
    def reader_dsn(self) -> Dsn:
        """The way of the collector's own SQL door: a reader whose queries a guard has read."""
        return self._dsn("web")

    def start(self) -> None:
        """Start the store and wait until it answers.

        Raises:
            SettingError: the directory or the port cannot be had.
            StoreUnavailable: the process ended or was silent; its own message is on standard error.
        """
        self._launch()
        self._watcher.start()

    def stop(self) -> None:
        """Stop the store in order; kill it when that takes too long. May be called twice."""
        self._stopping.set()
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            _end(child)
        if self._watcher.is_alive():
            self._watcher.join()
        self.state = State("stopped")

    def _dsn(self, user: str) -> Dsn:
        return Dsn("http", self._host, self._port, user, self._passwords[user], "haechi")

    def _launch(self) -> None:
        wanted = {
            "path": str(self._path),
            "host": self._host,
            "port": self._port,
            "passwords": self._passwords,
            "patience_s": self._patience_s,
        }
        with self._lock:
            if self._stopping.is_set():
                return
            child = subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self._child = child
        try:
            self._port = _greet(child, wanted)
        except BaseException:
            _end(child)
            raise
        self.state = State("up")

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
            self.state = State("restarting", f"the store ended {_reason(status)}")
            logger.error("%s; starting it again", self.state.reason)
            failures = self._restart(failures)

    def _restart(self, failures: int) -> int:
        """Try until the store is up or is to stop; return how often it failed in a row."""
        while True:
            delay_s = STORE_RESTART_DELAYS_S[min(failures, len(STORE_RESTART_DELAYS_S) - 1)]
            failures += 1
            if self._stopping.wait(delay_s):
                return failures
            try:
                self._launch()
            except (SettingError, StoreUnavailable) as error:
                self.state = State("failed", str(error))
                logger.exception("the store could not be started again")
            else:
                self.restarts += 1
                return failures


def _greet(child: "subprocess.Popen[bytes]", wanted: dict[str, object]) -> int:
    """Tell a new child what is wanted; return its port when it answers."""
    if child.stdin is None or child.stdout is None:
        raise StoreUnavailable("the store has no pipes")
    try:
        child.stdin.write(json.dumps(wanted).encode() + b"\n")
        child.stdin.flush()
    except BrokenPipeError:
        raise StoreUnavailable("the store ended as soon as it was started") from None
    answer = _line(child.stdout.fileno(), time.monotonic() + STORE_READY_S)
    if answer is None:
        raise StoreUnavailable(f"the store did not answer within {STORE_READY_S:.0f} s")
    if not answer:
        raise StoreUnavailable(f"the store ended {_reason(child.wait())} at its start")
    told = json.loads(answer)
    if "error" in told:
        raise SettingError(told["error"])
    return int(told["port"])


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


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Let go of the child's standard input, which ends it in order; kill it when that takes too long."""
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(2 * STORE_STOP_S + 5.0)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    _close_pipes(child)


def _close_pipes(child: "subprocess.Popen[bytes]") -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()


def _reason(status: int) -> str:
    return f"by signal {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
