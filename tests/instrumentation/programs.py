"""Programs as a user writes and starts them: real processes, in a directory of their own."""

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HAECHI = [str(Path(sys.executable).with_name("haechi")), "run"]
"""The command as it is installed."""


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    status: int
    out: str
    err: str


def environment(**added: str) -> dict[str, str]:
    """This process's environment without anything that the SDK reads, and with what is added."""
    mine = os.environ.items()  # noqa: TID251  the program's, whole
    inherited = {k: v for k, v in mine if not k.startswith(("HAECHI_", "OTEL_", "PYTHON"))}
    return {**inherited, "OTEL_BSP_SCHEDULE_DELAY": "50", **added}


def write(folder: Path, text: str, name: str = "app.py") -> Path:
    """Write a program into a folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


def run(command: list[str], folder: Path, seconds: float = 60, **added: str) -> Ended:
    """Run a command in a folder until it ends."""
    done = subprocess.run(
        command, cwd=folder, env=environment(**added), capture_output=True, text=True, timeout=seconds, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def python(folder: Path, text: str, *arguments: str, **added: str) -> Ended:
    """Write a program and run it."""
    return run([sys.executable, str(write(folder, text)), *arguments], folder, **added)
