"""Latency explorer: percentiles of a metric by anything, over time and as a distribution, and the single requests."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, get_args

from haechi_collector.errors import WrongParameter
from haechi_collector.query.attribute_keys import attribute_keys
from haechi_collector.query.dimensions import dimension
from haechi_collector.query.grouped import Grouped
from haechi_collector.query.latency import LatencyQuestion, Metric, latency
from haechi_collector.query.quantiles import read_quantiles
from haechi_collector.query.requests import Order, RequestsQuestion, requests
from haechi_collector.query.scope import Scope
from haechi_collector.query.shape import heatmap, histogram
from haechi_collector.web import formats, words
from haechi_collector.web import words_latency as own
from haechi_collector.web.charts import QUANTILE_COLOURS, Line, colours, lines, stacked
from haechi_collector.web.charts import histogram as bars
from haechi_collector.web.distribution import cells_of
from haechi_collector.web.grouping import group_menu, grouped
from haechi_collector.web.html import Html, go, join, tag
from haechi_collector.web.language import Word
from haechi_collector.web.lines import SHOWN_MAX, by_group, single
from haechi_collector.web.points import window_of
from haechi_collector.web.view import Options, Page, Point, View
from haechi_collector.web.widgets import (
    Column,
    badge,
    duration,
    figure,
    group_name,
    money,
    percent,
    segments,
    swatch,
    table,
    whole,
)

Answer = Mapping[str, Any]

_GROUPS: Final = 100
_KEYS: Final = 60
_REQUESTS: Final = 12
_METRICS: Final[dict[Metric, Word]] = {
    "duration": words.DURATION,
    "ttft": words.TTFT,
    "tokens_per_second": words.TOKENS_PER_SECOND,
}
_QUANTILES: Final = ("", "0.25,0.5,0.75", "0.9,0.99,0.999")
_ORDERS: Final[dict[Order, Word]] = {
    "slowest": own.SLOWEST,
    "slowest_ttft": own.SLOWEST_TTFT,
    "failing": own.FAILING,
    "dearest": own.DEAREST,
    "most_tokens": own.MOST_TOKENS,
}


def metric_of(view: View) -> Metric:
    """Return the metric of the URL.

    Raises:
        WrongParameter: there is no such metric.
    """
    text = view.state.get("metric", "duration")
    for known in get_args(Metric):
        if text == known:
            metric: Metric = known
            return metric
    raise WrongParameter("metric", f"expected {', '.join(get_args(Metric))}")


def _question(view: View, scope: Scope) -> LatencyQuestion:
    levels = read_quantiles([view.state.get("quantiles")])
    return LatencyQuestion(grouped(view, scope, _GROUPS), metric_of(view), levels)


def _by_model(view: View, scope: Scope) -> LatencyQuestion:
    """Return what the table shows while nothing is grouped."""
    by = Grouped(scope, (dimension("model", "group_by"),), _GROUPS)
    return replace(_question(view, scope), grouped=by)


async def _shape(view: View, scope: Scope) -> dict[str, Any]:
    question = _question(view, scope)
    bins, cells = await asyncio.gather(histogram(view.engine, question), heatmap(view.engine, question))
    return {"histogram": bins, "heatmap": cells, "question": question}


def build(view: View) -> None:
    """Draw the page."""
    keys = view.ask(lambda scope: attribute_keys(view.engine, scope, _KEYS))
    answer = view.ask(lambda scope: latency(view.engine, _question(view, scope)))
    shape = view.ask(lambda scope: _shape(view, scope))
    top = view.ask(lambda scope: requests(view.engine, RequestsQuestion(scope, _order(view), _REQUESTS)))
    view.html(keys, lambda found: _controls(view, found["attributes"]), initial=_controls(view, []), classes="h-bar")
    click: dict[str, Any] = {"link": lambda point: _behind(view, point), "zoom": True}
    with view.grid("cols-2"):
        view.chart(own.OVER_TIME, answer, lambda found: _course(view, found), note=lambda a: _note(view, a), **click)
        view.chart(own.THROUGHPUT, answer, lambda found: _traffic(view, found), **click)
        view.chart(own.DISTRIBUTION, shape, lambda found: _bars(view, found), height=250)
        view.chart(
            own.HEATMAP, shape, lambda found: cells_of(view, found), link=lambda point: _cell(view, point), height=250
        )
    listed = answer
    if not view.state.get("group_by"):
        listed = view.ask(lambda scope: latency(view.engine, _by_model(view, scope)))
    view.html(listed, lambda found: _table(view, found), title=own.GROUPS, classes="is-flush")
    view.html(top, lambda found: _requests(view, found["requests"]), title=own.TOP, classes="is-flush")


def _order(view: View) -> Order:
    text = view.state.get("order", "slowest_ttft" if view.state.get("metric") == "ttft" else "slowest")
    for known in _ORDERS:
        if text == known:
            return known
    raise WrongParameter("order", f"expected {', '.join(_ORDERS)}")


def _controls(view: View, keys: list[dict[str, Any]]) -> Html:
    t, state = view.t, view.state
    metric = state.get("metric", "duration")
    metrics = [
        (state.with_params(metric=name if name != "duration" else None).href, t(word), name == metric)
        for name, word in _METRICS.items()
    ]
    chosen = state.get("quantiles")
    quantiles = [
        (state.with_params(quantiles=text or None).href, _levels(text), text == chosen)
        for text in dict.fromkeys([*_QUANTILES, chosen])
    ]
    second = group_menu(view, words.THEN_BY, keys, at=1) if state.get("group_by") else None
    return join(
        [
            segments(t(words.METRIC), metrics),
            segments(t(own.QUANTILES), quantiles),
            group_menu(view, words.GROUP_BY, keys),
            second,
        ]
    )


def _levels(text: str) -> str:
    try:
        levels = read_quantiles([text])
    except WrongParameter:
        return text
    return " ".join(f"p{round(level * 100, 3):g}" for level in levels)


def _behind(view: View, point: Point) -> Any:
    return window_of(view.state.at("/traces", order="slowest"), point)


def _note(view: View, answer: Answer) -> Html:
    t, total = view.t, answer["total"]
    names = list(total["quantiles"])
    drawn = badge(names[len(names) // 2]) if answer["rows"] else None
    shown = [
        tag("span", f"{name} ", figure(formats.metric(value, answer["unit"]), value, "", f"total.{name}"))
        for name, value in total["quantiles"].items()
    ]
    if total["measured"] != total["requests"]:
        counts = {"count": formats.count(total["measured"]), "all": formats.count(total["requests"])}
        shown.append(tag("span", t(own.MEASURED, **counts)))
    return join([*shown, drawn])


def _course(view: View, answer: Answer) -> Options | None:
    names = list(answer["total"]["quantiles"])
    if answer["rows"]:
        main = names[len(names) // 2]
        return lines(by_group(answer, view.t, lambda row: row["quantiles"][main]), answer["unit"])
    drawn: list[Line] = []
    for name, colour in zip(names, QUANTILE_COLOURS, strict=False):
        drawn.append(single(answer, name, _quantile(name), colour))
    return lines(drawn, answer["unit"])


def _quantile(name: str) -> Any:
    return lambda row: row["quantiles"][name]


def _traffic(view: View, answer: Answer) -> Options | None:
    if answer["rows"]:
        return stacked(by_group(answer, view.t, lambda row: row["requests"], 0), "number")
    good = single(answer, view.t(words.REQUESTS), lambda row: row["requests"] - row["errors"], "--series-1", 0)
    return stacked([good, single(answer, view.t(words.ERRORS), lambda row: row["errors"], "--bad", 0)], "number")


def _bars(view: View, answer: Answer) -> Options | None:
    bins, unit = answer["histogram"], "ms" if answer["question"].metric != "tokens_per_second" else "tokens/s"
    return bars(bins, [formats.metric(one["low"], unit) for one in bins], view.t(words.REQUESTS))


def _cell(view: View, point: Point) -> Any:
    if not isinstance(point.data, dict):
        return None
    return window_of(view.state.at("/traces", order="slowest"), Point(point.data.get("time")))


def _table(view: View, answer: Answer) -> Html:
    t, unit = view.t, answer["unit"]
    rows = answer["rows"]
    if not rows:
        return tag("div", t(words.NOTHING), class_="h-nothing")
    names = list(answer["total"]["quantiles"])

    def value(read: Any) -> Any:
        return lambda row: figure(formats.metric(read(row), unit), read(row))

    chosen = colours(group_name(row["group"], t) for row in rows[:SHOWN_MAX]) if answer["groups"] else {}
    columns = [
        Column[Answer](" · ".join(rows[0]["group"]), lambda r: _group(view, r, chosen)),
        Column[Answer](t(words.REQUESTS), lambda r: whole(r["requests"]), True, "requests", lambda r: r["requests"]),
        Column[Answer](
            t(words.REQUESTS_PER_MINUTE),
            lambda r: figure(formats.number(r["requests_per_minute"]), r["requests_per_minute"]),
            True,
        ),
        Column[Answer](
            t(words.ERROR_RATE), lambda r: percent(r["error_rate"]), True, "error_rate", lambda r: r["error_rate"]
        ),
        Column[Answer](t(words.AVERAGE), value(lambda r: r["avg"]), True, "avg", lambda r: r["avg"]),
        *(Column[Answer](name, value(_quantile(name)), True, name, _quantile(name)) for name in names),
        Column[Answer](t(words.MAXIMUM), value(lambda r: r["max"]), True, "max", lambda r: r["max"]),
    ]
    note = ""
    if answer["groups"] > len(answer["rows"]):
        note = t(own.GROUPS_NOTE, shown=len(answer["rows"]), count=formats.count(answer["groups"]))
    href = view.state.at("/traces", order="slowest")
    shown = table(columns, rows, state=view.state, href=lambda r: href.of_group(r["group"]).href, label=t(own.GROUPS))
    return join([shown, tag("p", note, class_="h-foot") if note else None])


def _group(view: View, row: Answer, chosen: Mapping[str, str]) -> Html:
    name = group_name(row["group"], view.t)
    state = view.state.of_group(row["group"]).with_params(group_by=None, sort=None)
    return join([swatch(chosen.get(name, "--series-other")), go(state.href, name)])


def _requests(view: View, rows: list[Answer]) -> Html:
    t, state = view.t, view.state
    order = _order(view)
    orders = [(state.with_params(order=name).href, t(word), name == order) for name, word in _ORDERS.items()]
    columns = [
        Column[Answer](t(words.TIME), lambda r: formats.moment(r["start_time"], view.zone)),
        Column[Answer](t(words.MODEL), lambda r: r["model"]),
        Column[Answer](
            t(own.PROMPT),
            lambda r: [
                badge(r["error_type"] or "error", "bad") if r["status"] == "error" else None,
                " ",
                r["input_excerpt"],
            ],
        ),
        Column[Answer](t(words.DURATION), lambda r: duration(r["duration_ms"]), is_number=True),
        Column[Answer](t(words.TTFT), lambda r: duration(r["ttft_ms"]), is_number=True),
        Column[Answer](t(words.TOKENS), lambda r: whole(r["input_tokens"] + r["output_tokens"]), is_number=True),
        Column[Answer](t(words.COST), lambda r: money(r["cost_usd"]), is_number=True),
    ]
    shown = table(
        columns, rows, href=lambda r: state.at(f"/traces/{r['trace_id']}", span=r["span_id"]).href, label=t(own.TOP)
    )
    if not rows:
        shown = tag("div", t(words.NOTHING), class_="h-nothing")
    return join([tag("div", segments(t(own.TOP), orders), class_="h-bar h-inset"), shown])


PAGE: Final = Page("/latency", words.LATENCY, build, "l", "M4 19V5M4 19h16M7 15l4-5 3 3 5-7")
