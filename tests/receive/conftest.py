"""Both doors, started once, with a sink that is emptied for each test."""

from collections.abc import Iterator
from typing import Any

import grpc
import httpx2
import pytest
from tests.receive.recording import Doors


@pytest.fixture(scope="session")
def running() -> Iterator[Doors]:
    doors = Doors()
    yield doors
    doors.stop()


@pytest.fixture
def doors(running: Doors) -> Iterator[Doors]:
    running.sink.requests.clear()
    running.sink.answers.clear()
    running.observations.seen.clear()
    yield running
    assert running.admission.bytes_in_flight == 0


@pytest.fixture
def client(doors: Doors) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=doors.url, timeout=30) as client:
        yield client


@pytest.fixture
def channel(doors: Doors) -> Iterator[Any]:
    with grpc.insecure_channel(doors.target, options=[("grpc.max_send_message_length", -1)]) as channel:
        yield channel
