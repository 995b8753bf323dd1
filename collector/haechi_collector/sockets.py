"""Listening sockets whose refusal names the setting that chose the port, and how many connections there may be."""

import ipaddress
import resource
import socket
from typing import Final

from haechi_collector import limits
from haechi_collector.errors import SettingError

_BACKLOG: Final = 2048


def listen(host: str, port: int, setting: str) -> socket.socket:
    """Return a listening TCP socket; port 0 takes any free one.

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
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingError(f"{setting} = {port}: cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


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
