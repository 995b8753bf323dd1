"""The contract between the doors and the room behind them.

A door gives a whole, decompressed OTLP body to a `Sink` and answers its sender when the returned future is done.
"""

import concurrent.futures
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Signal(StrEnum):
    """What a request carries."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"


class Encoding(StrEnum):
    """How a body is written (OTLP allows both over HTTP, protobuf alone over gRPC)."""

    PROTOBUF = "protobuf"
    JSON = "json"


class Outcome(StrEnum):
    """How a request ended, for metrics."""

    ACCEPTED = "accepted"
    PARTIAL = "partial"
    REJECTED = "rejected"
    OVER_QUOTA = "over_quota"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    UNDECODABLE = "undecodable"
    TOO_LARGE = "too_large"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    UNROUTABLE = "unroutable"
    FAILED = "failed"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a request: ``project`` owns the rows, ``name`` (a key's id or an address) is treated fairly."""

    project: str = "default"
    name: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request is stored, but for ``refused`` of its items (spans, log records or data points).

    ``reason`` says in English why they were refused. With ``refused`` 0 it is a warning, '' for none.
    """

    refused: int = 0
    reason: str = ""


class Sink(Protocol):
    """Where a door delivers."""

    def accept(
        self, signal: Signal, encoding: Encoding, body: bytes, sender: Sender
    ) -> concurrent.futures.Future[Accepted]:
        """Take one body, never empty; the future is done when it is stored.

        It is called from several worker threads at once. It may decode, but must not wait for the disk: that is
        what the future is for. Errors may be raised here or set on the future.

        Raises:
            Undecodable: the body is not what its encoding says; never to be sent again.
            TooLarge: it is over a limit; never to be sent again.
            UnsupportedEncoding: this encoding of this signal is not read; never to be sent again.
            Rejected: no room now; the sender is asked to come back after ``retry_after_s``.
        """
        ...


class ReceiveObserver(Protocol):
    """Is told of every request that ended."""

    def observe(self, transport: str, signal: str, outcome: Outcome, seconds: float, size: int) -> None:
        """Note one request.

        ``transport`` is grpc or http, ``signal`` '' when the path names none, ``seconds`` run from the end of the
        head to the answer, ``size`` is the bytes after decompression, 0 when it was refused before that.
        It is called on the event loop (HTTP) and on worker threads (gRPC), and must not block.
        """
        ...


class Unobserved:
    """Observes nothing."""

    def observe(self, transport: str, signal: str, outcome: Outcome, seconds: float, size: int) -> None:
        """Do nothing."""
