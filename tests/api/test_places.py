"""Places for queries: how many, and what happens to a question that nobody waits for."""

import asyncio
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from haechi_collector import limits
from haechi_collector.api.places import Places
from haechi_collector.errors import Rejected


def asked(*, leaves: bool) -> Request:
    """A request whose client leaves at once, or stays."""

    async def receive() -> dict[str, Any]:
        if not leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http", "method": "GET", "path": "/", "headers": []}, receive)


async def forever(ended: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("stopped")


def test_one_more_than_there_are_places_is_told_to_come_back() -> None:
    """Also when all are taken by SQL; when one is free again, a question is answered."""

    async def run() -> str:
        places = Places()
        for _ in range(limits.SQL_QUERIES_AT_ONCE):
            await places.free.acquire()  # as /sql does
        with pytest.raises(Rejected):
            await places.answer(asked(leaves=False), forever([]))
        places.free.release()
        return await places.answer(asked(leaves=False), asyncio.sleep(0, "answered"))

    assert asyncio.run(run()) == "answered"


def test_a_question_whose_client_leaves_is_stopped() -> None:
    """And its place is free again."""
    ended: list[str] = []

    async def run() -> int:
        places = Places()
        with pytest.raises(HTTPException):
            await places.answer(asked(leaves=True), forever(ended))
        return places.free._value

    assert asyncio.run(run()) == limits.SQL_QUERIES_AT_ONCE
    assert ended == ["stopped"]
