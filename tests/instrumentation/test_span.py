"""`haechi.span`: started, then finished exactly once, whoever does it and wherever."""

import asyncio
import gc
import logging
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

import haechi
from haechi import _misuse
from haechi.testing import Captured, capture


@pytest.fixture
def captured() -> Iterator[Captured]:
    with capture() as recorded:
        yield recorded


def test_a_block_is_a_span_with_its_attributes(captured: Captured) -> None:
    """Attributes are those of the call and of `set`; times are the clock's."""
    with haechi.span("rerank", top_k=3, **{"vendor.name": "acme"}) as block:
        block.set({"rerank.kept": 2}, model={"name": "m"})
    (span,) = captured.spans
    assert span.name == "rerank"
    assert dict(span.attributes or {}) == {
        "top_k": 3,
        "vendor.name": "acme",
        "rerank.kept": 2,
        "model": '{"name": "m"}',
    }
    assert (span.end_time or 0) - (span.start_time or 0) == 1_000_000
    assert span.status.status_code is StatusCode.UNSET


def test_blocks_nest(captured: Captured) -> None:
    """A block begun inside another lies under it; one begun after it does not."""
    with haechi.span("outer") as outer:
        with haechi.span("inner"):
            pass
        with haechi.span("second"):
            pass
    haechi.span("after").start().stop()
    parents = {span.name: span.parent and format(span.parent.span_id, "016x") for span in captured.spans}
    assert parents == {"outer": None, "inner": outer.span_id, "second": outer.span_id, "after": None}


@pytest.mark.parametrize(
    ("kind", "name", "attributes"),
    [
        ("tool", "execute_tool x", {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "x"}),
        ("agent", "invoke_agent x", {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "x"}),
        ("chain", "invoke_workflow x", {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "x"}),
        ("retriever", "retrieval x", {"gen_ai.operation.name": "retrieval"}),
        ("chat", "chat x", {"gen_ai.operation.name": "chat"}),
    ],
)
def test_a_kind_speaks_the_conventions_words(captured: Captured, kind: str, name: str, attributes: object) -> None:
    """The operation, the name of the span and who it is about."""
    haechi.span("x", kind=kind).start().stop()  # type: ignore[arg-type]  # one of the kinds
    (span,) = captured.spans
    assert span.name == name
    assert dict(span.attributes or {}) == attributes


def test_an_unknown_kind_is_a_plain_span(captured: Captured, caplog: pytest.LogCaptureFixture) -> None:
    """It is said once in the log; the application goes on."""
    _misuse._said.clear()
    for _ in range(2):
        haechi.span("x", kind="wrong").start().stop()  # type: ignore[arg-type]  # that is the test
    assert [span.name for span in captured.spans] == ["x", "x"]
    (record,) = caplog.records
    assert record.getMessage().startswith("haechi.span: kind='wrong': expected one of agent, chain")


def test_an_error_is_recorded_and_passes_unmodified(captured: Captured) -> None:
    """The exception is the same object, without a frame of ours in its traceback."""
    error = ValueError("theirs")
    with pytest.raises(ValueError, match="theirs") as caught, haechi.span("work"):
        raise error
    assert caught.value is error
    assert [entry.path.name for entry in caught.traceback] == ["test_span.py"]
    (span,) = captured.spans
    assert (span.attributes or {})["error.type"] == "ValueError"
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "theirs")
    assert [dict(event.attributes or {})["exception.message"] for event in span.events] == ["theirs"]


def test_success_by_exit_is_no_error(captured: Captured) -> None:
    """`sys.exit(0)` and the closing of a generator end a block well; `sys.exit(1)` does not."""
    for code in (0, 1):
        with pytest.raises(SystemExit), haechi.span(f"exit {code}"):
            sys.exit(code)

    def items() -> Iterator[int]:
        with haechi.span("closed"):
            yield 1

    generator = items()
    next(generator)
    generator.close()
    errors = {span.name: (span.attributes or {}).get("error.type") for span in captured.spans}
    assert errors == {"exit 0": None, "exit 1": "SystemExit", "closed": None}


def test_cancellation_is_an_error(captured: Captured) -> None:
    """A block whose task is cancelled says so, and the cancellation goes on."""

    async def main() -> None:
        async def work() -> None:
            with haechi.span("work"):
                await asyncio.sleep(60)

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert (captured.one("work").attributes or {})["error.type"] == "CancelledError"


def test_the_first_to_finish_decides(captured: Captured, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever comes after the end does nothing, and starting twice begins one span."""
    block = haechi.span("work").start().start()
    block.fail(ValueError("first"))
    block.stop()
    block.fail(KeyError("late"))
    block.set(late=1).output("late")
    (span,) = captured.spans
    assert dict(span.attributes or {}) == {"error.type": "ValueError"}
    assert caplog.records == []


def test_finished_by_many_threads_at_once_it_ends_once(captured: Captured, caplog: pytest.LogCaptureFixture) -> None:
    """OpenTelemetry would warn of a second end."""
    blocks = [haechi.span("work").start(current=False) for _ in range(200)]

    def finish() -> None:
        for block in blocks:
            block.stop()

    threads = [threading.Thread(target=finish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(captured.spans) == 200
    assert caplog.records == []


def test_a_block_may_end_in_another_task(captured: Captured, caplog: pytest.LogCaptureFixture) -> None:
    """Begun with `current=False` it is the parent of nothing that it does not hold."""

    async def main() -> None:
        block = haechi.span("work").start(current=False)
        haechi.span("beside").start().stop()

        async def end() -> None:
            block.stop()

        await asyncio.create_task(end())

    with caplog.at_level(logging.DEBUG):
        asyncio.run(main())
    assert captured.one("beside").parent is None
    assert [r for r in caplog.records if r.name != "asyncio"] == []


def test_blocks_that_are_never_finished_are_bounded(captured: Captured) -> None:
    """A loop that forgets to stop keeps some of them alive, not all."""
    from opentelemetry.context import Context, attach, detach

    token = attach(Context())
    alive = [weakref.ref(haechi.span("forgotten").start()) for _ in range(5_000)]
    gc.collect()
    assert sum(block() is not None for block in alive) == 2_000
    assert len(captured.spans) == 3_000
    detach(token)


def test_stopping_before_the_start_does_nothing(captured: Captured) -> None:
    """A block that never began leaves no span."""
    haechi.span("work").stop()
    assert captured.spans == []


def test_a_dropped_block_ends(captured: Captured) -> None:
    """What nobody can finish any more is sent rather than lost."""
    haechi.span("dropped").start(current=False)
    gc.collect()
    assert captured.one("dropped").end_time is not None


def test_the_ids_are_those_of_the_trace(captured: Captured) -> None:
    """They are hexadecimal text, as every other tool writes them; empty before the start."""
    block = haechi.span("work")
    assert (block.trace_id, block.span_id) == ("", "")
    with block:
        assert haechi.current_trace_id() == block.trace_id == f"{1:032x}"
    assert block.span_id == f"{1:016x}"
    assert haechi.current_trace_id() is None
    assert captured.one("work").context.trace_id == 1


def test_content_follows_the_setting() -> None:
    """Off records nothing, on everything, cut where the setting says."""
    told = {}
    for content, chars in (("off", 100), ("on", 100), ("on", 5)):
        recording = capture(content=content, content_chars_max=chars)  # type: ignore[arg-type]  # one of the modes
        with recording as captured, haechi.span("work") as block:
            block.input("안녕하세요 세계").output({"answer": "yes", "n": 3})
        told[content, chars] = dict(captured.one("work").attributes or {})
    assert told["off", 100] == {}
    assert told["on", 100] == {"haechi.input": "안녕하세요 세계", "haechi.output": '{"answer":"yes","n":3}'}
    assert str(told["on", 5]["haechi.input"]).startswith("안녕하세")
    assert "세계" not in str(told["on", 5]["haechi.input"])


def test_a_retriever_gives_its_documents_to_the_convention(captured: Captured) -> None:
    """A query and documents, where the collector looks for what an answer should be grounded in."""
    with haechi.span("search", kind="retriever") as block:
        block.input("capital of Korea").output([{"id": "1", "content": "Seoul", "score": 0.5}])
    assert dict(captured.one("retrieval search").attributes or {}) == {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.retrieval.query.text": "capital of Korea",
        "gen_ai.retrieval.documents": '[{"id":"1","content":"Seoul","score":0.5}]',
    }


def test_without_init_nothing_happens() -> None:
    """Every verb may be called; no span is current inside."""
    with haechi.span("work", kind="tool", x=object()) as block:
        assert block.set(a=1).input("x").output("y") is block
        assert not trace.get_current_span().get_span_context().is_valid
    block.fail(ValueError())
    assert (block.trace_id, block.span_id) == ("", "")


def test_suppressed_nothing_is_recorded(captured: Captured) -> None:
    """OpenTelemetry's own word for it is honoured."""
    from opentelemetry.context import attach, detach, set_value

    token = attach(set_value("suppress_instrumentation", True))
    haechi.span("work").start().stop()
    detach(token)
    assert captured.spans == []


def test_a_block_open_at_the_programs_end_prints_nothing() -> None:
    """Interpreters take modules apart in their own order."""
    program = (
        "import haechi\nfrom haechi.testing import capture\n"
        "recording = capture(cost=False); recording.__enter__()\n"
        "left = haechi.span('left').start()\nother = haechi.span('other').start(current=False)\nprint('end')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("end\n", "")
