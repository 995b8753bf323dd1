"""``/api/v1/requests``."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from haechi_collector.api import models_requests
from haechi_collector.api.parameters import ScopeParameters
from haechi_collector.api.places import Places
from haechi_collector.api.questions import PROBLEMS, json_of
from haechi_collector.query.engine import Engine
from haechi_collector.query.failures import failures
from haechi_collector.query.limits import LIST_PAGE_MAX
from haechi_collector.query.requests import Order, RequestsQuestion, requests


@dataclass(frozen=True)
class RequestsParameters(ScopeParameters):
    """Those of ``/api/v1/requests``."""

    order: Annotated[Order, Query(description="The greatest first; `failing`: the newest errors")] = "newest"
    limit: Annotated[int, Query(ge=1, le=LIST_PAGE_MAX, description="Requests of a page")] = 50
    cursor: Annotated[str, Query(description="`next_cursor` of the page before, with the same parameters")] = ""


def requests_router(engine: Engine, places: Places) -> APIRouter:
    """Build the route."""
    router = APIRouter(prefix="/api/v1", tags=["questions"], responses=PROBLEMS)

    @router.get("/requests", response_model=models_requests.Requests, response_model_exclude_unset=True)
    async def get_requests(request: Request, asked: Annotated[RequestsParameters, Depends()]) -> Response:
        """Single requests: slowest, dearest, largest, failing or newest; failing ones by kind too."""
        question = RequestsQuestion(asked.scope(request), asked.order, asked.limit, asked.cursor)
        return await json_of(places, request, _requests(engine, question))

    return router


async def _requests(engine: Engine, question: RequestsQuestion) -> dict[str, Any]:
    if question.order != "failing" or question.cursor:
        return await requests(engine, question)
    answer, groups = await asyncio.gather(requests(engine, question), failures(engine, question.scope))
    return {**answer, **groups}
