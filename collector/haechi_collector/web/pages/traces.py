"""Traces: search by every filter and by text, a page at a time."""

from collections.abc import Mapping
from typing import Any, Final

from haechi_collector.query.traces import Order, TracesQuestion, traces
from haechi_collector.web import formats, words
from haechi_collector.web import words_traces as own
from haechi_collector.web.frame import icon
from haechi_collector.web.html import Html, join, tag
from haechi_collector.web.language import Word
from haechi_collector.web.listed import cost, pager, said, tokens, two
from haechi_collector.web.view import Page, View
from haechi_collector.web.widgets import Column, duration, segments, share_bar, table

_PATH: Final = "/traces"
_ROWS: Final = 50
_ORDERS: Final[Mapping[Order, Word]] = {"newest": own.NEWEST, "slowest": own.SLOWEST, "dearest": own.DEAREST}
_ERROR: Final = ("status", "error")


def build(view: View) -> None:
    """Draw the page."""
    text, cursor = view.state.get("q"), view.state.get("cursor")
    wanted = view.state.get("order")
    order: Order = next((order for order in _ORDERS if order == wanted), "newest")
    found = view.ask(
        lambda scope: traces(view.engine, TracesQuestion(scope, [text] if text else [], order, _ROWS, cursor))
    )
    view.show(_controls(view, order), "h-bar")
    view.html(found, lambda answer: _list(view, answer, text), classes="h-card t-list t-traces")


def _controls(view: View, chosen: Order) -> Html:
    t, state = view.t, view.state.with_params(cursor=None)
    orders = [(state.with_params(order=order).href, t(word), order == chosen) for order, word in _ORDERS.items()]
    is_failing = _ERROR in state.filters
    turned = state.without_filter(*_ERROR) if is_failing else state.only(*_ERROR)
    errors = segments(t(own.ONLY_ERRORS), [(turned.href, t(own.ONLY_ERRORS), is_failing)])
    return join([_search(view), segments(t(own.ORDER), orders), errors])


def _search(view: View) -> Html:
    label = view.t(own.SEARCH_TEXT)
    field = tag(
        "input",
        name="q",
        type="search",
        value=view.state.get("q"),
        placeholder=label,
        aria_label=label,
        data_search=True,
        maxlength=300,
        autocomplete="off",
    )
    return tag(
        "form",
        tag("div", icon("search"), field, class_="h-search"),
        tag("input", type="hidden", name="cursor", value=""),
        tag("button", view.t(own.SEARCH), class_="h-button"),
        class_="t-search",
        role="search",
        data_go=_PATH,
    )


def _list(view: View, answer: dict[str, Any], text: str) -> Html:
    t, rows = view.t, answer["traces"]
    if not rows:
        return tag("div", t(own.NO_TRACES), class_="h-nothing")
    longest = max(row["duration_ms"] for row in rows) or 1
    columns: list[Column[dict[str, Any]]] = [
        Column(t(words.TIME), lambda row: formats.moment(row["start_time"], view.zone)),
        Column(t(own.QUESTION), lambda row: said(view, row, row["name"], text)),
        Column(t(words.MODEL), lambda row: two(", ".join(row["models"]) or row["name"], row["service"])),
        Column(
            t(words.DURATION),
            lambda row: [duration(row["duration_ms"]), share_bar(row["duration_ms"] / longest)],
            is_number=True,
        ),
        Column(t(words.TOKENS), tokens, is_number=True),
        Column(t(words.COST), lambda row: cost(view, row), is_number=True),
    ]
    listed = table(
        columns, rows, href=lambda row: view.state.at(f"{_PATH}/{row['trace_id']}").href, label=t(words.TRACES)
    )
    return join([listed, pager(view, answer["next_cursor"])])


PAGE: Final = Page(_PATH, words.TRACES, build, "t", "M4 6h9M8 12h10M13 18h7")
