"""The command ``haechi``: ``haechi run`` works with the SDK alone, everything else is the collector's.

Guarantee: ``haechi run -- CMD`` becomes CMD: the same process id, signals, input, output and exit status; CMD finds
itself as it would be without us, but for environment variables. A command that cannot be started gives one line and
the shells' exit status: 127 not found, 126 not executable.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from haechi import _config

_USAGE = "haechi run [--service NAME] [--content on] [--endpoint URL] [--] CMD ..."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["run"]:
        return run(arguments[1:])
    try:
        collector = import_module("haechi_collector.cli")  # by name: the SDK stands below the collector, and without it
    except ModuleNotFoundError as error:
        print(  # noqa: T201  the command's answer
            f"haechi: this command needs the collector: pip install 'haechi[collector]' (missing: {error.name})",
            file=sys.stderr,
        )
        return 2
    return int(collector.main(arguments))


def run(arguments: Sequence[str]) -> int:
    """Become the command after ``--`` with the SDK turned on in every Python under it; return only if that fails."""
    options = _parser().parse_args(arguments)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        return _failed(2, f"which command? {_USAGE}")
    try:
        _config.read({name: getattr(options, name) for name in ("endpoint", "content")})
    except ValueError as error:
        return _failed(2, str(error).replace("haechi.init(", "--").replace(")", "", 1))
    wanted = {
        "OTEL_SERVICE_NAME": options.service,
        "HAECHI_CONTENT": options.content,
        "HAECHI_ENDPOINT": options.endpoint,
    }
    environment = _config.environment_for_child(
        {name: value for name, value in wanted.items() if value}, str(Path(__file__).parent / "run")
    )
    sys.stdout.flush()
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606  becoming the user's own command is the purpose
    except FileNotFoundError:
        return _failed(127, f"{command[0]}: command not found")
    except OSError as error:
        return _failed(126, f"{command[0]}: {error.strerror}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="haechi run", usage=_USAGE, description="run a program and observe its LLM calls, nothing in it changed"
    )
    parser.add_argument("--service", metavar="NAME", help="service.name; default: the script's or module's name")
    parser.add_argument("--content", metavar="MODE", help="record prompts and answers: off (default), on, redacted")
    parser.add_argument("--endpoint", metavar="URL", help="collector; default http://localhost:4318")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="CMD", help="the command and its arguments")
    return parser


def _failed(status: int, message: str) -> int:
    print(f"haechi: {message}", file=sys.stderr)  # noqa: T201  the command's answer
    return status
