"""``/api/v1/facets`` and ``/api/v1/attributes``: what can be filtered by."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from haechi_collector.api import models_facets
from haechi_collector.api.parameters import ScopeParameters
from haechi_collector.api.places import Places
from haechi_collector.api.questions import PROBLEMS, json_of
from haechi_collector.query.attribute_keys import attribute_keys
from haechi_collector.query.dimensions import dimension
from haechi_collector.query.engine import Engine
from haechi_collector.query.facets import FacetsQuestion, facets
from haechi_collector.query.limits import QUESTION_GROUPS_MAX, QUESTION_NAME_CHARS_MAX

_DIMENSION = "A filter's name, a column of `spans`, or `attr:KEY`"


@dataclass(frozen=True)
class FacetsParameters(ScopeParameters):
    """Those of ``/api/v1/facets``."""

    dimension: Annotated[str, Query(description=_DIMENSION, examples=["model"])] = "model"
    q: Annotated[str, Query(max_length=QUESTION_NAME_CHARS_MAX, description="How the values begin, in any case")] = ""
    limit: Annotated[int, Query(ge=1, le=QUESTION_GROUPS_MAX, description="Values shown at most")] = 50


@dataclass(frozen=True)
class AttributesParameters(ScopeParameters):
    """Those of ``/api/v1/attributes``."""

    limit: Annotated[int, Query(ge=1, le=QUESTION_GROUPS_MAX, description="Keys shown at most")] = 200


def facets_router(engine: Engine, places: Places) -> APIRouter:
    """Build the routes."""
    router = APIRouter(prefix="/api/v1", tags=["filters"], responses=PROBLEMS)

    @router.get("/facets", response_model=models_facets.Facets)
    async def get_facets(request: Request, asked: Annotated[FacetsParameters, Depends()]) -> Response:
        """The values of a dimension, the most frequent first."""
        scope = asked.scope(request)
        question = FacetsQuestion(dimension(asked.dimension, "dimension"), scope, asked.q, asked.limit)
        return await json_of(places, request, facets(engine, question))

    @router.get("/attributes", response_model=models_facets.Attributes)
    async def get_attributes(request: Request, asked: Annotated[AttributesParameters, Depends()]) -> Response:
        """The keys of attributes with their types, the most frequent first."""
        return await json_of(places, request, attribute_keys(engine, asked.scope(request), asked.limit))

    return router
