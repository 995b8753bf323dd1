"""What the doors refuse: every row of the second table of docs/otlp.md."""

import concurrent.futures
import gc
import gzip
import json
import logging
import subprocess
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
from google.protobuf import json_format
from google.rpc import code_pb2, error_details_pb2, status_pb2
from tests.receive.recording import REQUEST_BYTES_MAX, SERVICES, Doors, encoded, sample

from haechi_collector import errors, limits
from haechi_collector.sink import Accepted, Encoding, Outcome, Signal

DOC = Path(__file__).parents[2] / "docs" / "otlp.md"
RAW_GRPC = Path(__file__).parent / "node" / "raw_grpc.mjs"
EXPORT = f"/{SERVICES[Signal.TRACES]}/Export"
CONTENT_TYPES = {Encoding.PROTOBUF: "application/x-protobuf", Encoding.JSON: "application/json"}
OVERSIZE = REQUEST_BYTES_MAX + 1
PENDING = concurrent.futures.Future[Accepted]


@pytest.fixture(autouse=True)
def _no_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hints as they are; their spread has a test of its own."""
    monkeypatch.setattr(limits, "RETRY_SPREAD_S", 0)


@dataclass(frozen=True)
class Http:
    """One HTTP request that is refused, and its answer."""

    what: str
    status: int
    code: str
    outcome: Outcome
    body: bytes | Callable[[], Iterator[bytes]] = b"\xff\xff"
    headers: dict[str, str] = field(default_factory=dict)
    answer_headers: dict[str, str] = field(default_factory=dict)
    details: str = ""
    method: str = "POST"
    path: str = "/v1/traces"
    raises: Exception | None = None

    def row(self) -> str:
        headers = ", ".join(f"{k}: {v}" for k, v in self.answer_headers.items())
        return f"| {self.what} | {self.status} | {self.code} | {self.details or '-'} | {headers or '-'} |"


def endless() -> Iterator[bytes]:
    return (b"\x00" * 65536 for _ in range(OVERSIZE // 65536 + 1))


RETRY = {"retry-after": "1"}
ANSWER_HEADERS = ("retry-after", "www-authenticate", "allow", "accept-encoding")
READABLE = {"accept-encoding": "gzip, deflate, zstd, lz4, snappy"}
HTTP = [
    Http("not what its content type says", 400, "INVALID_ARGUMENT", Outcome.UNDECODABLE, details="BadRequest"),
    Http(
        "compressed, and ends early",
        400,
        "INVALID_ARGUMENT",
        Outcome.UNDECODABLE,
        body=gzip.compress(b"spans")[:-3],
        headers={"content-encoding": "gzip"},
        details="BadRequest",
    ),
    Http(
        "not of its Content-Encoding",
        400,
        "INVALID_ARGUMENT",
        Outcome.UNDECODABLE,
        body=b"spans",
        headers={"content-encoding": "zstd"},
        details="BadRequest",
    ),
    Http("Content-Length over the limit", 413, "RESOURCE_EXHAUSTED", Outcome.TOO_LARGE, body=b"\x00" * OVERSIZE),
    Http("chunked, over the limit", 413, "RESOURCE_EXHAUSTED", Outcome.TOO_LARGE, body=endless),
    Http(
        "over the limit when decompressed",
        413,
        "RESOURCE_EXHAUSTED",
        Outcome.TOO_LARGE,
        body=gzip.compress(b"\x00" * OVERSIZE),
        headers={"content-encoding": "gzip"},
    ),
    Http(
        "unknown Content-Encoding",
        415,
        "UNIMPLEMENTED",
        Outcome.UNSUPPORTED_ENCODING,
        headers={"content-encoding": "br"},
        answer_headers=READABLE,
    ),
    Http(
        "two layers of Content-Encoding",
        415,
        "UNIMPLEMENTED",
        Outcome.UNSUPPORTED_ENCODING,
        headers={"content-encoding": "gzip, gzip"},
        answer_headers=READABLE,
    ),
    Http(
        "an encoding that the signal is not read in",
        415,
        "UNIMPLEMENTED",
        Outcome.UNSUPPORTED_ENCODING,
        raises=errors.UnsupportedEncoding("no"),
        answer_headers=READABLE,
    ),
    Http("another path", 404, "NOT_FOUND", Outcome.UNROUTABLE, path="/v1/traces/"),
    Http("another method", 405, "UNIMPLEMENTED", Outcome.UNROUTABLE, method="PUT", answer_headers={"allow": "POST"}),
    Http(
        "without a valid API key, where one is asked for",
        401,
        "UNAUTHENTICATED",
        Outcome.UNAUTHENTICATED,
        raises=errors.Unauthenticated("no key"),
        answer_headers={"www-authenticate": 'Bearer realm="Haechi"'},
    ),
    Http(
        "with a key that lacks the scope",
        403,
        "PERMISSION_DENIED",
        Outcome.FORBIDDEN,
        raises=errors.Forbidden("no scope"),
    ),
    Http(
        "over the key's quota",
        429,
        "RESOURCE_EXHAUSTED",
        Outcome.OVER_QUOTA,
        raises=errors.OverQuota("used up", 1.0),
        answer_headers=RETRY,
        details="RetryInfo",
    ),
    Http(
        "no room now",
        503,
        "UNAVAILABLE",
        Outcome.REJECTED,
        raises=errors.Rejected("journal is full", 0.25),
        answer_headers=RETRY,
        details="RetryInfo",
    ),
    Http(
        "a failure of ours",
        503,
        "UNAVAILABLE",
        Outcome.FAILED,
        raises=ZeroDivisionError("secret"),
        answer_headers=RETRY,
        details="RetryInfo",
    ),
]


@dataclass(frozen=True)
class Grpc:
    """One gRPC call that is refused, and its answer."""

    what: str
    code: str
    outcome: Outcome | None
    body: bytes = b"\xff\xff"
    compression: grpc.Compression = grpc.Compression.NoCompression
    details: str = ""
    trailer: str = ""
    path: str = EXPORT
    raises: Exception | None = None

    def row(self) -> str:
        return f"| {self.what} | {self.code} | {self.details or '-'} | {self.trailer or '-'} |"


RETRY_TRAILER = "google.rpc.retryinfo-bin"
GRPC = [
    Grpc("no OTLP message", "INVALID_ARGUMENT", Outcome.UNDECODABLE, details="BadRequest"),
    Grpc(
        "compressed, and ends early",
        "INVALID_ARGUMENT",
        Outcome.UNDECODABLE,
        body=gzip.compress(b"spans")[:-3],
        details="BadRequest",
    ),
    Grpc("over the limit", "RESOURCE_EXHAUSTED", None, body=b"\x00" * OVERSIZE),
    Grpc(
        "over the limit when decompressed (gzip)",
        "RESOURCE_EXHAUSTED",
        Outcome.TOO_LARGE,
        body=b"\x00" * OVERSIZE,
        compression=grpc.Compression.Gzip,
    ),
    Grpc(
        "over the limit when decompressed (deflate)",
        "RESOURCE_EXHAUSTED",
        Outcome.TOO_LARGE,
        body=b"\x00" * OVERSIZE,
        compression=grpc.Compression.Deflate,
    ),
    Grpc(
        "an encoding that the signal is not read in",
        "UNIMPLEMENTED",
        Outcome.UNSUPPORTED_ENCODING,
        raises=errors.UnsupportedEncoding("no"),
    ),
    Grpc("another method", "UNIMPLEMENTED", None, path=f"/{SERVICES[Signal.TRACES]}/Import"),
    Grpc("another service", "UNIMPLEMENTED", None, path="/opentelemetry.Nothing/Export"),
    Grpc(
        "without a valid API key, where one is asked for",
        "UNAUTHENTICATED",
        Outcome.UNAUTHENTICATED,
        raises=errors.Unauthenticated("no key"),
    ),
    Grpc(
        "with a key that lacks the scope",
        "PERMISSION_DENIED",
        Outcome.FORBIDDEN,
        raises=errors.Forbidden("no scope"),
    ),
    Grpc(
        "over the key's quota",
        "RESOURCE_EXHAUSTED",
        Outcome.OVER_QUOTA,
        raises=errors.OverQuota("used up", 1.0),
        details="RetryInfo",
        trailer=RETRY_TRAILER,
    ),
    Grpc(
        "no room now",
        "UNAVAILABLE",
        Outcome.REJECTED,
        raises=errors.Rejected("journal is full", 0.25),
        details="RetryInfo",
        trailer=RETRY_TRAILER,
    ),
    Grpc(
        "a failure of ours",
        "UNAVAILABLE",
        Outcome.FAILED,
        raises=ZeroDivisionError("secret"),
        details="RetryInfo",
        trailer=RETRY_TRAILER,
    ),
]


def status_of(content: bytes, encoding: Encoding) -> Any:
    status = status_pb2.Status()
    if encoding is Encoding.JSON:
        return json_format.Parse(content, status)
    status.ParseFromString(content)
    return status


def details_of(status: Any) -> str:
    return ", ".join(detail.type_url.rpartition(".")[2] for detail in status.details)


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("cell", HTTP, ids=lambda cell: cell.what)
def test_http(doors: Doors, client: httpx2.Client, cell: Http, encoding: Encoding) -> None:
    """Status, headers and a google.rpc.Status in the request's encoding are what the table says."""
    if cell.raises:
        doors.sink.answers.append(cell.raises)
    headers = {"content-type": CONTENT_TYPES[encoding], **cell.headers}
    content = cell.body if isinstance(cell.body, bytes) else cell.body()
    answer = client.request(cell.method, cell.path, content=content, headers=headers)
    status = status_of(answer.content, encoding)
    assert (answer.status_code, code_pb2.Code.Name(status.code)) == (cell.status, cell.code)
    assert answer.headers["content-type"] == CONTENT_TYPES[encoding]
    assert {k: answer.headers.get(k) for k in ANSWER_HEADERS} == {
        "retry-after": None,
        "www-authenticate": None,
        "allow": None,
        "accept-encoding": None,
    } | cell.answer_headers
    assert details_of(status) == cell.details
    assert status.message
    assert "secret" not in status.message
    assert [outcome for _, _, outcome, _ in doors.observations.seen] == [cell.outcome]
    assert client.post("/v1/logs", content=b"", headers=headers | {"content-encoding": ""}).status_code == 200


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/protobuf", "application/x-protobuf-x", ""])
def test_other_content_types(client: httpx2.Client, content_type: str | None) -> None:
    """A missing or unknown type is refused in protobuf, with the types that are read."""
    headers = {} if content_type is None else {"content-type": content_type}
    answer = client.post("/v1/metrics", content=b"\x00", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/x-protobuf")
    assert "application/json" in status_of(answer.content, Encoding.PROTOBUF).message


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_other_methods(client: httpx2.Client, method: str) -> None:
    """Whatever the method, the answer names the one that is served; no origin is allowed across sites."""
    answer = client.request(method, "/v1/traces", headers={"origin": "http://example.com"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert not [name for name in answer.headers if name.startswith("access-control")]


def call(channel: Any, cell: Grpc) -> Any:
    export = channel.unary_unary(cell.path)
    with pytest.raises(grpc.RpcError) as caught:
        export(cell.body, compression=cell.compression, timeout=30)
    return caught.value


@pytest.mark.parametrize("cell", GRPC, ids=lambda cell: cell.what)
def test_grpc(doors: Doors, channel: Any, cell: Grpc) -> None:
    """Code, details and trailers are what the table says."""
    if cell.raises:
        doors.sink.answers.append(cell.raises)
    error = call(channel, cell)
    trailers = dict(error.trailing_metadata())
    assert error.code().name == cell.code
    status = status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b""))
    assert details_of(status) == cell.details
    assert (RETRY_TRAILER in trailers) == bool(cell.trailer)
    assert "secret" not in error.details() + str(trailers)
    if cell.outcome is not None:
        assert code_pb2.Code.Name(status.code) == cell.code
        assert [outcome for _, _, outcome, _ in doors.observations.seen] == [cell.outcome]


def test_grpc_retry_info_carries_the_delay(doors: Doors, channel: Any) -> None:
    """The same RetryInfo is in the details and in the trailer that the Python SDK reads."""
    doors.sink.answers.append(errors.Rejected("full", 1.5))
    trailers = dict(call(channel, Grpc("", "", None)).trailing_metadata())
    info = error_details_pb2.RetryInfo.FromString(trailers[RETRY_TRAILER])
    packed = error_details_pb2.RetryInfo()
    assert status_pb2.Status.FromString(trailers["grpc-status-details-bin"]).details[0].Unpack(packed)
    assert info == packed
    assert (info.retry_delay.seconds, info.retry_delay.nanos) == (1, 500_000_000)


def test_retry_after_spreads_those_who_come_back(doors: Doors, client: httpx2.Client) -> None:
    """A fraction of a second is rounded up for some and down for others."""
    doors.sink.answers.extend(errors.Rejected("full", 1.5) for _ in range(60))
    json_ = {"content-type": "application/json"}
    answers = [client.post("/v1/traces", content=b"{}", headers=json_) for _ in range(60)]
    assert {answer.headers["retry-after"] for answer in answers} == {"1", "2"}


def test_retry_info_spreads_those_who_come_back(doors: Doors, channel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of clients that are refused at once, each is given a time of its own, within one second."""
    monkeypatch.setattr(limits, "RETRY_SPREAD_S", 1.0)
    doors.sink.answers.extend(errors.Rejected("full", 1.0) for _ in range(20))
    hints = []
    for _ in range(20):
        trailers = dict(call(channel, Grpc("", "", None)).trailing_metadata())
        delay = error_details_pb2.RetryInfo.FromString(trailers[RETRY_TRAILER]).retry_delay
        hints.append(delay.seconds + delay.nanos / 1e9)
    assert len(set(hints)) == 20
    assert 1 <= min(hints)
    assert max(hints) <= 2


def test_the_tables_list_exactly_the_tested_cells() -> None:
    """docs/otlp.md holds a row for each cell above, no less and no more."""
    lines = DOC.read_text().splitlines()
    written: dict[str, list[str]] = {}
    for heading, first in (("http", "| request over HTTP |"), ("grpc", "| request over gRPC |")):
        start = next(n for n, line in enumerate(lines) if line.startswith(first)) + 2
        rest = lines[start:]
        written[heading] = rest[: next(n for n, line in enumerate(rest) if not line.startswith("|"))]
    assert written == {"http": [cell.row() for cell in HTTP], "grpc": [cell.row() for cell in GRPC]}


@pytest.mark.parametrize("error", [errors.Undecodable("bad"), errors.Rejected("full"), KeyError("x")], ids=repr)
def test_an_error_on_the_future_is_answered_like_one_raised(
    doors: Doors, client: httpx2.Client, channel: Any, error: Exception
) -> None:
    """Where the sink reports an error makes no difference."""
    for _ in range(2):
        future = PENDING()
        future.set_exception(error)
        doors.sink.answers += [error, future]
    statuses = [
        client.post("/v1/traces", content=b"{}", headers={"content-type": "application/json"}).status_code
        for _ in range(2)
    ]
    codes = [call(channel, Grpc("", "", None, body=b"\x0a\x00")).code() for _ in range(2)]
    assert len(set(statuses)) == len(set(codes)) == 1
    assert statuses[0] in {400, 503}


def test_a_cancelled_future_is_a_failure_of_ours(doors: Doors, client: httpx2.Client, channel: Any) -> None:
    """A sink that stops with work in hand makes its senders come back."""
    for _ in range(2):
        future = PENDING()
        future.cancel()
        doors.sink.answers.append(future)
    answer = client.post("/v1/traces", content=b"{}", headers={"content-type": "application/json"})
    assert answer.status_code == 503
    assert call(channel, Grpc("", "", None, body=b"\x0a\x00")).code() is grpc.StatusCode.UNAVAILABLE


def test_an_acknowledgement_that_does_not_come(
    doors: Doors, client: httpx2.Client, channel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender is asked to come back, and the bytes count until the sink is done with them."""
    monkeypatch.setattr(limits, "ACK_WAIT_S", 0.05)
    first, second = PENDING(), PENDING()
    doors.sink.answers += [first, second]
    body = encoded(sample(Signal.TRACES), Encoding.PROTOBUF)
    answer = client.post("/v1/traces", content=body, headers={"content-type": "application/x-protobuf"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert call(channel, Grpc("", "", None, body=body)).code() is grpc.StatusCode.UNAVAILABLE
    assert doors.admission.bytes_in_flight == 2 * len(body)
    first.set_result(Accepted())
    second.set_exception(OSError("too late for anybody"))
    assert doors.admission.bytes_in_flight == 0


def test_a_full_house_is_answered_before_the_body_is_read(doors: Doors, client: httpx2.Client, channel: Any) -> None:
    """Above the bytes in flight both doors ask to come back, and serve again when there is room."""
    with doors.admission.lease() as hog:
        hog.grow(4 * REQUEST_BYTES_MAX)
        answer = client.post("/v1/traces", content=b"{}", headers={"content-type": "application/json"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        refused = call(channel, Grpc("", "", None, body=b"\x0a\x00"))
        assert (refused.code(), RETRY_TRAILER in dict(refused.trailing_metadata())) == (
            grpc.StatusCode.UNAVAILABLE,
            True,
        )
    assert doors.sink.requests == []
    assert client.post("/v1/traces", content=b"{}", headers={"content-type": "application/json"}).status_code == 200
    assert channel.unary_unary(EXPORT)(b"\x0a\x00", timeout=30) == b""


def test_a_long_message_stays_within_what_clients_read(doors: Doors, client: httpx2.Client, channel: Any) -> None:
    """Clients refuse trailers above 8 KiB, so the text of a refusal is cut, and spoilt text is mended."""
    doors.sink.answers += [errors.Undecodable("\U0001f980\ud800" * 9000)] * 2
    error = call(channel, Grpc("", "", None, body=b"\x0a\x00"))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert len(error.details()) == limits.ERROR_MESSAGE_CHARS_MAX
    answer = client.post("/v1/traces", content=b"{}", headers={"content-type": "application/json"})
    assert len(json.loads(answer.content)["message"]) == limits.ERROR_MESSAGE_CHARS_MAX


def test_a_call_without_a_message(channel: Any) -> None:
    """A call that ends before its message is invalid."""
    with pytest.raises(grpc.RpcError) as caught:
        channel.stream_unary(EXPORT)(iter([]), timeout=30)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("name", ["zstd", "snappy"])
def test_an_unknown_grpc_encoding_is_answered_by_the_core(doors: Doors, name: str) -> None:
    """The core of gRPC refuses such a message itself, with INTERNAL, and nothing of it reaches us."""
    command = ["node", str(RAW_GRPC), str(doors.grpc_port), EXPORT, name]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    assert answer["grpc-status"] == "13"
    assert "grpc-encoding" in answer["grpc-message"]
    assert doors.sink.requests == []


def test_deflate_without_its_header_is_tolerated(doors: Doors, client: httpx2.Client) -> None:
    """Some clients send the bare stream under this name."""
    encoder = zlib.compressobj(wbits=-15)
    body = encoder.compress(encoded(sample(Signal.TRACES), Encoding.JSON)) + encoder.flush()
    headers = {"content-type": "application/json", "content-encoding": "deflate"}
    assert client.post("/v1/traces", content=body, headers=headers).status_code == 200
    assert doors.sink.requests == [(Signal.TRACES, Encoding.JSON, sample(Signal.TRACES))]


@pytest.fixture
def _no_garbage_collection() -> Iterator[None]:
    """What is not freed by itself stays."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


ENDINGS: dict[str, Callable[[], Exception | Accepted | concurrent.futures.Future[Accepted]]] = {
    "accepted": Accepted,
    "in part": lambda: Accepted(1, "why"),
    "undecodable": lambda: errors.Undecodable("bad"),
    "rejected": lambda: errors.Rejected("full"),
    "failed": lambda: ZeroDivisionError("ours"),
    "rejected later": lambda: failed_future(errors.Rejected("full")),
    "failed later": lambda: failed_future(ZeroDivisionError("ours")),
    "not acknowledged": PENDING,
}


def failed_future(error: Exception) -> concurrent.futures.Future[Accepted]:
    future = PENDING()
    future.set_exception(error)
    return future


@pytest.mark.usefixtures("_no_garbage_collection")
@pytest.mark.parametrize("ending", ENDINGS)
def test_calls_that_have_ended_leave_room_for_others(
    doors: Doors, channel: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, ending: str
) -> None:
    """However they ended: gRPC counts a call until the last reference to it is gone, and refuses more than so many."""
    monkeypatch.setattr(limits, "ACK_WAIT_S", 0.001)
    caplog.set_level(logging.CRITICAL, "haechi_collector.receive.status")  # what it captures, it keeps
    codes = set()
    export = channel.unary_unary(EXPORT)
    for _ in range(3 * limits.GRPC_STREAMS_MAX):
        answer = ENDINGS[ending]()
        doors.sink.answers.append(answer)
        try:
            export(b"\x0a\x00", timeout=30)
        except grpc.RpcError as error:
            codes.add((error.code().name, "RST_STREAM" in error.details()))
        if ending == "not acknowledged":
            answer.set_result(Accepted())  # type: ignore[union-attr]
    assert len(codes) <= 1
    assert ("UNAVAILABLE", True) not in codes
