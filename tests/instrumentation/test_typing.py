"""Consumers' type checkers see the API as it is meant."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_a_strict_type_checker_accepts_the_api_as_consumers_use_it(tmp_path: Path) -> None:
    """Each line of typing_api.py is accepted; each wrong one is refused, for the reason that stands beside it."""
    file = ROOT / "tests" / "instrumentation" / "typing_api.py"
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", f"--cache-dir={tmp_path}", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("Success"), done.stdout
