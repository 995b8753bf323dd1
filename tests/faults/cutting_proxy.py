"""A proxy between an OTLP client and the collector that cuts the connection in place of the next acknowledgement.

What the client sent is passed on whole, so the collector stores it; its answer is swallowed. Over HTTP/1 the answer is
the first byte that comes back; over gRPC it is the first HEADERS frame (RFC 9113, 6.2), settings and acknowledgements
of settings having passed before.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable

_HEADERS_FRAME = 1
_FRAME_HEAD = struct.Struct(">BHB")  # length (24 bits), type


class CuttingProxy:
    """Passes connections on to an address.

    Args:
        address: ``host:port`` of the door behind it.
        is_http2: whether it speaks gRPC.
    """

    def __init__(self, address: str, *, is_http2: bool) -> None:
        host, _, port = address.rpartition(":")
        self._target = (host, int(port))
        self._pump_back: Callable[[socket.socket, socket.socket], None] = self._frames if is_http2 else self._bytes
        self._armed = 0
        self.cut = 0
        self._lock = threading.Lock()  # guards the two counts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, answers: int) -> None:
        """Swallow so many answers from now on."""
        with self._lock:
            self._armed, self.cut = answers, 0

    def stop(self) -> None:
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                for pump, ends in ((self._forward, (client, server)), (self._pump_back, (server, client))):
                    threading.Thread(target=self._until_closed, args=(pump, *ends), daemon=True).start()

    @staticmethod
    def _until_closed(
        pump: Callable[[socket.socket, socket.socket], None], source: socket.socket, target: socket.socket
    ) -> None:
        with contextlib.suppress(OSError):
            pump(source, target)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    @staticmethod
    def _forward(source: socket.socket, target: socket.socket) -> None:
        while data := source.recv(65536):
            target.sendall(data)

    def _bytes(self, source: socket.socket, target: socket.socket) -> None:
        while data := source.recv(65536):
            if self._cuts():
                return
            target.sendall(data)

    def _frames(self, source: socket.socket, target: socket.socket) -> None:
        with source.makefile("rb") as stream:
            while len(head := stream.read(9)) == 9:
                high, low, kind = _FRAME_HEAD.unpack_from(head)
                if kind == _HEADERS_FRAME and self._cuts():
                    return
                target.sendall(head + stream.read(high << 16 | low))

    def _cuts(self) -> bool:
        with self._lock:
            if not self._armed:
                return False
            self._armed -= 1
            self.cut += 1
            return True
