"""The socket over which a running collector carries out its own commands."""

import socket
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from haechi_collector.control import FILE, Control, Told, ask
from haechi_collector.errors import SettingError, StoreError


def counting(arguments: Mapping[str, Any]) -> Told:
    for n in range(arguments["to"]):
        yield f"at {n}"
    return {"counted": arguments["to"]}


def refusing(_: Mapping[str, Any]) -> Told:
    yield "trying"
    raise SettingError("--to: expected less")


def breaking(_: Mapping[str, Any]) -> Told:
    yield "trying"
    raise KeyError("a mistake of ours")


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A directory with a long name, and a collector's socket in it."""
    long = tmp_path / ("x" * 120)
    long.mkdir()
    control = Control(long, {"count": counting, "refuse": refusing, "break": breaking})
    control.start()
    yield long
    control.stop()


def carried_out(directory: Path, command: str, **arguments: Any) -> tuple[list[str], dict[str, Any]]:
    told = ask(directory, command, arguments)
    assert told is not None
    said = []
    while True:
        try:
            said.append(next(told))
        except StopIteration as end:
            return said, end.value


def test_a_command_speaks_while_it_works_and_gives_a_result(directory: Path) -> None:
    """Line by line."""
    assert carried_out(directory, "count", to=3) == (["at 0", "at 1", "at 2"], {"counted": 3})


def test_an_error_reaches_the_one_who_asked(directory: Path) -> None:
    """With its kind; the collector goes on."""
    with pytest.raises(SettingError, match="expected less"):
        carried_out(directory, "refuse")
    with pytest.raises(StoreError, match="log has the reason"):
        carried_out(directory, "break")
    assert carried_out(directory, "count", to=0) == ([], {"counted": 0})


@pytest.mark.parametrize("line", [b"\n", b"{}\n", b"[]\n", b"not json\n", b'{"command": "x", "arguments": {}}\n'])
def test_what_is_no_command_is_refused(directory: Path, line: bytes) -> None:
    """In one line."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(short(directory))
        connection.sendall(line)
        assert b"does not know this command" in connection.recv(4096)


def short(directory: Path) -> str:
    link = Path(f"{directory.parent}/s")
    link.unlink(missing_ok=True)
    link.symlink_to(directory)
    return str(link / FILE)


def test_nobody_answers_where_no_collector_runs(tmp_path: Path) -> None:
    """Neither in a fresh directory, nor beside the socket that a killed one left."""
    assert ask(tmp_path, "count", {}) is None
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / FILE))
    assert ask(tmp_path, "count", {}) is None
    control = Control(tmp_path, {"count": counting})
    control.start()
    assert carried_out(tmp_path, "count", to=1)[1] == {"counted": 1}
    control.stop()
    assert not (tmp_path / FILE).exists()


def test_only_its_own_user_may_open_it(directory: Path) -> None:
    """Mode 0600."""
    assert stat.S_IMODE((directory / FILE).stat().st_mode) == 0o600
