"""``docs/client.md`` says what is so."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.client.test_drift import METHODS
from tests.questions import Answering

import haechi.client
from haechi.client import Client, _client, _http
from haechi.client._parameters import Scope
from haechi.client._statement import FORMATS

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("program", BLOCKS, ids=range(len(BLOCKS)))
def test_every_example_runs(program: str, api: Answering, tmp_path: Path) -> None:
    """As a program of its own against a real collector's API, and prints no complaint."""
    program = program.replace("Client()", f"Client({api.url!r})")
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_method_and_parameter_is_on_the_page() -> None:
    """With the words that it takes."""
    for route, method in METHODS.items():
        assert f"`{method}(" in PAGE or f".{method}(" in PAGE, route
        own = [
            one.name
            for one in inspect.signature(getattr(Client, method)).parameters.values()
            if one.kind.name == "KEYWORD_ONLY"
        ]
        assert [name for name in own if f"{name}=" not in PAGE] == []
    assert [name for name in Scope.__annotations__ if f"`{name}" not in PAGE] == []


def test_every_error_format_and_number_is_on_the_page() -> None:
    """As they are in the code."""
    errors = {name for name in haechi.client.__all__ if isinstance(getattr(haechi.client, name), type)}
    errors = {name for name in errors if issubclass(getattr(haechi.client, name), haechi.client.ClientError)}
    assert [name for name in errors if f"`{name}`" not in PAGE] == []
    assert [suffix for suffix in FORMATS if suffix != ".ndjson" and f"`{suffix}`" not in PAGE] == []
    defaults = inspect.signature(Client).parameters
    numbers = [f"`timeout_s` ({_client.TIMEOUT_S:g})", f"`retries` ({defaults['retries'].default})"]
    numbers += [f"at most {_http.WAIT_S_MAX:g} s", f"`limit` ({_client._ITEMS:,})"]
    assert [text for text in numbers if text not in PAGE] == []
