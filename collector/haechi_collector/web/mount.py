"""Puts the page on the application of the web port.

Call `mount` once per process, and import this module only where the web port is served: it brings in NiceGUI, which
keeps its state in its module and takes its time to import (`tests/web/test_import_cost.py`).

Guarantee: a path that is no page is answered as the API answers it (a problem that names the path). At most
`PAGE_CLIENTS_MAX` documents are open at once; one more is told so.
"""

from typing import Final

from fastapi import FastAPI, Request, Response
from nicegui import Client, core, ui
from nicegui import app as site_app
from starlette.staticfiles import StaticFiles

from haechi_collector.api.problems import problem
from haechi_collector.gate.credentials import credential_of_page
from haechi_collector.gate.gate import Caller, Gate
from haechi_collector.gate.keys import Scope as KeyScope
from haechi_collector.limits import PAGE_CLIENTS_MAX
from haechi_collector.query.engine import Engine
from haechi_collector.web import words
from haechi_collector.web.asking import Asking
from haechi_collector.web.canvas import STATIC
from haechi_collector.web.pages import PAGES
from haechi_collector.web.policy import PagePolicy
from haechi_collector.web.shell import Shell, Site

_RECONNECT_S: Final = 20.0
_HEAD: Final = (
    '<link rel="icon" href="/assets/favicon.svg"><link rel="stylesheet" href="/assets/page.css">'
    '<link rel="stylesheet" href="/assets/traces.css"><link rel="stylesheet" href="/assets/sql.css">'
    '<script src="/assets/theme.js"></script><script src="/assets/page.js" defer></script>'
    '<script src="/assets/traces.js" defer></script>'
)


def mount(app: FastAPI, engine: Engine, gate: Gate) -> None:
    """Serve the page at ``/`` and its neighbours; ``gate`` is the one in front of the application."""

    def admit(request: Request) -> Caller:
        return gate.admit(credential_of_page(request.scope["headers"]), KeyScope.READ)

    site = Site(PAGES, engine, Asking(), admit)

    def show(request: Request) -> Response | None:
        if len(Client.instances) > PAGE_CLIENTS_MAX:
            ui.context.client.delete()
            return problem(503, words.TOO_MANY.en, {"Retry-After": "5"})
        ui.add_head_html(_HEAD)
        Shell(site, request)
        return None

    for page in PAGES:
        ui.page(page.path, title="Haechi")(show)
    site_app.exception_handlers[404] = _no_page
    site_app.add_middleware(PagePolicy)
    app.mount("/assets", StaticFiles(directory=STATIC))
    ui.run_with(
        app,
        title="Haechi",
        dark=False,
        tailwind=False,
        binding_refresh_interval=None,
        reconnect_timeout=_RECONNECT_S,
        message_history_length=100,
        show_welcome_message=False,
    )
    core.app.config.socket_io_js_transports = ["websocket", "polling"]


async def _no_page(request: Request, _: Exception) -> Response:
    return problem(404, f"{request.url.path} does not exist")
