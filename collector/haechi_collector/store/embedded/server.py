"""ClickHouse's HTTP interface over the engine.

Guarantees: at most `STORE_CONNECTIONS_MAX` connections, a thread each; a connection that stands still for
`STORE_IDLE_S` is closed; on a request to stop, statements under way get `STORE_STOP_S` and are then killed, so that the
engine always closes in order.

Why threads and the standard library: an INSERT is one request of 25 MB that the engine takes 0.1 s for, with the
interpreter's lock released; reading it straight from the socket into the engine costs less than handing pieces over
from an event loop (figures in docs/store.md).
"""

import contextlib
import logging
import select
import socket
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from haechi_collector.errors import SettingError
from haechi_collector.store.embedded.access import Users
from haechi_collector.store.embedded.answer import Answer
from haechi_collector.store.embedded.body import Body, Chunked, Sized
from haechi_collector.store.embedded.engine import Engine
from haechi_collector.store.embedded.failure import BAD_ARGUMENTS, UNKNOWN_EXCEPTION, Failure
from haechi_collector.store.embedded.packing import choose
from haechi_collector.store.embedded.request import Request, parse
from haechi_collector.store.embedded.statements import Statements
from haechi_collector.store.embedded_limits import (
    STORE_CHUNK_BYTES,
    STORE_CONNECTIONS_MAX,
    STORE_DRAIN_BYTES_MAX,
    STORE_IDLE_S,
    STORE_STOP_S,
)

logger = logging.getLogger(__name__)

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nConnection: Close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = STORE_IDLE_S
    rbufsize = 64 * 1024
    disable_nagle_algorithm = True
    error_message_format = "%(code)d %(message)s\n"
    error_content_type = "text/plain; charset=UTF-8"
    server: "_Listener"

    def do_GET(self) -> None:
        """Answer a read."""
        self._answer()

    do_HEAD = do_GET  # noqa: N815  the same
    do_POST = do_GET  # noqa: N815  the same

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Log quietly: a statement may hold what should not be in a log."""
        logger.debug("%s %s", self.command, format.partition("%")[0] or args[-1:])

    def _answer(self) -> None:
        with self.server.under_way():
            url = urlsplit(self.path)
            if url.path in {"/ping", "/replicas_status"} or (url.path == "/" and self._says_nothing(url.query)):
                self._plain(200, b"Ok.\n")
            elif url.path == "/":
                self._statement(url.query)
            else:
                self._plain(404, b"There is no handle " + url.path.encode()[:200] + b"\n")

    def _says_nothing(self, query_string: str) -> bool:
        return self.command != "POST" and not query_string

    def _plain(self, status: int, text: bytes, headers: Mapping[str, str] | None = None) -> None:
        packer = choose("", is_wanted=False, is_framed=False)
        answer = Answer(cast("BinaryIO", self.wfile), packer, dict(headers or {}), self.command == "HEAD")
        answer.headers.setdefault("Content-Type", "text/plain; charset=UTF-8")
        answer.keeps_alive = not self.close_connection
        answer.send(text, status)

    def _statement(self, query_string: str) -> None:
        body: Body = Sized(cast("BinaryIO", self.rfile), 0)
        try:
            body = self._body()
            request = parse(self.command, query_string, self.headers)
            answer = self._prepared(request)
            self._carry_out(request, body, answer)
            self.close_connection |= not answer.keeps_alive
        except Failure as failure:
            headers = {"X-ClickHouse-Exception-Code": str(failure.code)}
            if failure.status == 401:
                headers["WWW-Authenticate"] = 'Basic realm="Haechi"'
            self._plain(failure.status, failure.text.encode("utf-8", "replace") + b"\n", headers)
        finally:
            self._drain(body)

    def _prepared(self, request: Request) -> Answer:
        packer = choose(
            request.accept_encoding,
            is_wanted=request.asks_for("enable_http_compression"),
            is_framed=request.is_framed,
        )
        answer = Answer(cast("BinaryIO", self.wfile), packer, {}, self.command == "HEAD")
        answer.keeps_alive = not self.close_connection
        return answer

    def _carry_out(self, request: Request, body: Body, answer: Answer) -> None:
        try:
            self.server.statements.carry_out(request, body, answer, self._has_left)
        except (OSError, Failure):
            raise
        except Exception:  # the connection's boundary: one statement must not end the thread without an answer
            logger.exception("a statement could not be carried out")
            if answer.begun:
                self.close_connection = True
                return
            raise Failure(UNKNOWN_EXCEPTION, "The store failed on this statement; see its log") from None

    def _body(self) -> Body:
        source = cast("BinaryIO", self.rfile)
        if "Transfer-Encoding" in self.headers:
            if self.headers["Transfer-Encoding"].strip().lower() != "chunked" or "Content-Length" in self.headers:
                self.close_connection = True
                raise Failure(BAD_ARGUMENTS, "Transfer-Encoding must be chunked alone")
            return Chunked(source)
        text = self.headers.get("Content-Length") or "0"
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            self.close_connection = True
            raise Failure(BAD_ARGUMENTS, "Content-Length is not a number")
        return Sized(source, int(text))

    def _has_left(self) -> bool:
        try:
            # A socket with a timeout waits in recv whatever its flags say, so it is asked first.
            poll = select.poll()
            poll.register(self.connection, select.POLLIN)
            return bool(poll.poll(0)) and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def _drain(self, body: Body) -> None:
        """Read what is left of a body, so that its sender can finish and see the answer."""
        left = STORE_DRAIN_BYTES_MAX
        try:
            while not self.close_connection and (data := body.read(STORE_CHUNK_BYTES)):
                left -= len(data)
                self.close_connection |= left < 0
        except (Failure, OSError):
            self.close_connection = True


class _Listener(ThreadingMixIn, TCPServer):
    """The listening socket and its connections."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], statements: Statements) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.statements = statements
        self._room = threading.Semaphore(STORE_CONNECTIONS_MAX)
        self._count = 0
        self._quiet = threading.Condition()  # guards _count
        super().__init__(address, _Handler)

    @contextlib.contextmanager
    def under_way(self) -> Any:
        """Count a request that is being answered."""
        with self._quiet:
            self._count += 1
        try:
            yield
        finally:
            with self._quiet:
                self._count -= 1
                self._quiet.notify_all()

    def wait_until_quiet(self, timeout_s: float) -> bool:
        """Wait for the requests under way; tell whether all ended in time."""
        with self._quiet:
            return self._quiet.wait_for(lambda: self._count == 0, timeout_s)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread, or refuse it."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        with contextlib.suppress(OSError):
            request.sendall(_BUSY)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve the connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Take a connection that broke for what it is."""
        del request, client_address
        logger.debug("a connection ended early: %r", sys.exception())


class Server:
    """The store on a port, from its construction until `stop`.

    Args:
        path: directory of the tables.
        host: address to bind.
        port: port to listen on; 0 takes any free one.
        passwords: by user name, see `access.Users`.
        backups: whether the user ``haechi`` may read and write backups anywhere on this machine.

    Raises:
        SettingError: the directory or the port cannot be had.
    """

    def __init__(
        self, path: Path, host: str, port: int, passwords: Mapping[str, str], *, backups: bool = False
    ) -> None:
        users = Users(passwords)
        self._engine = Engine(path, backups=backups)
        try:
            self._listener = _Listener((host, port), Statements(self._engine, users))
        except (OSError, OverflowError) as error:
            self._engine.close()
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise SettingError(f"the store cannot listen on {host}:{port}: {reason}") from None
        self.port: int = self._listener.server_address[1]
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.1,), name="store-accept")
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting, let statements finish or kill them, close the engine."""
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()
        if not self._listener.wait_until_quiet(STORE_STOP_S):
            self._engine.kill_all()
            self._listener.wait_until_quiet(STORE_STOP_S)
        self._engine.close()
