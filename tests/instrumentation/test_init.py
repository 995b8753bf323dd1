"""Turning the SDK on in programs that have providers of their own, before, after, or not at all."""

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.instrumentation import programs
from tests.instrumentation.receiver import Receiver

import haechi
from haechi import _resource

THEIRS = """
    import haechi
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    memory, reader = InMemorySpanExporter(), InMemoryMetricReader()
    early = trace.get_tracer("early")  # before anything is set

    def set_theirs():
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(memory))
        trace.set_tracer_provider(provider)
        metrics.set_meter_provider(MeterProvider([reader]))

    def span(name):
        early.start_span(name).end()
        trace.get_tracer("late").start_span(name).end()

    def seen():
        return sorted(span.name for span in memory.get_finished_spans())
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def program(text: str, folder: Path, receiver: Receiver, **added: str) -> programs.Ended:
    return programs.python(folder, text, HAECHI_ENDPOINT=receiver.endpoint, **added)


def theirs(lines: str) -> str:
    return textwrap.dedent(THEIRS) + textwrap.dedent(lines)


def test_a_provider_that_was_there_keeps_its_exporters_and_gets_our_spans(tmp_path: Path, receiver: Receiver) -> None:
    """Each span is exported once, where the application exports; nothing is sent elsewhere."""
    text = theirs("""
        set_theirs()
        haechi.init()
        span("a")
        with haechi.span("b"): pass
        print(seen())
    """)
    ended = program(text, tmp_path, receiver)
    assert (ended.out, ended.err, ended.status) == ("['a', 'a', 'b']\n", "", 0)
    assert receiver.requests == []


def test_a_provider_that_comes_later_is_not_refused_and_gets_everything_from_then_on(
    tmp_path: Path, receiver: Receiver
) -> None:
    """Spans before go to us, spans after to the application's exporters, none to both, none to nobody; no warning."""
    text = theirs("""
        haechi.init()
        span("before")
        set_theirs()
        span("after")
        with haechi.span("ours"): pass
        metrics.get_meter("m").create_counter("c").add(1)
        print(seen(), len(reader.get_metrics_data().resource_metrics))
    """)
    ended = program(text, tmp_path, receiver)
    assert (ended.out, ended.err) == ("['after', 'after', 'ours'] 1\n", "")
    assert receiver.names() == {"before": 2}


def test_both_get_everything_where_that_is_asked_for(tmp_path: Path, receiver: Receiver) -> None:
    """HAECHI_EXPORT=also adds our exporter to the application's provider, at the moment it is set."""
    for order in ("haechi.init()\nset_theirs()", "set_theirs()\nhaechi.init()"):
        receiver.spans.clear()
        ended = program(theirs(f"{order}\nspan('a')\nprint(seen())"), tmp_path, receiver, HAECHI_EXPORT="also")
        assert (ended.out, ended.err) == ("['a', 'a']\n", "")
        assert receiver.names() == {"a": 2}


def test_our_provider_takes_processors_and_can_be_flushed(tmp_path: Path, receiver: Receiver) -> None:
    """What an application adds to the global provider sees every span, as with OpenTelemetry's own."""
    text = theirs("""
        haechi.init()
        provider = trace.get_tracer_provider()
        provider.add_span_processor(SimpleSpanProcessor(memory))
        span("a")
        print(seen(), provider.force_flush(5000))
    """)
    assert program(text, tmp_path, receiver).out == "['a', 'a'] True\n"
    assert receiver.names() == {"a": 2}


def test_it_looks_as_if_no_provider_were_set(tmp_path: Path, receiver: Receiver) -> None:
    """Libraries that set theirs only where none is set do so."""
    text = theirs("""
        haechi.init()
        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            set_theirs()
        span("a")
        print(seen())
    """)
    assert program(text, tmp_path, receiver).out == "['a', 'a']\n"


def test_turning_on_imports_nothing_heavy(tmp_path: Path) -> None:
    """What is not needed before the first call waits for it; `ssl` before gevent's patching would even warn."""
    text = """
        import sys, haechi
        haechi.init()
        heavy = {"opentelemetry.sdk", "requests", "urllib3", "ssl", "asyncio", "genai_prices", "pydantic", "wrapt",
                 "openai", "google.protobuf", "concurrent.futures.thread", "haechi_collector"}
        print(sorted(heavy & sys.modules.keys()))
    """
    assert programs.python(tmp_path, text).out == "[]\n"


def test_a_second_call_that_says_something_else_is_told_that_it_has_no_effect(
    tmp_path: Path, receiver: Receiver
) -> None:
    """The same again is silent; a key is never printed."""
    text = """
        import haechi
        haechi.init("shop", content="on")
        haechi.init("shop")
        haechi.init("shop", content="off", key="hk_secret")
        with haechi.span("a"): pass
    """
    ended = program(text, tmp_path, receiver)
    assert ended.err == "haechi.init() was called before; content='off', key of this call have no effect\n"
    assert receiver.spans[0].resource["service.name"] == "shop"


def test_code_adds_to_what_was_turned_on_from_outside(tmp_path: Path, receiver: Receiver) -> None:
    """Under `haechi run` the application's own `haechi.init` counts, without a warning."""
    programs.write(tmp_path, 'import haechi\nhaechi.init("in-code")\nwith haechi.span("a"): pass\n')
    command = [*programs.HAECHI, "--service", "outside", "--", sys.executable, "app.py"]
    ended = programs.run(command, tmp_path, HAECHI_ENDPOINT=receiver.endpoint)
    assert (ended.err, ended.status) == ("", 0)
    assert [span.resource["service.name"] for span in receiver.spans] == ["in-code"]


@pytest.mark.parametrize("variable", [{"OTEL_SDK_DISABLED": "true"}, {"HAECHI_ENABLED": "false"}])
def test_turned_off_means_nothing_is_touched(variable: dict[str, str], tmp_path: Path, receiver: Receiver) -> None:
    """The global provider stays OpenTelemetry's own, and `haechi.span` does nothing."""
    text = """
        import haechi
        from opentelemetry import trace
        haechi.init()
        with haechi.span("a"): pass
        print(type(trace.get_tracer_provider()).__module__, haechi.flush())
    """
    assert program(text, tmp_path, receiver, **variable).out == "opentelemetry.trace True\n"
    assert receiver.requests == []


def test_standard_variables_are_honoured(tmp_path: Path, receiver: Receiver) -> None:
    """Sampler, resource, exporters: what OpenTelemetry's own SDK would do."""
    text = "import haechi\nhaechi.init()\nwith haechi.span('a'): pass\n"
    program(text, tmp_path, receiver, OTEL_TRACES_SAMPLER="always_off")
    assert receiver.spans == []
    program(
        text,
        tmp_path,
        receiver,
        OTEL_SERVICE_NAME="shop",
        OTEL_RESOURCE_ATTRIBUTES="service.version=1.2,team=llm",
        HAECHI_ENVIRONMENT="test",
    )
    resource = receiver.spans[0].resource
    wanted = {"service.name": "shop", "service.version": "1.2", "team": "llm", "deployment.environment.name": "test"}
    assert wanted.items() <= resource.items()
    console = program(text, tmp_path, receiver, OTEL_TRACES_EXPORTER="console", OTEL_METRICS_EXPORTER="none")
    assert json.loads(console.out)["name"] == "a"
    assert len(receiver.spans) == 1
    assert program(text, tmp_path, receiver, OTEL_TRACES_EXPORTER="none").out == ""
    unknown = program(text, tmp_path, receiver, OTEL_TRACES_EXPORTER="nowhere")
    assert "no exporter of traces is called 'nowhere'" in unknown.err
    assert unknown.status == 0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["/srv/shop.py"], ("shop", None)),
        (["/usr/bin/gunicorn", "-w", "2", "shop.wsgi:app"], ("shop", "shop")),
        (["/usr/bin/uvicorn", "--host", "::1", "shop.main:app"], ("shop", "shop")),
        (["/usr/bin/celery", "-A", "tasks", "worker"], ("tasks", "tasks")),
        (["/lib/python/ipykernel_launcher.py", "-f", "x.json"], ("jupyter", None)),
        (["-c"], ("python", None)),
        ([""], ("python", None)),
    ],
)
def test_a_service_is_named_after_what_was_started(
    arguments: list[str], named: tuple[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script, the application that a server runs, or the kind of interpreter."""
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    assert _resource.program() == named


def test_a_module_is_named_and_has_the_version_of_its_distribution(tmp_path: Path, receiver: Receiver) -> None:
    """`python -m shop` is the service shop; an installed one tells its version."""
    programs.write(tmp_path, "import haechi\nhaechi.init()\nwith haechi.span('a'): pass\n", "shop/__main__.py")
    metadata = "Metadata-Version: 2.1\nName: shop\nVersion: 4.5.6\n"
    programs.write(tmp_path, metadata, "shop-4.5.6.dist-info/METADATA")
    programs.run([sys.executable, "-m", "shop"], tmp_path, HAECHI_ENDPOINT=receiver.endpoint)
    resource = receiver.spans[0].resource
    assert (resource["service.name"], resource["service.version"]) == ("shop", "4.5.6")


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("pass", 0),
        ("sys.exit(3)", 3),
        ("raise ValueError('theirs')", 1),
        ("threading.Thread(target=lambda: (time.sleep(0.3), span('thread'))).start()", 0),
        ("atexit.register(span, 'exit')", 0),
    ],
)
def test_the_last_spans_are_sent_however_a_program_ends(
    end: str, status: int, tmp_path: Path, receiver: Receiver
) -> None:
    """At its end, by sys.exit, by an exception that nobody catches, with threads that outlive the main one."""
    text = f"""
        import atexit, sys, threading, time
        import haechi
        haechi.init()
        def span(name):
            with haechi.span(name): pass
        span("main")
        {end}
    """
    ended = program(text, tmp_path, receiver, OTEL_BSP_SCHEDULE_DELAY="60000")
    assert ended.status == status
    expected = {"main"} | ({"thread"} if "thread" in end else {"exit"} if "atexit" in end else set())
    assert set(receiver.names()) == expected


def test_a_collector_that_never_answers_holds_the_end_for_its_bound_only(tmp_path: Path, receiver: Receiver) -> None:
    """The program ends long before the answer would come, and says what was lost, once."""
    receiver.pause_s = 300
    ended = program("import haechi\nhaechi.init()\nwith haechi.span('a'): pass\n", tmp_path, receiver)
    assert ended.status == 0
    assert ended.err == f"telemetry dropped: 1 span, not sent to {receiver.endpoint}: there was no time left\n"


def test_after_shutdown_everything_is_as_before_and_can_begin_again(receiver: Receiver) -> None:
    """Spans after it go nowhere; a new `init` may say something else."""
    for name in ("one", "two"):
        haechi.init(name, endpoint=receiver.endpoint)
        with haechi.span(name):
            pass
        haechi.shutdown()
        with haechi.span("off"):
            pass
    assert [(span.name, span.resource["service.name"]) for span in receiver.spans] == [("one", "one"), ("two", "two")]
