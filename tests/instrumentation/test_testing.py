"""`haechi.testing`: what is observed in a block, in memory, the same in every run."""

import time

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import haechi
from haechi import _runtime, spans
from haechi.testing import Captured, Clock, IdGenerator, Measured, MemoryExporter, capture


def ask(captured_model: str = "gpt-4o") -> None:
    """Do what an instrumented client does."""
    runtime = spans.observing()
    assert runtime is not None
    call = spans.Call(runtime, spans.Request("chat", "openai", captured_model, {}))
    call.stop({"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100})


def program() -> None:
    with haechi.context(user="u"), haechi.span("answer"):
        ask()
        haechi.score("thumbs_up", 1)


def everything(captured: Captured) -> tuple[object, ...]:
    """Return all that was recorded, as text."""
    return (
        [span.to_json() for span in captured.spans],
        captured.metrics,
        [(log.timestamp, log.trace_id, log.span_id, dict(log.attributes or {})) for log in captured.logs],
    )


def test_the_same_program_gives_the_same_telemetry() -> None:
    """Ids, times and durations included."""
    runs = []
    for _ in range(2):
        with capture() as captured:
            program()
        runs.append(everything(captured))
    assert runs[0] == runs[1]
    assert f"0x{1:032x}" in str(runs[0])
    assert "2026-01-01T00:00:00" in str(runs[0])


def test_spans_metrics_and_logs_can_be_asked_for() -> None:
    """By kind and by name, inside the block and after it."""
    with capture() as captured:
        program()
        assert [span.name for span in captured.spans] == ["chat gpt-4o", "answer"]
    assert [span.name for span in captured.llm()] == ["chat gpt-4o"]
    assert captured.one("chat gpt-4o").parent == captured.one("answer").context
    assert [log.event_name for log in captured.logs] == ["gen_ai.evaluation.result"]
    tokens = {
        m.attributes["gen_ai.token.type"]: m.sum for m in captured.metrics if m.name == "gen_ai.client.token.usage"
    }
    assert tokens == {"input": 1000, "output": 100}


def test_metrics_add_up_over_readings() -> None:
    """Reading them takes nothing away."""
    with capture() as captured:
        ask()
        first = [m.count for m in captured.metrics if m.name == "gen_ai.client.operation.duration"]
        ask()
    (duration,) = [m for m in captured.metrics if m.name == "gen_ai.client.operation.duration"]
    assert first == [1]
    assert isinstance(duration, Measured)
    assert (duration.unit, duration.count) == ("s", 2)


def test_one_says_what_there_is_where_there_is_not_one() -> None:
    """A test that fails should not need a debugger."""
    with capture() as captured:
        for name in ("a", "b", "b"):
            haechi.span(name).start().stop()
    with pytest.raises(AssertionError, match=r"0 spans are named 'c', of \['a', 'b', 'b'\]"):
        captured.one("c")
    with pytest.raises(AssertionError, match=r"2 spans are named 'b'"):
        captured.one("b")


def test_everything_is_as_before_afterwards() -> None:
    """The runtime, OpenTelemetry's global providers, and also after an exception."""
    providers = trace.get_tracer_provider(), metrics.get_meter_provider()
    with pytest.raises(ZeroDivisionError), capture():
        raise ZeroDivisionError
    assert _runtime.current() is None
    assert (trace.get_tracer_provider(), metrics.get_meter_provider()) == providers
    haechi.span("after").start().stop()


def test_one_block_in_another_records_for_itself() -> None:
    """The inner one sees what happens in it, the outer one the rest."""
    with capture() as outer:
        haechi.span("before").start().stop()
        with capture() as inner:
            haechi.span("inside").start().stop()
        haechi.span("after").start().stop()
    assert [span.name for span in outer.spans] == ["before", "after"]
    assert [span.name for span in inner.spans] == ["inside"]


def test_settings_and_the_clock_are_arguments() -> None:
    """Content off, no cost, real times."""
    before = time.time_ns()
    with capture(content="off", cost=False, clock=time.time_ns) as captured:
        with haechi.span("work") as block:
            block.input("secret")
        ask()
    assert captured.one("work").attributes == {}
    assert (captured.one("work").start_time or 0) >= before
    assert "haechi.cost.usd" not in (captured.llm()[0].attributes or {})


def test_other_instrumentations_record_through_its_provider() -> None:
    """OpenTelemetry's global provider is left alone, so they are told."""
    with capture() as captured, haechi.context(session="s"):
        captured.tracer_provider.get_tracer("theirs").start_span("theirs").end()
    assert dict(captured.one("theirs").attributes or {}) == {"gen_ai.conversation.id": "s"}


def test_the_clock_moves_when_read_and_when_told() -> None:
    """By its step, and by seconds."""
    clock = Clock(start_ns=5, step_ns=2)
    first, second = clock(), clock()
    clock.advance(1.5)
    assert (first, second, clock()) == (5, 7, 1_500_000_009)


def test_the_parts_serve_alone() -> None:
    """The exporter and the ids in a provider of one's own."""
    exporter, provider = MemoryExporter(), TracerProvider(id_generator=IdGenerator(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.get_tracer("t").start_span("a").end()
    assert [(span.name, span.context.trace_id, span.context.span_id) for span in exporter.spans] == [("a", 1, 1)]
    exporter.clear()
    assert exporter.spans == []
