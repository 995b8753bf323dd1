"""What hostile clients send, byte by byte, from an address of their own; and how much memory it costs the collector.

All of 127.0.0.0/8 is this machine: a client that binds 127.0.0.2 is another client for the collector.
"""

import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import psutil
from tests.faults.load import Load, Tally, traces
from tests.faults.oracle import imbalance, ledger
from tests.faults.processes import Collector, until

MIB = 1024 * 1024
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
HOSTILE = "127.0.0.2"


def connect(address: str, data: bytes = b"", source: str = HOSTILE) -> socket.socket:
    """Open a connection from the hostile address and send ``data``."""
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)), timeout=60, source_address=(source, 0))
    connection.sendall(data)
    return connection


def rest(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    received = bytearray()
    with connection:
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionError:
            pass
    return bytes(received)


def head(length: int | None = None, **more: str) -> bytes:
    """Return the head of a POST of spans as JSON; underscores in names become hyphens."""
    lines = {"Host": "x", "Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in more.items()}}
    if length is not None:
        lines["Content-Length"] = str(length)
    return b"POST /v1/traces HTTP/1.1\r\n" + b"".join(f"{k}: {v}\r\n".encode() for k, v in lines.items()) + b"\r\n"


def statuses(answer: bytes) -> list[int]:
    """Return the status codes of the HTTP answers that follow one another."""
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def deflate_bomb(wbits: int) -> bytes:
    """Return 1 MB that inflates to 1 GB of zeros: a block that does not refer back, 1024 times."""
    encoder = zlib.compressobj(9, wbits=wbits)
    start = encoder.compress(bytes(MIB)) + encoder.flush(zlib.Z_FULL_FLUSH)
    block = encoder.compress(bytes(MIB)) + encoder.flush(zlib.Z_FULL_FLUSH)
    return start + block * 1023


def varint(value: int) -> bytes:
    """Return a protobuf varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, content: bytes) -> bytes:
    """Return a length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def spans_request(*spans: bytes) -> bytes:
    """Return an ExportTraceServiceRequest with these encoded spans."""
    return field(1, field(2, b"".join(field(2, span) for span in spans)))


def span(trace_id: bytes, span_id: bytes, *attributes: bytes) -> bytes:
    """Return an encoded span of about now, with encoded KeyValues."""
    end = time.time_ns()
    times = b"\x39" + struct.pack("<Q", end - 1000) + b"\x41" + struct.pack("<Q", end)
    return field(1, trace_id) + field(2, span_id) + field(5, b"hostile") + times + b"".join(attributes)


def text_attribute(key: str, value: bytes) -> bytes:
    """Return an encoded attribute of a span."""
    return field(9, field(1, key.encode()) + field(2, field(1, value)))


class RawGrpc:
    """One HTTP/2 connection of a client that keeps to no rules but those of the frames."""

    def __init__(self, address: str, source: str = HOSTILE) -> None:
        self._socket = connect(address, source=source)
        configuration = h2.config.H2Configuration(client_side=True, validate_outbound_headers=False)
        self._h2 = h2.connection.H2Connection(configuration)
        self._h2.initiate_connection()
        self._flush()
        self.trailers: dict[int, dict[str, str]] = {}
        self.resets: dict[int, int] = {}
        self.closed = False
        self._read()  # the settings, with the number of streams

    @property
    def streams_max(self) -> int:
        """How many streams the server takes at once."""
        return int(self._h2.remote_settings.max_concurrent_streams)

    def call(self, *headers: tuple[str, str]) -> int:
        """Begin a call of Export; return its stream's number."""
        stream: int = self._h2.get_next_available_stream_id()
        own = [(":method", "POST"), (":scheme", "http"), (":path", EXPORT), (":authority", "x")]
        self._h2.send_headers(stream, [*own, ("te", "trailers"), ("content-type", "application/grpc"), *headers])
        self._flush()
        return stream

    def send(self, stream: int, data: bytes, *, end: bool = False) -> int:
        """Send as much of ``data`` as flow control allows; return how much that was."""
        sent = 0
        while sent < len(data):
            if stream in self.resets or stream in self.trailers:
                return sent
            room = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size, len(data) - sent)
            if room <= 0:
                if not self._read():
                    return sent
                continue
            try:
                self._h2.send_data(stream, data[sent : sent + room])
                self._flush()
            except (OSError, h2.exceptions.ProtocolError):  # the server closed the connection or the stream
                return sent
            sent += room
        if end:
            self._h2.end_stream(stream)
            self._flush()
        return sent

    def reset(self, stream: int) -> None:
        """Cancel a call."""
        self._h2.reset_stream(stream, 8)
        self._flush()

    def wait_for(self, stream: int) -> dict[str, str]:
        """Return the trailers of a call, or nothing when the connection ends before."""
        while stream not in self.trailers and stream not in self.resets and self._read():
            pass
        return self.trailers.get(stream, {})

    def read_to_end(self) -> None:
        """Read until the server closes the connection."""
        while self._read():
            pass

    def _flush(self) -> None:
        self._socket.sendall(self._h2.data_to_send())

    def _read(self) -> bool:
        try:
            data = self._socket.recv(65536)
            events = self._h2.receive_data(data) if data else []
        except (OSError, h2.exceptions.ProtocolError):
            data, events = b"", []
        for event in events:
            if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
                found = {_str(k): _str(v) for k, v in event.headers or []}
                if "grpc-status" in found:
                    self.trailers[event.stream_id or 0] = found
            elif isinstance(event, h2.events.StreamReset):
                self.resets[event.stream_id or 0] = int(event.error_code or 0)
            elif isinstance(event, h2.events.DataReceived):
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
        if data:
            self._flush_quietly()
        self.closed = not data
        return bool(data)

    def _flush_quietly(self) -> None:
        try:
            self._flush()
        except OSError:  # it closed while we answered; the next read tells
            return

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _str(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


class Memory:
    """The memory of a process: how far it rose since this was made."""

    def __init__(self, pid: int) -> None:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the highest mark begins anew: proc_pid_clear_refs(5)
        self._status = Path(f"/proc/{pid}/status")
        self._before = psutil.Process(pid).memory_info().rss

    def grown(self) -> int:
        """Return by how many bytes the highest mark lies above the beginning."""
        line = next(line for line in self._status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 - self._before


class Beside:
    """A well-behaved client beside a hostile one: small requests over both doors, each until it is acknowledged."""

    _numbers = iter(range(0, 1 << 30, 1 << 20))  # so that no two of them send the same ids

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self.load = Load(
            collector, lambda number: traces(number, 4), senders=2, pause_s=0.01, first=next(self._numbers)
        )

    @property
    def acknowledged(self) -> int:
        """Requests so far."""
        return self.load.acknowledged

    def goes_on(self, more: int = 5) -> None:
        """Wait until so many more requests are acknowledged."""
        enough = self.acknowledged + more
        until(lambda: self.acknowledged >= enough, "the well-behaved client is served")


@contextmanager
def beside(collector: Collector, grown_max: int, served: int = 5) -> Iterator[Beside]:
    """Run a well-behaved client meanwhile; then hold the collector to its word.

    It was served during the block; all that it sent is stored, once; the ledger balances; the collector's memory has
    not grown by more than ``grown_max`` bytes.
    """
    memory, other = Memory(collector.pid), Beside(collector)
    other.load.start()
    other.goes_on(served)
    yield other
    other.goes_on(served)
    grown = memory.grown()
    tally = other.load.stop()
    assert tally.surprises == []
    until(
        lambda: counts(collector, tally).keys() >= tally.acknowledged["traces"], "all that was acknowledged is stored"
    )
    assert set(counts(collector, tally).values()) <= {1}
    until(lambda: imbalance(ledger(collector)) == {}, "the ledger balances")
    assert grown < grown_max, f"grew by {grown / MIB:.0f} MiB"


def counts(collector: Collector, tally: Tally) -> dict[str, int]:
    """Return how many times each span of a client is stored."""
    store = collector.reader()
    table = store.query("SELECT span_id, count() AS n FROM spans WHERE name = 'fault' GROUP BY span_id")
    store.close()
    stored = zip(table.column("span_id").to_pylist(), table.column("n").to_pylist(), strict=True)
    return {span_id: n for span_id, n in stored if span_id in tally.sent["traces"]}


def at_once(*attacks: threading.Thread) -> None:
    """Run threads to their end."""
    for attack in attacks:
        attack.start()
    for attack in attacks:
        attack.join()
