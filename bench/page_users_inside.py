"""`haechi serve` with the web port in the collector's own process, for `page_users.py` to compare with."""

import sys
from collections.abc import Callable, Mapping

from haechi_collector import app as wiring
from haechi_collector.api.app import ApiState, create_api
from haechi_collector.api.server import WebServer
from haechi_collector.child import State
from haechi_collector.cli import main
from haechi_collector.config import Config
from haechi_collector.query.engine import Engine
from haechi_collector.query.sql import SqlReader
from haechi_collector.sockets import listen
from haechi_collector.store.client import Dsn
from haechi_collector.telemetry import Metrics
from haechi_collector.web.mount import mount


class Inside:
    """Stands where `WebProcess` does."""

    def __init__(self, config: Config, questions: Mapping[str, Callable[[], object]], _: Callable[[], None]) -> None:
        self._parts = questions["parts"]
        self._listener = listen(config.host, config.web_port, "web_port")
        self._server: WebServer | None = None
        self.port: int = self._listener.getsockname()[1]
        self.state = State("up")

    def prepare(self) -> None:
        """Nothing runs apart."""

    def parts(self) -> dict[str, str]:
        """Return the state of the parts."""
        return self._parts()  # type: ignore[return-value]

    def serve(self, dsn: Dsn) -> None:
        """Answer in a thread of this process."""
        metrics = Metrics(frozenset())
        reader = SqlReader(dsn.url, dsn.user, dsn.password, dsn.database)
        state = ApiState(self, metrics.registry, reader)
        app = create_api(state)
        mount(app, Engine(reader), state.gate)
        self._server = WebServer(app, self._listener)
        self._server.start()

    def stop(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.stop(5.0)
        self._listener.close()


if __name__ == "__main__":
    wiring.WebProcess = Inside  # type: ignore[assignment,misc]
    sys.exit(main())
