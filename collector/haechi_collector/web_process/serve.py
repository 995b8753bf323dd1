"""The web port as a child of the collector; see `child` for how the two talk.

The parent writes ``{"config", "store", "listener", "channel"}``: the settings, the way to the store, and the numbers of
the open files that are the listening socket and the channel. ``{}`` comes back when requests are answered.
"""

import os
import socket
from contextlib import ExitStack
from typing import Any

from prometheus_client import CollectorRegistry

from haechi_collector import logs
from haechi_collector.api.app import ApiState, create_api
from haechi_collector.api.server import WebServer
from haechi_collector.child import leave_signals_to_parent, parent_ended, read_wanted, tell
from haechi_collector.config import Config
from haechi_collector.errors import HaechiError, Rejected
from haechi_collector.gate.gate import Gate, KeyGate, OpenGate
from haechi_collector.gate.opening import auth_of, open_keys
from haechi_collector.gate.tls import Tls
from haechi_collector.query.engine import Engine
from haechi_collector.query.sql import SqlReader
from haechi_collector.rest import rest_until
from haechi_collector.telemetry import GATE, WEB, Metrics
from haechi_collector.web.mount import mount
from haechi_collector.web_process import handover
from haechi_collector.web_process.channel import Asking
from haechi_collector.web_process.limits import WEB_NICE, WEB_STOP_S
from haechi_collector.web_process.metrics import BothProcesses
from haechi_collector.web_process.way_in import OtlpSocket


class FromCollector:
    """The state of the collector's parts (`api.health.Readiness`)."""

    def __init__(self, parent: Asking) -> None:
        self._parent = parent

    def parts(self) -> dict[str, str]:
        """Ask the collector; when it is silent, that is the state."""
        try:
            parts: dict[str, str] = self._parent.ask("parts")
        except Rejected:
            return {"collector": "its process does not answer"}
        return parts


def serve() -> int:
    """Serve until the parent goes; return the exit status."""
    leave_signals_to_parent()
    os.nice(WEB_NICE)
    wanted = read_wanted()
    if wanted is None:
        return 0
    with ExitStack() as undo:
        try:
            _serve(wanted, undo)
        except HaechiError as error:
            tell({"error": str(error)})
            return 2
        if tell({}):
            rest_until(parent_ended)
    return 0


def _serve(wanted: dict[str, Any], undo: ExitStack) -> None:
    config = handover.read(wanted["config"])
    logs.configure(config.log_level)
    listener, parent = (socket.socket(fileno=wanted[name]) for name in ("listener", "channel"))
    metrics = Metrics(GATE | WEB)
    gate = _gate(config, metrics, undo)
    reader = SqlReader(**wanted["store"], observe=metrics.observe_query)
    asking = Asking(parent)
    registry = CollectorRegistry()
    registry.register(BothProcesses(asking, metrics.registry))
    # Where nobody has said that everyone may come in, only those of this machine may.
    any_host = gate.asks or config.auth == "none"
    way_in = OtlpSocket(config.data_dir)
    state = ApiState(FromCollector(asking), registry, reader, gate, any_host=any_host, metrics=metrics, way_in=way_in)
    app = create_api(state)
    mount(app, Engine(reader), gate)
    server = WebServer(app, listener, _tls(config))
    server.start()
    undo.callback(server.stop, WEB_STOP_S)


def _gate(config: Config, metrics: Metrics, undo: ExitStack) -> Gate:
    """Open a gate over the same keys as the collector's; quotas per second are counted by each for itself."""
    if auth_of(config) == "none":
        return OpenGate()
    keys = open_keys(config)
    undo.callback(keys.close)
    gate = KeyGate(keys, metrics)
    gate.start()
    undo.callback(gate.stop)
    return gate


def _tls(config: Config) -> Tls | None:
    """Read the certificate that the collector has checked, and warned of, already."""
    if config.tls_cert is None:
        return None
    from haechi_collector.gate.certificates import load_tls  # noqa: PLC0415  only where TLS is used, see `gate.opening`

    loaded = load_tls(config)
    return loaded[0] if loaded else None
