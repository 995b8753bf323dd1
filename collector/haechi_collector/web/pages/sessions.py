"""Sessions: conversations, with what each came to."""

from collections.abc import Mapping
from typing import Any, Final

from haechi_collector.query.listed import ListQuestion
from haechi_collector.query.sessions import COLUMN, sessions
from haechi_collector.web import formats, words
from haechi_collector.web import words_traces as own
from haechi_collector.web.html import Html, go, join, tag
from haechi_collector.web.language import Word
from haechi_collector.web.listed import cost, feedback, pager, tokens, two
from haechi_collector.web.view import Page, View
from haechi_collector.web.widgets import Column, badge, duration, segments, table, whole

_PATH: Final = "/sessions"
_ROWS: Final = 50
_ORDERS: Final[Mapping[str, Word]] = {
    "newest": own.NEWEST,
    "longest": own.LONGEST,
    "dearest": own.DEAREST,
    "requests": own.MOST_REQUESTS,
    "errors": own.MOST_ERRORS,
}


def build(view: View) -> None:
    """Draw the page."""
    order = view.state.get("order") if view.state.get("order") in _ORDERS else "newest"
    cursor = view.state.get("cursor")
    found = view.ask(lambda scope: sessions(view.engine, ListQuestion(COLUMN, scope, order, _ROWS, cursor)))
    view.show(join([by_whom(view), orders(view, _ORDERS, order)]), "h-bar")
    view.html(found, lambda answer: _list(view, answer), classes="h-card t-list")


def by_whom(view: View) -> Html:
    """Return the switch between sessions and users."""
    t, state = view.t, view.state
    pages = ((_PATH, own.SESSIONS), ("/users", own.USERS))
    return segments(t(own.SESSIONS), [(state.at(path).href, t(word), state.path == path) for path, word in pages])


def orders(view: View, known: Mapping[str, Word], chosen: str) -> Html:
    """Return the orders of a list."""
    state = view.state.with_params(cursor=None)
    listed = [(state.with_params(order=name).href, view.t(word), name == chosen) for name, word in known.items()]
    return segments(view.t(own.ORDER), listed)


def _list(view: View, answer: dict[str, Any]) -> Html:
    t, rows = view.t, answer["sessions"]
    if not rows:
        return tag("div", t(own.NO_SESSIONS), class_="h-nothing")
    columns: list[Column[dict[str, Any]]] = [
        Column(t(own.LAST_SEEN), lambda row: formats.moment(row["last_time"], view.zone)),
        Column(t(own.FIRST_QUESTION), lambda row: _first(view, row)),
        Column(t(words.USER), lambda row: _user(view, row)),
        Column(t(own.LASTED), lambda row: duration(row["duration_ms"]), is_number=True),
        Column(t(words.REQUESTS), lambda row: whole(row["requests"]), is_number=True),
        Column(t(words.TOKENS), tokens, is_number=True),
        Column(t(words.COST), lambda row: cost(view, row), is_number=True),
        Column(t(own.P95), lambda row: duration(row["p95_latency_ms"]), is_number=True),
        Column(t(own.FEEDBACK), lambda row: feedback(view, row)),
    ]
    listed = table(columns, rows, href=lambda row: _href(view, row["session"]), label=t(own.SESSIONS))
    return join([listed, pager(view, answer["next_cursor"])])


def _href(view: View, session: str) -> str:
    return view.state.at("/session", id=session).href


def _first(view: View, row: Mapping[str, Any]) -> Html:
    failed = row["failed_traces"]
    note = [badge(view.t(own.FAILED, count=formats.count(failed)), "bad"), " "] if failed else []
    lead = go(_href(view, row["session"]), note, row["first_question_excerpt"] or row["session"], class_="t-question")
    return tag("div", lead, tag("span", row["session"], class_="t-answer"), class_="t-said")


def _user(view: View, row: Mapping[str, Any]) -> Html:
    user = row["user"]
    return go(view.state.at("/user", id=user).href, user, class_="h-link") if user else two("", "")


PAGE: Final = Page(_PATH, words.SESSIONS, build, "s", "M4 5h16v11H9l-5 4z")
