"""The API with the page in front of a store, in a process of its own: NiceGUI keeps its state in its module.

Reads one line of JSON with the reader's address, user, password and database; prints the port.
"""

import json
import socket
import sys

import uvicorn
from prometheus_client import CollectorRegistry
from tests.questions import GateByName, Ready

from haechi_collector.api.app import ApiState, create_api
from haechi_collector.query.engine import Engine
from haechi_collector.query.sql import SqlReader
from haechi_collector.web.mount import mount


def main() -> None:
    """Serve until killed."""
    reader = SqlReader(*json.loads(sys.stdin.readline()))
    gate = GateByName()
    app = create_api(ApiState(Ready(), CollectorRegistry(), reader, gate))
    mount(app, Engine(reader), gate)
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="websockets-sansio")).run([listener])


if __name__ == "__main__":
    main()
