"""``/api/v1/costs/forecast``."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from haechi_collector.api import models_forecast as models
from haechi_collector.api.parameters import FilterParameters
from haechi_collector.api.places import Places
from haechi_collector.api.questions import PROBLEMS, json_of
from haechi_collector.errors import WrongParameter
from haechi_collector.query.engine import Engine
from haechi_collector.query.forecast import ForecastQuestion, forecast
from haechi_collector.query.scope import Window

_BUDGET_MAX: Final = Decimal(10) ** 12
_AT = "The moment that the forecast is made for; a past one knows nothing of what came later"


@dataclass(frozen=True)
class ForecastParameters(FilterParameters):
    """Those of ``/api/v1/costs/forecast``: filters without a window."""

    budget_usd: Annotated[str, Query(description="For the calendar month", examples=["500"])] = ""
    at: Annotated[str, Query(description=_AT, examples=["now"])] = "now"

    def question(self, request: Request) -> ForecastQuestion:
        """Return it.

        Raises:
            WrongParameter: one is wrong or unknown.
        """
        try:
            window = Window.parse("1970-01-01T00:00:00Z", self.at, datetime.now(UTC))
        except WrongParameter as wrong:
            raise WrongParameter("at", str(wrong).partition(": ")[2]) from None
        moment = datetime.fromtimestamp(window.to_ns // 10**9, UTC)
        return ForecastQuestion(self.scope_in(request, window), moment, self._budget())

    def _budget(self) -> Decimal | None:
        if not self.budget_usd:
            return None
        try:
            budget = Decimal(self.budget_usd)
        except InvalidOperation:
            budget = Decimal(-1)
        if not budget.is_finite() or not 0 < budget <= _BUDGET_MAX or len(self.budget_usd) > 40:
            raise WrongParameter("budget_usd", "expected an amount in US dollars such as 500 or 99.50")
        return budget


def forecast_router(engine: Engine, places: Places) -> APIRouter:
    """Build the route."""
    router = APIRouter(prefix="/api/v1", tags=["questions"], responses=PROBLEMS)

    @router.get("/costs/forecast", response_model=models.Forecast)
    async def get_forecast(request: Request, asked: Annotated[ForecastParameters, Depends()]) -> Response:
        """What the calendar month will cost, with an interval, and when a budget is used up."""
        return await json_of(places, request, forecast(engine, asked.question(request)))

    return router
