"""The application of the web port: health, metrics, SQL, the questions of the API, and the page.

Guarantee: every route is mounted here and nowhere else, behind the gate (`access`); the application closes the reader
and the way in that it was given.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from haechi_collector.api import problems
from haechi_collector.api.access import Access
from haechi_collector.api.compare import compare_router
from haechi_collector.api.counted import Counted
from haechi_collector.api.described import DescribedApi
from haechi_collector.api.facets import facets_router
from haechi_collector.api.forecast import forecast_router
from haechi_collector.api.health import Readiness, health_router
from haechi_collector.api.live import Live
from haechi_collector.api.metrics import metrics_router
from haechi_collector.api.places import Places
from haechi_collector.api.questions import questions_router
from haechi_collector.api.report import report_router
from haechi_collector.api.requests import requests_router
from haechi_collector.api.scores import NoWayIn, WayIn, scores_router
from haechi_collector.api.sessions import sessions_router
from haechi_collector.api.spans import spans_router
from haechi_collector.api.sql import sql_router
from haechi_collector.api.traces import traces_router
from haechi_collector.api.users import users_router
from haechi_collector.gate.gate import Gate, OpenGate
from haechi_collector.query.engine import Engine
from haechi_collector.query.sql import SqlReader
from haechi_collector.telemetry import Metrics


@dataclass(frozen=True, slots=True)
class ApiState:
    """What the routes read."""

    readiness: Readiness
    registry: CollectorRegistry
    reader: SqlReader
    gate: Gate = OpenGate()
    any_host: bool = True
    metrics: Metrics | None = None
    """What counts requests and open pages; None to count nothing."""
    way_in: WayIn = NoWayIn()
    """Where scores go."""


def create_api(state: ApiState) -> FastAPI:
    """Build the application; run it with any ASGI server."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await state.reader.close()
        await state.way_in.close()

    app = DescribedApi(title="Haechi", version=version("haechi"), lifespan=lifespan, docs_url=None, redoc_url=None)
    problems.install(app)
    # Added last, asked first: requests are counted, refused ones too; then the gate; then what watches open pages.
    app.add_middleware(Live, gate=state.gate, metrics=state.metrics)
    app.add_middleware(Access, gate=state.gate, any_host=state.any_host)
    if state.metrics is not None:
        app.add_middleware(Counted, metrics=state.metrics)
    app.include_router(health_router(state.readiness))
    app.include_router(metrics_router(state.registry))
    places = Places()
    app.include_router(sql_router(state.reader, places))
    app.include_router(scores_router(state.way_in))
    engine = Engine(state.reader)
    app.include_router(questions_router(engine, places))
    app.include_router(traces_router(engine, places))
    app.include_router(spans_router(engine, places))
    app.include_router(sessions_router(engine, places))
    app.include_router(users_router(engine, places))
    app.include_router(requests_router(engine, places))
    app.include_router(facets_router(engine, places))
    app.include_router(compare_router(engine, places))
    app.include_router(forecast_router(engine, places))
    app.include_router(report_router(engine, places))
    return app
