"""``docs/sdk.md`` says what is so."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.standin import Standin

import haechi
from haechi._kinds import _WORDS
from haechi_collector.query.sql_guard import check

PAGE = (Path(__file__).parents[2] / "docs" / "sdk.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
QUIET = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}


@pytest.mark.parametrize("program", BLOCKS, ids=range(len(BLOCKS)))
def test_every_example_runs(program: str, standin: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a program of its own, with the real client of OpenAI where it uses one, and prints no complaint."""
    for name, value in {**QUIET, "OPENAI_BASE_URL": f"{standin.url}/v1", "OPENAI_API_KEY": "none"}.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_query_is_answered() -> None:
    """The read-only door takes it."""
    (sql,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert check(sql).sql == sql


@pytest.mark.parametrize("name", haechi.__all__)
def test_the_whole_api_is_on_the_page(name: str) -> None:
    """Each public name, and each argument of `context`."""
    assert f"haechi.{name}" in PAGE
    if name == "context":
        arguments = set(inspect.signature(haechi.context).parameters) - {"metadata"}
        assert {argument for argument in arguments if f"`{argument}`" not in PAGE} == set()


def test_every_kind_is_on_the_page() -> None:
    """With the operation that it becomes."""
    assert {kind for kind in _WORDS if f"`{kind}`" not in PAGE} == set()
    assert {words.operation for words in _WORDS.values() if f"`{words.operation} " not in PAGE} == set()
