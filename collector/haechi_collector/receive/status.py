"""What is answered: success and refusal, for both transports and both encodings.

Guarantee: every error that is not the sender's becomes UNAVAILABLE / 503 with the time to come back, which every
OTLP client retries. 500, UNKNOWN and INTERNAL, which make clients drop their data, are never answered. The time
to come back is the error's and up to ``limits.RETRY_SPREAD_S`` more, by chance, so that those who were refused
together do not come back together.

==================== ==================== ====== ========= =========================================
error                gRPC                 HTTP   sent      details
==================== ==================== ====== ========= =========================================
Undecodable          INVALID_ARGUMENT     400    never     google.rpc.BadRequest
TooLarge             RESOURCE_EXHAUSTED   413    never     none: RetryInfo would ask for it again
UnsupportedEncoding  UNIMPLEMENTED        415    never     none
any other Invalid    INVALID_ARGUMENT     400    never     google.rpc.BadRequest
Unauthenticated      UNAUTHENTICATED      401    never     none; HTTP: WWW-Authenticate
Forbidden            PERMISSION_DENIED    403    never     none
OverQuota            RESOURCE_EXHAUSTED   429    again     google.rpc.RetryInfo, Retry-After
Rejected             UNAVAILABLE          503    again     google.rpc.RetryInfo, Retry-After
anything else        UNAVAILABLE          503    again     google.rpc.RetryInfo, Retry-After
==================== ==================== ====== ========= =========================================

Source: OTLP specification 1.11, "Failures" and "OTLP/HTTP Response".
"""

import logging
import math
import random
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import json_format  # type: ignore[import-untyped]
from google.rpc import code_pb2, error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from haechi_collector import limits
from haechi_collector.errors import (
    Forbidden,
    HaechiError,
    Invalid,
    OverQuota,
    Rejected,
    TooLarge,
    Unauthenticated,
    UnsupportedEncoding,
)
from haechi_collector.sink import Accepted, Encoding, Outcome, Signal

_log = logging.getLogger(__name__)

_FULL_SUCCESS: Final = {Encoding.PROTOBUF: b"", Encoding.JSON: b"{}"}
_RESPONSES: Final[dict[Signal, tuple[Any, str]]] = {
    Signal.TRACES: (trace_service_pb2.ExportTraceServiceResponse, "rejected_spans"),
    Signal.LOGS: (logs_service_pb2.ExportLogsServiceResponse, "rejected_log_records"),
    Signal.METRICS: (metrics_service_pb2.ExportMetricsServiceResponse, "rejected_data_points"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request was not accepted; ``code`` is a google.rpc.Code, ``retry_after_s`` None for never."""

    outcome: Outcome
    code: int
    http_status: int
    message: str
    retry_after_s: float | None = None


NOT_FOUND: Final = Refusal(
    Outcome.UNROUTABLE, code_pb2.NOT_FOUND, 404, "no such path; OTLP/HTTP has /v1/traces, /v1/logs and /v1/metrics"
)
METHOD_NOT_ALLOWED: Final = Refusal(Outcome.UNROUTABLE, code_pb2.UNIMPLEMENTED, 405, "use POST")
CONTENT_TYPE: Final = Refusal(
    Outcome.UNSUPPORTED_ENCODING,
    code_pb2.UNIMPLEMENTED,
    415,
    "Content-Type must be application/x-protobuf or application/json",
)


_NEVER: Final[tuple[tuple[type[HaechiError], Outcome, int, int], ...]] = (
    (Unauthenticated, Outcome.UNAUTHENTICATED, code_pb2.UNAUTHENTICATED, 401),
    (Forbidden, Outcome.FORBIDDEN, code_pb2.PERMISSION_DENIED, 403),
    (TooLarge, Outcome.TOO_LARGE, code_pb2.RESOURCE_EXHAUSTED, 413),
    (UnsupportedEncoding, Outcome.UNSUPPORTED_ENCODING, code_pb2.UNIMPLEMENTED, 415),
    (Invalid, Outcome.UNDECODABLE, code_pb2.INVALID_ARGUMENT, 400),
)


def refusal_of(error: Exception) -> Refusal:
    """Return what to answer for ``error``. One that is not ours to expect is logged with its traceback.

    The error loses its traceback: that leads to the frames of the request, and they lead back to the error. Such a ring
    keeps the body and the gRPC call until garbage is collected, and gRPC refuses new streams for those that are kept.
    """
    refusal = _told(error)
    error.__traceback__ = None
    return refusal


def _told(error: Exception) -> Refusal:
    text = _clip(str(error), limits.ERROR_MESSAGE_CHARS_MAX)
    if isinstance(error, OverQuota):
        return Refusal(Outcome.OVER_QUOTA, code_pb2.RESOURCE_EXHAUSTED, 429, text, error.retry_after_s)
    if isinstance(error, Rejected):
        return Refusal(Outcome.REJECTED, code_pb2.UNAVAILABLE, 503, text, _spread(error.retry_after_s))
    for kind, outcome, code, http_status in _NEVER:
        if isinstance(error, kind):
            return Refusal(outcome, code, http_status, text)
    _log.error("a request failed; its sender is asked to come back", exc_info=error)
    # The text stays in the log: it may name paths or hold a part of the data.
    wait_s = _spread(limits.RETRY_AFTER_S)
    return Refusal(Outcome.FAILED, code_pb2.UNAVAILABLE, 503, "internal failure, try again", wait_s)


def outcome_of(accepted: Accepted) -> Outcome:
    """Return how a stored request ended."""
    return Outcome.PARTIAL if accepted.refused else Outcome.ACCEPTED


def success_body(signal: Signal, encoding: Encoding, accepted: Accepted) -> bytes:
    """Return an ``Export*ServiceResponse``; ``partial_success`` is unset when all was stored without a warning."""
    if not accepted.refused and not accepted.reason:
        return _FULL_SUCCESS[encoding]
    response_type, count_name = _RESPONSES[signal]
    response = response_type()
    partial = response.partial_success
    setattr(partial, count_name, accepted.refused)
    partial.error_message = _clip(accepted.reason, limits.PARTIAL_SUCCESS_MESSAGE_CHARS_MAX)
    return _encode(response, encoding)


def refusal_body(refusal: Refusal, encoding: Encoding) -> bytes:
    """Return a ``google.rpc.Status``, as OTLP wants in the body of every 4xx and 5xx."""
    return _encode(_status(refusal), encoding)


def refusal_trailers(refusal: Refusal) -> tuple[tuple[str, bytes], ...]:
    """Return the gRPC trailers of a refusal.

    RetryInfo goes into the standard ``grpc-status-details-bin`` and, because the Python SDK reads only that,
    into ``google.rpc.retryinfo-bin``.
    """
    status = ("grpc-status-details-bin", _status(refusal).SerializeToString())
    if refusal.retry_after_s is None:
        return (status,)
    return status, ("google.rpc.retryinfo-bin", _retry_info(refusal.retry_after_s).SerializeToString())


def retry_after_header(refusal: Refusal) -> str | None:
    """Return the Retry-After header: whole seconds, 1 or more; None when nothing is to be sent again.

    A fraction is rounded up or down by chance, in its proportion: always up would bring all back in the same second.
    """
    if refusal.retry_after_s is None:
        return None
    return str(max(1, math.floor(refusal.retry_after_s + random.random())))  # noqa: S311  spreads load, hides nothing


def _spread(seconds: float) -> float:
    return seconds + random.uniform(0, limits.RETRY_SPREAD_S)  # noqa: S311  spreads load, hides nothing


def _status(refusal: Refusal) -> Any:
    status = status_pb2.Status(code=refusal.code, message=refusal.message)
    if refusal.retry_after_s is not None:
        status.details.add().Pack(_retry_info(refusal.retry_after_s))
    if refusal.code == code_pb2.INVALID_ARGUMENT:
        violation = error_details_pb2.BadRequest.FieldViolation(field="body", description=refusal.message)
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    return status


def _retry_info(seconds: float) -> Any:
    info = error_details_pb2.RetryInfo()
    info.retry_delay.FromNanoseconds(round(seconds * 1_000_000_000))
    return info


def _encode(message: Any, encoding: Encoding) -> bytes:
    if encoding is Encoding.PROTOBUF:
        written: bytes = message.SerializeToString()
    else:
        written = json_format.MessageToJson(message, indent=None).encode()
    return written


def _clip(text: str, chars_max: int) -> str:
    # Protobuf text is UTF-8; a lone surrogate in a message must not spoil the answer.
    return text[:chars_max].encode("utf-8", "replace").decode()
