"""Clients that share the doors fairly, told by their addresses."""

import base64
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import grpc
import httpx2
import pytest
from google.rpc import error_details_pb2
from tests.faults.hostile import EXPORT, RawGrpc
from tests.receive.recording import Doors, encoded, sample

from haechi_collector import limits
from haechi_collector.sink import Accepted, Encoding, Signal

BODY = encoded(sample(Signal.TRACES), Encoding.PROTOBUF)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[Doors]:
    """Doors with four threads each and short lines."""
    monkeypatch.setattr(limits, "GRPC_WORKERS", 4)
    monkeypatch.setattr(limits, "HTTP_WORKERS", 4)
    monkeypatch.setattr(limits, "WORK_LINE_MAX", 3)
    doors = Doors()
    yield doors
    doors.stop()


def test_senders_are_named_by_their_address(few: Doors) -> None:
    """On both doors by the same name, so that who uses both has one share."""
    httpx2.post(f"{few.url}/v1/traces", content=BODY, headers={"content-type": "application/x-protobuf"})
    with grpc.insecure_channel(few.target) as channel:
        channel.unary_unary(EXPORT)(BODY, timeout=30)
    with RawGrpc(few.target, "127.0.0.9") as other:
        stream = other.call()
        other.send(stream, b"\x00" + len(BODY).to_bytes(4, "big") + BODY, end=True)
        assert other.wait_for(stream)["grpc-status"] == "0"
    assert [sender.name for sender in few.sink.senders] == ["127.0.0.1", "127.0.0.1", "127.0.0.9"]


def test_silent_calls_of_one_client_leave_threads_for_another(few: Doors) -> None:
    """They may fill half of the threads and its own line, and what is more is refused on the spot, to come back."""
    with RawGrpc(few.target, "127.0.0.2") as silent, grpc.insecure_channel(few.target) as channel:
        calls = [silent.call() for _ in range(9)]
        refused = silent.wait_for(calls[-1])
        assert refused["grpc-status"] == str(grpc.StatusCode.UNAVAILABLE.value[0])
        assert "google.rpc.retryinfo-bin" in refused
        for _ in range(10):
            assert channel.unary_unary(EXPORT)(BODY, timeout=30) == b""
        assert calls[0] not in silent.trailers


def test_unacknowledged_calls_of_one_client_leave_threads_for_another(few: Doors) -> None:
    """An acknowledgement that is awaited holds a thread too."""
    pending: list[Future[Accepted]] = [Future() for _ in range(2)]
    few.sink.answers.extend(pending)
    with RawGrpc(few.target, "127.0.0.2") as waiting, grpc.insecure_channel(few.target) as channel:
        message = b"\x00" + len(BODY).to_bytes(4, "big") + BODY
        calls = [waiting.call() for _ in range(4)]
        for stream in calls[:2]:
            waiting.send(stream, message, end=True)
        wait_until_empty(few.sink.answers)
        for stream in calls[2:]:
            waiting.send(stream, message, end=True)
        assert channel.unary_unary(EXPORT)(BODY, timeout=30) == b""
        for future in pending:
            future.set_result(Accepted())
        assert [waiting.wait_for(stream)["grpc-status"] for stream in calls] == ["0"] * 4


def wait_until_empty(queue: Any) -> None:
    """Wait until the sink has taken every answer."""
    pause = threading.Event()
    for _ in range(3000):
        if not queue:
            return
        pause.wait(0.01)
    pytest.fail("the sink was not asked")


def test_the_refusal_on_the_spot_says_when_to_come_back(few: Doors) -> None:
    """One to two seconds, as any other refusal."""
    with contextlib.ExitStack() as open_:
        silent = open_.enter_context(RawGrpc(few.target, "127.0.0.2"))
        for _ in range(5):
            silent.call()
        with grpc.insecure_channel(few.target) as channel:
            held = [channel.unary_unary(EXPORT).future(BODY, timeout=30)]
            assert held[0].result() == b""
        stream = silent.call()
        info = silent.wait_for(stream)["google.rpc.retryinfo-bin"]
        delay = error_details_pb2.RetryInfo.FromString(base64.b64decode(info + "==")).retry_delay
        assert 1 <= delay.seconds + delay.nanos / 1e9 <= 2
