"""``/api/v1/compare``."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from haechi_collector.api import models_compare as models
from haechi_collector.api.parameters_compare import CompareParameters
from haechi_collector.api.places import Places
from haechi_collector.api.questions import PROBLEMS, json_of
from haechi_collector.query.compare import compare
from haechi_collector.query.engine import Engine


def compare_router(engine: Engine, places: Places) -> APIRouter:
    """Build the route."""
    router = APIRouter(prefix="/api/v1", tags=["questions"], responses=PROBLEMS)

    @router.get("/compare", response_model=models.Comparison)
    async def get_compare(request: Request, asked: Annotated[CompareParameters, Depends()]) -> Response:
        """Two windows, or two values of a dimension, with confidence intervals of every difference."""
        return await json_of(places, request, compare(engine, asked.question(request)))

    return router
