"""Users: who uses it, how much, and what it costs."""

from collections.abc import Mapping
from typing import Any, Final

from haechi_collector.query.listed import ListQuestion
from haechi_collector.query.users import COLUMN, users
from haechi_collector.web import formats, words
from haechi_collector.web import words_traces as own
from haechi_collector.web.html import Html, go, join, tag
from haechi_collector.web.language import Word
from haechi_collector.web.listed import cost, feedback, pager, tokens
from haechi_collector.web.pages.sessions import by_whom, orders
from haechi_collector.web.view import Page, View
from haechi_collector.web.widgets import Column, duration, percent, table, whole

_ROWS: Final = 50
_ORDERS: Final[Mapping[str, Word]] = {
    "dearest": own.DEAREST,
    "newest": own.NEWEST,
    "requests": own.MOST_REQUESTS,
    "errors": own.MOST_ERRORS,
}


def build(view: View) -> None:
    """Draw the page."""
    order = view.state.get("order") if view.state.get("order") in _ORDERS else "dearest"
    cursor = view.state.get("cursor")
    found = view.ask(lambda scope: users(view.engine, ListQuestion(COLUMN, scope, order, _ROWS, cursor)))
    view.show(join([by_whom(view), orders(view, _ORDERS, order)]), "h-bar")
    view.html(found, lambda answer: _list(view, answer), classes="h-card")


def _list(view: View, answer: dict[str, Any]) -> Html:
    t, rows = view.t, answer["users"]
    if not rows:
        return tag("div", t(own.NO_USERS), class_="h-nothing")
    columns: list[Column[dict[str, Any]]] = [
        Column(t(words.USER), lambda row: go(_href(view, row), row["user"], class_="h-link")),
        Column(t(own.LAST_SEEN), lambda row: formats.moment(row["last_time"], view.zone)),
        Column(t(own.DAYS_ACTIVE), lambda row: whole(row["days_active"]), is_number=True),
        Column(t(own.SESSIONS), lambda row: whole(row["sessions"]), is_number=True),
        Column(t(words.REQUESTS), lambda row: whole(row["requests"]), is_number=True),
        Column(t(words.ERROR_RATE), lambda row: percent(row["error_rate"]), is_number=True),
        Column(t(words.TOKENS), tokens, is_number=True),
        Column(t(words.COST), lambda row: cost(view, row), is_number=True),
        Column(t(own.P95), lambda row: duration(row["p95_latency_ms"]), is_number=True),
        Column(t(own.FEEDBACK), lambda row: feedback(view, row)),
    ]
    listed = table(columns, rows, href=lambda row: _href(view, row), label=t(own.USERS))
    return join([listed, pager(view, answer["next_cursor"])])


def _href(view: View, row: Mapping[str, Any]) -> str:
    return view.state.at("/user", id=row["user"]).href


PAGE: Final = Page("/users", own.USERS, build)
