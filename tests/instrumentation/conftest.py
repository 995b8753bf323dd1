"""The local stand-in for the providers, started once, its record emptied for each test."""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from tests.standin import Standin

_NOT_EVERYWHERE = {"mcp": "mcp", "agents": "openai_agents", "pydantic_ai": "pydantic_ai"}
collect_ignore = [f"test_provider_{name}.py" for module, name in _NOT_EVERYWHERE.items() if find_spec(module) is None]
"""Tests of libraries that cannot be installed beside the others; they run where theirs is."""


@pytest.fixture(scope="session")
def standing() -> Iterator[Standin]:
    with Standin() as standin:
        yield standin


@pytest.fixture
def standin(standing: Standin) -> Standin:
    """The stand-in; it has served nothing yet and numbers its responses from 1."""
    standing.reset()
    return standing
