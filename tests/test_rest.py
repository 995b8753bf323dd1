"""A process that rests gives memory back, loses nothing by it, and holds no library that it has no use for."""

import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import psutil
import pytest
from tests.faults.processes import Collector, until

from haechi_collector.limits import MIB
from haechi_collector.rest import rest_until

IDLE_BYTES_MAX = 450 * MIB
MAPPED = """
import re
def mapped_kib():
    text = open("/proc/self/smaps_rollup").read()
    size = {name: int(re.search(rf"^{name}: +(\\d+)", text, re.M)[1]) for name in ("Rss", "Anonymous")}
    return size["Rss"] - size["Anonymous"]
"""
PROGRAM_PAGES = f"""{MAPPED}
import numpy, pyarrow.compute
from haechi_collector.rest import give_back
matrix = numpy.arange(250_000, dtype=float).reshape(500, 500)
words = pyarrow.array(["a", "b"] * 1000)
def answers():
    product = (matrix @ matrix).sum()
    return float(product), pyarrow.compute.value_counts(words).to_pylist(), pyarrow.compute.sum(matrix.ravel()).as_py()
before, before_kib = answers(), mapped_kib()
give_back()
assert mapped_kib() < before_kib / 3, (before_kib, mapped_kib())
assert answers() == before
"""
ARROW_PAGES = """
import re, threading, time
from haechi_collector.libraries import return_freed_pages
return_freed_pages()
import ctypes, pyarrow
from haechi_collector.memory import choose_allocators
choose_allocators()
pyarrow.jemalloc_set_decay_ms(100)
def anonymous_mib():
    return int(re.search(r"^Anonymous: +(\\d+)", open("/proc/self/smaps_rollup").read(), re.M)[1]) >> 10
def burst():
    held = [pyarrow.allocate_buffer(1 << 20) for _ in range(100)]
    for buffer in held:
        ctypes.memset(buffer.address, 1, buffer.size)
least = anonymous_mib()
thread = threading.Thread(target=burst)
thread.start(), thread.join()
while anonymous_mib() > least + 20:
    time.sleep(0.05)
"""


def run(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def times_given_back(looks: int, *, works: bool) -> int:
    """How often it would give back in so many looks, of which each found it at work or not."""
    seen, given = count(), count()

    def ended(within_s: float) -> bool:
        end = time.process_time() + 0.03 * within_s * works
        while time.process_time() < end:
            pass
        return next(seen) == looks

    rest_until(ended, lambda: next(given))
    return next(given)


@pytest.mark.parametrize(("looks", "expected"), [(2, 0), (3, 1), (5, 1), (6, 2)])
def test_it_gives_back_after_each_three_looks_without_work(looks: int, expected: int) -> None:
    """A late merge touches memory while nobody asks for anything."""
    assert times_given_back(looks, works=False) == expected


def test_it_gives_nothing_back_while_it_works() -> None:
    """Three hundredths of a core are work."""
    assert times_given_back(4, works=True) == 0


def test_pages_of_programs_are_given_back_and_come_again() -> None:
    """What libraries compute and what the loader wrote into them is the same afterwards."""
    run(PROGRAM_PAGES)


def test_freed_memory_of_arrow_returns_without_further_work() -> None:
    """The thread that freed it has ended, and nobody allocates."""
    run(ARROW_PAGES)


LOADED = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_module(sys.argv[0], run_name="__main__")
except SystemExit:
    print(*{name.split(".")[0] for name in sys.modules})
"""


@pytest.mark.parametrize(
    ("words", "unused"),
    [
        (("haechi_collector", "serve", "--config=no-such-file"), "pandas nicegui fastapi sqlglot chdb"),
        (("haechi_collector.web_process",), "aiohttp requests tornado urllib3 pandas pyarrow grpc lmdb sqlalchemy"),
        (("haechi_collector.store.embedded",), "pandas numpy pyarrow clickhouse_connect grpc nicegui pydantic"),
    ],
)
def test_a_process_loads_no_library_that_it_has_no_use_for(words: tuple[str, ...], unused: str) -> None:
    """Each of the three, as far as it comes before it is told what to serve."""
    loaded = set(run(LOADED, *words).split())
    assert "haechi_collector" in loaded
    assert loaded & set(unused.split()) == set()


def test_all_processes_of_an_idle_collector_hold_less_than_450_mib(tmp_path: Path) -> None:
    """Resident memory, in which a page that two of them share counts twice."""
    collector = Collector(tmp_path / "data")

    def resident_bytes() -> int:
        processes = (psutil.Process(collector.pid), *collector.children())
        return sum(process.memory_info().rss for process in processes)

    try:
        collector.start()
        until(lambda: resident_bytes() < IDLE_BYTES_MAX, "memory is given back")
        assert collector.metric("haechi_store_up") == 1
        assert collector.stop() == 0
    finally:
        collector.clear_away()
