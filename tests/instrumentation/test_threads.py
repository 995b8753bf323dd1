"""The context follows threads and pools, and the application sees nothing of it."""

import asyncio
import contextvars
import inspect
import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, thread
from types import ModuleType

import pytest

import haechi
from haechi import _context, _threads

USER = {"user.id": "u"}


@pytest.fixture(autouse=True)
def carried() -> Iterator[None]:
    _threads.install()
    yield
    _threads.uninstall()


def seen_in(make: type[threading.Thread] = threading.Thread) -> object:
    seen: list[object] = []
    started = make(target=lambda: seen.append(_context.attributes()))
    started.start()
    started.join()
    return seen[0]


def test_a_thread_has_the_context_it_was_started_in() -> None:
    """That of `start`, not that of its making; a thread started outside has none."""
    seen: list[object] = []
    made = threading.Thread(target=lambda: seen.append(_context.attributes()))
    with haechi.context(user="u"):
        made.start()
        made.join()
    assert seen == [USER]
    assert seen_in() == {}


def test_a_thread_class_with_its_own_run_has_it_too() -> None:
    """`run` may be the subclass's, and `Timer` is such a class."""
    seen: list[object] = []

    class Own(threading.Thread):
        def run(self) -> None:
            seen.append(_context.attributes())

    with haechi.context(user="u"):
        for begun in (Own(), threading.Timer(0, lambda: seen.append(_context.attributes()))):
            begun.start()
            begun.join()
    assert seen == [USER, USER]


def test_pools_have_it_by_submit_and_map() -> None:
    """Each work item its own, and a worker keeps nothing of the one before."""
    with ThreadPoolExecutor(1) as pool:
        with haechi.context(user="u"):
            submitted = pool.submit(_context.attributes).result()
            mapped = list(pool.map(lambda _: _context.attributes(), range(2)))
        after = pool.submit(_context.attributes).result()
    assert (submitted, mapped, after) == (USER, [USER, USER], {})


def test_asyncio_has_it_by_to_thread_and_run_in_executor() -> None:
    """In the loop's own pool and in one of the application's."""

    async def main() -> list[object]:
        loop = asyncio.get_running_loop()
        with haechi.context(user="u"), ThreadPoolExecutor(1) as pool:
            return [
                await asyncio.to_thread(_context.attributes),
                await loop.run_in_executor(None, _context.attributes),
                await loop.run_in_executor(pool, _context.attributes),
            ]

    assert asyncio.run(main()) == [USER] * 3


def test_spans_in_threads_lie_under_the_one_outside() -> None:
    """The point of it all."""
    from haechi.testing import capture

    with capture() as captured, haechi.span("outside") as outside:
        for _ in range(2):
            begun = threading.Thread(target=haechi.observe(print_nothing))
            begun.start()
            begun.join()
    parents = {span.parent.span_id for span in captured.spans if span.parent}
    assert parents == {int(outside.span_id, 16)}


def print_nothing() -> None:
    """Do nothing."""


def test_a_workers_own_context_variables_stay() -> None:
    """A pool's initializer sets what every later work item sees, whoever submits it."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    with (
        ThreadPoolExecutor(1, initializer=lambda: variable.set("by the initializer")) as pool,
        haechi.context(user="u"),
    ):
        assert pool.submit(variable.get).result() == "by the initializer"


def fails() -> None:
    raise ValueError("theirs")


def test_tracebacks_are_as_without_us() -> None:
    """No frame of ours in what a future raises."""

    def raised() -> list[str]:
        with (
            ThreadPoolExecutor(1) as pool,
            haechi.context(user="u"),
            pytest.raises(ValueError, match="theirs") as caught,
        ):
            pool.submit(fails).result()
        return [f"{frame.filename}:{frame.name}" for frame in traceback.extract_tb(caught.value.__traceback__)]

    with_us = raised()
    _threads.uninstall()
    assert with_us == raised()


PROGRAM = """
import sys, threading, traceback
import haechi
from haechi import _threads
if sys.argv[1] == "on":
    _threads.install()
def body():
    traceback.print_stack()
    raise ValueError("theirs")
with haechi.context(user="u"):
    made = threading.Thread(target=body, name="T")
    made.start(); made.join()
    try:
        made.start()
    except RuntimeError:
        traceback.print_exc()
"""


def test_what_a_program_prints_is_as_without_us() -> None:
    """Stacks, uncaught exceptions and misuse look the same, to the byte."""
    printed = [
        subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
        for how in ("on", "off")
    ]
    assert printed[0].stderr == printed[1].stderr
    assert "theirs" in printed[0].stderr


def test_nothing_public_is_replaced() -> None:
    """The functions are Python's own, with us and after us."""
    start, submit, signature = threading.Thread.start, ThreadPoolExecutor.submit, inspect.signature(threading.Thread)
    _threads.uninstall()
    assert (start, submit) == (threading.Thread.start, ThreadPoolExecutor.submit)
    assert signature == inspect.signature(threading.Thread)
    assert pickle.loads(pickle.dumps(threading.Thread)) is threading.Thread  # noqa: S301  our own


def test_installed_twice_and_uninstalled_all_is_as_before() -> None:
    """What Python had is there again."""
    _threads.install()
    _threads.uninstall()
    _threads.uninstall()
    assert inspect.isfunction(vars(threading.Thread)["_bootstrap"])
    assert thread._WorkItem.__module__ == "concurrent.futures.thread"
    with haechi.context(user="u"):
        assert seen_in() == {}


def test_a_pools_worker_does_not_keep_the_context_of_its_first_work() -> None:
    """It outlives whoever happened to make it be started."""
    pool = ThreadPoolExecutor(1)
    with haechi.context(user="u"):
        pool.submit(print_nothing).result()
    _threads.uninstall()
    assert pool.submit(_context.attributes).result() == {}
    pool.shutdown()


def test_opentelemetrys_own_instrumentation_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """While an instrumentor of that name is active ours does nothing, and goes on when it ends."""
    from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

    class ThreadingInstrumentor(BaseInstrumentor):
        def instrumentation_dependencies(self) -> tuple[str, ...]:
            return ()

        def _instrument(self, **_: object) -> None:
            """Carries nothing, so that what is carried is ours."""

        def _uninstrument(self, **_: object) -> None: ...

    package = ModuleType("opentelemetry.instrumentation.threading")
    package.ThreadingInstrumentor = ThreadingInstrumentor  # type: ignore[attr-defined]  # as theirs does
    monkeypatch.setitem(sys.modules, package.__name__, package)
    seen = []
    with haechi.context(user="u"), ThreadPoolExecutor(1) as pool:
        for change in ("instrument", "uninstrument"):
            getattr(ThreadingInstrumentor(), change)()
            seen.append((seen_in(), pool.submit(_context.attributes).result()))
    assert seen == [({}, {}), (USER, USER)]


def test_the_pool_module_may_be_imported_later() -> None:
    """Installing imports no pools for those who use none."""
    program = (
        "import sys, haechi\nfrom haechi import _context, _threads\n_threads.install()\n"
        "assert 'concurrent.futures.thread' not in sys.modules\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with haechi.context(user='u'), ThreadPoolExecutor(1) as pool:\n"
        "    print(dict(pool.submit(_context.attributes).result()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "{'user.id': 'u'}\n"
