"""Collectors of a test's own, all ended with the test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.faults.processes import Collector


@pytest.fixture
def make_collector(tmp_path: Path) -> Iterator[Callable[..., Collector]]:
    """Make collectors, not started; whatever of them still runs at the end is ended."""
    made: list[Collector] = []

    def make(*options: str, directory: Path | None = None, **more: Any) -> Collector:
        made.append(Collector(directory or tmp_path / f"data-{len(made)}", *options, **more))
        return made[-1]

    yield make
    for collector in made:
        collector.clear_away()
