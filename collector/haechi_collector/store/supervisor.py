"""The embedded store's process, a `child.Child`: started, watched, started again, stopped.

Guarantees, besides those of every child: when `start` returns, the store answers; a store that dies is started again
on the same port with the same passwords, which go through a pipe and nowhere else.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from haechi_collector.child import Child, Kind
from haechi_collector.errors import StoreUnavailable
from haechi_collector.store.client import Dsn
from haechi_collector.store.embedded_limits import STORE_READY_S, STORE_RESTART_DELAYS_S, STORE_STOP_S

_KIND: Final = Kind(
    "the store",
    "haechi_collector.store.embedded",
    STORE_READY_S,
    2 * STORE_STOP_S + 5.0,
    STORE_RESTART_DELAYS_S,
    StoreUnavailable,
)


class EmbeddedStore(Child):
    """The store of a data directory. `start` raises SettingError when the directory or the port cannot be had.

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
        super().__init__(_KIND)
        self._path, self._host, self._port, self._patience_s = data_dir, host, port, patience_s
        self._passwords = {user: secrets.token_urlsafe(24) for user in ("haechi", "reader", "web")}
        if is_open:
            self._passwords["reader"] = ""

    @property
    def dsn(self) -> Dsn:
        """The writer's way to the store; the port is right once `start` has returned."""
        return self._dsn("haechi")

    @property
    def reader_dsn(self) -> Dsn:
        """The way of the collector's own SQL door: a reader whose queries a guard has read."""
        return self._dsn("web")

    def wanted(self) -> Mapping[str, object]:
        """Return the directory, the address and the passwords."""
        return {
            "path": str(self._path),
            "host": self._host,
            "port": self._port,
            "passwords": self._passwords,
            "patience_s": self._patience_s,
        }

    def greeted(self, told: Mapping[str, Any]) -> None:
        """Keep the port over restarts."""
        self._port = int(told["port"])

    def _dsn(self, user: str) -> Dsn:
        return Dsn("http", self._host, self._port, user, self._passwords[user], "haechi")
