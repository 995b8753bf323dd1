"""`haechi run -- CMD`: programs of every kind, really started, do what they do without it, and their spans arrive."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.instrumentation import programs
from tests.instrumentation.receiver import Receiver

PYTHON = sys.executable
SPAN = """
    from opentelemetry import trace
    def span(name):
        with trace.get_tracer("app").start_as_current_span(name): pass
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def both(command: list[str], folder: Path, receiver: Receiver, **added: str) -> programs.Ended:
    """Run a command without us and with us; they end alike, with the same bytes."""
    plain = programs.run(command, folder, **added)
    assert receiver.requests == []
    ours = programs.run([*programs.HAECHI, "--", *command], folder, HAECHI_ENDPOINT=receiver.endpoint, **added)
    assert ours == plain
    return ours


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("span('a'); print('안녕', sys.argv, sys.path, __name__, __file__); sys.exit(3)", 3),
        ("span('a'); print(sys.stdin.read(), file=sys.stderr); raise ValueError('theirs')", 1),
        ("span('a'); import logging; logging.basicConfig(level=10); logging.getLogger('x').debug('y')", 0),
        ("span('a'); import warnings; warnings.simplefilter('error'); print(sorted(globals()), sys.flags)", 0),
    ],
)
def test_a_program_prints_the_same_bytes_and_ends_the_same_way(
    text: str, status: int, tmp_path: Path, receiver: Receiver
) -> None:
    """Arguments, path, errors with their tracebacks, an application's own DEBUG log: nothing differs."""
    path = programs.write(tmp_path, f"import sys\n{textwrap.dedent(SPAN)}\n{text}\n")
    assert both([PYTHON, str(path), "--flag", "한"], tmp_path, receiver).status == status
    assert receiver.names() == {"a": 1}


@pytest.mark.parametrize(
    "command",
    [
        [PYTHON, "-m", "shop"],
        [PYTHON, "-c", "import shop.__main__"],
        [PYTHON, "-W", "error", "-X", "dev", "-m", "shop"],
        [PYTHON, "-S", "-c", "print(1)"],
        [PYTHON, "-I", "-c", "print(1)"],
        ["/bin/sh", "-c", f"{PYTHON} -m shop | cat; exit 7"],
    ],
    ids=["module", "text", "strict", "no site", "isolated", "shell"],
)
def test_every_way_to_start_python(command: list[str], tmp_path: Path, receiver: Receiver) -> None:
    """Modules, text, warnings as errors, a shell around it; where Python reads no path, it runs as it is."""
    text = SPAN + "\n    import sys\n    span('a')\n    print(sys.argv)"
    programs.write(tmp_path, text, "shop/__main__.py")
    both(command, tmp_path, receiver)
    assert receiver.names() == ({} if "print(1)" in command else {"a": 1})


@pytest.mark.parametrize("body", ["print('theirs', __name__)", "raise ValueError('theirs')", "raise ImportError('x')"])
def test_a_sitecustomize_that_was_there_runs_as_before(body: str, tmp_path: Path, receiver: Receiver) -> None:
    """It runs once, under its name, and its errors are reported by Python as without us."""
    in_the_program = 'import sys\nif "haechi" not in " ".join(sys.orig_argv[:2]):\n    '  # not in the command itself
    programs.write(tmp_path, in_the_program + body, "lib/sitecustomize.py")
    path = programs.write(tmp_path, SPAN + "\n    span('a')\n    import sys; print(sys.modules.get('sitecustomize'))")
    ended = both([PYTHON, str(path)], tmp_path, receiver, PYTHONPATH=str(tmp_path / "lib"))
    assert ("theirs" in ended.out) or "Error" in ended.err
    assert receiver.names() == {"a": 1}


def test_it_is_the_same_process(tmp_path: Path, receiver: Receiver) -> None:
    """The process id and the signals are the program's own."""
    path = programs.write(
        tmp_path,
        SPAN
        + """
    import os, signal, sys, time
    def stop(*_):
        span("stopped"); print("stopped"); sys.exit(5)
    signal.signal(signal.SIGTERM, stop)
    print(os.getpid(), flush=True)
    time.sleep(60)
    """,
    )
    process = subprocess.Popen(
        [*programs.HAECHI, "--", PYTHON, str(path)],
        env=programs.environment(HAECHI_ENDPOINT=receiver.endpoint),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert int(process.stdout.readline()) == process.pid
    process.terminate()
    assert process.stdout.read() == "stopped\n"
    assert process.wait(20) == 5
    process.stdout.close()
    assert receiver.names() == {"stopped": 1}


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, "which command?"),
        (["--", "no-such-command"], 127, "no-such-command: command not found"),
        (["--", "/etc/passwd"], 126, "/etc/passwd: Permission denied"),
        (["--content", "maybe", "--", PYTHON], 2, "--content='maybe': expected off, on or redacted"),
        (["--endpoint", "here", "--", PYTHON], 2, "--endpoint='here': expected an address"),
    ],
)
def test_what_cannot_be_started_gives_one_line(arguments: list[str], status: int, said: str, tmp_path: Path) -> None:
    """With the shells' exit status."""
    ended = programs.run([*programs.HAECHI, *arguments], tmp_path)
    assert (ended.status, ended.out, ended.err.count("\n")) == (status, "", 1)
    assert ended.err.startswith("haechi: ")
    assert said in ended.err


def test_options_reach_the_program(tmp_path: Path, receiver: Receiver) -> None:
    """--service, --content and --endpoint are the settings of their names."""
    text = SPAN + "\n    span('a')\n    from haechi import _runtime; print(_runtime.current().config.content)"
    programs.write(tmp_path, text)
    options = ["--service", "shop", "--content", "on:5", "--endpoint", receiver.endpoint]
    assert programs.run([*programs.HAECHI, *options, PYTHON, "app.py"], tmp_path).out == "on\n"
    assert [span.resource["service.name"] for span in receiver.spans] == ["shop"]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method: str, tmp_path: Path, receiver: Receiver) -> None:
    """Each child sends its own spans before it ends, under the service's one name and its own process id."""
    text = (
        SPAN
        + f"""
    import multiprocessing, os
    from concurrent.futures import ProcessPoolExecutor
    def work(number):
        span("child")
        return number
    if __name__ == "__main__":
        span("parent")
        context = multiprocessing.get_context("{method}")
        children = [context.Process(target=work, args=(n,)) for n in range(2)]
        for child in children: child.start()
        for child in children: child.join()
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            print(sorted(pool.map(work, range(6))), [child.exitcode for child in children])
    """
    )
    programs.write(tmp_path, text)
    both([PYTHON, "app.py"], tmp_path, receiver, OTEL_BSP_SCHEDULE_DELAY="60000")
    assert receiver.names() == {"parent": 1, "child": 8}
    assert {span.resource["service.name"] for span in receiver.spans} == {"app"}
    children = {span.resource["process.pid"] for span in receiver.spans if span.name == "child"}
    assert len(children) >= 3


def test_fork_and_exec_by_hand(tmp_path: Path, receiver: Receiver) -> None:
    """A forked child sends at its interval or at its end; what it starts is observed too."""
    text = (
        SPAN
        + f"""
    import os, subprocess, sys, time
    span("parent")
    child = os.fork()
    if child == 0:
        span("child")
        from haechi import _providers
        own, end = _providers._state.own, time.monotonic() + 20
        while own and not own.pipeline().lanes[0].delivered and time.monotonic() < end: time.sleep(0.01)
        os._exit(0)
    other = os.fork()
    if other == 0:
        span("other")
        sys.exit(0)
    os.waitpid(child, 0), os.waitpid(other, 0)
    print(subprocess.run(["{PYTHON}", "sub.py"], capture_output=True, text=True).stdout)
    """
    )
    programs.write(tmp_path, text)
    programs.write(tmp_path, SPAN + "\n    span('sub'); print('sub')", "sub.py")
    both([PYTHON, "app.py"], tmp_path, receiver)
    assert receiver.names() == {"parent": 1, "child": 1, "other": 1, "sub": 1}


def test_a_fork_at_any_moment_leaves_a_child_that_works(tmp_path: Path, receiver: Receiver) -> None:
    """Our thread imports its exporter while the program forks: no child finds a module that is locked for ever."""
    text = (
        SPAN
        + """
    import os, time
    span("parent")
    children = []
    for _ in range(30):
        time.sleep(0.005)
        child = os.fork()
        if child == 0:
            import google.protobuf.message, requests.sessions
            os._exit(0)
        children.append(child)
    end = time.monotonic() + 20
    while children and time.monotonic() < end:
        children = [child for child in children if os.waitpid(child, os.WNOHANG) == (0, 0)]
        time.sleep(0.01)
    print(len(children), "hang")
    for child in children: os.kill(child, 9)
    """
    )
    programs.write(tmp_path, text)
    command = [*programs.HAECHI, "--", PYTHON, "-W", "error", "app.py"]
    ended = programs.run(command, tmp_path, HAECHI_ENDPOINT=receiver.endpoint, OTEL_BSP_SCHEDULE_DELAY="20")
    assert ended == programs.Ended(0, "0 hang\n", "")
    assert receiver.names() == {"parent": 1}


def test_without_the_collector_installed_run_works_and_the_rest_says_what_to_install(
    tmp_path: Path, receiver: Receiver
) -> None:
    """The SDK alone, its dependencies alone: one line names the extra."""
    blocked = "chdb clickhouse_connect fastapi grpc httptools lmdb numpy orjson pyarrow rich sqlalchemy uvicorn uvloop"
    hide = f"""
    import sys
    class Hide:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in {blocked.split()!r} or name.startswith("haechi_collector"):
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
    sys.meta_path.insert(0, Hide())
    """
    programs.write(tmp_path, hide, "lib/sitecustomize.py")
    programs.write(tmp_path, SPAN + "\n    span('a')")
    added = {"PYTHONPATH": str(tmp_path / "lib"), "HAECHI_ENDPOINT": receiver.endpoint}
    assert programs.run([*programs.HAECHI, PYTHON, "app.py"], tmp_path, **added) == programs.Ended(0, "", "")
    assert receiver.names() == {"a": 1}
    ended = programs.run([programs.HAECHI[0], "serve"], tmp_path, **added)
    assert ended.err == (
        "haechi: this command needs the collector: pip install 'haechi[collector]' (missing: haechi_collector)\n"
    )
    assert ended.status == 2


def test_another_python_without_haechi_runs_as_it_is(tmp_path: Path) -> None:
    """A program's own virtual environment may not have us: nothing is said, nothing changes."""
    lonely = tmp_path / "venv"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", str(lonely)], check=True)
    ended = programs.run([*programs.HAECHI, str(lonely / "bin" / "python"), "-c", "print(1)"], tmp_path)
    assert (ended.status, ended.out, ended.err) == (0, "1\n", "")
