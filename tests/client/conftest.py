"""A real API over a filled store, and a client of it."""

from collections.abc import Iterator

import pytest
from tests import filled
from tests.questions import Answering, answering, taking

from haechi.client import Client


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    directory = tmp_path_factory.mktemp("client")
    with taking(directory) as way_in, answering(directory / "store", way_in) as running:
        running.fill(filled.spans(), filled.scores())
        yield running


@pytest.fixture
def client(api: Answering) -> Iterator[Client]:
    with Client(api.url, timeout_s=60) as client:
        yield client
