"""Listening sockets whose refusal names the setting that chose the port."""

import socket
from typing import Final

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
