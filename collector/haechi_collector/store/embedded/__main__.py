"""The embedded store as a child of the collector.

The parent writes one line of JSON to standard input, ``{"path", "host", "port", "passwords", "patience_s"}``, and
keeps the pipe open; one line comes back, ``{"port"}`` or ``{"error"}``. When the pipe closes, because the parent lets
go of it or ended in whatever way, the child stops in order. SIGTERM and SIGINT are the parent's business: a terminal or
a service manager sends them to every process of a group, and the parent still has blocks to store then. No secret is on
the command line, in the environment or in a file.
"""

import sys
from pathlib import Path

from haechi_collector.child import leave_signals_to_parent, parent_ended, read_wanted, tell
from haechi_collector.errors import SettingError
from haechi_collector.rest import rest_until
from haechi_collector.store.embedded.engine import wait_until_free
from haechi_collector.store.embedded.server import Server


def main() -> int:
    """Serve until the parent goes; return the exit status."""
    leave_signals_to_parent()
    wanted = read_wanted()
    if wanted is None:
        return 0
    try:
        path, address = Path(wanted["path"]), (wanted["host"], wanted["port"])
        wait_until_free(path, wanted["patience_s"])
        # Only the collector knows the password of the one who may write backups.
        server = Server(path, *address, wanted["passwords"], backups=True)
    except SettingError as error:
        tell({"error": str(error)})
        return 2
    if tell({"port": server.port}):  # else the parent ended while the tables were opened
        rest_until(parent_ended)
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
