"""``/api/v1/traces/{trace_id}/spans/{span_id}``."""

import re
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from haechi_collector.api import models, models_span
from haechi_collector.api.places import Places
from haechi_collector.api.questions import PROBLEMS, found, json_of
from haechi_collector.gate.gate import Caller
from haechi_collector.query.engine import Engine
from haechi_collector.query.span import span

_ID: Final = re.compile(r"[0-9A-Fa-f]{1,64}")


def spans_router(engine: Engine, places: Places) -> APIRouter:
    """Build the route."""
    router = APIRouter(prefix="/api/v1", tags=["traces"], responses=PROBLEMS)

    @router.get(
        "/traces/{trace_id}/spans/{span_id}",
        response_model=models_span.Span,
        responses={404: {"model": models.Problem}},
    )
    async def get_span(request: Request, trace_id: str, span_id: str) -> Response:
        """Everything of one span: columns, attributes with types, messages, the receipt of its cost, scores."""
        caller: Caller = request.state.caller
        if not (_ID.fullmatch(trace_id) and _ID.fullmatch(span_id)):
            raise HTTPException(404)
        question = span(engine, trace_id.lower(), span_id.lower(), caller.sees)
        return await json_of(places, request, found(question))

    return router
