"""The page's own places for questions.

Guarantee: all pages together ask at most `PAGE_QUESTIONS_AT_ONCE` questions at once, so that ten open pages leave the
API and SQL their places; others wait in line. One that is not answered in its time is stopped in the engine, and so is
one whose page was left (its task is cancelled).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from haechi_collector.errors import TooExpensive
from haechi_collector.web.limits import PAGE_QUESTION_S, PAGE_QUESTIONS_AT_ONCE

_Answer = TypeVar("_Answer")


class Asking:
    """Used by one event loop."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(PAGE_QUESTIONS_AT_ONCE)

    async def answer(self, question: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Ask, in a place.

        Raises:
            TooExpensive: it takes too long.
            HaechiError: as the question does.
        """
        try:
            async with asyncio.timeout(PAGE_QUESTION_S), self._free:
                return await question()
        except TimeoutError:
            raise TooExpensive("the question takes too long: shorten the window or filter more") from None
