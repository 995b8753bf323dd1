"""``haechi sql`` as a process of its own, against a running API."""

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.sql.conftest import Door

BUSY = "SELECT count() FROM numbers(1000000000000) WHERE cityHash64(number) = 1"
LONG = "SELECT number, repeat('x', 400) AS text FROM numbers(1000000)"


def command(door: Door, *words: str) -> list[str]:
    return [sys.executable, "-m", "haechi_collector", "sql", f"--url={door.api.url}", *words]


def run(door: Door, *words: str, stdin: str = "") -> subprocess.CompletedProcess[bytes]:
    """Run it to its end."""
    return subprocess.run(command(door, *words), input=stdin.encode(), capture_output=True, timeout=60, check=False)


def wait_running(door: Door, *, runs: bool) -> None:
    """Until the engine runs the busy query, or runs it no more."""
    sql = "SELECT countIf(query LIKE '%cityHash64(number) = 1%' AND query NOT LIKE '%AS n%') AS n FROM system.processes"
    deadline = time.monotonic() + 30
    while (door.api.client.query(sql)["n"].to_pylist() != [0]) != runs:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("a.parquet", b"PAR1"),
        ("a.jsonl", b'{"model":'),
        ("a.csv", b'"model"'),
        ("A.TSV", b"model"),
        ("a.arrow", b"ARROW1"),
    ],
)
def test_the_suffix_of_the_file_decides_the_format(door: Door, tmp_path: Path, name: str, begins: bytes) -> None:
    """Unless --format does."""
    done = run(door, "--output", str(tmp_path / name), "SELECT DISTINCT request_model AS model FROM spans")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / name).read_bytes().startswith(begins)
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_a_query_comes_from_a_file_or_from_standard_input(door: Door, tmp_path: Path) -> None:
    """The text is the same."""
    (tmp_path / "q.sql").write_text("SELECT 6 * 7 AS answer -- 한글")
    done = run(door, "--file", str(tmp_path / "q.sql"), "--format=JSONEachRow")
    assert json.loads(done.stdout) == {"answer": 42}
    assert run(door, "-", "--format=TSV", stdin="SELECT 6 * 7").stdout == b"42\n"


def test_a_million_rows_go_to_parquet(door: Door, tmp_path: Path) -> None:
    """Streamed: 400 MB of text, whole."""
    target = tmp_path / "all.parquet"
    assert run(door, LONG, "--output", str(target)).returncode == 0
    table = pq.read_metadata(io.BytesIO(target.read_bytes()))
    assert table.num_rows == 1_000_000


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_a_file_that_is_not_whole_is_not_left_behind(door: Door, tmp_path: Path, name: str) -> None:
    """The query fails in mid-stream; what was there before stays."""
    (tmp_path / name).write_text("before")
    done = run(door, f"{LONG} WHERE throwIf(number = 999999) = 0", "--output", str(tmp_path / name))
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"broke off" in done.stderr
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {name: "before"}


def test_ctrl_c_ends_the_query_in_the_engine(door: Door, tmp_path: Path) -> None:
    """One line, status 130, no file, no trace."""
    with subprocess.Popen(command(door, BUSY, "--output", str(tmp_path / "x.csv")), stderr=subprocess.PIPE) as process:
        wait_running(door, runs=True)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, b"stopped; the query was ended in the store, too\n")
    wait_running(door, runs=False)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_away_is_an_error_of_one_line(door: Door) -> None:
    """As with ``| head``."""
    with subprocess.Popen(
        command(door, LONG, "--format=CSV"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1000)
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (1, b"nobody reads the answer any more\n")


def test_a_terminal_sees_how_far_it_is(door: Door) -> None:
    """Seconds, rows and bytes on stderr; nothing of it is left when the answer comes."""
    main, other = pty.openpty()
    sql = f"{BUSY} SETTINGS max_threads = 1"
    with subprocess.Popen(command(door, sql, "--format=TSV"), stdout=subprocess.PIPE, stderr=other) as process:
        os.close(other)
        seen = b""
        while not re.search(rb"\d\.\d s \xc2\xb7 [\d,]+ rows of 1,000,000,000,000 \(\d+ %\), [\d.]+ [MG]B read", seen):
            seen += os.read(main, 4096)
        process.send_signal(signal.SIGINT)
        process.wait(30)
    os.close(main)
    assert process.returncode == 130
    assert run(door, "SELECT 1", "--format=TSV").stderr == b""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), b"one of the two is needed"),
        (("SELECT 1", "--file", "x.sql"), b"one of the two is needed"),
        (("--file", "no-such.sql"), b"cannot be read"),
        (("SELECT 1", "--output", "x.xlsx"), b"name the --format, or one of the suffixes .arrow"),
        (("SELECT 1", "--output", "no/such/folder/x.csv"), b"cannot be written: No such file or directory"),
        (("SELECT 1", "--format=Nope"), b"the output format Nope is not known here"),
        (("SELECT nope FROM spans",), b"Code: 47."),
        (("SELECT file('/etc/passwd')",), b"the function file is refused: it reads files"),
    ],
)
def test_mistakes_are_told_in_one_line(door: Door, words: tuple[str, ...], said: bytes) -> None:
    """With the remedy where there is one."""
    done = run(door, *words)
    assert (done.returncode, done.stdout) == (1, b"")
    assert said in done.stderr
    assert done.stderr.count(b"\n") == 1
