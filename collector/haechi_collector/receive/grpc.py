"""OTLP over gRPC: the Export methods of traces, logs and metrics, on raw bytes.

Guarantees: no message is parsed here; a message is never inflated beyond the limit; the answer of full success is
the constant empty message; a worker thread is never held by a sender that does not finish; one client never holds all
threads (`fair_workers`); when memory is short, the client with the most messages under way loses them first.

How:

* The gate is asked with the call's metadata, before its message is awaited.
* gRPC's core checks a message's declared length before it buffers it. Inflating is switched off there and done by
  `compression`: counted against the bytes in flight, spoilt bodies answered with INVALID_ARGUMENT (the core's
  INTERNAL would be our fault), and bounded in every version of grpcio (1.70 inflated 1 MB to 1 GB before it looked).
* The methods are registered as client-streaming, which is the same on the wire as unary, because such a handler
  runs before the message has arrived: a full house is answered without reading, and the wait has a deadline.
* Threads and not asyncio, by measurement: see docs/otlp.md.

What gRPC's core answers by itself: UNIMPLEMENTED for an unknown method, RESOURCE_EXHAUSTED for a message above the
limit, INTERNAL for a ``grpc-encoding`` that it does not know (it reads identity, gzip and deflate).

Source: OTLP specification 1.11, "OTLP/gRPC"; gRPC's PROTOCOL-HTTP2.md and compression.md.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, NoReturn

import grpc

from haechi_collector import limits
from haechi_collector.errors import Denied, Rejected, SettingError, Undecodable
from haechi_collector.gate.credentials import credential_of_metadata
from haechi_collector.gate.gate import Gate, OpenGate
from haechi_collector.gate.keys import Scope
from haechi_collector.gate.tls import Tls
from haechi_collector.receive.admission import Admission, Lease
from haechi_collector.receive.compression import coding_of_message
from haechi_collector.receive.delivery import Incoming, deliver, settled
from haechi_collector.receive.fair_workers import FairWorkers
from haechi_collector.receive.peer import client_of_grpc
from haechi_collector.receive.read_deadline import ReadDeadline
from haechi_collector.receive.status import Refusal, outcome_of, refusal_of, refusal_trailers, success_body
from haechi_collector.sink import Accepted, Encoding, Outcome, ReceiveObserver, Sender, Signal, Sink, Unobserved
from haechi_collector.sockets import grpc_connections_max

_SERVICES: Final = {
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
}
_CODES: Final[dict[int, grpc.StatusCode]] = {code.value[0]: code for code in grpc.StatusCode}
_LEFT: Final = Refusal(Outcome.DISCONNECTED, 1, 0, "")
"""Nobody is there to answer."""

_STOP_S: Final = 1.0
"""How long stopping waits for the core beyond the grace."""


class GrpcReceiver:
    """The gRPC door. ``request_bytes_max`` bounds a message before and after decompression, in bytes."""

    def __init__(  # noqa: PLR0913  what a door is made of
        self,
        sink: Sink,
        host: str,
        port: int,
        admission: Admission,
        request_bytes_max: int,
        *,
        gate: Gate | None = None,
        tls: Tls | None = None,
        observer: ReceiveObserver | None = None,
    ) -> None:
        self._gate = gate or OpenGate()
        self._tls = tls
        self._sink = sink
        self._host = host
        self._port = port
        self._admission = admission
        self._bytes_max = request_bytes_max
        self._observer = observer or Unobserved()
        self._deadline = ReadDeadline(limits.BODY_READ_S)
        self._workers = FairWorkers(limits.GRPC_WORKERS, "otlp-grpc")
        self._pool = _Pool(self._workers)
        self._server: Any = None

    def start(self) -> int:
        """Bind, serve, and return the bound port; port 0 takes any free one.

        Raises:
            SettingError: the address cannot be bound.
        """
        server = grpc.server(self._pool, options=_options(self._bytes_max))
        server.add_generic_rpc_handlers(tuple(self._service(signal) for signal in Signal))
        port = _bind(server, self._host, self._port, self._tls)
        self._workers.start()
        self._deadline.start()
        server.start()
        self._server = server
        return port

    def stop(self, grace_s: float) -> None:
        """Accept no more, let the requests under way finish for ``grace_s`` seconds, then cancel them. Idempotent."""
        if self._server is None:
            return
        self._server.stop(grace_s).wait(grace_s + _STOP_S)
        self._server = None
        self._deadline.stop()
        self._workers.stop()

    def shed(self) -> int:
        """Cancel the messages that are arriving from the client with the most of them; return their number.

        gRPC holds a message until it is whole, uncounted. This is what to do about it when memory is short.
        """
        return self._deadline.shed()

    def _service(self, signal: Signal) -> grpc.GenericRpcHandler:
        export = grpc.stream_unary_rpc_method_handler(partial(self._export, signal))
        return grpc.method_handlers_generic_handler(_SERVICES[signal], {"Export": export})

    def _export(self, signal: Signal, messages: Iterator[bytes], call: grpc.ServicerContext) -> bytes:
        begun = time.perf_counter()
        result, size = self._admitted(signal, messages, call)
        outcome = outcome_of(result) if isinstance(result, Accepted) else result.outcome
        self._observer.observe("grpc", signal, outcome, time.perf_counter() - begun, size)
        if isinstance(result, Accepted):
            return success_body(signal, Encoding.PROTOBUF, result)
        if result is not _LEFT:
            _refuse(call, result)
        return b""  # the call is over; nothing of this is sent

    def _admitted(
        self, signal: Signal, messages: Iterator[bytes], call: grpc.ServicerContext
    ) -> tuple[Accepted | Refusal, int]:
        try:
            self._pool.check()
            caller = self._gate.admit(credential_of_metadata(call.invocation_metadata()), Scope.INGEST)
        except (Denied, Rejected) as error:
            return refusal_of(error), 0
        sender = Sender(caller.project, caller.key_id or client_of_grpc(call.peer()))
        with self._admission.lease(sender.name) as lease:
            result, size = self._receive(signal, messages, call, sender, lease)
        if isinstance(result, Accepted):
            self._gate.charge(caller, size)
        return result, size

    def _receive(
        self, signal: Signal, messages: Iterator[bytes], call: grpc.ServicerContext, sender: Sender, lease: Lease
    ) -> tuple[Accepted | Refusal, int]:
        size = 0
        try:
            lease.expect(1)
            body = self._read(messages, call, sender.name)
            if body is None:
                return _LEFT, 0
            lease.grow(len(body))
            incoming = Incoming(signal, Encoding.PROTOBUF, coding_of_message(body), body, sender)
            delivery = deliver(self._sink, incoming, self._bytes_max, lease)
            size = delivery.size
            return settled(delivery.future, min(limits.ACK_WAIT_S, call.time_remaining())), size
        except Exception as error:  # noqa: BLE001  the door: gRPC would answer UNKNOWN, and the client drop its data
            return refusal_of(error), size

    def _read(self, messages: Iterator[bytes], call: grpc.ServicerContext, client: str) -> bytes | None:
        # None: the client left, its time was over, or the core has answered by itself.
        try:
            with self._deadline.waiting(call, client):
                body = next(messages, None)
        except grpc.RpcError:
            return None
        if body is None and call.is_active():
            raise Undecodable("the call carries no message")
        return body


class _Pool:
    """The thread pool of gRPC's server: fair workers, and an answer on the spot when there is no place in the line.

    gRPC asks from the one thread that takes calls from the core. To answer there, and not to put a refusal into yet
    another line, is what bounds what a flood of calls can pile up.
    """

    def __init__(self, workers: FairWorkers) -> None:
        self._workers = workers
        self._here = threading.local()

    def submit(self, run: Callable[..., None], *args: Any) -> Future[None]:
        """Have ``run(*args)`` called; gRPC's whole use of a pool."""
        try:
            return self._workers.submit(_client_of_call(args), run, *args)
        except Rejected as refusal:
            self._here.refusal = refusal
            run(*args)
            del self._here.refusal
            answered: Future[None] = Future()
            answered.set_result(None)
            return answered

    def check(self) -> None:
        """Called in what runs.

        Raises:
            Rejected: this call found no place in the line.
        """
        refusal: Rejected | None = getattr(self._here, "refusal", None)
        if refusal is not None:
            raise refusal


def _client_of_call(args: tuple[Any, ...]) -> str:
    # What gRPC hands to its pool is private to it. Should its shape change, all clients share one line, as they do in
    # an ordinary pool, and a test fails.
    peers = (getattr(getattr(arg, "call", None), "peer", None) for arg in args)
    peer = next((peer for peer in peers if peer is not None), None)
    return "" if peer is None else client_of_grpc(peer().decode())


def _options(request_bytes_max: int) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", 0),  # or a port in use would be shared in silence
        ("grpc.max_receive_message_length", request_bytes_max),
        ("grpc.per_message_decompression", 0),
        ("grpc.max_concurrent_streams", limits.GRPC_STREAMS_MAX),
        ("grpc.http2.max_frame_size", limits.GRPC_FRAME_BYTES),
        ("grpc.server.max_pending_requests", limits.GRPC_PENDING_MAX),
        ("grpc.server.max_pending_requests_hard_limit", limits.GRPC_PENDING_MAX),
        ("grpc.max_allowed_incoming_connections", grpc_connections_max()),
        # A connection that never speaks HTTP/2, and one on which nothing is asked any more.
        ("grpc.server_handshake_timeout_ms", int(limits.HEADER_READ_S * 1000)),
        ("grpc.max_connection_idle_ms", int(limits.KEEP_ALIVE_S * 1000)),
        # Finds peers that are gone without a word, and allows clients to look for us as often.
        ("grpc.keepalive_time_ms", int(limits.KEEP_ALIVE_S * 1000)),
        ("grpc.keepalive_timeout_ms", int(limits.HEADER_READ_S * 1000)),
        ("grpc.http2.min_ping_interval_without_data_ms", int(limits.HEADER_READ_S * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
    ]


def _bind(server: Any, host: str, port: int, tls: Tls | None) -> int:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound: int = (
            server.add_secure_port(address, tls.grpc_credentials()) if tls else server.add_insecure_port(address)
        )
    except RuntimeError as error:
        raise SettingError(f"grpc_port = {port}: cannot listen on {address}: is the port in use?") from error
    return bound


def _refuse(call: grpc.ServicerContext, refusal: Refusal) -> NoReturn:
    call.set_trailing_metadata(refusal_trailers(refusal))
    call.abort(_CODES[refusal.code], refusal.message)
    raise AssertionError  # abort raises
