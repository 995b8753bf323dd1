"""OTLP over HTTP: a bare ASGI application.

Guarantees: every answer is in the request's encoding (protobuf where it names none that is read here); a body is
refused as soon as it is known to be too large, by its declared length before it is read, else while it is read or
decompressed; success waits for the sink, and holds no thread while it waits.

Decompression and the sink's decoding run on worker threads that clients share fairly (`fair_workers`), so that a
large body never holds up the event loop, and a client with many never the others.
It is bare ASGI and not a framework by measurement: see docs/otlp.md.

Source: OTLP specification 1.11, "OTLP/HTTP"; RFC 9110.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from haechi_collector import limits
from haechi_collector.errors import Denied, OverQuota
from haechi_collector.gate.credentials import credential_of_headers
from haechi_collector.gate.gate import Gate, OpenGate
from haechi_collector.gate.keys import Scope as KeyScope
from haechi_collector.receive import compression
from haechi_collector.receive.admission import Admission, Lease
from haechi_collector.receive.delivery import Delivery, Incoming, deliver, settled
from haechi_collector.receive.fair_workers import FairWorkers
from haechi_collector.receive.peer import client_of
from haechi_collector.receive.status import (
    CONTENT_TYPE,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    Refusal,
    outcome_of,
    refusal_body,
    refusal_of,
    retry_after_header,
    success_body,
)
from haechi_collector.sink import Encoding, Outcome, ReceiveObserver, Sender, Signal, Sink, Unobserved

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_PATHS: Final = {f"/v1/{signal}": signal for signal in Signal}
_CONTENT_TYPES: Final = {b"application/x-protobuf": Encoding.PROTOBUF, b"application/json": Encoding.JSON}
_ENCODED_AS: Final = {encoding: content_type for content_type, encoding in _CONTENT_TYPES.items()}


class _DisconnectedError(Exception):
    """The client left before its request was whole; there is nobody to answer."""


@dataclass(frozen=True, slots=True)
class _Head:
    """What counts of a request's head. ``encoding`` is None when the content type is missing or another one."""

    encoding: Encoding | None
    content_encoding: str
    content_length: int

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> "_Head":
        encoding, codings, length = None, [], 0
        for name, value in headers:
            if name == b"content-type":
                encoding = _CONTENT_TYPES.get(value.partition(b";")[0].strip().lower())
            elif name == b"content-encoding":
                codings.append(value.decode("latin-1"))
            elif name == b"content-length":
                length = int(value)
        return cls(encoding, ",".join(codings), length)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What goes back: ``body`` None when nobody is there to read it."""

    outcome: Outcome
    http_status: int = 200
    body: bytes | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    size: int = 0


def http_app(
    sink: Sink,
    admission: Admission,
    request_bytes_max: int,
    observer: ReceiveObserver | None = None,
    gate: Gate | None = None,
) -> "OtlpHttp":
    """Return the application that serves /v1/traces, /v1/logs and /v1/metrics.

    ``request_bytes_max`` bounds a body before and after decompression, in bytes.
    """
    return OtlpHttp(sink, admission, request_bytes_max, observer or Unobserved(), gate or OpenGate())


class OtlpHttp:
    """The application. Construct it with `http_app`; it serves between `start` and `stop`."""

    def __init__(
        self, sink: Sink, admission: Admission, request_bytes_max: int, observer: ReceiveObserver, gate: Gate
    ) -> None:
        self._gate = gate
        self._sink = sink
        self._admission = admission
        self._bytes_max = request_bytes_max
        self._observer = observer
        self._workers = FairWorkers(limits.HTTP_WORKERS, "otlp-http-worker")

    def start(self) -> None:
        """Start the worker threads."""
        self._workers.start()

    def stop(self) -> None:
        """Let the worker threads end. Idempotent."""
        self._workers.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        begun = time.perf_counter()
        head = _Head.of(scope["headers"])
        signal = _PATHS.get(scope["path"])
        answer = await self._answer(scope, signal, head, receive)
        if answer.body is not None:
            await _send(send, answer, answer.body, head.encoding)
        seconds = time.perf_counter() - begun
        self._observer.observe("http", signal or "", answer.outcome, seconds, answer.size)

    async def _answer(self, scope: Scope, signal: Signal | None, head: _Head, receive: Receive) -> _Answer:
        try:
            caller = self._gate.admit(credential_of_headers(scope["headers"]), KeyScope.INGEST)
        except (Denied, OverQuota) as error:
            return _refused(refusal_of(error), head.encoding)
        if signal is None:
            return _refused(NOT_FOUND, head.encoding)
        if scope["method"] != "POST":
            return _refused(METHOD_NOT_ALLOWED, head.encoding)
        if head.encoding is None:
            return _refused(CONTENT_TYPE, None)
        address = client_of(scope["client"][0]) if scope["client"] else ""
        sender = Sender(caller.project, caller.key_id or address)
        answer = await self._receive(signal, head.encoding, head, sender, receive)
        if answer.http_status == 200:
            self._gate.charge(caller, answer.size)
        return answer

    async def _receive(
        self, signal: Signal, encoding: Encoding, head: _Head, sender: Sender, receive: Receive
    ) -> _Answer:
        size = 0
        with self._admission.lease(sender.name) as lease:
            try:
                coding = compression.coding_of(head.content_encoding)
                body = await self._read_body(head, receive, lease)
                delivery = await self._deliver(Incoming(signal, encoding, coding, body, sender), lease)
                size = delivery.size
                accepted = settled(delivery.future, 0)
            except _DisconnectedError:
                return _Answer(Outcome.DISCONNECTED)
            except Exception as error:  # noqa: BLE001  the door: whatever happened, the client must get a status it understands
                return _refused(refusal_of(error), encoding, size)
        return _Answer(outcome_of(accepted), body=success_body(signal, encoding, accepted), size=size)

    async def _read_body(self, head: _Head, receive: Receive, lease: Lease) -> bytes:
        compression.check_size(head.content_length, self._bytes_max)
        lease.expect(head.content_length)
        chunks: list[bytes] = []
        size, more = 0, True
        while more:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise _DisconnectedError
            chunk: bytes = event.get("body", b"")
            size += len(chunk)
            compression.check_size(size, self._bytes_max)
            lease.grow(len(chunk))
            chunks.append(chunk)
            more = event.get("more_body", False)
        return b"".join(chunks)

    async def _deliver(self, incoming: Incoming, lease: Lease) -> Delivery:
        working = self._workers.submit(incoming.sender.name, deliver, self._sink, incoming, self._bytes_max, lease)
        delivery = await asyncio.wrap_future(working)
        if not delivery.future.done():
            waiting = asyncio.ensure_future(asyncio.wrap_future(delivery.future))
            # `wait` leaves the future alone when its time is over; `wait_for` would cancel what the sink works on.
            await asyncio.wait([waiting], timeout=limits.ACK_WAIT_S)
            waiting.add_done_callback(_retrieve)
        return delivery


def _retrieve(future: asyncio.Future[Any]) -> None:
    # The error itself is read from the sink's future; asyncio would report this copy of it as never looked at.
    if not future.cancelled():
        future.exception()


def _refused(refusal: Refusal, encoding: Encoding | None, size: int = 0) -> _Answer:
    headers: list[tuple[bytes, bytes]] = []
    retry_after = retry_after_header(refusal)
    if retry_after is not None:
        headers.append((b"retry-after", retry_after.encode()))
    if refusal.http_status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="Haechi"'))
    if refusal.http_status == 405:
        headers.append((b"allow", b"POST"))
    if refusal.http_status == 415:
        headers.append((b"accept-encoding", compression.SUPPORTED.encode()))
    body = refusal_body(refusal, encoding or Encoding.PROTOBUF)
    return _Answer(refusal.outcome, refusal.http_status, body, tuple(headers), size)


async def _send(send: Send, answer: _Answer, body: bytes, encoding: Encoding | None) -> None:
    headers = [
        (b"content-type", _ENCODED_AS[encoding or Encoding.PROTOBUF]),
        (b"content-length", b"%d" % len(body)),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.http_status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
