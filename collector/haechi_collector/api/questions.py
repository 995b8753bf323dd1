"""``/api/v1/summary``, ``latency``, ``costs``: figures as JSON.

Guarantee: an answer has the shape of its model in `models`; it is written once, without being validated on the way.
"""

from collections.abc import Coroutine
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Request, Response
from starlette.exceptions import HTTPException

from haechi_collector.api import models
from haechi_collector.api.parameters import CostsParameters, LatencyParameters, ScopeParameters
from haechi_collector.api.places import Places
from haechi_collector.query.costs import CostsQuestion, costs
from haechi_collector.query.engine import Engine
from haechi_collector.query.latency import LatencyQuestion, latency
from haechi_collector.query.quantiles import read_quantiles
from haechi_collector.query.shape import heatmap, histogram
from haechi_collector.query.summary import summary

PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": models.Problem, "description": "A parameter is wrong; `parameter` names it"},
    422: {"model": models.Problem, "description": "The question needs more time, memory or rows than it may"},
    503: {"model": models.Problem, "description": "Too many queries at once, or the store does not answer"},
}


async def json_of(places: Places, request: Request, question: Coroutine[Any, Any, Any]) -> Response:
    """Answer a question in one of the places."""
    answer = await places.answer(request, question)
    return Response(orjson.dumps(answer), media_type="application/json")


async def found(question: Coroutine[Any, Any, dict[str, Any] | None]) -> dict[str, Any]:
    """Return an answer that may be none.

    Raises:
        HTTPException: 404, it is none.
    """
    answer = await question
    if answer is None:
        raise HTTPException(404)
    return answer


def questions_router(engine: Engine, places: Places) -> APIRouter:
    """Build the routes."""
    router = APIRouter(prefix="/api/v1", tags=["questions"], responses=PROBLEMS)

    @router.get("/summary", response_model=models.Summary)
    async def get_summary(request: Request, asked: Annotated[ScopeParameters, Depends()]) -> Response:
        """Requests, errors, latency, cost and quality of a window, and its models."""
        return await json_of(places, request, summary(engine, asked.scope(request)))

    @router.get("/latency", response_model=models.Latency, response_model_exclude_unset=True)
    async def get_latency(request: Request, asked: Annotated[LatencyParameters, Depends()]) -> Response:
        """Percentiles of duration, time to first token or tokens per second, over groups and over time."""
        question = LatencyQuestion(asked.grouped(request), asked.metric, read_quantiles(asked.quantiles or []))
        return await json_of(places, request, _latency(engine, question, asked.included))

    @router.get("/costs", response_model=models.Costs, response_model_exclude_unset=True)
    async def get_costs(request: Request, asked: Annotated[CostsParameters, Depends()]) -> Response:
        """Costs by any dimension and over time, and what has no price."""
        included = asked.included
        question = CostsQuestion(asked.grouped(request), "users" in included, "savings" in included)
        return await json_of(places, request, costs(engine, question))

    return router


async def _latency(engine: Engine, question: LatencyQuestion, included: frozenset[str]) -> dict[str, Any]:
    answer = await latency(engine, question)
    if "histogram" in included:
        answer["histogram"] = await histogram(engine, question)
    if "heatmap" in included:
        answer["heatmap"] = await heatmap(engine, question)
    return answer
