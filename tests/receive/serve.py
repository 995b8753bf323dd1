"""Both doors with the default limits in a process of their own; prints their ports, and ends when stdin closes.

The sink decodes nothing and keeps nothing, so that the process's memory is the doors' alone.
"""

import concurrent.futures
import sys

from haechi_collector import limits
from haechi_collector.receive.admission import Admission
from haechi_collector.receive.grpc import GrpcReceiver
from haechi_collector.receive.http import http_app
from haechi_collector.receive.http_server import serve_http
from haechi_collector.sink import Accepted, Encoding, Sender, Signal


class Nothing:
    """Accepts everything at once."""

    def accept(
        self, _signal: Signal, _encoding: Encoding, _body: bytes, _sender: Sender
    ) -> concurrent.futures.Future[Accepted]:
        future: concurrent.futures.Future[Accepted] = concurrent.futures.Future()
        future.set_result(Accepted())
        return future


def main() -> None:
    admission = Admission(limits.BYTES_IN_FLIGHT_MAX)
    grpc_door = GrpcReceiver(Nothing(), "127.0.0.1", 0, admission, limits.REQUEST_BYTES_MAX)
    http_door = serve_http(http_app(Nothing(), admission, limits.REQUEST_BYTES_MAX), "127.0.0.1", 0)
    sys.stdout.write(f"{grpc_door.start()} {http_door.start()}\n")
    sys.stdout.flush()
    sys.stdin.read()
    grpc_door.stop(1)
    http_door.stop(1)


if __name__ == "__main__":
    main()
