"""docs/instrumentation.md says what is observed."""

import re
from pathlib import Path

import pytest

from haechi.instrument import TARGETS, Target

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "instrumentation.md").read_text("utf-8")
OLDEST = dict(
    line.split("==") for line in (ROOT / "constraints-oldest.txt").read_text("utf-8").splitlines() if "==" in line
)
NEWEST = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if "==" in line)
MINE = ("chromadb", "qdrant-client", "pinecone", "psycopg", "langchain-core", "langgraph", "llama-index-core")


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_library_that_is_observed_is_documented(target: Target) -> None:
    """Each target stands in one of the tables, by the name that turns it off."""
    assert re.search(rf"^\| [^|]*`{target.name}`", PAGE, re.MULTILINE)


@pytest.mark.parametrize("library", MINE)
def test_the_versions_are_those_of_the_tests(library: str) -> None:
    """The oldest and the newest version that the tests run with are the ones that the page names."""
    assert f"{OLDEST[library]} – {NEWEST[library]}" in PAGE
