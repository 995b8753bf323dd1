"""A running collector's own commands: a socket in its data directory, for the user it runs as.

Guarantee: who can open the socket could read the data directory's files as well (mode 0600, in a directory of the same
user), so it asks for no key, and no network reaches it. One request at a time per connection; a command that fails
tells its error to the one who asked, and the collector goes on. The socket of a collector that was killed is replaced
at the next start.

Format: a line of JSON ``{"command", "arguments"}``; lines of JSON come back, ``{"said"}`` any number of times, then
``{"result"}`` or ``{"error", "code"}``.
"""

import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer
from typing import Any, Final, TypeAlias

from haechi_collector.errors import HaechiError, SettingError, StoreError
from haechi_collector.limits import CONTROL_REQUEST_BYTES_MAX
from haechi_collector.sockets import short

logger = logging.getLogger(__name__)

FILE: Final = "control.sock"
Told: TypeAlias = Generator[str, None, dict[str, Any]]
"""Lines for people, then the result."""
Command: TypeAlias = Callable[[Mapping[str, Any]], Told]


class _Server(ThreadingUnixStreamServer):
    daemon_threads = True
    commands: Mapping[str, Command]


class _Handler(StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Carry out one command."""
        try:
            request = json.loads(self.rfile.readline(CONTROL_REQUEST_BYTES_MAX))
            told = self.server.commands[request["command"]](request["arguments"])
        except (ValueError, KeyError, TypeError):
            self._say(
                {"error": "the collector does not know this command; is it of another version?", "code": "setting"}
            )
            return
        try:
            while True:
                self._say({"said": next(told)})
        except StopIteration as end:
            self._say({"result": end.value})
        except HaechiError as error:
            self._say({"error": str(error), "code": error.code})
        except BrokenPipeError:
            logger.info("a command was left by the one who gave it")
        except Exception:  # the boundary of the socket: the one who asked is told, the collector goes on
            logger.exception("a command failed")
            self._say({"error": "the command failed; the collector's log has the reason", "code": "error"})
        finally:
            told.close()

    def _say(self, line: Mapping[str, Any]) -> None:
        self.wfile.write(json.dumps(line).encode() + b"\n")


class Control:
    """The socket of a data directory, from `start` to `stop`."""

    def __init__(self, data_dir: Path, commands: Mapping[str, Command]) -> None:
        self._path = data_dir / FILE
        with short(data_dir) as folder:
            self._path.unlink(missing_ok=True)
            mask = os.umask(0o177)
            try:
                self._server = _Server(f"{folder}/{FILE}", _Handler)
            finally:
                os.umask(mask)
        self._server.commands = commands
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="control", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


def ask(data_dir: Path, command: str, arguments: Mapping[str, Any]) -> Told | None:
    """Give a running collector a command; None when none runs on that directory.

    Raises (from the generator):
        HaechiError: what the command failed with.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with short(data_dir) as folder:
            connection.connect(f"{folder}/{FILE}")
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        connection.close()
        return None
    except PermissionError:
        connection.close()
        raise SettingError(f"{data_dir}: a collector of another user runs here; ask as that user") from None
    return _conversation(connection, {"command": command, "arguments": dict(arguments)})


def _conversation(connection: socket.socket, request: Mapping[str, Any]) -> Told:
    with connection, connection.makefile("rwb") as stream:
        stream.write(json.dumps(request).encode() + b"\n")
        stream.flush()
        for line in stream:
            answer = json.loads(line)
            if "result" in answer:
                result: dict[str, Any] = answer["result"]
                return result
            if "error" in answer:
                raise _error(answer)
            yield answer["said"]
    raise StoreError("the collector ended before the command was done; start it and ask again")


def _error(answer: Mapping[str, Any]) -> HaechiError:
    kind = SettingError if answer["code"] == SettingError.code else StoreError
    return kind(answer["error"])
