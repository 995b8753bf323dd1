"""Places for running queries, shared by ``/sql`` and every question.

Guarantee: at most `limits.SQL_QUERIES_AT_ONCE` run at once over all routes; one more is told to come back. A question
whose client leaves, or that takes longer than it may, is stopped in the engine.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from haechi_collector import limits
from haechi_collector.errors import Rejected, TooExpensive
from haechi_collector.query import limits as question_limits

_Answer = TypeVar("_Answer")
_DEADLINE_S: Final = 2 * question_limits.QUESTION_SECONDS_MAX
_LEFT: Final = 499


class Places:
    """Used by one event loop."""

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(limits.SQL_QUERIES_AT_ONCE)

    async def answer(self, request: Request, question: Coroutine[Any, Any, _Answer]) -> _Answer:
        """Run a question in a place.

        Raises:
            Rejected: no place is free.
            TooExpensive: its statements together take too long.
            HTTPException: the client left; nobody reads this.
        """
        if self.free.locked():
            question.close()
            raise Rejected(f"{limits.SQL_QUERIES_AT_ONCE} queries run already")
        async with self.free:
            return await _unless_left(request, question)


async def _unless_left(request: Request, question: Coroutine[Any, Any, _Answer]) -> _Answer:
    running = asyncio.ensure_future(question)
    left = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({running, left}, timeout=_DEADLINE_S, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            return running.result()
        if left.done():
            raise HTTPException(_LEFT, "the client left")
        raise TooExpensive("the question takes too long: shorten the window or filter more")
    finally:
        left.cancel()
        if not running.done():
            running.cancel()  # `SqlReader.run` stops the query
            await asyncio.wait({running})


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
