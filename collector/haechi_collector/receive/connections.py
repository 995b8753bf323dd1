"""The open connections of one door, by client, and who makes room when there are too many.

Guarantee: there are never more than the bound. A connection beyond it takes the place of the oldest idle one of the
client with the most connections, if that client has more than the newcomer's; else the newcomer is closed. So one
client cannot lock the others out by holding connections, and does not lose one while there is room.

Used by one event loop's thread alone.
"""

from collections import OrderedDict
from typing import Protocol


class Connection(Protocol):
    """What the table keeps; hashable by identity."""

    def close_now(self) -> None:
        """Close it without an answer."""
        ...


class Connections:
    """A table of at most ``count_max`` connections."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._count = 0
        self._count_by_client: dict[str, int] = {}
        self._idle_by_client: dict[str, OrderedDict[Connection, None]] = {}  # oldest first; none is empty

    def opened(self, client: str, connection: Connection) -> None:
        """Enter an idle connection; afterwards one may have been closed, this one too."""
        self._count += 1
        self._count_by_client[client] = self._count_by_client.get(client, 0) + 1
        self.idle(client, connection)
        if self._count > self._count_max:
            self._leaver(client, connection).close_now()

    def closed(self, client: str, connection: Connection) -> None:
        """Forget a connection."""
        self.busy(client, connection)
        self._count -= 1
        self._count_by_client[client] -= 1
        if not self._count_by_client[client]:
            del self._count_by_client[client]

    def busy(self, client: str, connection: Connection) -> None:
        """A request of it is under way: it is not to be closed."""
        idle = self._idle_by_client.get(client)
        if idle is not None:
            idle.pop(connection, None)
            if not idle:
                del self._idle_by_client[client]

    def idle(self, client: str, connection: Connection) -> None:
        """Nothing is under way any more."""
        self._idle_by_client.setdefault(client, OrderedDict())[connection] = None

    def _leaver(self, client: str, newcomer: Connection) -> Connection:
        heaviest = max(self._idle_by_client, key=self._count_by_client.__getitem__)
        if self._count_by_client[heaviest] > self._count_by_client[client]:
            return next(iter(self._idle_by_client[heaviest]))
        return newcomer
