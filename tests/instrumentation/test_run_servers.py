"""`haechi run` under the servers that fork, reload and supervise: gunicorn, uvicorn, celery, a Jupyter kernel."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from jupyter_client.manager import KernelManager
from tests.instrumentation import programs
from tests.instrumentation.receiver import Receiver

BIN = Path(sys.executable).parent
APP = """
    import os
    from opentelemetry import trace
    tracer = trace.get_tracer("app")
    with tracer.start_as_current_span("loaded"): pass

    def wsgi(environ, start_response):
        with tracer.start_as_current_span("wsgi"): pass
        start_response("200 OK", [("Content-Length", "0")])
        return [b""]

    async def asgi(scope, receive, send):
        if scope["type"] == "lifespan":
            return
        with tracer.start_as_current_span("VERSION"): pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(command: list[str], folder: Path, receiver: Receiver, **added: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server under us; end it as a supervisor does, and wait for it."""
    process = subprocess.Popen(
        [*programs.HAECHI, "--", *command],
        cwd=folder,
        env=programs.environment(HAECHI_ENDPOINT=receiver.endpoint, **added),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def ask(port: int) -> None:
    """Ask until the server answers."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/", timeout=5):
                return
        except (URLError, ConnectionError):
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize("options", [["--preload"], [], ["-k", "gthread", "--threads", "2"]], ids=str)
def test_gunicorn_with_two_forked_workers(options: list[str], tmp_path: Path, receiver: Receiver) -> None:
    """Each request's span arrives once, when the workers are stopped at the latest; a preloaded span once, too."""
    programs.write(tmp_path, APP)
    port = free_port()
    command = [str(BIN / "gunicorn"), "-w", "2", "-b", f"127.0.0.1:{port}", *options, "app:wsgi"]
    with served(command, tmp_path, receiver, OTEL_BSP_SCHEDULE_DELAY="60000"):
        for _ in range(20):
            ask(port)
    assert receiver.names() == {"wsgi": 20, "loaded": 1 if "--preload" in options else 2}
    assert {span.resource["service.name"] for span in receiver.spans} == {"app"}
    assert len({span.span_id for span in receiver.spans}) == len(receiver.spans)


def test_uvicorn_with_reload(tmp_path: Path, receiver: Receiver) -> None:
    """The reloaded process is observed as the first one was."""
    path = programs.write(tmp_path, APP.replace("VERSION", "before"))
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--reload", "--port", str(port), "--lifespan", "off", "app:asgi"]
    with served(command, tmp_path, receiver):
        ask(port)
        receiver.wait_for(2)
        time.sleep(1)  # uvicorn looks every 0.25 s; what changes before it has looked once, it cannot see
        programs.write(tmp_path, APP.replace("VERSION", "after_it"), path.name)
        deadline = time.monotonic() + 30
        while receiver.names()["after_it"] == 0 and time.monotonic() < deadline:
            ask(port)
            time.sleep(0.1)
    assert receiver.names()["before"] >= 1
    assert receiver.names()["after_it"] >= 1
    assert len({span.resource["process.pid"] for span in receiver.spans}) == 2


def test_celery_with_forked_workers(tmp_path: Path, receiver: Receiver) -> None:
    """Tasks run in celery's pool of processes; their spans arrive before the pool ends."""
    for name in ("queue", "done"):
        (tmp_path / name).mkdir()
    programs.write(
        tmp_path,
        f"""
        from celery import Celery
        from opentelemetry import trace
        app = Celery("tasks", broker="filesystem://")
        app.conf.update(
            broker_transport_options={{"data_folder_in": {str(tmp_path / "queue")!r},
                                       "data_folder_out": {str(tmp_path / "queue")!r},
                                       "control_folder": {str(tmp_path / "control")!r}}},
            worker_hijack_root_logger=False,
        )
        @app.task
        def work(number):
            with trace.get_tracer("tasks").start_as_current_span("work"): pass
            open({str(tmp_path / "done")!r} + f"/{{number}}", "w").close()
        """,
        "tasks.py",
    )
    programs.run([sys.executable, "-c", "import tasks\nfor n in range(8): tasks.work.delay(n)"], tmp_path)
    command = [str(BIN / "celery"), "-A", "tasks", "worker", "-c", "2", "--without-mingle", "--without-gossip"]
    with served(command, tmp_path, receiver, OTEL_BSP_SCHEDULE_DELAY="60000"):
        deadline = time.monotonic() + 30
        while len(list((tmp_path / "done").iterdir())) < 8 and time.monotonic() < deadline:
            time.sleep(0.1)
    assert receiver.names() == {"work": 8}
    assert {span.resource["service.name"] for span in receiver.spans} == {"tasks"}


def test_a_jupyter_kernel(tmp_path: Path, receiver: Receiver) -> None:
    """Cells are observed as they run, in the kernel that a notebook starts under `haechi run`."""
    spec = {
        "argv": [*programs.HAECHI, "--", sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "haechi",
        "language": "python",
    }
    programs.write(tmp_path, json.dumps(spec), "jupyter/kernels/haechi/kernel.json")
    manager = KernelManager(kernel_name="haechi", transport="ipc", connection_file=str(tmp_path / "k.json"))
    manager.kernel_spec_manager.kernel_dirs = [str(tmp_path / "jupyter" / "kernels")]
    manager.start_kernel(env=programs.environment(HAECHI_ENDPOINT=receiver.endpoint), cwd=str(tmp_path))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=30)
        cell = "from opentelemetry import trace\nwith trace.get_tracer('x').start_as_current_span('cell'): print('ran')"
        printed: list[str] = []
        client.execute_interactive(cell, timeout=30, output_hook=lambda m: printed.append(m["content"].get("text", "")))
        assert "ran\n" in printed
        receiver.wait_for(1)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert [(span.name, span.resource["service.name"]) for span in receiver.spans] == [("cell", "jupyter")]
