"""The embedded store: ClickHouse's HTTP interface over its own engine, in a process of its own.

``python -m haechi_collector.store.embedded`` is how the collector starts it (see `supervisor`); `run_alone` is the
command ``haechi store``. Nothing here is imported by the collector's own process but this module's name.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from haechi_collector.rest import rest_until
from haechi_collector.stop_signals import stop_event

PASSWORD_FILE: Final = "haechi-passwords"  # noqa: S105  the name of a file
_LOOPBACK: Final = ("127.", "::1", "localhost")


def run_alone(path: Path, host: str, port: int) -> int:
    """Run the store until SIGTERM or SIGINT; return the exit status.

    The password of the user ``haechi`` is made anew and left in the directory, readable by its owner alone. The
    user ``reader`` needs none on loopback; on any other address it gets one too.

    Raises:
        SettingError: the directory or the port cannot be had.
    """
    from haechi_collector.store.embedded.server import Server  # noqa: PLC0415  the engine weighs 250 MB

    stop = stop_event()
    is_open = not host.startswith(_LOOPBACK)
    passwords = {"haechi": secrets.token_urlsafe(24), "reader": secrets.token_urlsafe(24) if is_open else ""}
    server = Server(path, host, port, passwords)
    try:
        file = _leave_passwords(path, passwords)
        print(f"ready store=http://{host}:{server.port} passwords={file}", flush=True)  # noqa: T201  a command's output
        rest_until(stop.wait)
    finally:
        server.stop()
    return 0


def _leave_passwords(path: Path, passwords: dict[str, str]) -> Path:
    file = path.expanduser().absolute() / PASSWORD_FILE
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
        out.writelines(f"{name} {password}\n" for name, password in passwords.items() if password)
    return file
