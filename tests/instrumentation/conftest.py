"""The local stand-in for the providers, started once, its record emptied for each test."""

from collections.abc import Iterator

import pytest
from tests.standin import Standin


@pytest.fixture(scope="session")
def standing() -> Iterator[Standin]:
    with Standin() as standin:
        yield standin


@pytest.fixture
def standin(standing: Standin) -> Standin:
    """The stand-in; it has served nothing yet and numbers its responses from 1."""
    standing.reset()
    return standing
