"""Cost explorer: money by anything and over time, this month's forecast, and ways to spend less."""

from collections.abc import Mapping
from typing import Any, Final

from haechi_collector.query.attribute_keys import attribute_keys
from haechi_collector.query.costs import CostsQuestion, costs
from haechi_collector.query.report import report
from haechi_collector.query.scope import Scope
from haechi_collector.web import formats, words
from haechi_collector.web import words_costs as own
from haechi_collector.web import words_metrics as metrics
from haechi_collector.web import words_overview as shared
from haechi_collector.web.charts import stacked
from haechi_collector.web.grouping import group_menu, grouped
from haechi_collector.web.html import Html, go, join, tag
from haechi_collector.web.lines import by_group, dollars, single, with_rest
from haechi_collector.web.month import forecast_chart, forecast_note, month
from haechi_collector.web.points import window_of
from haechi_collector.web.saving import recommendations
from haechi_collector.web.view import Options, Page, Point, View
from haechi_collector.web.widgets import (
    Column,
    Tile,
    empty,
    group_name,
    money,
    percent,
    share_bar,
    swatch,
    table,
    tiles,
    whole,
)

Answer = Mapping[str, Any]
_DEFAULT: Final = "model"
_GROUPS: Final = 100
_KEYS: Final = 60


def _question(view: View, scope: Scope) -> CostsQuestion:
    return CostsQuestion(grouped(view, scope, _GROUPS, _DEFAULT), users=True, savings=True)


def build(view: View) -> None:
    """Draw the page."""
    keys = view.ask(lambda scope: attribute_keys(view.engine, scope, _KEYS))
    answer = view.ask(lambda scope: costs(view.engine, _question(view, scope)))
    this_month = view.ask(lambda scope: month(view, scope))
    ways = view.ask(lambda scope: report(view.engine, scope))
    view.html(keys, lambda found: _controls(view, found["attributes"]), initial=_controls(view, []), classes="h-bar")
    view.html(answer, lambda found: _tiles(view, found))
    with view.grid("cols-2"):
        view.chart(
            own.OVER_TIME,
            answer,
            lambda found: _course(view, found),
            link=lambda point: _behind(view, point),
            zoom=True,
        )
        view.chart(
            shared.FORECAST,
            this_month,
            lambda found: forecast_chart(view.t, found),
            note=lambda found: forecast_note(view.t, found),
        )
    with view.grid("cols-2"):
        view.html(this_month, lambda found: _budget(view, found), title=own.BUDGET)
        view.html(answer, lambda found: _unpriced(view, found), title=own.UNPRICED, classes="is-flush")
    view.html(answer, lambda found: _table(view, found), title=own.BREAKDOWN, classes="is-flush")
    view.html(ways, lambda found: recommendations(view, found), title=own.RECOMMENDATIONS, classes="is-flush")


def _controls(view: View, keys: list[dict[str, Any]]) -> Html:
    second = (
        group_menu(view, words.THEN_BY, keys, _DEFAULT, at=1) if view.state.get("group_by", _DEFAULT) != "," else None
    )
    return join([group_menu(view, words.GROUP_BY, keys, _DEFAULT), second])


def _tiles(view: View, answer: Answer) -> Html:
    t, total = view.t, answer["total"]
    if not total["requests"]:
        return tag("section", empty(t, view.state), class_="h-card")
    each = [
        Tile(t(own.TOTAL), money(total["cost_usd"], "cost_usd")),
        Tile(t(own.PER_REQUEST), money(total["cost_per_request_usd"], "cost_per_request_usd")),
        Tile(
            t(own.PER_USER),
            money(total["cost_per_user_usd"], "cost_per_user_usd"),
            sub=t(own.USERS, count=formats.count(total["users"])),
        ),
        Tile(t(own.PER_1000), money(total["cost_per_1000_tokens_usd"], "cost_per_1000_tokens_usd")),
        Tile(t(own.CACHED), percent(total["cached_share"], "cached_share")),
        Tile(t(own.SAVED), money(total["cache_saved_usd"], "cache_saved_usd")),
        Tile(t(metrics.UNPRICED), whole(total["unpriced_requests"], "unpriced_requests")),
    ]
    return tiles(each)


def _course(view: View, answer: Answer) -> Options | None:
    if not answer["rows"]:
        return stacked([single(answer, view.t(words.COST), dollars, "--series-1", 0)], "usd")
    return stacked(with_rest(answer, by_group(answer, view.t, dollars), view.t, dollars), "usd")


def _behind(view: View, point: Point) -> Any:
    by = view.state.get("group_by", _DEFAULT)
    state = view.state.at("/traces", order="dearest")
    is_one = "," not in by and point.series not in {"", view.t(words.OTHER), view.t(words.NO_VALUE)}
    return window_of(state.of_group({by: point.series}) if is_one else state, point)


def _budget(view: View, answer: Answer) -> Html:
    t = view.t
    field = tag(
        "input",
        name="budget_usd",
        value=view.state.get("budget_usd"),
        inputmode="decimal",
        placeholder="500",
        aria_label=t(own.BUDGET),
        class_="h-input",
    )
    form = tag("form", field, tag("button", t(words.APPLY), class_="h-button"), data_go="/costs", class_="h-inline")
    return join([form, tag("p", _reached(view, answer), class_="h-muted h-lead")])


def _reached(view: View, answer: Answer) -> str:
    t = view.t
    if answer["forecast_usd"] is None:
        return t(own.NO_FORECAST, reason=_remark(view, answer))
    if answer["budget_usd"] is None:
        return _remark(view, answer) or t(own.SPENT_SO_FAR, amount=formats.money(answer["spent_usd"]))
    if answer["budget_reached_on"] is None:
        return t(own.NOT_REACHED)
    text = t(own.REACHED, day=answer["budget_reached_on"])
    first, last = answer["budget_reached_earliest"], answer["budget_reached_latest"]
    return f"{text}, {t(own.REACHED_RANGE, first=first, last=last)}" if first and last and first != last else text


def _remark(view: View, answer: Answer) -> str:
    """Return the reason of a forecast in the reader's language, '' for none."""
    code = answer["reason_code"]
    counts = {"days": answer["based_on_days"], "outliers": answer["outlier_days"]}
    return view.t(own.REASONS[code], **counts) if code else ""


def _unpriced(view: View, answer: Answer) -> Html:
    t, rows = view.t, answer["unpriced_models"]
    if not rows:
        return tag("div", t(own.ALL_PRICED), class_="h-nothing")
    columns = [
        Column[Answer](t(words.MODEL), lambda r: r["model"]),
        Column[Answer](t(own.PROVIDER), lambda r: r["provider"]),
        Column[Answer](t(words.REQUESTS), lambda r: whole(r["requests"]), is_number=True),
        Column[Answer](t(words.TOKENS), lambda r: whole(r["input_tokens"] + r["output_tokens"]), is_number=True),
    ]
    state = view.state.at("/traces")
    return table(columns, rows, href=lambda r: state.only("model", r["model"]).href, label=t(own.UNPRICED))


def _table(view: View, answer: Answer) -> Html:
    t, total = view.t, answer["total"]
    rows = answer["rows"] or [{"group": {}, **total}]
    chosen = {line.name: line.colour for line in by_group(answer, t, dollars)}
    shown = table(
        _columns(view, float(total["cost_usd"] or 0), chosen),
        rows,
        state=view.state,
        href=lambda r: view.state.at("/traces", order="dearest").of_group(r["group"]).href,
        label=t(own.BREAKDOWN),
    )
    if answer["groups"] <= len(answer["rows"]):
        return shown
    note = t(own.BREAKDOWN_NOTE, shown=len(answer["rows"]), count=formats.count(answer["groups"]))
    return join([shown, tag("p", note, class_="h-foot")])


def _columns(view: View, cost: float, chosen: Mapping[str, str]) -> list[Column[Answer]]:
    t = view.t

    def name(row: Answer) -> list[Html]:
        text = group_name(row["group"], t)
        state = view.state.of_group(row["group"]).with_params(group_by=None, sort=None)
        return [swatch(chosen.get(text, "--series-other")), go(state.href, text)]

    def share(row: Answer) -> list[Html] | str:
        part = float(row["cost_usd"]) / cost if row["cost_usd"] is not None and cost else None
        return [percent(part), share_bar(part)] if part is not None else formats.NONE

    def by_money(key: str) -> Any:
        return lambda r: None if r[key] is None else float(r[key])

    def amount(key: str, word: Any) -> Column[Answer]:
        return Column(t(word), lambda r: money(r[key]), True, key, by_money(key))

    def counted(key: str, word: Any) -> Column[Answer]:
        return Column(t(word), lambda r: whole(r[key]), True, key, lambda r: r[key])

    heads = " · ".join(view.state.get("group_by", _DEFAULT).strip(",").split(","))
    return [
        Column(heads, name),
        amount("cost_usd", words.COST),
        Column(t(words.SHARE), share, True),
        counted("requests", words.REQUESTS),
        amount("cost_per_request_usd", own.PER_REQUEST),
        amount("cost_per_user_usd", own.PER_USER),
        amount("cost_per_1000_tokens_usd", own.PER_1000),
        counted("input_tokens", shared.TOKENS_UNCACHED),
        counted("output_tokens", shared.TOKENS_OUTPUT),
        Column(t(words.CACHED), lambda r: percent(r["cached_share"]), True),
        counted("unpriced_requests", metrics.UNPRICED),
    ]


PAGE: Final = Page("/costs", words.COSTS, build, "c", "M12 4v16M16 8c-1-2-7-2.5-7 1 0 4 7.5 2 7.5 6 0 3.5-7 3.5-8.5 1")
