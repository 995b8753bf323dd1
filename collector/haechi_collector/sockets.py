"""Listening sockets whose refusal names the setting that chose the port, and how many connections there may be."""

import errno
import ipaddress
import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from haechi_collector import limits
from haechi_collector.errors import SettingError

_BACKLOG: Final = 2048
_LOOK_AGAIN_S: Final = 0.05

OTLP_FILE: Final = "otlp.sock"
"""In the data directory: OTLP/HTTP for the collector's own processes, see `listen_inside`."""


def listen(host: str, port: int, setting: str, patience_s: float = 0.0) -> socket.socket:
    """Return a listening TCP socket; port 0 takes any free one.

    Args:
        host: name or address.
        port: its number.
        setting: which setting says so.
        patience_s: how long a port that is in use is waited for.

    Raises:
        SettingError: the address cannot be bound; the message names the setting, the address and the reason.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SettingError(f"host = {host!r}: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(listener, address, time.monotonic() + patience_s)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingError(f"{setting} = {port}: cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def _bind(listener: socket.socket, address: tuple[Any, ...], until: float) -> None:
    while True:
        try:
            return listener.bind(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= until:
                raise
        time.sleep(_LOOK_AGAIN_S)


def listen_inside(path: Path) -> socket.socket:
    """Return a listening Unix socket that this user alone may open; one that was left there is replaced."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        with short(path.parent) as folder:
            listener.bind(f"{folder}/{path.name}")
    finally:
        os.umask(mask)
    listener.listen(_BACKLOG)
    return listener


@contextmanager
def short(directory: Path) -> Iterator[str]:
    """Give a short name for a directory: the path of a Unix socket must not have more than 107 bytes."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def raise_file_limit() -> None:
    """Let this process, and those it starts, open as many files as the system allows without asking."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def http_connections_max() -> int:
    """Return how many connections OTLP/HTTP may have: its limit, or a quarter of what open files leave."""
    return max(1, min(limits.HTTP_CONNECTIONS_MAX, _files_for_connections() // 4))


def grpc_connections_max() -> int:
    """Return how many connections gRPC may have: its limit, or three quarters of what open files leave."""
    return max(1, min(limits.GRPC_CONNECTIONS_MAX, _files_for_connections() // 4 * 3))


def _files_for_connections() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (2**31 if files == resource.RLIM_INFINITY else files) - limits.FILES_KEPT


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches what binds ``host``. A name other than localhost is taken for open."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
