"""What the doors read: every cell of the first table of docs/otlp.md."""

import gzip
import itertools
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import httpx2
import lz4.frame
import pyarrow as pa
import pytest
import zstandard
from google.protobuf import json_format
from tests.receive.recording import RESPONSES, SERVICES, Doors, encoded, sample

from haechi_collector.sink import Accepted, Encoding, Outcome, Signal

DOC = Path(__file__).parents[2] / "docs" / "otlp.md"
CONTENT_TYPES = {Encoding.PROTOBUF: "application/x-protobuf", Encoding.JSON: "application/json"}
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
    "lz4": lz4.frame.compress,
    "snappy": lambda body: bytes(pa.compress(body, codec="snappy", asbytes=True)),
}
GRPC_COMPRESSION = {
    "none": grpc.Compression.NoCompression,
    "gzip": grpc.Compression.Gzip,
    "deflate": grpc.Compression.Deflate,
}
HTTP_CELLS = list(itertools.product(Encoding, COMPRESS, Signal))
GRPC_CELLS = list(itertools.product(GRPC_COMPRESSION, Signal))
# Beside one item each of these holds enough to be worth compressing: grpc leaves small messages as they are.
PADDING = "x" * 2000


def padded(signal: Signal) -> Any:
    request = sample(signal)
    for _, resources in request.ListFields():
        resources[0].schema_url = PADDING
    return request


@pytest.mark.parametrize(("encoding", "compression", "signal"), HTTP_CELLS)
def test_http(doors: Doors, client: httpx2.Client, encoding: Encoding, compression: str, signal: Signal) -> None:
    """The request arrives whole and is answered with an empty message in its own encoding."""
    request = padded(signal)
    headers = {"content-type": CONTENT_TYPES[encoding]}
    if compression != "none":
        headers["content-encoding"] = compression
    body = COMPRESS[compression](encoded(request, encoding))
    answer = client.post(f"/v1/{signal}", content=body, headers=headers)
    assert (answer.status_code, answer.content) == (200, b"{}" if encoding is Encoding.JSON else b"")
    assert answer.headers["content-type"] == CONTENT_TYPES[encoding]
    assert doors.sink.requests == [(signal, encoding, request)]
    size = len(encoded(request, encoding))
    assert doors.observations.seen == [("http", signal, Outcome.ACCEPTED, size)]


@pytest.mark.parametrize(("compression", "signal"), GRPC_CELLS)
def test_grpc(doors: Doors, channel: Any, compression: str, signal: Signal) -> None:
    """The message arrives whole and is answered with the empty message."""
    request = padded(signal)
    export = channel.unary_unary(f"/{SERVICES[signal]}/Export")
    answer = export(request.SerializeToString(), compression=GRPC_COMPRESSION[compression], timeout=30)
    assert answer == b""
    assert doors.sink.requests == [(signal, Encoding.PROTOBUF, request)]
    size = len(request.SerializeToString())
    assert doors.observations.seen == [("grpc", signal, Outcome.ACCEPTED, size)]


def test_the_table_lists_exactly_the_tested_cells() -> None:
    """docs/otlp.md promises what is tested here, no less and no more."""
    rows = [
        line
        for line in DOC.read_text().splitlines()
        if line.startswith(("| gRPC | protobuf |", "| HTTP | protobuf, json |"))
    ]
    listed = set()
    for row in rows:
        transport, encodings, compressions, signals = ([p.strip() for p in c.split(",")] for c in row.split("|")[1:5])
        listed |= set(itertools.product(transport, encodings, compressions, signals))
    tested = {("HTTP", *map(str, cell)) for cell in HTTP_CELLS}
    tested |= {("gRPC", "protobuf", *map(str, cell)) for cell in GRPC_CELLS}
    assert listed == tested


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("accepted", [Accepted(3, "no trace id"), Accepted(0, "deprecated names")], ids=str)
@pytest.mark.parametrize("encoding", Encoding)
def test_http_partial_success(
    doors: Doors, client: httpx2.Client, encoding: Encoding, signal: Signal, accepted: Accepted
) -> None:
    """What was refused, or a warning, is told in the request's encoding; counts are strings in JSON."""
    doors.sink.answers.append(accepted)
    headers = {"content-type": CONTENT_TYPES[encoding]}
    answer = client.post(f"/v1/{signal}", content=encoded(sample(signal), encoding), headers=headers)
    assert answer.status_code == 200
    counter = {"traces": "rejectedSpans", "logs": "rejectedLogRecords", "metrics": "rejectedDataPoints"}[signal]
    expected = {"errorMessage": accepted.reason} | ({counter: str(accepted.refused)} if accepted.refused else {})
    if encoding is Encoding.JSON:
        assert answer.json() == {"partialSuccess": expected}
    message = RESPONSES[signal]()
    parsed = json_format.Parse(answer.content, message) if encoding is Encoding.JSON else None
    parsed = parsed or RESPONSES[signal].FromString(answer.content)
    assert json_format.MessageToDict(parsed) == {"partialSuccess": expected}
    assert doors.observations.seen[0][2] is (Outcome.PARTIAL if accepted.refused else Outcome.ACCEPTED)


@pytest.mark.parametrize("signal", Signal)
def test_grpc_partial_success(doors: Doors, channel: Any, signal: Signal) -> None:
    """The count is in the field of its signal, and a long reason is cut."""
    doors.sink.answers.append(Accepted(2, "가" * 5000))
    answer = channel.unary_unary(f"/{SERVICES[signal]}/Export")(sample(signal).SerializeToString(), timeout=30)
    partial = RESPONSES[signal].FromString(answer).partial_success
    counts = (getattr(partial, name, 0) for name in ("rejected_spans", "rejected_log_records", "rejected_data_points"))
    assert (sum(counts), partial.error_message) == (2, "가" * 1000)


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("compression", COMPRESS)
def test_an_empty_http_body_is_empty_telemetry(
    doors: Doors, client: httpx2.Client, encoding: Encoding, compression: str
) -> None:
    """Nothing to store is a success that never reaches the sink."""
    headers = {"content-type": CONTENT_TYPES[encoding]}
    if compression != "none":
        headers["content-encoding"] = compression
    for content in (b"", COMPRESS[compression](b"")):
        assert client.post("/v1/traces", content=content, headers=headers).status_code == 200
    assert doors.sink.requests == []


def test_an_empty_grpc_message_is_empty_telemetry(doors: Doors, channel: Any) -> None:
    """Nothing to store is a success that never reaches the sink."""
    assert channel.unary_unary(f"/{SERVICES[Signal.LOGS]}/Export")(b"", timeout=30) == b""
    assert doors.sink.requests == []


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", "Application/JSON", "application/json ;charset=UTF-8;x=1"],
)
def test_content_type_is_read_by_its_meaning(client: httpx2.Client, content_type: str) -> None:
    """Case, parameters and spaces do not count, and the answer's type has none of them."""
    answer = client.post("/v1/traces", content=b'{"resourceSpans":[]}', headers={"content-type": content_type})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


def test_a_chunked_body_is_read(doors: Doors, client: httpx2.Client) -> None:
    """A body without a declared length is counted while it is read."""
    body = sample(Signal.LOGS).SerializeToString()
    headers = {"content-type": "application/x-protobuf"}
    answer = client.post("/v1/logs", content=(body[i : i + 1] for i in range(len(body))), headers=headers)
    assert answer.status_code == 200
    assert doors.sink.requests == [(Signal.LOGS, Encoding.PROTOBUF, sample(Signal.LOGS))]
