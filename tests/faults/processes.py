"""Real processes that can be killed, paused and started again at the same addresses with the same directories."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx2
import psutil

from haechi_collector.store.client import Dsn, StoreClient

START_S = 60.0
END_S = 40.0
_PASSWORD = "of the tests"


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on, below those that the kernel hands to clients."""
    ports: list[int] = []
    while len(ports) < count:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            ports += [port] if port not in ports else []
    return ports


def until(true: Callable[[], object], what: str, timeout_s: float = 60.0) -> None:
    """Wait until it is true; fail, naming it, when it does not become so."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"it did not happen within {timeout_s:g} s: {what}"
        time.sleep(0.05)


class Collector:
    """`haechi serve` on a directory. Its ports stay the same over every start.

    Args:
        directory: of the journal and of the embedded store.
        options: more options of the command.
        clickhouse: the DSN of a store that runs apart; None for the embedded one.
        environment: what its environment has besides this one's.
    """

    def __init__(
        self,
        directory: Path,
        *options: str,
        clickhouse: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.log = directory.with_name(directory.name + ".log")
        grpc, http, web, store = free_ports(4)
        self.grpc, self.http, self.web = (f"127.0.0.1:{port}" for port in (grpc, http, web))
        self._store_port = store
        self._dsn = clickhouse
        ports = {"grpc": grpc, "http": http, "web": web, "store": store}
        self._command = [
            *(sys.executable, "-m", "haechi_collector", "serve", f"--data-dir={directory}", *options),
            *(f"--{door}-port={port}" for door, port in ports.items()),
            *([f"--clickhouse={clickhouse}"] if clickhouse else []),
        ]
        own = {"PYTHONFAULTHANDLER": "1", **(environment or {})}
        self._environment = {**os.environ, **own}  # noqa: TID251  the child's, whole
        self.process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start it and wait for nothing."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=log, text=True, env=self._environment
            )

    def wait_ready(self) -> None:
        """Wait for the line ``ready …``."""
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("ready "), f"{line!r}; it said: {self.said()}"

    def said(self) -> str:
        """Return the end of what it wrote to standard error."""
        return self.log.read_text("utf-8", "replace")[-6000:]

    def children(self) -> list[psutil.Process]:
        """Return the processes that it started: the web port's, and the embedded store."""
        return psutil.Process(self.pid).children(recursive=True)

    def stores(self) -> list[psutil.Process]:
        """Return the embedded store's process, when there is one."""
        return self._children_of("haechi_collector.store.embedded")

    def web_processes(self) -> list[psutil.Process]:
        """Return the web port's process, when there is one."""
        return self._children_of("haechi_collector.web_process")

    def _children_of(self, module: str) -> list[psutil.Process]:
        found = []
        for child in self.children():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                found += [child] if module in child.cmdline() else []
        return found

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it alone."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it at once, as the kernel does; nothing of it may live on."""
        children = self.children()
        self.send(signal.SIGKILL)
        self._ended()
        _, alive = psutil.wait_procs(children, END_S)
        assert not alive, f"orphans: {alive}"

    def kill_now(self) -> None:
        """End it at once and wait for nothing else; its store may still be ending."""
        self.send(signal.SIGKILL)
        self._ended()

    def stop(self) -> int:
        """Ask it to end; return its exit status. Nothing of it may live on."""
        children = self.children()
        self.send(signal.SIGTERM)
        status = self._ended()
        _, alive = psutil.wait_procs(children, 5)
        assert not alive, f"orphans: {alive}"
        return status

    def wait(self) -> int:
        """Wait for its end; return its exit status."""
        return self._ended()

    def _ended(self) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        try:
            status = self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # it writes where each thread stands
            self.process.wait(END_S)
            message = f"it did not end within {END_S:g} s; it said: {self.said()}"
            raise AssertionError(message) from None
        self.process.stdout.close()
        return status

    def clear_away(self) -> None:
        """End whatever of it still runs."""
        if self.process is not None and self.process.poll() is None:
            children = self.children()
            self.send(signal.SIGCONT)
            self.kill_now()
            psutil.wait_procs(children, END_S)

    def reader(self) -> StoreClient:
        """Connect to the embedded store as a reader, past the collector's own doors."""
        return StoreClient.connect(Dsn("http", "127.0.0.1", self._store_port, "reader", "", "haechi"))

    def metrics(self) -> dict[str, float]:
        """Return the samples of /metrics by name with labels."""
        text = httpx2.get(f"http://{self.web}/metrics", timeout=10, trust_env=False).text
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, value in lines}

    def metric(self, name: str) -> float:
        """Sum of a metric's samples."""
        return sum(value for key, value in self.metrics().items() if key.split("{")[0] == name)


class Store:
    """The embedded store's process, apart from any collector. Port and passwords stay the same over every start.

    Args:
        directory: of the tables.
        environment: what its environment has besides this one's.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        (self.port,) = free_ports(1)
        self._environment = {**os.environ, **(environment or {})}  # noqa: TID251  the child's, whole
        self._process: subprocess.Popen[bytes] | None = None

    def dsn(self, port: int | None = None) -> Dsn:
        """Return the writer's way to it, or to the port that stands before it."""
        return Dsn("http", "127.0.0.1", port or self.port, "haechi", _PASSWORD, "haechi")

    def reader(self) -> StoreClient:
        """Connect to it as a reader."""
        return StoreClient.connect(Dsn("http", "127.0.0.1", self.port, "reader", "", "haechi"))

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "haechi_collector.store.embedded"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self._environment)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        passwords = {"haechi": _PASSWORD, "reader": ""}
        wanted = {
            "path": str(self.directory),
            "host": "127.0.0.1",
            "port": self.port,
            "passwords": passwords,
            "patience_s": 0,
        }
        self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        assert told == {"port": self.port}, told

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once."""
        self.send(signal.SIGKILL)
        self._ended()

    def stop(self) -> None:
        """End it in order, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self.send(signal.SIGCONT)
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._ended()

    def _ended(self) -> None:
        assert self._process is not None
        self._process.wait(END_S)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
