"""`opentelemetry-instrument python app.py` finds us as it finds any distribution and any instrumentor."""

import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from tests.instrumentation import programs
from tests.instrumentation.receiver import Receiver
from tests.standin import Standin

from haechi.instrument import TARGETS

INSTRUMENT = str(Path(sys.executable).with_name("opentelemetry-instrument"))
ASK = """
    import sys
    from openai import OpenAI
    client = OpenAI(base_url=sys.argv[1], api_key="k")
    said = [{"role": "user", "content": "Where is Seoul?"}]
    print(client.chat.completions.create(model="gpt-4o-mini", messages=said).choices[0].message.content)
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def test_every_library_that_is_observed_has_its_entry_point() -> None:
    """pyproject.toml names each target of the one table, and nothing else."""
    project = tomllib.loads((programs.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["opentelemetry_instrumentor"] == {
        f"haechi-{target.name}": f"haechi._instrumentors:{target.name}" for target in TARGETS
    }


def test_each_entry_point_is_an_instrumentor_of_opentelemetry() -> None:
    """A class of its own, with the one instance that the base class keeps."""
    found = [e for e in entry_points(group="opentelemetry_instrumentor") if e.name.startswith("haechi-")]
    assert found
    loaded = {entry.name: entry.load() for entry in found}
    assert len(set(loaded.values())) == len(found)
    assert all(made() is made() and made().instrumentation_dependencies() == () for made in loaded.values())


def test_a_program_is_observed_as_under_haechi_run(tmp_path: Path, receiver: Receiver, standin: Standin) -> None:
    """One span for a call, through our exporter; the program prints what it prints without."""
    programs.write(tmp_path, ASK)
    command = [sys.executable, "app.py", f"{standin.url}/v1"]
    plain = programs.run(command, tmp_path)
    only_ours = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "openai,openai_v2", "HAECHI_ENDPOINT": receiver.endpoint}
    ours = programs.run([INSTRUMENT, *command], tmp_path, **only_ours)
    assert (ours.out, ours.status) == (plain.out, 0)
    assert receiver.names() == {"chat gpt-4o-mini": 1}


def test_another_instrumentation_of_the_same_library_goes_first(
    tmp_path: Path, receiver: Receiver, standin: Standin
) -> None:
    """With OpenInference's and OpenLLMetry's installed, theirs come to us, who export for all, and none of our own."""
    programs.write(tmp_path, ASK)
    command = [INSTRUMENT, sys.executable, "app.py", f"{standin.url}/v1"]
    assert programs.run(command, tmp_path, HAECHI_ENDPOINT=receiver.endpoint).status == 0
    assert receiver.names() == {"ChatCompletion": 1, "openai.chat": 1}


def test_one_library_can_be_left_out(tmp_path: Path, receiver: Receiver, standin: Standin) -> None:
    """OpenTelemetry's variable takes the names of our entry points."""
    programs.write(tmp_path, ASK)
    command = [INSTRUMENT, sys.executable, "app.py", f"{standin.url}/v1"]
    off = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "openai,openai_v2,haechi-openai"}
    programs.run(command, tmp_path, HAECHI_ENDPOINT=receiver.endpoint, **off)
    assert receiver.spans == []


def test_an_instrumentor_in_code_uses_the_provider_it_is_given(
    tmp_path: Path, receiver: Receiver, standin: Standin
) -> None:
    """`instrument(tracer_provider=...)` and `uninstrument()`, as those who write it by hand expect."""
    text = """
        import sys
        from openai import OpenAI
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from haechi._instrumentors import openai
        memory, provider = InMemorySpanExporter(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(memory))
        openai().instrument(tracer_provider=provider)
        client = OpenAI(base_url=sys.argv[1], api_key="k")
        def ask():
            said = [{"role": "user", "content": "Where is Seoul?"}]
            client.chat.completions.create(model="gpt-4o-mini", messages=said)
            return [span.name for span in memory.get_finished_spans()]
        print(ask())
        openai().uninstrument()
        print(ask())
    """
    ended = programs.python(tmp_path, text, f"{standin.url}/v1", HAECHI_ENDPOINT=receiver.endpoint)
    assert (ended.out, ended.err) == ("['chat gpt-4o-mini']\n" * 2, "")
    assert receiver.spans == []
