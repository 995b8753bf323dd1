"""The doors, the intake and a journal without a store, for the fuzzer: what is journalled is counted and forgotten.

Prints the addresses as one JSON line, then runs until its standard input ends.
"""

import json
import sys
import tempfile
import threading
from pathlib import Path

from haechi_collector.intake import Intake
from haechi_collector.journal import SIGNALS, Journal
from haechi_collector.limits import BLOCK_BYTES_MAX, BYTES_IN_FLIGHT_MAX, MIB, REQUEST_BYTES_MAX
from haechi_collector.receive.admission import Admission
from haechi_collector.receive.grpc import GrpcReceiver
from haechi_collector.receive.http import http_app
from haechi_collector.receive.http_server import serve_http
from haechi_collector.telemetry import Metrics


def forget(journal: Journal, signal: str) -> None:
    """Take blocks of a signal out of the journal until it closes."""
    while (block := journal.next_block(signal, 10_000, BLOCK_BYTES_MAX, 0.0)) is not None:
        journal.done(block)


def main() -> None:
    """Serve; see the module."""
    with tempfile.TemporaryDirectory(prefix="haechi-doors-") as directory:
        journal = Journal(Path(directory), 512 * MIB)
        intake, admission = Intake(journal, Metrics()), Admission(BYTES_IN_FLIGHT_MAX)
        drains = [threading.Thread(target=forget, args=(journal, s), daemon=True) for s in SIGNALS]
        for drain in drains:
            drain.start()
        grpc = GrpcReceiver(intake, "127.0.0.1", 0, admission, REQUEST_BYTES_MAX)
        http = serve_http(http_app(intake, admission, REQUEST_BYTES_MAX), "127.0.0.1", 0)
        print(json.dumps({"grpc": f"127.0.0.1:{grpc.start()}", "http": f"127.0.0.1:{http.start()}"}), flush=True)
        sys.stdin.read()
        grpc.stop(1)
        http.stop(1)
        intake.close()
        journal.stop_accepting()
        for drain in drains:
            drain.join()
        journal.close()


if __name__ == "__main__":
    main()
