"""`@haechi.observe`: a span per run, and a function that nobody can tell from the original."""

import asyncio
import functools
import gc
import inspect
import json
import pickle
import traceback
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import sampling

import haechi
from haechi import _context, _runtime
from haechi.testing import Captured, capture


@pytest.fixture
def captured() -> Iterator[Captured]:
    with capture() as recorded:
        yield recorded


def attributes(captured: Captured, name: str) -> dict[str, Any]:
    return dict(captured.one(name).attributes or {})


def current_span_id() -> int:
    return trace.get_current_span().get_span_context().span_id


@haechi.observe
def at_module_level(a: int, /, b: int = 2, *rest: int, c: int = 3, **more: int) -> int:
    """Add."""
    return a + b + sum(rest) + c + sum(more.values())


@haechi.observe(name="Shop", kind="tool")
class AtModuleLevel:
    """A class at module level."""

    def __init__(self, city: str = "Seoul") -> None:
        self.city = city

    def weather(self, day: str) -> str:
        return f"{self.city} {day}"

    def __call__(self) -> str:
        return self._private()

    def _private(self) -> str:
        return "private"

    @staticmethod
    def static(x: int) -> int:
        return x

    @classmethod
    def of_class(cls, x: int) -> type:
        del x
        return cls

    @property
    def name(self) -> str:
        return "name"

    async def wait(self) -> int:
        await asyncio.sleep(0)
        return 1

    @haechi.observe(name="special")
    def own(self) -> int:
        return 2


# --- nobody notices -----------------------------------------------------------------------------------------------


def plain_function(a: int, b: str = "x") -> int: ...
async def plain_coroutine(a: int, b: str = "x") -> int: ...
def plain_generator(a: int, b: str = "x") -> Iterator[int]:
    yield a + len(b)


async def plain_async_generator(a: int, b: str = "x") -> AsyncIterator[int]:
    yield a + len(b)


KINDS = [inspect.isfunction, inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction]


@pytest.mark.parametrize(
    "function", [plain_function, plain_coroutine, plain_generator, plain_async_generator], ids=lambda f: f.__name__
)
def test_signature_kind_and_names_are_the_originals(function: Callable[..., object]) -> None:
    """`inspect` answers as before."""
    observed = haechi.observe(function)
    assert inspect.signature(observed) == inspect.signature(function)
    assert [is_kind(observed) for is_kind in KINDS] == [is_kind(function) for is_kind in KINDS]
    for name in ("__name__", "__qualname__", "__module__", "__doc__", "__annotations__"):
        assert getattr(observed, name) == getattr(function, name)
    assert observed.__wrapped__ is function  # type: ignore[attr-defined]  # it is a wrapper


def test_functions_and_objects_can_be_pickled() -> None:
    """By their names, as without us."""
    assert pickle.loads(pickle.dumps(at_module_level)) is at_module_level  # noqa: S301  our own
    shop = pickle.loads(pickle.dumps(AtModuleLevel("Busan")))  # noqa: S301  our own
    assert (type(shop), shop.weather("today")) == (AtModuleLevel, "Busan today")


def test_arguments_and_results_pass(captured: Captured) -> None:
    """Positional, by name, gathered; the span lists them by name."""
    assert at_module_level(1, 2, 3, c=4, d=5) == 15
    (span,) = captured.spans
    assert json.loads(str((span.attributes or {})["haechi.input"])) == {
        "a": 1,
        "b": 2,
        "rest": [3],
        "c": 4,
        "more": {"d": 5},
    }
    assert (span.attributes or {})["haechi.output"] == "15"


def test_a_wrong_call_fails_as_before(captured: Captured) -> None:
    """Python's own message arrives, and the span tells of it."""
    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'a'"):
        at_module_level()  # type: ignore[call-arg]  # that is the test
    assert attributes(captured, "at_module_level")["error.type"] == "TypeError"


def test_exceptions_pass_with_their_traceback(captured: Captured) -> None:
    """The same object; below our one frame everything is as it was raised."""
    error = LookupError("theirs")

    @haechi.observe
    def fails() -> None:
        raise error

    with pytest.raises(LookupError) as caught:
        fails()
    assert caught.value is error
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)][-1] == "fails"
    assert error.__context__ is None
    assert error.__cause__ is None
    assert [event.name for event in captured.spans[0].events] == ["exception"]


def test_without_init_the_function_just_runs() -> None:
    """Nothing is recorded, nothing is current, generators included."""
    observed = haechi.observe(plain_generator)
    assert list(observed(3)) == [4]
    assert at_module_level(1) == 6


def test_what_is_no_function_is_refused() -> None:
    """At the decorator, where the author sees it."""
    with pytest.raises(TypeError, match="expected a function or a class to decorate, got int"):
        haechi.observe(3)
    with pytest.raises(ValueError, match=r"kind='wrong': expected one of agent, chain"):
        haechi.observe(kind="wrong")  # type: ignore[call-overload]  # that is the test


# --- classes and methods --------------------------------------------------------------------------------------------


def test_a_class_has_its_public_methods_observed(captured: Captured) -> None:
    """Static, class and async methods and `__call__`; private ones, properties and what has its own span are left."""
    shop = AtModuleLevel()
    assert shop.weather(day="today") == "Seoul today"
    assert shop() == "private"
    assert AtModuleLevel.static(1) == 1
    assert AtModuleLevel.of_class(1) is AtModuleLevel
    assert (shop.name, shop.own()) == ("name", 2)
    assert asyncio.run(shop.wait()) == 1
    assert [span.name.removeprefix("execute_tool ") for span in captured.spans] == [
        "Shop.weather",
        "Shop.__call__",
        "Shop.static",
        "Shop.of_class",
        "special",
        "Shop.wait",
    ]


def test_self_is_no_argument(captured: Captured) -> None:
    """A tool's arguments are what its caller gave."""
    AtModuleLevel().weather("today")
    assert attributes(captured, "execute_tool Shop.weather") == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "Shop.weather",
        "gen_ai.tool.call.arguments": '{"day":"today"}',
        "gen_ai.tool.call.result": "Seoul today",
    }


def test_it_stands_above_or_below_staticmethod_and_classmethod(captured: Captured) -> None:
    """In either order the method stays one."""

    class Owner:
        @haechi.observe
        @staticmethod
        def above() -> int:
            return 1

        @staticmethod
        @haechi.observe
        def below() -> int:
            return 2

        @haechi.observe
        @classmethod
        def cls_above(cls) -> type:
            return cls

    assert (Owner.above(), Owner().below(), Owner.cls_above()) == (1, 2, Owner)
    assert [span.name for span in captured.spans] == ["Owner.above", "Owner.below", "Owner.cls_above"]


def test_partials_and_callable_objects_can_be_observed(captured: Captured) -> None:
    """Anything that can be called, with the name of its type where it has none."""

    class Adder:
        def __call__(self, x: int) -> int:
            return x + 1

    assert haechi.observe(functools.partial(plain_sum, 1))(2) == 3
    assert haechi.observe(Adder())(2) == 3
    assert [span.name for span in captured.spans] == ["partial", "Adder"]


def plain_sum(a: int, b: int) -> int:
    return a + b


# --- coroutines and generators ----------------------------------------------------------------------------------------


def test_a_coroutine_is_one_span_and_its_calls_lie_under_it(captured: Captured) -> None:
    """In tasks that run at the same time too."""

    @haechi.observe
    async def child(n: int) -> None:
        for _ in range(n):
            await asyncio.sleep(0)

    @haechi.observe
    async def parent(n: int) -> None:
        await child(n)

    async def main() -> None:
        await asyncio.gather(*(parent(n) for n in (3, 1, 2)))

    asyncio.run(main())
    by_id = {span.context.span_id: span.name for span in captured.spans}
    assert [by_id[span.parent.span_id] for span in captured.spans if span.parent] == ["parent"] * 3


def test_a_generators_span_is_open_until_it_is_exhausted(captured: Captured) -> None:
    """Its body runs inside the span, its consumer does not; the texts it yields are the result."""
    inside: list[int] = []
    outside: list[int] = []

    @haechi.observe
    def words() -> Iterator[str]:
        for word in ("a", "b"):
            inside.append(current_span_id())
            yield word

    with haechi.span("consumer") as consumer:
        for _ in words():
            outside.append(current_span_id())
            assert [span.name for span in captured.spans] == []
    span = captured.one("words")
    assert inside == [span.context.span_id] * 2
    assert outside == [int(consumer.span_id, 16)] * 2
    assert span.parent is not None
    assert span.parent.span_id == outside[0]
    assert attributes(captured, "words") == {"haechi.output": "ab"}


def test_values_and_exceptions_are_passed_into_a_generator_and_its_return_out(captured: Captured) -> None:
    """`send`, `throw`, `close` and `yield from` work as on the original."""

    @haechi.observe
    def echo() -> Generator[object, object, str]:
        got: object = "first"
        while got != "stop":
            try:
                got = yield got
            except KeyError as error:
                got = error
        return "returned"

    def around() -> Generator[object, object, None]:
        result = yield from echo()
        yield result

    generator = around()
    error = KeyError("k")
    assert next(generator) == "first"
    assert generator.send("second") == "second"
    assert generator.throw(error) is error
    assert generator.send("stop") == "returned"
    assert "error.type" not in attributes(captured, "echo")


@pytest.mark.parametrize("how", ["closed", "dropped"])
def test_a_generator_that_is_left_ends_its_span(captured: Captured, how: str) -> None:
    """Well, for nothing failed; its own clean-up runs inside the span."""
    cleaned: list[int] = []

    @haechi.observe
    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            cleaned.append(current_span_id())

    generator = endless()
    next(generator)
    if how == "closed":
        generator.close()  # type: ignore[attr-defined]  # it is a generator
    del generator
    gc.collect()
    span = captured.one("endless")
    assert cleaned == [span.context.span_id]
    assert attributes(captured, "endless") == {"haechi.output": "[1]"}


def test_a_generator_that_fails_says_so(captured: Captured) -> None:
    """With what it had yielded until then."""

    @haechi.observe
    def fails() -> Iterator[str]:
        yield "half"
        raise OSError("theirs")

    with pytest.raises(OSError, match="theirs"):
        list(fails())
    assert attributes(captured, "fails") == {"haechi.output": "half", "error.type": "OSError"}


def test_a_generator_that_never_begins_leaves_no_span(captured: Captured) -> None:
    """Nothing of it ran."""
    haechi.observe(plain_generator)(1)
    gc.collect()
    assert captured.spans == []


def test_a_context_entered_in_a_generator_stays_inside(captured: Captured) -> None:
    """It is there again when the body goes on, and never where the items are used."""

    @haechi.observe
    def items() -> Iterator[object]:
        with haechi.context(user="u"), haechi.span("inner"):
            yield _context.attributes()
            yield _context.attributes()

    seen = [(item, _context.attributes(), current_span_id()) for item in items()]
    assert seen == [({"user.id": "u"}, {}, 0)] * 2
    assert [span.name for span in captured.spans] == ["inner", "items"]


def test_async_generators_exhausted_left_failing_and_cancelled(captured: Captured) -> None:
    """Each ends its span once, in the right way, and its consumer stays outside."""
    outside: list[int] = []

    @haechi.observe(name="items")
    async def items(n: int) -> AsyncIterator[str]:
        for _ in range(n):
            await asyncio.sleep(0)
            yield "x"
        if n == 2:
            raise OSError("theirs")
        if n == 3:
            await asyncio.sleep(60)

    async def consume(n: int, leave: int | None = None) -> None:
        seen = 0
        async for _ in items(n):
            outside.append(current_span_id())
            seen += 1
            if seen == leave:
                break

    async def main() -> None:
        await consume(1)
        await consume(9, leave=4)
        gc.collect()
        with pytest.raises(OSError, match="theirs"):
            await consume(2)
        task = asyncio.create_task(consume(3))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    told = sorted(
        ((span.attributes or {})["haechi.output"], (span.attributes or {}).get("error.type")) for span in captured.spans
    )
    assert told == [("x", None), ("xx", "OSError"), ("xxx", "CancelledError"), ("xxxx", None)]
    assert set(outside) == {0}


def test_an_async_generator_is_sent_values_and_exceptions() -> None:
    """`asend`, `athrow` and `aclose` reach the body."""

    @haechi.observe
    async def echo() -> Any:
        got: object = "first"
        while True:
            try:
                got = yield got
            except KeyError as error:
                got = error

    async def main() -> None:
        generator = echo()
        error = KeyError("k")
        assert await generator.asend(None) == "first"
        assert await generator.asend("second") == "second"
        assert await generator.athrow(error) is error
        await generator.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(generator)

    with capture() as captured:
        asyncio.run(main())
    assert len(captured.spans) == 1


def test_a_generator_may_be_consumed_by_several_tasks_in_turn(captured: Captured) -> None:
    """As web servers do with streamed answers: each item in a task of its own."""
    inside: set[int] = set()

    @haechi.observe
    async def items() -> AsyncIterator[int]:
        with haechi.span("inner"):
            for n in range(3):
                inside.add(current_span_id())
                yield n

    async def main() -> list[int]:
        stream = aiter(items())

        async def one() -> int:
            return await anext(stream)

        return [await asyncio.create_task(one()) for _ in range(3)] + [len([n async for n in stream])]

    assert asyncio.run(main()) == [0, 1, 2, 0]
    assert inside == {captured.one("inner").context.span_id}
    assert captured.one("items").parent is None


# --- content ---------------------------------------------------------------------------------------------------------


def test_content_off_records_neither_arguments_nor_results() -> None:
    """Nor does it look at them: the span has its name alone."""
    with capture(content="off") as captured:
        at_module_level(1)
        haechi.observe(plain_generator)(1).__next__()  # type: ignore[attr-defined]  # it is a generator
    assert [dict(span.attributes or {}) for span in captured.spans] == [{}, {}]


def test_a_run_that_is_not_sampled_looks_at_nothing() -> None:
    """Sampling saves the work too, not only the bytes; the function runs all the same."""
    looked: list[str] = []

    class Curious:
        def __repr__(self) -> str:
            looked.append("at")
            return "curious"

    with capture() as captured:
        captured.tracer_provider.sampler = sampling.ALWAYS_OFF
        tracer = captured.tracer_provider.get_tracer("sampled")
        runtime = _runtime.use(replace(_runtime.current(), tracer=tracer))
        assert haechi.observe(lambda x: x)(Curious()) is not None
        _runtime.use(runtime)
    assert (looked, captured.spans) == ([], [])


def test_a_function_can_keep_its_content_out(captured: Captured) -> None:
    """Whatever the setting says."""

    @haechi.observe(capture_input=False, capture_output=False, layer="db")
    def login(password: str) -> str:
        return password

    login("secret")
    assert attributes(captured, "login") == {"layer": "db"}


class Colour(Enum):
    """An enumeration."""

    RED = "red"


@dataclass
class Account:
    """A record with a secret."""

    name: str
    secret: str = field(repr=False)
    colour: Colour = Colour.RED


class Hostile:
    """Raises whatever one asks it."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    @property  # type: ignore[misc]  # proxies do this
    def __class__(self) -> type:
        raise RuntimeError("no")


def test_any_argument_can_be_told(captured: Captured) -> None:
    """Cycles, deep nests, hostile objects, bytes, huge lists: nothing raises, everything is bounded."""
    cycle: list[object] = []
    cycle.append(cycle)
    deep: object = "deepest"
    for _ in range(10_000):
        deep = [deep]

    @haechi.observe
    def take(**given: object) -> None:
        del given

    take(
        account=Account("a", "s3cret"),
        cycle=cycle,
        deep=deep,
        hostile=Hostile(),
        raw=b"\0" * 9,
        numbers={1, 2},
        nan=float("nan"),
        many=range(5),
        none=None,
        keys={1: "a", (2, 3): "b"},
    )
    (span,) = captured.spans
    told = json.loads(str((span.attributes or {})["haechi.input"]))["given"]
    assert "deepest" not in str(told.pop("deep"))
    assert str(told.pop("cycle")).startswith("[[[")
    assert told == {
        "account": {"name": "a", "colour": "red"},
        "hostile": "<Hostile>",
        "raw": "<9 bytes>",
        "numbers": [1, 2],
        "nan": "nan",
        "many": "range(0, 5)",
        "none": None,
        "keys": {"1": "a", "[2, 3]": "b"},
    }


def test_long_content_is_bounded(captured: Captured) -> None:
    """A list of a million items costs what a thousand do; a generator may yield for ever."""

    @haechi.observe
    def large() -> list[int]:
        return list(range(1_000_000))

    @haechi.observe
    def endless() -> Iterator[dict[str, int]]:
        for n in range(5_000):
            yield {"n": n}

    large()
    assert sum(1 for _ in endless()) == 5_000
    sizes = [len(str((span.attributes or {})["haechi.output"])) for span in captured.spans]
    assert all(size < 20_000 for size in sizes)


def test_arguments_are_told_as_they_were_before_the_body_ran(captured: Captured) -> None:
    """What the body does to them does not show."""

    @haechi.observe
    def clears(items: list[int]) -> None:
        items.clear()

    clears([1])
    assert attributes(captured, "clears") == {"haechi.input": '{"items":[1]}'}


def test_a_retriever_records_its_query_and_its_documents(captured: Captured) -> None:
    """Under the convention's names, so that an answer can be checked against them."""

    @haechi.observe(kind="retriever", name="wiki")
    def search(query: str, limit: int = 2) -> list[Any]:
        del query
        return [{"content": "서울은 대한민국의 수도이다."}, "text alone"][:limit]

    search("capital")
    assert attributes(captured, "retrieval wiki") == {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.retrieval.query.text": "capital",
        "gen_ai.retrieval.documents": '[{"content":"서울은 대한민국의 수도이다."},"text alone"]',
    }
