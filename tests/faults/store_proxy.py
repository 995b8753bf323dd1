"""A proxy on loopback between collector and store that does to inserts what networks and servers do."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RELAYED = ("content-type", "x-clickhouse-summary", "x-clickhouse-exception-code", "x-clickhouse-format")
SLOW_S = 0.7


class Fault(Enum):
    """What happens to an insert."""

    NONE = auto()
    SILENT = auto()  # taken, never passed on, never answered
    APPLIED_SILENT = auto()  # passed on and applied; the answer never comes
    APPLIED_CUT = auto()  # passed on and applied; then the connection breaks instead of the answer
    CUT_INSIDE = auto()  # the connection breaks in the middle of the data
    SLOW = auto()  # passed on after a while
    ERROR_500 = auto()  # a server that fails in words of its own
    BAD_GATEWAY = auto()  # a gateway's page
    NONSENSE = auto()  # an answer that is not HTTP
    OUT_OF_MEMORY = auto()  # passed on with a memory limit that the engine itself enforces
    WRONG_PASSWORD = auto()  # passed on with a password that is none, as when it was changed


class StoreProxy:
    """Passes requests on to a store; inserts meet `fault`.

    Args:
        port: the store's.
    """

    def __init__(self, port: int) -> None:
        self.fault = Fault.NONE
        self.met = 0  # inserts that met a fault
        self._released = threading.Event()
        self._store_port = port
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def meeting(self, fault: Fault) -> Iterator[None]:
        """Let inserts meet the fault within the block; silent connections stay silent after it."""
        self.fault, self.met = fault, 0
        try:
            yield
        finally:
            self.fault = Fault.NONE

    def stop(self) -> None:
        """Close; silent connections end."""
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def forward(self, request: "_Handler", body: bytes, more: str = "") -> tuple[int, list[tuple[str, str]], bytes]:
        """Pass a request on; return status, headers and body of the answer."""
        store = http.client.HTTPConnection("127.0.0.1", self._store_port, timeout=60)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in {"transfer-encoding", "content-length"}}
        if self.fault is Fault.WRONG_PASSWORD and "INSERT" in request.path:
            headers["Authorization"] = "Basic aGFlY2hpOndyb25n"
        try:
            store.request(request.command, request.path + more, body, headers)
            answer = store.getresponse()
            kept = [(k, v) for k, v in answer.getheaders() if k.lower() in RELAYED]
            return answer.status, kept, answer.read()
        finally:
            store.close()

    def wait_released(self) -> None:
        """Wait until the proxy stops."""
        self._released.wait()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: StoreProxy

    def do_POST(self) -> None:
        fault = self.proxy.fault if "INSERT" in self.path else Fault.NONE
        if fault is Fault.CUT_INSIDE:
            self.proxy.met += 1
            self._cut()
            return
        body = self._body()
        if fault is not Fault.NONE:
            self.proxy.met += 1
        self._meet(fault, body)

    do_GET = do_POST  # noqa: N815  the same

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Say nothing."""

    def _meet(self, fault: Fault, body: bytes) -> None:
        match fault:
            case Fault.SILENT:
                self.proxy.wait_released()
                self._cut()
            case Fault.APPLIED_SILENT:
                self.proxy.forward(self, body)
                self.proxy.wait_released()
                self._cut()
            case Fault.APPLIED_CUT:
                self.proxy.forward(self, body)
                self._cut()
            case Fault.ERROR_500:
                self._answer(500, [], b"something went wrong")
            case Fault.BAD_GATEWAY:
                self._answer(502, [("content-type", "text/html")], b"<html>502 Bad Gateway</html>")
            case Fault.NONSENSE:
                self.wfile.write(b"\x00\x01 this is not HTTP\r\n\r\n")
                self._cut()
            case _:
                self._pass_on(fault, body)

    def _pass_on(self, fault: Fault, body: bytes) -> None:
        if fault is Fault.SLOW:
            time.sleep(SLOW_S)
        more = "&max_memory_usage=100000" if fault is Fault.OUT_OF_MEMORY else ""
        try:
            self._answer(*self.proxy.forward(self, body, more))
        except (OSError, http.client.HTTPException):
            self._cut()  # the store is not there: nor is what stands before it

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)
