"""The web port's process, a `child.Child` of the collector: started, watched, started again, stopped.

Guarantees, besides those of every child: the port is bound here, once, so that an address that cannot be had is told at
the start and no restart loses the port or refuses a connection; the store's password goes through a pipe.
"""

import subprocess
from collections.abc import Callable, Mapping
from typing import Any, Final

from haechi_collector.child import Child, Kind
from haechi_collector.config import Config
from haechi_collector.errors import WebUnavailable
from haechi_collector.sockets import listen
from haechi_collector.store.client import Dsn
from haechi_collector.web_process.channel import Asked
from haechi_collector.web_process.handover import told
from haechi_collector.web_process.limits import WEB_PORT_WAIT_S, WEB_READY_S, WEB_RESTART_DELAYS_S, WEB_STOP_S

_KIND: Final = Kind(
    "the web process",
    "haechi_collector.web_process",
    WEB_READY_S,
    2 * WEB_STOP_S + 5.0,
    WEB_RESTART_DELAYS_S,
    WebUnavailable,
)


class WebProcess(Child):
    """The web port of a collector. Call `prepare`, `serve`, then `stop`.

    Args:
        config: the settings.
        questions: what it may ask the collector; see `channel`.
        on_restart: called after each restart.

    Raises:
        SettingError: the address cannot be bound.
    """

    def __init__(
        self, config: Config, questions: Mapping[str, Callable[[], object]], on_restart: Callable[[], None]
    ) -> None:
        super().__init__(_KIND)
        self._config = config
        self._asked = Asked(questions)
        self._on_restart = on_restart
        self._listener = listen(config.host, config.web_port, "web_port", WEB_PORT_WAIT_S)
        self._store: dict[str, str] = {}
        self._channel = -1  # the number of the child's end of the channel
        self.port: int = self._listener.getsockname()[1]

    def serve(self, dsn: Dsn) -> None:
        """Answer from now on, with this way to the store.

        Raises:
            SettingError: a setting does not work.
            WebUnavailable: the process ended or was silent; its own message is on standard error.
        """
        self._store = {"url": dsn.url, "user": dsn.user, "password": dsn.password, "database": dsn.database}
        self.start()

    def stop(self) -> None:
        """Accept no more, let open answers finish, and end the process. May be called twice."""
        self._stopping.set()
        with self._lock:
            self._listener.close()
        super().stop()

    def spawn(self, command: list[str]) -> "subprocess.Popen[bytes]":
        """Run the command with the listening socket and an end of the channel."""
        with self._asked.open() as theirs:
            self._channel = theirs.fileno()
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(self._listener.fileno(), self._channel),
            )

    def wanted(self) -> Mapping[str, object]:
        """Return the settings, the way to the store, and which open files are the sockets."""
        return {
            "config": told(self._config),
            "store": self._store,
            "listener": self._listener.fileno(),
            "channel": self._channel,
        }

    def restarted(self) -> None:
        """Tell whoever counts."""
        self._on_restart()

    def greeted(self, told: Mapping[str, Any]) -> None:
        """Take its answer, which says no more than that it works."""
