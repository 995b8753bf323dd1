"""``/api/v1/traces`` and ``/api/v1/traces/{trace_id}``."""

import re
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.exceptions import HTTPException

from haechi_collector.api import models
from haechi_collector.api.parameters import TracesParameters
from haechi_collector.api.places import Places
from haechi_collector.api.questions import PROBLEMS, found, json_of
from haechi_collector.errors import WrongParameter
from haechi_collector.gate.gate import Caller
from haechi_collector.query.engine import Engine
from haechi_collector.query.limits import QUESTION_TEXTS_BYTES_MAX, TRACES_PAGE_MAX
from haechi_collector.query.trace import trace
from haechi_collector.query.traces import TracesQuestion, traces

_TEXTS_MAX: Final = 10
_TRACE_ID: Final = re.compile(r"[0-9A-Fa-f]{1,64}")


def traces_router(engine: Engine, places: Places) -> APIRouter:
    """Build the routes."""
    router = APIRouter(prefix="/api/v1", tags=["traces"], responses=PROBLEMS)

    @router.get("/traces", response_model=models.Traces)
    async def get_traces(request: Request, asked: Annotated[TracesParameters, Depends()]) -> Response:
        """Search traces by filters and text, in pages."""
        return await json_of(places, request, traces(engine, _question(request, asked)))

    @router.get("/traces/{trace_id}", response_model=models.Trace, responses={404: {"model": models.Problem}})
    async def get_trace(request: Request, trace_id: str) -> Response:
        """One trace as a tree, with its conversation, documents and scores."""
        caller: Caller = request.state.caller
        if not _TRACE_ID.fullmatch(trace_id):
            raise HTTPException(404)
        return await json_of(places, request, found(trace(engine, trace_id.lower(), caller.sees)))

    return router


def _question(request: Request, asked: TracesParameters) -> TracesQuestion:
    texts = asked.q or []
    if len(texts) > _TEXTS_MAX or sum(len(text.encode()) for text in texts) > QUESTION_TEXTS_BYTES_MAX:
        raise WrongParameter("q", f"expected up to {_TEXTS_MAX} texts of {QUESTION_TEXTS_BYTES_MAX} bytes together")
    return TracesQuestion(asked.scope(request), texts, asked.order, min(asked.limit, TRACES_PAGE_MAX), asked.cursor)
