"""`haechi.context`: its values are on every span begun inside, and nowhere else."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

import haechi
from haechi import _context
from haechi.testing import Captured, capture


@pytest.fixture
def captured() -> Iterator[Captured]:
    with capture() as recorded:
        yield recorded


def on(captured: Captured, name: str) -> dict[str, object]:
    return dict(captured.one(name).attributes or {})


def test_every_value_is_on_the_span(captured: Captured) -> None:
    """Each argument becomes the attribute of its name."""
    with haechi.context(
        user="u1",
        session="s1",
        tags=["a", "b"],
        prompt="answer",
        prompt_version=3,
        experiment="short prompts",
        variant="b",
        plan="paid",
        seats=4,
        beta=True,
    ):
        haechi.span("work").start().stop()
    assert on(captured, "work") == {
        "user.id": "u1",
        "gen_ai.conversation.id": "s1",
        "haechi.tags": ("a", "b"),
        "gen_ai.prompt.name": "answer",
        "gen_ai.prompt.version": "3",
        "haechi.experiment": "short prompts",
        "haechi.variant": "b",
        "haechi.metadata.plan": "paid",
        "haechi.metadata.seats": 4,
        "haechi.metadata.beta": True,
    }


def test_spans_of_other_instrumentations_get_them_too(captured: Captured) -> None:
    """What such a span says itself stays."""
    tracer = captured.tracer_provider.get_tracer("retriever")
    with haechi.context(user="u1", session="s1"):
        tracer.start_span("search", attributes={"user.id": "theirs"}).end()
    tracer.start_span("outside").end()
    assert on(captured, "search") == {"user.id": "theirs", "gen_ai.conversation.id": "s1"}
    assert on(captured, "outside") == {}


def test_the_inner_value_wins_and_tags_add_up() -> None:
    """Leaving gives the outer values back."""
    with haechi.context(user="outer", session="s", tags=["a", "b"]):
        with haechi.context(user="inner", tags=["b", "c"]):
            inside = _context.attributes()
        after = _context.attributes()
    assert inside == {"user.id": "inner", "gen_ai.conversation.id": "s", "haechi.tags": ("a", "b", "c")}
    assert after == {"user.id": "outer", "gen_ai.conversation.id": "s", "haechi.tags": ("a", "b")}
    assert _context.attributes() == {}


def test_an_exception_passes_and_the_context_ends() -> None:
    """The very exception that was raised arrives outside."""
    error = KeyError("theirs")
    with pytest.raises(KeyError) as caught, haechi.context(user="u"):
        raise error
    assert caught.value is error
    assert _context.attributes() == {}


def test_one_context_object_serves_several_tasks_at_once() -> None:
    """Tasks that enter and leave it in any order do not disturb one another."""
    shared = haechi.context(user="u")

    async def worker(delay: int) -> tuple[object, object]:
        with shared:
            for _ in range(delay):
                await asyncio.sleep(0)
            inside = _context.attributes()
        return inside, _context.attributes()

    async def main() -> list[tuple[object, object]]:
        return await asyncio.gather(*(worker(delay) for delay in (3, 1, 2)))

    assert asyncio.run(main()) == [({"user.id": "u"}, {})] * 3


def test_it_decorates_functions_of_every_kind() -> None:
    """Inside it holds; what consumes a generator is outside."""
    user = haechi.context(user="u")

    @user
    def function() -> object:
        return _context.attributes()

    @user
    async def coroutine() -> object:
        await asyncio.sleep(0)
        return _context.attributes()

    @user
    def generator() -> Iterator[object]:
        yield _context.attributes()
        yield _context.attributes()

    @user
    async def async_generator() -> AsyncIterator[object]:
        yield _context.attributes()
        yield _context.attributes()

    async def consume() -> list[tuple[object, object]]:
        return [(item, _context.attributes()) async for item in async_generator()]

    inside = {"user.id": "u"}
    assert function() == inside
    assert asyncio.run(coroutine()) == inside
    assert [(item, _context.attributes()) for item in generator()] == [(inside, {})] * 2
    assert asyncio.run(consume()) == [(inside, {})] * 2


def test_a_recursive_function_may_be_decorated() -> None:
    """Each return gives back what was current at its call."""
    seen: list[object] = []

    @haechi.context(tags=["t"])
    def down(depth: int) -> None:
        if depth:
            down(depth - 1)
        seen.append(_context.attributes())

    down(3)
    assert seen == [{"haechi.tags": ("t",)}] * 4
    assert _context.attributes() == {}


def test_left_in_another_task_it_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Telemetry that ends in the wrong place is no reason to fill the application's log."""

    async def main() -> object:
        stack = ExitStack()

        async def enter() -> None:
            stack.enter_context(haechi.context(user="u"))

        async def leave() -> None:
            stack.close()

        await asyncio.create_task(enter())
        await asyncio.create_task(leave())
        return _context.attributes()

    with caplog.at_level(logging.DEBUG):
        assert asyncio.run(main()) == {}
    assert [r for r in caplog.records if r.name != "asyncio"] == []


def test_a_generator_dropped_in_another_context_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The same for a `with` inside a generator that the event loop closes later."""

    async def items() -> AsyncIterator[int]:
        with haechi.context(user="u"):
            yield 1
            yield 2

    async def main() -> None:
        async for _ in items():
            break

    with caplog.at_level(logging.DEBUG):
        asyncio.run(main())
    assert [r for r in caplog.records if r.name != "asyncio"] == []


class Hostile:
    """Raises whatever one does to it."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


def test_odd_values_are_told_somehow_and_never_raise(captured: Captured) -> None:
    """Objects become JSON, what cannot be told its type's name, half a surrogate pair a question mark."""
    with haechi.context(user="\ud800", tags="single", plan={"seats": [1, 2]}, odd=Hostile(), huge=2**70):
        haechi.span("work").start().stop()
    assert on(captured, "work") == {
        "user.id": "?",
        "haechi.tags": ("single",),
        "haechi.metadata.plan": '{"seats": [1, 2]}',
        "haechi.metadata.odd": "<Hostile>",
        "haechi.metadata.huge": "<int of 71 bits>",
    }


def test_tags_and_values_are_bounded() -> None:
    """A loop that adds a tag per round, or a value of megabytes, stays small."""
    with ExitStack() as stack:
        for n in range(200):
            stack.enter_context(haechi.context(tags=[f"t{n}"], text="x" * 1_000_000))
        attributes = _context.attributes()
    assert len(attributes["haechi.tags"]) == _context.TAGS_MAX  # type: ignore[arg-type]  # a tuple
    assert len(str(attributes["haechi.metadata.text"])) == 4_000


# --- any nesting in any number of tasks ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """Enter a context, do the steps, leave."""

    user: str
    tags: tuple[str, ...]
    steps: "tuple[Step, ...]"


@dataclass(frozen=True)
class Spawn:
    """Do the steps in a task of their own and go on."""

    steps: "tuple[Step, ...]"


Step = Block | Spawn | int
"""An integer is so many rounds in which other tasks may run."""

LETTERS = st.sampled_from("abc")
STEPS = st.recursive(
    st.lists(st.integers(0, 3), max_size=3).map(tuple),
    lambda steps: st.lists(
        st.builds(Block, LETTERS, st.lists(LETTERS, max_size=2).map(tuple), steps) | st.builds(Spawn, steps), max_size=3
    ).map(tuple),
    max_leaves=12,
)


async def follow(steps: tuple[Step, ...], expected: dict[str, object]) -> None:
    """Do the steps and compare what is current with what the nesting says, before and after each."""
    spawned: list[asyncio.Task[None]] = []
    for step in steps:
        assert _context.attributes() == expected
        if isinstance(step, Block):
            tags = tuple(dict.fromkeys((*expected.get("haechi.tags", ()), *step.tags)))  # type: ignore[misc]  # a tuple
            with haechi.context(user=step.user, tags=step.tags):
                await follow(step.steps, {"user.id": step.user, "haechi.tags": tags})
        elif isinstance(step, Spawn):
            spawned.append(asyncio.create_task(follow(step.steps, expected)))
        else:
            for _ in range(step):
                await asyncio.sleep(0)
        assert _context.attributes() == expected
    await asyncio.gather(*spawned)


@given(st.lists(STEPS, max_size=4))
def test_any_nesting_in_any_number_of_interleaved_tasks(tasks: list[tuple[Step, ...]]) -> None:
    """What is current is what the blocks around say, in each task, however the tasks take turns."""

    async def main() -> None:
        await asyncio.gather(*(follow(steps, {}) for steps in tasks))

    asyncio.run(main())
