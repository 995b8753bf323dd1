"""One span of a call keeps its usage; the sums over all spans are right, however the spans come."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi_collector.batch import SPANS, empty
from haechi_collector.stages.count_once import CallMemory, count_once


@dataclass(frozen=True)
class Span:
    """A span as a test writes it: ids by letters, times in seconds."""

    id: str
    parent: str = ""
    trace: str = "t"
    tokens: int = 0
    response: str = ""
    operation: str = "chat"
    yields: bool = False
    start: int = 0
    end: int = 10
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Calls:
    """What the normalising stage tells beside the columns."""

    response_id: pa.StringArray
    is_inference: pa.BooleanArray
    yields: pa.BooleanArray


def hex_id(name: str, width: int) -> str:
    return name.encode().hex().rjust(width, "0") if name else ""


def batch(spans: list[Span]) -> tuple[pa.RecordBatch, Calls]:
    columns: dict[str, list[Any]] = {
        "trace_id": [hex_id(s.trace, 32) for s in spans],
        "span_id": [hex_id(s.id, 16) for s in spans],
        "parent_span_id": [hex_id(s.parent, 16) for s in spans],
        "start_time": [s.start * 10**9 for s in spans],
        "duration_ns": [(s.end - s.start) * 10**9 for s in spans],
        "input_tokens": [s.tokens for s in spans],
        "usage_source": ["reported" if s.tokens else "none" for s in spans],
    }
    zero = {"string": "", "uint64": 0, "bool": False}
    arrays = []
    for f in SPANS:
        default = zero.get(str(f.type), None if f.nullable else [])
        values = columns.get(f.name, [s.extra.get(f.name, default) for s in spans])
        arrays.append(pa.array([0] * len(spans) if f.name == "ingested_at" else values, f.type))
    calls = Calls(
        pa.array([s.response for s in spans], pa.string()),
        pa.array([s.operation == "chat" for s in spans]),
        pa.array([s.yields for s in spans]),
    )
    return pa.RecordBatch.from_arrays(arrays, schema=SPANS), calls


def memory() -> CallMemory:
    return CallMemory(1000)


def counted(*batches: list[Span], into: CallMemory | None = None) -> dict[str, int]:
    """Run the batches one after the other; the tokens that each span kept, 0 left out."""
    remembered = into or memory()
    kept: dict[str, int] = {}
    for spans in batches:
        out = count_once(*batch(spans), remembered)
        out.validate(full=True)
        for s, tokens, source in zip(
            spans, out.column("input_tokens").to_pylist(), out.column("usage_source").to_pylist(), strict=True
        ):
            assert (source == "repeated") == (s.tokens > 0 and tokens == 0)
            if tokens:
                kept[s.id] = tokens
    return kept


def test_calls_of_their_own_are_all_counted() -> None:
    """Siblings with different response ids each keep their usage."""
    assert counted([Span("a", "r", tokens=3, response="1"), Span("b", "r", tokens=4, response="2"), Span("r")]) == {
        "a": 3,
        "b": 4,
    }


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_an_agent_that_sums_its_calls_is_not_counted(cut: int) -> None:
    """The leaves keep the usage, wherever the exporter cut the trace into requests."""
    spans = [
        Span("a", "s", tokens=3, response="1"),
        Span("b", "s", tokens=4, response="2"),
        Span("s", "g", operation="", tokens=7),
        Span("g", operation="invoke_agent", tokens=7),
    ]
    assert counted(spans[:cut], spans[cut:]) == {"a": 3, "b": 4}


@pytest.mark.parametrize("split", [False, True])
def test_a_wrapper_above_the_call_yields_to_it_without_any_response_id(split: bool) -> None:
    """A framework's outer span that repeats the inner one's numbers keeps none, two levels up as well."""
    spans = [Span("inner", "mid", tokens=5), Span("mid", "outer"), Span("outer", tokens=5)]
    batches = [[s] for s in spans] if split else [spans]
    assert counted(*batches) == {"inner": 5}


def test_the_outer_span_of_one_response_keeps_it_and_takes_what_it_lacks() -> None:
    """The client library's own span inside gives its time to first token and yields."""
    spans = [
        Span("sdk", "ol", tokens=5, response="1", yields=True, start=1, end=9, extra={"ttft_ns": 7}),
        Span("ol", tokens=6, response="1"),
    ]
    out = count_once(*batch(spans), memory())

    assert out.column("input_tokens").to_pylist() == [0, 5]
    assert out.column("usage_source").to_pylist() == ["repeated", "reported"], "the library's own count is right"
    assert out.column("ttft_ns").to_pylist() == [7, 7]


def test_an_outer_span_that_repeats_its_last_step_loses_no_step() -> None:
    """Two steps below a wrapper that carries the id and the usage of the last one: both steps count."""
    spans = [
        Span("one", "w", tokens=3, response="1", start=1, end=4),
        Span("two", "w", tokens=4, response="2", start=5, end=9),
        Span("w", tokens=4, response="2"),
    ]
    assert counted(spans) == {"one": 3, "two": 4}
    assert counted(spans[:2], spans[2:]) == {"one": 3, "two": 4}


@pytest.mark.parametrize("split", [False, True])
def test_two_roots_in_two_traces_with_one_response_are_one_call(split: bool) -> None:
    """The same response id in two traces at the same time is counted once."""
    spans = [
        Span("sdk", trace="t1", tokens=5, response="1", yields=True, start=1, end=9),
        Span("ol", trace="t2", tokens=5, response="1"),
    ]
    batches = [[s] for s in spans] if split else [spans]
    assert sum(counted(*batches).values()) == 5
    assert counted(spans) == {"ol": 5}


def test_a_response_id_that_comes_again_later_is_another_call() -> None:
    """Without any overlap in time, equal ids (a provider that numbers from 1) do not hide spend."""
    spans = [Span("a", tokens=5, response="1"), Span("b", tokens=6, response="1", trace="u", start=100, end=110)]
    assert counted(spans) == {"a": 5, "b": 6}
    assert counted(spans[:1], spans[1:]) == {"a": 5, "b": 6}


def test_an_agent_without_traced_calls_is_counted() -> None:
    """Usage that only the agent tells is not lost; an agent around it does not double it."""
    assert counted([Span("a", "b", operation="invoke_agent", tokens=9), Span("b", operation="x", tokens=9)]) == {"a": 9}


def test_a_call_after_its_counted_agent_is_not_added() -> None:
    """If the sum came first, from another service, the call below it repeats it."""
    assert counted([Span("g", operation="invoke_agent", tokens=9)], [Span("a", "g", tokens=9)]) == {"g": 9}


def test_spans_without_usage_pass_unchanged() -> None:
    """A batch without usage is the very same batch."""
    spans, calls = batch([Span("a"), Span("b", "a")])
    assert count_once(spans, calls, memory()) is spans
    none = empty(SPANS)
    assert count_once(none, batch([])[1], memory()) is none


def test_the_memory_is_bounded() -> None:
    """A parent that comes after very many other calls is counted: the oldest are forgotten."""
    remembered = memory()
    counted([Span("a", "g", tokens=3)], into=remembered)
    for n in range(20):
        counted([Span(f"x{m}", f"p{n}.{m}", trace=f"o{n}.{m}", tokens=1) for m in range(1000)], into=remembered)
    assert counted([Span("g", operation="invoke_agent", tokens=3)], into=remembered) == {"g": 3}


def test_projects_do_not_meet() -> None:
    """The same ids in another project are other calls."""
    remembered = memory()
    first = Span("a", tokens=3, response="r", extra={"project": "one"})
    other = Span("b", tokens=5, response="r", extra={"project": "two"})
    assert counted([first], [other], into=remembered) == {"a": 3, "b": 5}


@given(st.data())
def test_however_a_trace_is_cut_the_sum_is_that_of_its_calls(data: st.DataObject) -> None:
    """Random trees whose inner nodes repeat the sum below: children first, in any cuts, the leaves alone count."""
    size = data.draw(st.integers(1, 12))
    parents = [data.draw(st.integers(0, n - 1)) if n else None for n in range(size)]
    leaf = [n not in parents for n in range(size)]
    tokens = [data.draw(st.integers(1, 1000)) if leaf[n] else 0 for n in range(size)]
    for n in range(size - 1, 0, -1):
        if not leaf[n] or n:
            tokens[parents[n] or 0] += tokens[n] if parents[n] is not None else 0
    spans = [
        Span(f"s{n}", f"s{parents[n]}" if n else "", tokens=tokens[n], operation="chat" if leaf[n] else "x")
        for n in range(size - 1, -1, -1)
    ]
    cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=4)))
    batches = [spans[a:b] for a, b in zip([0, *cuts], [*cuts, size], strict=True)]

    kept = counted(*[b for b in batches if b])

    assert kept == {f"s{n}": tokens[n] for n in range(size) if leaf[n]}
