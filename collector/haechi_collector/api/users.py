"""``/api/v1/users`` and ``/api/v1/users/{user}``.

A user's id is any text: it may hold slashes, which a client may send as they are or as ``%2F``.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from haechi_collector.api import models, models_people
from haechi_collector.api.parameters import ScopeParameters
from haechi_collector.api.places import Places
from haechi_collector.api.questions import PROBLEMS, found, json_of
from haechi_collector.query.engine import Engine
from haechi_collector.query.limits import LIST_PAGE_MAX
from haechi_collector.query.listed import ListQuestion
from haechi_collector.query.user import user
from haechi_collector.query.users import COLUMN, users

UsersOrder = Literal["newest", "dearest", "requests", "errors", "sessions", "days"]


@dataclass(frozen=True)
class UsersParameters(ScopeParameters):
    """Those of ``/api/v1/users``."""

    order: Annotated[UsersOrder, Query(description="The greatest first; of the spans that meet the filters")] = "newest"
    limit: Annotated[int, Query(ge=1, le=LIST_PAGE_MAX, description="Users of a page")] = 50
    cursor: Annotated[str, Query(description="`next_cursor` of the page before, with the same parameters")] = ""


@dataclass(frozen=True)
class UserParameters(ScopeParameters):
    """Those of one user: the last 30 days, where no window is given."""

    from_: Annotated[str, Query(alias="from", description="RFC 3339, or relative: -1h, -7d")] = "-30d"


def users_router(engine: Engine, places: Places) -> APIRouter:
    """Build the routes."""
    router = APIRouter(prefix="/api/v1", tags=["sessions and users"], responses=PROBLEMS)

    @router.get("/users", response_model=models_people.Users)
    async def get_users(request: Request, asked: Annotated[UsersParameters, Depends()]) -> Response:
        """Users by newest, dearest, most requests, errors, sessions or days, in pages."""
        question = ListQuestion(COLUMN, asked.scope(request), asked.order, asked.limit, asked.cursor)
        return await json_of(places, request, users(engine, question))

    @router.get("/users/{user_id:path}", response_model=models_people.User, responses={404: {"model": models.Problem}})
    async def get_user(request: Request, user_id: str, asked: Annotated[UserParameters, Depends()]) -> Response:
        """One user: day by day, by model, and the newest sessions."""
        return await json_of(places, request, found(user(engine, user_id, asked.scope(request))))

    return router
