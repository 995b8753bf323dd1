"""Style as a test: floors, sizes and bans. The lists of exceptions may only shrink."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {
    "haechi_schemas": ROOT / "schemas" / "haechi_schemas",
    "haechi": ROOT / "instrumentation" / "haechi",
    "haechi_collector": ROOT / "collector" / "haechi_collector",
}
BUILDING = {"haechi_schemas": 0, "haechi": 1, "haechi_collector": 2}
FLOORS = [
    {
        "__init__",
        "__main__",
        "cli",
        "cli_command",
        "cli_dead_letters",
        "cli_journal",
        "cli_keep",
        "cli_keys",
        "cli_reprice",
        "cli_sql",
        "cli_sql_progress",
        "cli_sql_table",
    },
    {"app", "doctor", "doctor_access", "doctor_check", "doctor_journal", "doctor_keeping", "demo", "web_process"},
    {"opening"},
    {"web", "api", "receive"},
    {
        "query",
        "alert",
        "intake",
        "recent_requests",
        "writer",
        "ledger",
        "dead_letters",
        "keeping",
        "reprice",
        "dialects_check",
    },
    {"carry"},
    {"pipeline"},
    {"store", "stages", "detect", "journal", "decode", "gate", "metadata"},
    {"access", "config", "batch"},
    {"child", "control", "errors", "libraries", "limits", "logs", "memory", "memory_use", "rest", "sink", "sockets"}
    | {"stop_signals", "telemetry", "times", "turn"},
]
READ_SIDE = {"api", "web", "query", "web_process"}
WAY_IN = {"receive", "intake", "journal", "writer", "carry", "ledger"}

FUNCTION_LINES_MAX = 50
MODULE_LINES_MAX = 400
LONG_FUNCTIONS: set[str] = set()
LONG_MODULES: set[str] = set()


def modules() -> list[Path]:
    return sorted(path for room in ROOMS.values() for path in room.rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def room_of(path: Path) -> str:
    return next(room for room, folder in ROOMS.items() if folder in path.parents)


def floor(part: str) -> int:
    found = [n for n, parts in enumerate(reversed(FLOORS)) if part in parts]
    assert found, f"{part} is on no floor: give it one in FLOORS"
    return found[0]


@pytest.mark.parametrize("path", modules(), ids=name)
def test_imports_run_downwards(path: Path) -> None:
    """A room imports only from rooms below it; inside the collector a part only from its floor or below."""
    room = room_of(path)
    own = path.relative_to(ROOMS[room]).parts[0].removesuffix(".py")
    for module in imported(path):
        top, *rest = module.split(".")
        if top not in BUILDING:
            continue
        assert BUILDING[top] <= BUILDING[room], f"{module} is upstairs"
        if top == room == "haechi_collector" and rest:
            assert floor(rest[0]) <= floor(own), f"{own} imports {module} from upstairs"
            assert not (own in READ_SIDE and rest[0] in WAY_IN), f"the read side imports {module}"


def test_the_web_process_loads_nothing_of_the_way_in() -> None:
    """What it imports, itself or through others, holds no part of the way in and none of the libraries made for it."""
    program = "import sys, haechi_collector.web_process.serve; print(*sys.modules, sep='\\n')"
    listed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(listed.stdout.split())
    parts = {module.split(".")[1] for module in loaded if module.startswith("haechi_collector.")}
    assert parts & (WAY_IN | {"decode", "pipeline", "store", "batch", "memory"}) == set()
    heavy = {"pyarrow", "pandas", "grpc", "lmdb", "ptars", "chdb", "clickhouse_connect", "google.protobuf"}
    assert loaded & heavy == set()


@pytest.mark.parametrize("path", modules(), ids=name)
def test_sizes(path: Path) -> None:
    """Functions and modules stay readable at a glance."""
    text = path.read_text()
    long = {
        f"{name(path)}:{node.name}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES_MAX
    }
    assert long <= LONG_FUNCTIONS
    assert text.count("\n") <= MODULE_LINES_MAX or name(path) in LONG_MODULES


def test_nine_of_ten_functions_have_at_most_24_lines() -> None:
    """The habit of the clean code bases of this field."""
    sizes = sorted(
        (node.end_lineno or 0) - node.lineno + 1
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert sizes[int(len(sizes) * 0.9)] <= 24


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


BANS = {
    r"pytest\.(skip|importorskip|mark\.(skip|skipif|xfail))": "a test that does not run proves nothing",
    r"assert True\b": "asserts nothing",
    r"type: ignore(?!\[)": "name the error in brackets",
    r"noqa(?!: [A-Z]+\d+)": "name the rule",
}


def test_nothing_banned_is_written() -> None:
    """No skipped tests, empty asserts, or unnamed ignores anywhere in the Python that is ours."""
    found = [
        f"{name(path)}: {why}"
        for path in tracked()
        if path.suffix == ".py" and path != Path(__file__)
        for pattern, why in BANS.items()
        if re.search(pattern, path.read_text())
    ]
    assert found == []


def test_no_lock_file_records_addresses() -> None:
    """Versions are pinned without the address of any registry."""
    locks = {"uv.lock", "poetry.lock", "package-lock.json", "pnpm-lock.yaml", "yarn.lock"}
    assert [name(p) for p in tracked() if p.name in locks] == []
    assert "://" not in (ROOT / "constraints.txt").read_text()
