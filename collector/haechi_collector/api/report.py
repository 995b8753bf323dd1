"""``/api/v1/costs/report``."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from haechi_collector.api import models_report as models
from haechi_collector.api.parameters import ScopeParameters
from haechi_collector.api.places import Places
from haechi_collector.api.questions import PROBLEMS, json_of
from haechi_collector.query.engine import Engine
from haechi_collector.query.report import report


def report_router(engine: Engine, places: Places) -> APIRouter:
    """Build the route."""
    router = APIRouter(prefix="/api/v1", tags=["questions"], responses=PROBLEMS)

    @router.get("/costs/report", response_model=models.Report)
    async def get_report(request: Request, asked: Annotated[ScopeParameters, Depends()]) -> Response:
        """What could be saved, computed from the requests of a window."""
        return await json_of(places, request, report(engine, asked.scope(request)))

    return router
