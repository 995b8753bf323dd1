"""The public API as a consumer writes it, for a type checker: each line here must be accepted, or refused, as it says.

Checked by test_typing.py; never imported.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, assert_type

import haechi
from haechi.testing import Captured, Clock, IdGenerator, Measured, MemoryExporter, capture

# --- observe keeps every type ---------------------------------------------


@haechi.observe
def function(a: int, b: str = "") -> float:
    return a + len(b)


@haechi.observe(name="ask", kind="agent", capture_input=False, capture_output=False, layer="web", priority=1)
async def coroutine(question: str) -> list[str]:
    return [question]


@haechi.observe(kind="retriever")
def generator(n: int) -> Iterator[int]:
    yield n


@haechi.observe
async def async_generator(n: int) -> AsyncIterator[int]:
    yield n


@haechi.observe
class Shop:
    """A class."""

    def __init__(self, city: str) -> None:
        self.city = city

    @haechi.observe(kind="tool")
    def method(self, x: int) -> str:
        return self.city * x

    @staticmethod
    @haechi.observe
    def static(x: int) -> int:
        return x

    @haechi.observe
    @classmethod
    def of_class(cls, city: str) -> "Shop":
        return cls(city)


assert_type(function(1, b="x"), float)
function("1")  # type: ignore[arg-type]
function(1, c=2)  # type: ignore[call-arg]
as_before: Callable[[int, str], float] = function
awaitable: Coroutine[Any, Any, list[str]] = coroutine("q")
assert_type(generator(1), Iterator[int])
assert_type(async_generator(1), AsyncIterator[int])
shop = Shop("Seoul")
assert_type(shop, Shop)
assert_type(shop.method(2), str)
shop.method("2")  # type: ignore[arg-type]
assert_type(Shop.static(1), int)
assert_type(Shop.of_class("Seoul"), Shop)
haechi.observe(kind="wrong")  # type: ignore[call-overload]

# --- context ---------------------------------------------

with haechi.context(user="u", session=7, tags=["a"], prompt="p", prompt_version=3, experiment="e", variant="b", plan=1):
    pass
with haechi.context(user="u") as entered:
    assert_type(entered, haechi.context)


@haechi.context(user="u")
async def decorated(x: int) -> int:
    return x


as_decorated: Coroutine[Any, Any, int] = decorated(1)
haechi.context("u")  # type: ignore[call-arg]
haechi.context(user=["u"])  # type: ignore[arg-type]

# --- span ---------------------------------------------

with haechi.span("work", kind="tool", top_k=3) as block:
    assert_type(block, haechi.span)
    block.set({"a.b": 1}, c=2.0).input("question").output({"answer": 1})
    assert_type(block.trace_id, str)
    assert_type(block.span_id, str)
begun = haechi.span("work").start(current=False)
begun.fail(ValueError())
begun.stop()
haechi.span(name="work")  # type: ignore[call-arg]
haechi.span("work", kind="wrong")  # type: ignore[arg-type]

# --- score ---------------------------------------------

haechi.score("thumbs_up", 1)
haechi.score("thumbs_up", True, source="human", id="1")
haechi.score("tone", label="kind", trace_id=haechi.current_trace_id(), span_id=None, comment="c", evaluator="me")
haechi.score("x", "high")  # type: ignore[arg-type]
haechi.score("x", 1, source="me")  # type: ignore[arg-type]
assert_type(haechi.current_trace_id(), str | None)

# --- turning on and off ---------------------------------------------

haechi.init("shop", endpoint="http://127.0.0.1:4318", content="on")
assert_type(haechi.flush(1.0), bool)
haechi.shutdown()

# --- testing ---------------------------------------------

with capture(content="redacted", cost=False, clock=Clock(step_ns=0), ids=IdGenerator()) as captured:
    assert_type(captured, Captured)
    assert_type(captured.metrics, list[Measured])
    assert_type(captured.one("work").name, str)
    assert_type(captured.exporter, MemoryExporter)
capture(content="wrong")  # type: ignore[arg-type]
