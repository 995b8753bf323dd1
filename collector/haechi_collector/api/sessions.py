"""``/api/v1/sessions`` and ``/api/v1/sessions/{session}``.

A session's id is any text: it may hold slashes, which a client may send as they are or as ``%2F``.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from haechi_collector.api import models, models_people
from haechi_collector.api.parameters import ScopeParameters
from haechi_collector.api.places import Places
from haechi_collector.api.questions import PROBLEMS, found, json_of
from haechi_collector.query.engine import Engine
from haechi_collector.query.limits import LIST_PAGE_MAX, SESSION_TRACES_MAX
from haechi_collector.query.listed import ListQuestion
from haechi_collector.query.session import session
from haechi_collector.query.sessions import COLUMN, sessions

SessionsOrder = Literal["newest", "longest", "dearest", "requests", "errors"]


@dataclass(frozen=True)
class SessionsParameters(ScopeParameters):
    """Those of ``/api/v1/sessions``."""

    order: Annotated[SessionsOrder, Query(description="The greatest first; of the spans that meet the filters")] = (
        "newest"
    )
    limit: Annotated[int, Query(ge=1, le=LIST_PAGE_MAX, description="Sessions of a page")] = 50
    cursor: Annotated[str, Query(description="`next_cursor` of the page before, with the same parameters")] = ""


@dataclass(frozen=True)
class SessionParameters(ScopeParameters):
    """Those of one session: all that is stored of it, where no window is given."""

    from_: Annotated[str, Query(alias="from", description="RFC 3339, or relative: -1h, -7d")] = "1970-01-01T00:00:00Z"
    limit: Annotated[int, Query(ge=1, le=SESSION_TRACES_MAX, description="Traces shown, the earliest")] = 200


def sessions_router(engine: Engine, places: Places) -> APIRouter:
    """Build the routes."""
    router = APIRouter(prefix="/api/v1", tags=["sessions and users"], responses=PROBLEMS)

    @router.get("/sessions", response_model=models_people.Sessions)
    async def get_sessions(request: Request, asked: Annotated[SessionsParameters, Depends()]) -> Response:
        """Sessions by newest, longest, dearest, most requests or most errors, in pages."""
        question = ListQuestion(COLUMN, asked.scope(request), asked.order, asked.limit, asked.cursor)
        return await json_of(places, request, sessions(engine, question))

    @router.get(
        "/sessions/{session_id:path}",
        response_model=models_people.Session,
        responses={404: {"model": models.Problem}},
    )
    async def get_session(
        request: Request, session_id: str, asked: Annotated[SessionParameters, Depends()]
    ) -> Response:
        """One session: its traces in order, with what was asked, answered and judged."""
        return await json_of(places, request, found(session(engine, session_id, asked.scope(request), asked.limit)))

    return router
