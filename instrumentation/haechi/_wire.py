"""Batches on their way out, through OpenTelemetry's stock exporters.

Guarantee: `Wire.send` never raises and tells one of three outcomes apart: delivered, to be sent again later, refused
for good. One attempt per call: when to try again is decided by `haechi._export`, which knows whether the program ends.
Nothing that an exporter logs about an attempt of ours reaches the application's log; `haechi._outage` says it once.

Everything heavy (requests, protobuf) is imported by the first `send`, in the exporting thread.

Source: OTLP 1.x, "Failures": 429, 502, 503 and 504 are sent again, with Retry-After; other answers are final.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from haechi import _guard, _otlp
from haechi._config import Config

if TYPE_CHECKING:
    from requests import Response, Session

_AGAIN: Final = frozenset({429, 502, 503, 504})
_TOO_LARGE: Final = 413
_RETRY_AFTER_S_MAX: Final = 60.0
"""Longest pause that a collector may ask for. Longer: a wrong header keeps telemetry back for good."""
_NOISY: Final = ("opentelemetry.", "requests", "urllib3", "grpc")
"""Loggers that tell of every attempt. An application that logs at DEBUG would see ours between its own lines."""
_MODULES: Final = {
    "traces": ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "OTLPSpanExporter"),
    "metrics": ("opentelemetry.exporter.otlp.proto.http.metric_exporter", "OTLPMetricExporter"),
    "logs": ("opentelemetry.exporter.otlp.proto.http._log_exporter", "OTLPLogExporter"),
}


@dataclass(frozen=True, slots=True)
class Delivered:
    """The other side has it."""


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: nobody answers (``wait_s`` is None), or the collector asks to come back after ``wait_s`` seconds."""

    reason: str
    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Sending it again would not help; where ``divisible``, sending its parts may: one span in it is at fault."""

    reason: str
    divisible: bool = False


Outcome = Delivered | Later | Refused


class Wire:
    """The exporters of one process, made when first used. For one thread."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._exporters: dict[tuple[str, str], Any] = {}
        self._attempt = Attempt()
        self._spans: Any = None  # the exporter whose requests of spans are written by us

    @property
    def waiting(self) -> bool:
        """Whether the thread waits for the network, and nothing else."""
        return self._attempt.waiting

    @property
    def target(self) -> str:
        """Where telemetry goes, in words."""
        return self._config.endpoint or "the address in OTEL_EXPORTER_OTLP_ENDPOINT"

    def send(self, signal: str, exporter: str, batch: Any, seconds: tuple[float, float]) -> Outcome:
        """Make one attempt; ``seconds`` bound connecting and every wait for an answer."""
        self._attempt.begin(seconds)
        try:
            result = self._export(self._exporter(signal, exporter), batch)
        except LookupError as error:  # an exporter that is not installed
            return Refused(str(error.args[0] if error.args else error))
        except Exception as error:  # noqa: BLE001  exporters are foreign code; what they raise is about this batch
            return Refused(repr(error), divisible=True)
        if getattr(result, "name", "") == "SUCCESS":
            return Delivered()
        return self._attempt.outcome or Refused(f"exporter {exporter} failed", divisible=not self._attempt.made)

    def shutdown(self) -> None:
        """Close what is open."""
        for exporter in self._exporters.values():
            with _guard.Kept("closing an exporter"):
                exporter.shutdown()
        self._exporters.clear()

    def _export(self, exporter: Any, batch: Any) -> Any:
        """Let an exporter send a batch; where the bytes are written by us, it sends an empty one with them in it."""
        if exporter is not self._spans:
            return exporter.export(batch)
        self._attempt.body = _otlp.request(batch)
        result = exporter.export(())
        if not self._attempt.made:  # it sees no reason to send nothing
            self._attempt.body = self._spans = None
            return exporter.export(batch)
        return result

    def _exporter(self, signal: str, name: str) -> Any:
        made = self._exporters.get((signal, name))
        if made is None:
            self._exporters[signal, name] = made = self._make(signal, name)
        return made

    def _make(self, signal: str, name: str) -> Any:
        grpc = self._config.protocol == "grpc" and self._config.endpoint is None
        if name in {"otlp", "otlp_proto_http"} and not grpc:
            made = self._http(signal)
        else:
            made = _entry_point(signal, "otlp_proto_grpc" if name == "otlp" else name)()
        hush(threading.get_ident())
        return made

    def _http(self, signal: str) -> Any:
        from importlib import import_module  # noqa: PLC0415  with the rest, in the exporting thread

        module, name = _MODULES[signal]
        make: Callable[..., Any] = getattr(import_module(module), name)
        endpoint = self._config.endpoint
        session = observed_session(self._attempt)
        if self._config.key and endpoint:
            session.headers["authorization"] = f"Bearer {self._config.key}"
        made = make(endpoint=f"{endpoint}/v1/{signal}" if endpoint else None, session=session)
        if signal == "traces":
            self._spans = made
        return made


class Attempt:
    """How far one request may go, and how it went."""

    def __init__(self) -> None:
        self.outcome: Later | Refused | None = None
        self.seconds = (10.0, 10.0)
        self.body: bytes | None = None  # what the next request carries instead of its own body
        self.made = False
        self.waiting = False
        self.practised = False  # the first request imports what it needs

    def begin(self, seconds: tuple[float, float]) -> None:
        """Forget the attempt before."""
        self.outcome = self.body = None
        self.seconds = seconds
        self.made = False

    def answered(self, response: "Response") -> bool:
        """Note an answer; return whether it was a good one."""
        status = response.status_code
        if 200 <= status < 400:
            return True
        reason = f"it answered {status} {response.reason or ''}".rstrip()
        again = status in _AGAIN
        self.outcome = (
            Later(reason, _retry_after(response)) if again else Refused(reason, divisible=status == _TOO_LARGE)
        )
        return False

    def unanswered(self, error: Exception) -> None:
        """Note that nobody answered."""
        cause = error.args[0] if error.args else error
        cause = getattr(cause, "reason", cause)  # urllib3's MaxRetryError wraps what happened
        self.outcome = Later(_words(cause))


def observed_session(attempt: Attempt) -> "Session":
    """Return a session of requests that notes what happens to each request, and makes exporters try once."""
    from requests import ConnectionError as Unconnected  # noqa: PLC0415  30 ms, in the exporting thread
    from requests import RequestException, Response, Session  # noqa: PLC0415  the same
    from requests.structures import CaseInsensitiveDict  # noqa: PLC0415  the same

    class Observed(Session):
        """Bounds each request in time and ends a failed one with an error that exporters do not retry."""

        def request(self, *args: Any, **options: Any) -> Response:
            options["timeout"] = attempt.seconds
            if attempt.body is not None:
                headers = CaseInsensitiveDict({**self.headers, **(options.get("headers") or {})})
                options["data"] = _COMPRESSED[headers.get("content-encoding", "")](attempt.body)
            attempt.made = True
            begun = time.monotonic()
            attempt.waiting = attempt.practised
            try:
                response = self._once_more(begun, *args, **options)
            except RequestException as error:
                attempt.unanswered(error)
                raise RequestException(str(error)) from None
            finally:
                attempt.waiting, attempt.practised = False, True
            if not attempt.answered(response):
                raise RequestException(f"status {response.status_code}")
            return response

        def _once_more(self, begun: float, *args: Any, **options: Any) -> Response:
            try:
                return super().request(*args, **options)
            except Unconnected:
                if time.monotonic() - begun > 0.5:  # it took its time: that was no connection gone stale
                    raise
                return super().request(*args, **options)

    return Observed()


def _gzipped(body: bytes) -> bytes:
    from gzip import compress  # noqa: PLC0415  only where it is wanted

    return compress(body)


def _deflated(body: bytes) -> bytes:
    from zlib import compress  # noqa: PLC0415  the same

    return compress(body)


_COMPRESSED: Final[Mapping[str, Callable[[bytes], bytes]]] = {"": bytes, "gzip": _gzipped, "deflate": _deflated}
"""By the encoding that an exporter names in the headers of its request."""


class _Hush(logging.Filter):
    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread not in self.threads


_hush: Final = _Hush()


def hush(thread: int) -> None:
    """Keep what exporters log in a thread of ours out of the application's log. Call it when they are imported."""
    _hush.threads.add(thread)
    for name in list(logging.root.manager.loggerDict):
        if name.startswith(_NOISY):
            logging.getLogger(name).addFilter(_hush)  # adding it again changes nothing


def speak(thread: int) -> None:
    """Take `hush` back: the thread ends, and its id may be given to another one."""
    _hush.threads.discard(thread)


def _retry_after(response: "Response") -> float:
    try:
        return min(max(float(response.headers.get("retry-after", "1")), 0.1), _RETRY_AFTER_S_MAX)
    except ValueError:  # a date: rare, and a second is as good
        return 1.0


def _words(cause: object) -> str:
    text = str(cause).rpartition(": ")[2] or type(cause).__name__
    return text.partition("]")[2].strip() if text.startswith("[Errno") else text[:200]


def _entry_point(signal: str, name: str) -> Callable[[], Any]:
    from importlib.metadata import entry_points  # noqa: PLC0415  only where an exporter is named

    for found in entry_points(group=f"opentelemetry_{signal}_exporter", name=name):
        loaded: Callable[[], Any] = found.load()
        return loaded
    raise LookupError(f"no exporter of {signal} is called {name!r}; is its package installed?")
