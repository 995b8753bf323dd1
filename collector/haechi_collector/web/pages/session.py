"""One session: its totals, and its traces one after the other as the conversation that they are."""

from collections.abc import Mapping
from typing import Any, Final

from haechi_collector.query.session import session
from haechi_collector.web import formats, words
from haechi_collector.web import words_traces as own
from haechi_collector.web.html import Html, go, join, tag
from haechi_collector.web.listed import cost, feedback
from haechi_collector.web.view import Page, View
from haechi_collector.web.widgets import Tile, badge, duration, money, percent, tiles, whole

_TRACES: Final = 200


def build(view: View) -> None:
    """Draw the page."""
    id_ = view.state.get("id")
    found = view.ask(lambda scope: session(view.engine, id_, scope, _TRACES))
    view.show(tag("div", tag("code", id_, class_="t-id"), tag("span", class_="t-space"), class_="t-head"))
    view.html(found, lambda answer: _totals(view, answer))
    view.html(found, lambda answer: _timeline(view, answer), title=own.TIMELINE)


def _totals(view: View, answer: dict[str, Any] | None) -> Html:
    t = view.t
    if answer is None:
        return tag("div", t(own.NO_SESSION), class_="h-nothing")
    user = answer["user"]
    who = go(view.state.at("/user", id=user).href, user, class_="h-link") if user else formats.NONE
    return tiles(
        [
            Tile(t(own.LASTED), duration(answer["duration_ms"], "duration")),
            Tile(t(words.TRACES), whole(answer["traces"], "traces")),
            Tile(t(words.REQUESTS), whole(answer["requests"], "requests")),
            Tile(t(words.ERRORS), whole(answer["errors"], "errors")),
            Tile(t(words.COST), money(answer["cost_usd"], "cost"), sub=_unpriced(view, answer)),
            Tile(t(own.P95), duration(answer["p95_latency_ms"], "p95_latency")),
            Tile(t(own.HALLUCINATIONS), percent(answer["hallucination_rate"], "hallucination_rate")),
            Tile(t(own.FEEDBACK), feedback(view, answer), sub=who),
        ]
    )


def _unpriced(view: View, answer: Mapping[str, Any]) -> Html | None:
    count = answer["unpriced_requests"]
    return tag("span", f"{formats.count(count)} {view.t(own.UNPRICED)}", class_="h-warn") if count else None


def _timeline(view: View, answer: dict[str, Any] | None) -> Html:
    if answer is None:
        return Html("")
    left_out = answer["traces_left_out"]
    note = tag("p", view.t(own.TRACES_LEFT_OUT, count=left_out), class_="h-hint") if left_out else None
    return join([tag("ol", [_turn(view, one) for one in answer["timeline"]], class_="t-turns"), note])


def _turn(view: View, one: Mapping[str, Any]) -> Html:
    t = view.t
    facts = [
        duration(one["duration_ms"]),
        ", ".join(one["models"]),
        cost(view, one),
        badge(t(own.ERROR), "bad") if one["is_failed"] else None,
        *(_judged(score) for score in one["scores"]),
    ]
    href = view.state.at(f"/traces/{one['trace_id']}").href
    return tag(
        "li",
        tag("time", formats.moment(one["start_time"], view.zone), title=one["start_time"]),
        tag(
            "div",
            go(href, one["input_excerpt"] or one["name"], class_="t-asked"),
            tag("p", one["output_excerpt"], class_="t-answered") if one["output_excerpt"] else None,
            tag("div", [tag("span", fact) for fact in facts if fact], class_="t-told"),
        ),
    )


def _judged(score: Mapping[str, Any]) -> Html:
    value = score["label"] or ("" if score["value"] is None else f"{score['value']:g}")
    return badge(f"{score['name']} {value}".strip())


PAGE: Final = Page("/session", own.SESSION, build)
