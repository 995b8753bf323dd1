"""ClickHouse's own parser, in a child process."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

CHILD = """
import json, sys
import chdb
connection = chdb.connect(":memory:")
answers = []
for sql in json.load(sys.stdin):
    try:
        answers.append(connection.query(sql, "TSVRaw").bytes().decode(errors="replace"))
    except RuntimeError as error:
        answers.append(f"error {error}")
connection.close()
json.dump(answers, sys.stdout)
"""


def ask(queries: list[str]) -> list[str]:
    """The answer of the engine to each query, or 'error ...'."""
    child = subprocess.run(
        [sys.executable, "-c", CHILD], input=json.dumps(queries), capture_output=True, text=True, check=True
    )
    answers: list[str] = json.loads(child.stdout)
    return answers


@pytest.fixture(scope="session")
def engine() -> Callable[[list[str]], list[str]]:
    """Give the syntax tree that ClickHouse reads in each text."""
    return lambda texts: ask([f"EXPLAIN AST {text}" for text in texts])


@pytest.fixture(scope="session")
def run() -> Callable[[list[str]], list[str]]:
    """Run queries."""
    return ask
