"""One user: what was used and spent, day by day, with which models, in which sessions."""

from typing import Any, Final

from haechi_collector.query.user import user
from haechi_collector.web import formats, words
from haechi_collector.web import words_traces as own
from haechi_collector.web.charts import Line, milliseconds, stacked
from haechi_collector.web.html import Html, go, tag
from haechi_collector.web.listed import cost, feedback, tokens
from haechi_collector.web.view import Options, Page, View
from haechi_collector.web.widgets import Column, Tile, duration, money, percent, share_bar, table, tiles, whole


def build(view: View) -> None:
    """Draw the page."""
    id_ = view.state.get("id")
    found = view.ask(lambda scope: user(view.engine, id_, scope))
    traces = go(view.state.at("/traces").only("user", id_).href, view.t(words.SEE_TRACES), class_="h-button")
    view.show(tag("div", tag("code", id_, class_="t-id"), tag("span", class_="t-space"), traces, class_="t-head"))
    view.html(found, lambda answer: _totals(view, answer))
    with view.grid("cols-2"):
        view.chart(own.PER_DAY, found, lambda answer: _daily(view, answer))
        view.html(found, lambda answer: _models(view, answer), title=words.MODELS, classes="is-flush")
    view.html(found, lambda answer: _sessions(view, answer), title=own.SESSIONS, classes="is-flush")


def _totals(view: View, answer: dict[str, Any] | None) -> Html:
    t = view.t
    if answer is None:
        return tag("div", t(own.NO_USER), class_="h-nothing")
    return tiles(
        [
            Tile(t(words.REQUESTS), whole(answer["requests"], "requests")),
            Tile(t(words.ERROR_RATE), percent(answer["error_rate"], "error_rate")),
            Tile(t(words.COST), money(answer["cost_usd"], "cost")),
            Tile(t(own.SESSIONS), whole(answer["sessions"], "sessions")),
            Tile(t(own.DAYS_ACTIVE), whole(answer["days_active"], "days_active")),
            Tile(t(own.P95), duration(answer["p95_latency_ms"], "p95_latency")),
            Tile(t(own.FEEDBACK), feedback(view, answer)),
        ]
    )


def _daily(view: View, answer: dict[str, Any] | None) -> Options | None:
    if answer is None:
        return None
    points = [(milliseconds(day["time"]), float(day["cost_usd"] or 0)) for day in answer["daily"]]
    return stacked([Line(view.t(words.COST), points)], "usd")


def _models(view: View, answer: dict[str, Any] | None) -> Html:
    t = view.t
    columns: list[Column[dict[str, Any]]] = [
        Column(t(words.MODEL), lambda row: row["model"] or formats.NONE),
        Column(t(words.REQUESTS), lambda row: [whole(row["requests"]), share_bar(row["share"])], is_number=True),
        Column(t(words.COST), lambda row: cost(view, row), is_number=True),
    ]
    return table(columns, answer["model_distribution"] if answer else [])


def _sessions(view: View, answer: dict[str, Any] | None) -> Html:
    t = view.t
    columns: list[Column[dict[str, Any]]] = [
        Column(t(own.LAST_SEEN), lambda row: formats.moment(row["last_time"], view.zone)),
        Column(
            t(own.SESSION),
            lambda row: go(view.state.at("/session", id=row["session"]).href, row["session"], class_="h-link"),
        ),
        Column(t(words.REQUESTS), lambda row: whole(row["requests"]), is_number=True),
        Column(t(words.ERRORS), lambda row: whole(row["errors"]), is_number=True),
        Column(t(words.TOKENS), tokens, is_number=True),
        Column(t(words.COST), lambda row: cost(view, row), is_number=True),
    ]
    return table(columns, answer["newest_sessions"] if answer else [])


PAGE: Final = Page("/user", words.USER, build)
