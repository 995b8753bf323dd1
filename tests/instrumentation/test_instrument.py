"""Which libraries are observed, when, and when not: held against the real other instrumentations of OpenAI."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from openai import OpenAI
from tests.standin import Standin

from haechi import _imports, instrument, testing
from haechi.instrument import TARGETS

ROOT = Path(__file__).parents[2]
RIVALS = ["openinference.instrumentation.openai", "opentelemetry.instrumentation.openai"]


def ask(standin: Standin) -> str:
    client = OpenAI(base_url=f"{standin.url}/v1", api_key="k")
    said: Any = [{"role": "user", "content": "Where is Seoul?"}]
    return client.chat.completions.create(model="gpt-4o-mini", messages=said).choices[0].message.content or ""


def counts(script: str, standin: Standin, rival: str) -> list[tuple[int, int]]:
    """Run a script in an interpreter of its own; return the (their, our) spans at each ``tell()`` in it.

    Of its own, because OpenLLMetry leaves its wrappers behind when it is turned off.
    """
    frame = f"""
        import sys
        from openai import OpenAI
        from {rival} import OpenAIInstrumentor
        from haechi import instrument, testing

        def ask():
            client = OpenAI(base_url="{standin.url}/v1", api_key="k")
            client.chat.completions.create(model="gpt-4o-mini", messages=[dict(role="user", content="Where is Seoul?")])

        def tell():
            print(len(theirs.spans), len(ours.spans))

        rival = OpenAIInstrumentor()
        with testing.capture() as theirs, testing.capture() as ours:
    """
    code = textwrap.dedent(frame).rstrip() + textwrap.indent(textwrap.dedent(script), "    ")
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return [(int(theirs), int(ours)) for theirs, ours in map(str.split, done.stdout.splitlines())]


@pytest.mark.parametrize("rival", RIVALS)
def test_one_that_was_there_before_keeps_the_client(standin: Standin, rival: str) -> None:
    """Each call gives one span, the other instrumentation's."""
    script = """
        instrument.uninstall()
        rival.instrument(tracer_provider=theirs.tracer_provider)
        instrument.install()
        ask()
        tell()
    """
    assert counts(script, standin, rival) == [(1, 0)]


@pytest.mark.parametrize("rival", RIVALS)
def test_one_that_comes_later_takes_the_client(standin: Standin, rival: str) -> None:
    """While it is on each call gives one span, its own."""
    script = """
        ask()
        tell()
        rival.instrument(tracer_provider=theirs.tracer_provider)
        ask()
        tell()
    """
    assert counts(script, standin, rival) == [(0, 1), (1, 1)]


def test_one_that_goes_gives_the_client_back(standin: Standin) -> None:
    """One span for each call all the while, ours afterwards; OpenLLMetry leaves its wrappers in place."""
    script = """
        rival.instrument(tracer_provider=theirs.tracer_provider)
        ask()
        tell()
        rival.uninstrument()
        ask()
        tell()
    """
    assert counts(script, standin, RIVALS[0]) == [(1, 0), (1, 1)]


def test_a_client_that_is_no_longer_observed_is_the_librarys_own(standin: Standin) -> None:
    """Afterwards the patched method is the very object that it was."""
    from openai.resources.chat.completions import Completions

    with testing.capture():
        instrument.uninstall()
        original = vars(Completions)["create"]
        instrument.install()
        assert vars(Completions)["create"] is not original
        instrument.uninstall()
        assert vars(Completions)["create"] is original
        instrument.install()
        assert ask(standin)


def test_suppressed_calls_give_no_span(standin: Standin) -> None:
    """OpenTelemetry's own way of saying "not now" holds for us."""
    from opentelemetry import context
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    with testing.capture() as captured:
        with suppress_instrumentation():
            assert ask(standin)
        assert not captured.spans
        assert context.get_value("suppress_instrumentation") is None


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_target_has_its_file(target: instrument.Target) -> None:
    """A row of the table names a module with `patch`."""
    assert callable(import_module(f"haechi.instrument.{target.ours}").patch)


def test_installing_imports_no_library() -> None:
    """In a fresh interpreter, turning everything on brings in no client library, and not wrapt."""
    code = """
        import sys
        from haechi import instrument
        instrument.install()
        roots = {module.split(".")[0] for target in instrument.TARGETS for module in target.modules}
        print(sorted((roots | {"wrapt", "pydantic", "asyncio", "genai_prices", "google"}) & set(sys.modules)))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "[]\n"


# --- being told of imports ------------------------------------------------------------------------------------------


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is imported from; its modules are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_the_hook_gets_the_finished_module_once(somewhere: Path) -> None:
    """It runs when the module's code has run, and not again at the next import."""
    (somewhere / "late_module.py").write_text("answer = 42\n")
    seen: list[int] = []

    def hook(module: ModuleType) -> None:
        seen.append(module.answer)

    _imports.when_imported("late_module", hook)
    module = import_module("late_module")
    import_module("late_module")
    assert seen == [42]
    assert "exec_module" not in vars(module.__spec__.loader)  # type: ignore[union-attr]  # it was found by a loader
    _imports.when_imported("late_module", hook)
    assert seen == [42, 42]


def test_a_module_that_fails_fails_as_without_us(somewhere: Path) -> None:
    """The error is the module's own, nobody is called, and a later attempt may succeed."""
    (somewhere / "weak_module.py").write_text("raise RuntimeError('not today')\n")
    seen: list[str] = []

    def hook(module: ModuleType) -> None:
        seen.append(module.__name__)

    _imports.when_imported("weak_module", hook)
    with pytest.raises(RuntimeError, match="not today"):
        import_module("weak_module")
    assert seen == []
    (somewhere / "weak_module.py").write_text("")
    sys.modules.pop("weak_module", None)
    import_module("importlib").invalidate_caches()
    import_module("weak_module")
    assert seen == ["weak_module"]


def test_a_forgotten_hook_is_not_called(somewhere: Path) -> None:
    """Whoever no longer waits hears nothing."""
    (somewhere / "quiet_module.py").write_text("")
    seen: list[str] = []

    def hook(module: ModuleType) -> None:
        seen.append(module.__name__)

    _imports.when_imported("quiet_module", hook)
    _imports.forget(hook)
    import_module("quiet_module")
    assert seen == []
