"""Compare: two versions of a prompt (or two values of anything, or two windows), and what differs beyond chance."""

import re
from collections.abc import Mapping
from typing import Any, Final

from haechi_collector.errors import WrongParameter
from haechi_collector.query.attribute_keys import attribute_keys
from haechi_collector.query.compare import CompareQuestion, compare
from haechi_collector.query.compare_side import Side
from haechi_collector.query.dimensions import dimension
from haechi_collector.query.facets import FacetsQuestion, facets
from haechi_collector.query.scope import Scope
from haechi_collector.query.series import iso
from haechi_collector.web import formats, words
from haechi_collector.web import words_compare as own
from haechi_collector.web import words_metrics as metrics
from haechi_collector.web.comparing import forest
from haechi_collector.web.grouping import OFFERED, before
from haechi_collector.web.html import Html, go, join, tag
from haechi_collector.web.state import State
from haechi_collector.web.view import Page, View
from haechi_collector.web.widgets import choice, figure, money, whole

Answer = Mapping[str, Any]
WINDOW: Final = "window"
_DEFAULT: Final = "prompt_version"
_VALUES: Final = 50
_KEYS: Final = 60


async def _values(view: View, scope: Scope) -> list[str]:
    """Return the values that the dimension has, those that look newest first: versions by their numbers."""
    by = view.state.get("by", _DEFAULT)
    if by == WINDOW:
        return []
    found = await facets(view.engine, FacetsQuestion(dimension(by, "by"), scope, limit=_VALUES))
    return sorted((row["value"] for row in found["values"] if row["requests"]), key=_natural, reverse=True)


def _natural(text: str) -> list[tuple[int, int, str]]:
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.findall(r"\d+|\D+", text)]


async def _asked(view: View, scope: Scope) -> dict[str, Any]:
    """Return the comparison that the URL asks for, with the values that could be chosen instead."""
    found = await _values(view, scope)
    keys = (await attribute_keys(view.engine, scope, _KEYS))["attributes"]
    sides = _sides(view.state, scope, found)
    answer = await compare(view.engine, CompareQuestion(*sides)) if sides else None
    return {"values": found, "keys": keys, "answer": answer}


def chosen(state: State, found: list[str]) -> tuple[str, str]:
    """Return the two values: those of the URL, else the newest two; '' where there are too few."""
    others = [value for value in found if value not in {state.get("a"), state.get("b")}]
    a = state.get("a") or (others.pop(0) if others else "")
    b = state.get("b") or (others.pop(0) if others else "")
    return a, b


def _sides(state: State, scope: Scope, found: list[str]) -> tuple[Side, Side] | None:
    by = state.get("by", _DEFAULT)
    if by == WINDOW:
        earlier = before(scope)
        if earlier is None:
            raise WrongParameter("from", "there is no window of the same length before it")
        return _window(scope), _window(earlier)
    a, b = chosen(state, found)
    if not a or not b:
        return None
    if a == b:
        raise WrongParameter("b", "the same value as a")
    one = dimension(by, "by")
    return Side(a, scope, one, a), Side(b, scope, one, b)


def _window(scope: Scope) -> Side:
    return Side(f"{iso(scope.window.from_ns)} to {iso(scope.window.to_ns)}", scope)


def build(view: View) -> None:
    """Draw the page."""
    asked = view.ask(lambda scope: _asked(view, scope))
    view.html(asked, lambda found: _controls(view, found), initial=_by_menu(view, []), classes="h-bar")
    view.show(tag("p", view.t(own.LEAD), class_="h-hint"))
    view.html(asked, lambda found: _sides_card(view, found))
    view.html(asked, lambda found: _forest(view, found), classes="h-card")


def _by_menu(view: View, keys: list[dict[str, Any]]) -> Html:
    state, t = view.state, view.t
    by = state.get("by", _DEFAULT)
    names = [_DEFAULT, *(name for name in OFFERED if name != _DEFAULT), *(f"attr:{row['key']}" for row in keys)]
    choices = [(state.with_params(by=WINDOW, a=None, b=None).href, t(own.WINDOWS), by == WINDOW)]
    choices += [
        (state.with_params(by=None if name == _DEFAULT else name, a=None, b=None).href, name, name == by)
        for name in dict.fromkeys([*([by] if by != WINDOW else []), *names])
    ]
    return choice(t(own.BY), choices)


def _controls(view: View, found: Answer) -> Html:
    state, t = view.state, view.t
    menu = _by_menu(view, found["keys"])
    if state.get("by") == WINDOW or found["answer"] is None:
        return menu
    a, b = chosen(state, found["values"])
    values = list(dict.fromkeys([*found["values"], a, b]))
    menus = [
        choice(
            t(word),
            [
                (state.with_params(**{"a": a, "b": b, side: value}).href, value, value == own_value)
                for value in values
                if value != other
            ],
        )
        for side, word, own_value, other in (("a", own.A, a, b), ("b", own.B, b, a))
    ]
    swap = go(state.with_params(a=b, b=a).href, t(own.SWAP), class_="h-button")
    return join([menu, *menus, swap])


def _sides_card(view: View, found: Answer) -> Html:
    answer = found["answer"]
    if answer is None:
        by = view.state.get("by", _DEFAULT)
        return tag("div", tag("p", view.t(own.NEED_TWO, by=by)), class_="h-card h-nothing")
    return tag("div", [_side(view, answer[side], side) for side in ("a", "b")], class_="h-grid cols-2 is-kept")


def _side(view: View, side: Answer, name: str) -> Html:
    t = view.t
    by = view.state.get("by", _DEFAULT)
    state = view.state.at("/traces").with_window(side["from"], side["to"])
    if by == WINDOW:
        label = f"{formats.moment(side['from'], view.zone)[:16]} – {formats.moment(side['to'], view.zone)[:16]}"
    else:
        label, state = f"{by} = {side['label']}", state.of_group({by: side["label"]})
    facts = (
        (t(words.REQUESTS), whole(side["requests"], f"side_{name}.requests")),
        (t(own.UNITS), figure(formats.count(side["independent_units"]), side["independent_units"])),
        (t(words.COST), money(side["total_cost_usd"], f"side_{name}.total_cost_usd")),
        (t(metrics.UNPRICED), whole(side["unpriced_requests"])),
    )
    listed = tag("dl", [tag("div", tag("dt", what), tag("dd", value)) for what, value in facts], class_="h-evidence")
    head = tag(
        "div", tag("h2", tag("b", name.upper(), class_=f"h-side-mark is-{name}"), " ", label), class_="h-head-title"
    )
    link = go(state.href, t(own.SEE_A if name == "a" else own.SEE_B), class_="h-link")
    return tag(
        "section",
        tag("div", head, tag("div", link, class_="h-head-more"), class_="h-head"),
        tag("div", listed, class_="h-body"),
        class_="h-card",
    )


def _forest(view: View, found: Answer) -> Html:
    if found["answer"] is None:
        return Html("")
    return forest(view.t, found["answer"]["differences"])


PAGE: Final = Page("/compare", words.COMPARE, build, "m", "M8 4v16M16 4v16M4 8h8M12 16h8")
