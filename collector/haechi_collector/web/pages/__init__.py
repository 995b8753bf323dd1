"""Every page of the site, in the order of the navigation. A new page is one module here and one line below."""

from typing import Final

from haechi_collector.web.pages import (
    compare,
    costs,
    latency,
    overview,
    query,
    session,
    sessions,
    trace,
    traces,
    user,
    users,
)
from haechi_collector.web.view import Page

PAGES: Final[tuple[Page, ...]] = (
    overview.PAGE,
    latency.PAGE,
    costs.PAGE,
    traces.PAGE,
    trace.PAGE,
    sessions.PAGE,
    session.PAGE,
    users.PAGE,
    user.PAGE,
    compare.PAGE,
    query.PAGE,
)
