"""The embedded store as a child of the collector.

The parent writes one line of JSON to standard input, ``{"path", "host", "port", "passwords", "patience_s"}``, and
keeps the pipe open; one line comes back, ``{"port"}`` or ``{"error"}``. When the pipe closes, because the parent lets
go of it or ended in whatever way, the child stops in order. SIGTERM and SIGINT are the parent's business: a terminal or
a service manager sends them to every process of a group, and the parent still has blocks to store then. No secret is on
the command line, in the environment or in a file.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from haechi_collector.errors import SettingError
from haechi_collector.store.embedded.engine import wait_until_free
from haechi_collector.store.embedded.server import Server


def main() -> int:
    """Serve until the parent goes; return the exit status."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    wanted: dict[str, Any] = json.loads(sys.stdin.readline())
    try:
        path, address = Path(wanted["path"]), (wanted["host"], wanted["port"])
        wait_until_free(path, wanted["patience_s"])
        # Only the collector knows the password of the one who may write backups.
        server = Server(path, *address, wanted["passwords"], backups=True)
    except SettingError as error:
        _say({"error": str(error)})
        return 2
    threading.Thread(target=_await_end, args=(stop,), name="store-parent", daemon=True).start()
    try:
        _say({"port": server.port})
    except BrokenPipeError:
        stop.set()  # the parent ended while the tables were opened
    stop.wait()
    server.stop()
    return 0


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _await_end(stop: threading.Event) -> None:
    """Return from the read only when the parent's end of the pipe is closed."""
    os.read(sys.stdin.fileno(), 1)
    stop.set()


if __name__ == "__main__":
    sys.exit(main())
