"""Consumers' type checkers see the client as it is meant; the SDK alone runs it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_strict_type_checker_accepts_the_client_as_consumers_use_it(tmp_path: Path) -> None:
    """Each line of typing_client.py is accepted; each wrong one is refused, for the reason that stands beside it."""
    file = ROOT / "tests" / "client" / "typing_client.py"
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", f"--cache-dir={tmp_path}", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("Success"), done.stdout


def test_the_client_needs_neither_collector_nor_arrow_nor_pandas() -> None:
    """Importing it, and reading rows, brings nothing in that the SDK does not."""
    program = """
import sys
for name in ("pyarrow", "pandas", "numpy", "haechi_collector"):
    sys.modules[name] = None
from haechi.client import Client, NotInstalled
for read in (Client().sql("SELECT 1").arrow, Client().sql("SELECT 1").pandas):
    try:
        read()
    except NotInstalled as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == "this needs pyarrow: pip install pyarrow\nthis needs pandas: pip install pandas\n"
