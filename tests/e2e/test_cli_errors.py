"""A wrong setting is one clear line and exit status 2, never a traceback and never a secret."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.conftest import collector

FREE = ("--grpc-port=0", "--http-port=0", "--web-port=0", "--store-port=0")


def haechi(*words: str) -> tuple[int, str]:
    """Run a command; its status and what it said on standard error."""
    command = [sys.executable, "-m", "haechi_collector", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def told(*words: str) -> str:
    """The one line of a command that is refused for its settings."""
    status, text = haechi(*words)
    assert (status, "Traceback" in text) == (2, False), text
    lines = [line for line in text.splitlines() if line.startswith("haechi: ")]
    assert len(lines) == 1, text
    return lines[0]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--grpc-port=many",), "--grpc-port = 'many': expected a whole number"),
        (("--web-port=70000",), "web_port = 70000: expected a port, 0 to 65535"),
        (("--log-level=loud",), "log_level = 'loud': expected debug, info, warning or error"),
        (("--clickhouse=host:8123",), "clickhouse: expected http://user:password@host:8123/database"),
        (("--cluster=c1",), "cluster = 'c1': needs clickhouse"),
        (("--prices=/nowhere/prices.toml",), "prices: /nowhere/prices.toml"),
        (("--config=/nowhere/haechi.toml",), "--config /nowhere/haechi.toml: cannot be read"),
        (("--host=no.such.host.invalid",), "host = 'no.such.host.invalid'"),
    ],
)
def test_a_wrong_option_is_named_as_it_was_typed(words: tuple[str, ...], line: str, tmp_path: Path) -> None:
    """The line names the setting, what it was, and what was expected."""
    assert line in told("serve", f"--data-dir={tmp_path}", *FREE, *words)


def test_a_wrong_file_is_named_with_its_key(tmp_path: Path) -> None:
    """Unknown keys and wrong kinds in the file are told with the file's name."""
    file = tmp_path / "haechi.toml"
    file.write_text("grpc_prot = 1")
    assert "unknown setting 'grpc_prot'" in told("serve", f"--config={file}", f"--data-dir={tmp_path}")
    file.write_text('http_port = "x"')
    assert f"http_port in {file} = 'x'" in told("serve", f"--config={file}", f"--data-dir={tmp_path}")


@pytest.mark.parametrize("door", ["grpc", "http", "web", "store"])
def test_a_port_in_use_is_named(door: str, tmp_path: Path) -> None:
    """The line names the setting and the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        others = [option for option in FREE if not option.startswith(f"--{door}")]
        line = told("serve", f"--data-dir={tmp_path}", f"--{door}-port={port}", *others)
    assert str(port) in line
    assert "in use" in line.lower()


def test_a_file_in_the_place_of_the_directory_is_named(tmp_path: Path) -> None:
    """An unusable data directory is told as such."""
    file = tmp_path / "data"
    file.write_text("")
    assert "data_dir" in told("serve", f"--data-dir={file}", *FREE)


def test_a_second_collector_on_a_directory_is_refused(tmp_path: Path) -> None:
    """The first goes on; the second ends with one line that names the directory."""
    with collector(tmp_path) as running:
        line = told("serve", f"--data-dir={tmp_path}", *FREE)
        assert str(tmp_path) in line
        assert running.sql("SELECT 1").strip() == "1"


def test_no_part_of_a_password_is_printed(tmp_path: Path) -> None:
    """A DSN that cannot be read, or that nobody answers, keeps its secret."""
    status, text = haechi("migrate", "--clickhouse=http://me:geheim@127.0.0.1:9/haechi")
    assert (status, "geheim" in text, "127.0.0.1:9" in text) == (1, False, True)
    assert "geheim" not in told("serve", f"--data-dir={tmp_path}", "--clickhouse=ftp://me:geheim@host", *FREE)


def test_sql_without_a_collector_says_how_to_start_one() -> None:
    """The line names the address and the command."""
    status, text = haechi("sql", "SELECT 1", "--url", "http://127.0.0.1:9")
    assert (status, "haechi serve" in text, "Traceback" in text) == (1, True, False)


def test_the_doctor_names_what_is_wrong_and_the_remedy(tmp_path: Path) -> None:
    """Without a collector it fails and says how to start one."""
    command = [sys.executable, "-m", "haechi_collector", "doctor", f"--data-dir={tmp_path}", "--web-port=9"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    assert "haechi serve" in done.stdout


def test_migrations_can_be_printed(tmp_path: Path) -> None:
    """The dry run prints the statements of the embedded store, and makes no table."""
    command = [sys.executable, "-m", "haechi_collector", "migrate", "--dry-run", f"--data-dir={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "CREATE TABLE IF NOT EXISTS haechi.spans" in done.stdout
