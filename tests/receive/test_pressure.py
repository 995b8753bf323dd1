"""Memory that is short, and the control group's limit."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from haechi_collector import limits, memory_use
from haechi_collector.memory_use import Group, memory_bytes, resident_bytes, tightest_group
from haechi_collector.receive.pressure import Pressure

MIB = 1024 * 1024
MakePressure = Callable[..., Pressure]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePressure]:
    """Make watches that look often, started, and stop them."""
    monkeypatch.setattr(limits, "MEMORY_CHECK_S", 0.01)
    made: list[Pressure] = []

    def start(*args: object) -> Pressure:
        made.append(Pressure(*args))  # type: ignore[arg-type]
        made[-1].start()
        return made[-1]

    yield start
    for pressure in made:
        pressure.stop()


def until(true: Callable[[], object]) -> None:
    waiting = threading.Event()
    for _ in range(3000):
        if true():
            return
        waiting.wait(0.01)
    pytest.fail("it did not happen")


def test_nothing_is_short_while_there_is_memory(make: MakePressure) -> None:
    """By default half of what there is may be used."""
    pressure = make()
    until(lambda: pressure.bytes_used)
    assert pressure.shortage() == ""
    assert pressure.bytes_used <= pressure.bytes_max <= limits.MEMORY_BYTES_DEFAULT_MAX


def test_above_the_bound_it_is_told_and_requests_are_given_up(make: MakePressure) -> None:
    """Again and again, until there is room."""
    given_up = threading.Semaphore(0)
    pressure = make(1)

    def shed() -> int:
        given_up.release()
        return 1

    pressure.on_excess(shed)
    for _ in range(3):
        assert given_up.acquire(timeout=30)
    assert pressure.shortage() == "memory is short at the moment"


def test_it_recovers_when_memory_is_given_back(make: MakePressure) -> None:
    """No restart, and nothing to reset."""
    pressure = make(int((resident_bytes() + 100 * MIB) / limits.MEMORY_SOFT_SHARE))
    held = [bytearray(b"x") * MIB for _ in range(400)]
    until(pressure.shortage)
    held.clear()
    until(lambda: not pressure.shortage())


def group(folder: Path, limit: int, used: int, inactive: int) -> Group:
    folder.mkdir(parents=True)
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.stat").write_text(f"anon 1\ninactive_file {inactive}\n")
    return Group(folder, limit, "memory.current", "inactive_file")


def test_a_group_that_is_nearly_full_is_short(make: MakePressure, tmp_path: Path) -> None:
    """Whoever of its processes uses the memory; what the kernel can drop does not count."""
    full = group(tmp_path / "full", 100 * MIB, 95 * MIB, MIB)
    assert full.used_bytes() == 94 * MIB
    short = make(1 << 40, full)
    until(short.shortage)
    cached = make(1 << 40, group(tmp_path / "cached", 100 * MIB, 95 * MIB, 60 * MIB))
    until(lambda: cached.bytes_used)
    assert cached.shortage() == ""


def test_the_tightest_of_the_groups_counts(tmp_path: Path) -> None:
    """Of version 2, from the root of the folders down to the process's own."""
    membership = tmp_path / "cgroup"
    membership.write_text("0::/outer/inner\n")
    group(tmp_path / "fs" / "outer", 300 * MIB, 0, 0)
    group(tmp_path / "fs" / "outer" / "inner", 400 * MIB, 0, 0)
    found = tightest_group(membership, tmp_path / "fs")
    assert found is not None
    assert (found.folder, found.limit_bytes) == (tmp_path / "fs" / "outer", 300 * MIB)
    assert memory_bytes(found) == 300 * MIB


def test_a_container_sees_its_own_folder_alone(tmp_path: Path) -> None:
    """The path is the host's, the folder that is mounted is already the group's."""
    membership = tmp_path / "cgroup"
    membership.write_text("0::/host/path/of/it\n")
    group(tmp_path / "fs", 200 * MIB, 0, 0)
    found = tightest_group(membership, tmp_path / "fs")
    assert found is not None
    assert found.limit_bytes == 200 * MIB


def test_version_1_is_read_too(tmp_path: Path) -> None:
    """Its files have other names."""
    membership = tmp_path / "cgroup"
    membership.write_text("9:cpu,cpuacct:/x\n4:memory:/box\n0::/\n")
    folder = tmp_path / "fs" / "memory" / "box"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text(f"{150 * MIB}\n")
    (folder / "memory.usage_in_bytes").write_text(f"{50 * MIB}\n")
    (folder / "memory.stat").write_text(f"cache 1\ntotal_inactive_file {20 * MIB}\n")
    found = tightest_group(membership, tmp_path / "fs")
    assert found is not None
    assert (found.limit_bytes, found.used_bytes()) == (150 * MIB, 30 * MIB)


@pytest.mark.parametrize("text", ["max\n", "9223372036854771712\n", ""])
def test_no_limit_is_no_group(tmp_path: Path, text: str) -> None:
    """Nor is one that is larger than the machine."""
    membership = tmp_path / "cgroup"
    membership.write_text("0::/\n")
    (tmp_path / "fs").mkdir()
    (tmp_path / "fs" / "memory.max").write_text(text)
    assert tightest_group(membership, tmp_path / "fs") is None
    assert tightest_group(tmp_path / "missing", tmp_path / "fs") is None
    assert memory_bytes(None) == memory_use._MACHINE_BYTES
