"""Overview: how is it going, against the window of the same length before."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from haechi_collector.query.costs import CostsQuestion, costs
from haechi_collector.query.dimensions import dimension
from haechi_collector.query.grouped import Grouped
from haechi_collector.query.latency import LatencyQuestion, Metric, latency
from haechi_collector.query.quantiles import DEFAULT
from haechi_collector.query.scope import Scope
from haechi_collector.query.series import AUTO, read_interval
from haechi_collector.query.summary import summary
from haechi_collector.web import words
from haechi_collector.web import words_metrics as metrics
from haechi_collector.web import words_overview as own
from haechi_collector.web.attention import attention, facts
from haechi_collector.web.charts import QUANTILE_COLOURS, lines, stacked
from haechi_collector.web.doors import doors
from haechi_collector.web.grouping import before
from haechi_collector.web.html import Html, tag
from haechi_collector.web.lines import by_group, dollars, single, with_rest
from haechi_collector.web.month import forecast_chart, forecast_note, month
from haechi_collector.web.overview_tiles import overview_tiles
from haechi_collector.web.points import window_of
from haechi_collector.web.view import Options, Page, Point, View
from haechi_collector.web.widgets import Column, empty, money, percent, share_bar, swatch, table, whole

_MODELS_MAX: Final = 8
Answer = Mapping[str, Any]


async def figures(view: View, scope: Scope) -> dict[str, Any]:
    """Return what the tiles show: the API's summary and costs of the window, and the same of the one before."""
    step_s = read_interval(AUTO, scope.window)
    earlier = before(scope)
    now, then, spent, spent_then, course = await asyncio.gather(
        summary(view.engine, scope),
        summary(view.engine, earlier or scope),
        costs(view.engine, CostsQuestion(Grouped(scope, step_s=step_s))),
        costs(view.engine, CostsQuestion(Grouped(earlier or scope))),
        latency(view.engine, LatencyQuestion(Grouped(scope, step_s=step_s), "duration", DEFAULT)),
    )
    return {"now": now, "before": then if earlier else {}, "costs": spent, "costs_before": spent_then, "course": course}


def build(view: View) -> None:
    """Draw the page."""
    everything = view.ask(lambda scope: figures(view, scope))
    by_model = view.ask(lambda scope: costs(view.engine, CostsQuestion(_by_model(scope))))
    first_token = view.ask(lambda scope: latency(view.engine, _timing(scope, "ttft")))
    this_month = view.ask(lambda scope: month(view, scope))
    notable = view.ask(lambda scope: attention(view, scope))
    view.html(everything, lambda answer: _tiles_or_doors(view, answer))
    view.html(notable, lambda answer: facts(view, answer), title=own.ATTENTION, classes="is-flush")
    click: dict[str, Any] = {"link": lambda point: window_of(view.state.at("/traces"), point), "zoom": True}
    failed: dict[str, Any] = {"link": lambda point: _outcome(view, point), "zoom": True}
    with view.grid("cols-2"):
        view.chart(own.TRAFFIC, everything, lambda answer: _traffic(view, answer["course"]), **failed)
        view.chart(words.DURATION, everything, lambda answer: _quantiles(answer["course"]), **click)
        view.chart(own.COST_OVER_TIME, by_model, lambda answer: _costs(view, answer), link=_model(view), zoom=True)
        view.chart(words.TTFT, first_token, _quantiles, **click)
        view.chart(own.TOKENS_OVER_TIME, everything, lambda answer: _tokens(view, answer["costs"]), **click)
        view.chart(
            own.FORECAST,
            this_month,
            lambda answer: forecast_chart(view.t, answer),
            note=lambda answer: forecast_note(view.t, answer),
        )
    view.html(by_model, lambda answer: _models(view, answer), title=words.MODELS, classes="is-flush")


def _by_model(scope: Scope) -> Grouped:
    return Grouped(scope, (dimension("model", "group_by"),), 100, read_interval(AUTO, scope.window))


def _timing(scope: Scope, metric: Metric) -> LatencyQuestion:
    return LatencyQuestion(Grouped(scope, step_s=read_interval(AUTO, scope.window)), metric, DEFAULT)


def _tiles_or_doors(view: View, answer: Answer) -> Html:
    if answer["now"]["total_requests"]:
        return overview_tiles(view, answer)
    inside = empty(view.t, view.state, doors(view.t) if not view.state.filters else None)
    return tag("section", inside, class_="h-card")


def _traffic(view: View, course: Answer) -> Options | None:
    good = single(course, view.t(own.SUCCEEDED), lambda row: row["requests"] - row["errors"], "--series-1", 0)
    return stacked([good, single(course, view.t(own.FAILED), lambda row: row["errors"], "--bad", 0)], "number")


def _outcome(view: View, point: Point) -> Any:
    state = view.state.at("/traces")
    return window_of(state.only("status", "error") if point.series == view.t(own.FAILED) else state, point)


def _model(view: View) -> Any:
    def link(point: Point) -> Any:
        state = view.state.at("/traces", order="dearest")
        known = point.series and point.series not in {view.t(words.OTHER), view.t(words.NO_VALUE)}
        return window_of(state.only("model", point.series) if known else state, point)

    return link


def _quantiles(answer: Answer) -> Options | None:
    names = list(answer["total"]["quantiles"])
    shown = [
        single(answer, name, lambda row, name=name: row["quantiles"][name], colour)  # type: ignore[misc]
        for name, colour in zip(names, QUANTILE_COLOURS, strict=False)
    ]
    return lines(shown, answer["unit"])


def _costs(view: View, answer: Answer) -> Options | None:
    return stacked(with_rest(answer, by_group(answer, view.t, dollars), view.t, dollars), "usd")


def _tokens(view: View, answer: Answer) -> Options | None:
    t = view.t
    return stacked(
        [
            single(
                answer, t(own.TOKENS_UNCACHED), lambda r: r["input_tokens"] - r["cache_read_tokens"], "--series-1", 0
            ),
            single(answer, t(own.TOKENS_CACHED), lambda r: r["cache_read_tokens"], "--series-7", 0),
            single(answer, t(own.TOKENS_OUTPUT), lambda r: r["output_tokens"], "--series-4", 0),
        ],
        "number",
    )


def _models(view: View, answer: Answer) -> Html:
    t, rows = view.t, answer["rows"]
    if not rows:
        return tag("div", t(words.NOTHING), class_="h-nothing")
    chosen = {line.name: line.colour for line in by_group(answer, t, dollars)}
    all_requests = answer["total"]["requests"]

    def name(row: Answer) -> list[Html | str]:
        model = row["group"]["model"] or t(words.NO_VALUE)
        return [swatch(chosen.get(model, "--series-other")), model]

    columns = [
        Column[Answer](t(words.MODEL), name),
        Column[Answer](t(words.REQUESTS), lambda row: whole(row["requests"]), is_number=True),
        Column[Answer](
            t(words.SHARE),
            lambda row: [percent(row["requests"] / all_requests), share_bar(row["requests"] / all_requests)],
            is_number=True,
        ),
        Column[Answer](t(words.TOKENS), lambda row: whole(row["input_tokens"] + row["output_tokens"]), is_number=True),
        Column[Answer](t(words.COST), lambda row: money(row["cost_usd"]), is_number=True),
        Column[Answer](t(metrics.COST_PER_REQUEST), lambda row: money(row["cost_per_request_usd"]), is_number=True),
    ]
    shown = sorted(rows, key=lambda row: -row["requests"])[:_MODELS_MAX]
    return table(
        columns,
        shown,
        href=lambda row: view.state.only("model", row["group"]["model"]).at("/traces").href,
        label=t(words.MODELS),
    )


PAGE: Final = Page("/", words.OVERVIEW, build, "o", "M4 13h6V4H4zM14 20h6V4h-6zM4 20h6v-3H4z")
