"""ECharts options from answers: pure functions, plain data.

Guarantee: options hold no colour and no function, only names that ``static/chart.js`` resolves: ``--series-1`` is a
colour of ``static/page.css``, ``@ms`` a format. So the same options serve light and dark. The colour of a series comes
from its name's place among the names that are shown (`colours`), so that a model keeps its colour from chart to chart.

Units: ``ms``, ``usd``, ``percent`` (a share from 0 to 1), ``tokens/s``, ``number``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from haechi_collector.web.view import Options

SERIES_MAX: Final = 8
"""Series that have a colour of their own; more cannot be told apart."""

_STEPS_MAX: Final = 2_000

QUANTILE_COLOURS: Final = ("--p50", "--p95", "--p99", "--series-4", "--series-6")


@dataclass(frozen=True, slots=True)
class Line:
    """One series: values by time in milliseconds since 1970; None is a gap."""

    name: str
    points: Sequence[tuple[int, float | None]]
    colour: str = "--series-1"


def milliseconds(time: str) -> int:
    """Return RFC 3339 as milliseconds since 1970."""
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def steps(answer: Mapping[str, Any]) -> list[int]:
    """Return the begin of every step of an answer's window, in milliseconds; at most 2,000."""
    step = answer["interval_s"] * 1000
    first, end = milliseconds(answer["from"]) // step * step, milliseconds(answer["to"])
    return list(range(first, end, step))[:_STEPS_MAX]


def filled(
    times: Sequence[int], values: Mapping[int, float | None], missing: float | None
) -> list[tuple[int, float | None]]:
    """Return a value for every step; a step without requests is absent in an answer."""
    return [(time, values.get(time, missing)) for time in times]


def colours(names: Iterable[str]) -> dict[str, str]:
    """Return the colour of each series, by the order of their names; beyond `SERIES_MAX` grey."""
    ordered = sorted(set(names))
    return {name: f"--series-{n + 1}" if n < SERIES_MAX else "--series-other" for n, name in enumerate(ordered)}


def lines(series: Sequence[Line], unit: str, *, area: bool = False) -> Options | None:
    """Return lines over time; None when there is nothing to draw. With ``area`` the space below is tinted."""
    if not any(value is not None for one in series for _, value in one.points):
        return None
    drawn = [
        {
            "type": "line",
            "name": one.name,
            "data": [list(point) for point in one.points],
            "showSymbol": _is_sparse(one.points),
            "symbolSize": 4,
            "lineStyle": {"width": 1.6},
            "color": one.colour,
            **({"areaStyle": {"opacity": 0.08}} if area else {}),
        }
        for one in series
    ]
    return {**_over_time(unit, len(series)), "series": drawn}


def stacked(series: Sequence[Line], unit: str, *, bars: bool = True) -> Options | None:
    """Return series on top of one another over time, as bars or areas; a gap counts as nothing."""
    if not any(value for one in series for _, value in one.points):
        return None
    drawn = [
        {
            "type": "bar" if bars else "line",
            "name": one.name,
            "stack": "all",
            "data": [[time, value or 0] for time, value in one.points],
            "color": one.colour,
            **({"barCategoryGap": "18%"} if bars else {"areaStyle": {"opacity": 0.65}, "showSymbol": False}),
        }
        for one in series
    ]
    options = {**_over_time(unit, len(series)), "series": drawn}
    options["tooltip"] |= {"order": "valueDesc", "axisPointer": {"type": "shadow" if bars else "line"}}
    return options


def histogram(bins: Sequence[Mapping[str, Any]], labels: Sequence[str], name: str) -> Options | None:
    """Return the bins of ``/api/v1/latency?include=histogram`` as bars; ``labels`` are of their low ends."""
    if not bins:
        return None
    data = [{"value": one["requests"], "data": {"low": one["low"], "high": one["high"]}} for one in bins]
    return {
        **_base("number"),
        "xAxis": {**_categories(labels), "axisLabel": {"color": "--text-3", "hideOverlap": True, "fontSize": 11}},
        "yAxis": _values("number"),
        "series": [{"type": "bar", "name": name, "data": data, "color": "--series-1", "barCategoryGap": 1}],
    }


def heatmap(cells: Sequence[Mapping[str, Any]], columns: Sequence[str], rows: Sequence[str]) -> Options | None:
    """Return cells as squares whose colour tells how many.

    Args:
        cells: each with ``x`` and ``y`` (places in ``columns`` and ``rows``), ``count``, ``label`` for the tooltip and
            ``data`` for who clicks.
        columns: labels of the horizontal axis.
        rows: labels of the vertical axis, from below.
    """
    if not cells:
        return None
    most = max(one["count"] for one in cells)
    data = [
        # By the square root: few requests at the far end are what a heatmap is looked at for.
        {"value": [one["x"], one["y"], (one["count"] / most) ** 0.5], "label": one["label"], "data": one["data"]}
        for one in cells
    ]
    quiet: Options = {"axisTick": {"show": False}, "splitLine": {"show": False}}
    every = {"axisLabel": {"color": "--text-3", "fontSize": 11, "interval": max(0, -(-len(rows) // 9) - 1)}}
    return {
        **_base("number"),
        "tooltip": {**_tooltip("number"), "trigger": "item", "formatter": "@label"},
        "xAxis": {**_categories(columns), **quiet},
        "yAxis": {**_categories(rows), **quiet, **every},
        "visualMap": {
            "show": False,
            "min": 0,
            "max": 1,
            "dimension": 2,
            "inRange": {"color": ["--heat-0", "--heat-1", "--heat-2", "--heat-3"]},
        },
        "series": [{"type": "heatmap", "data": data, "itemStyle": {"borderWidth": 1, "borderColor": "--surface"}}],
    }


def bars(names: Sequence[str], values: Sequence[float | None], unit: str, colour: str = "--series-1") -> Options | None:
    """Return horizontal bars, the first one on top."""
    if not any(values):
        return None
    return {
        **_base(unit),
        "xAxis": _values(unit),
        "yAxis": {**_categories(names), "inverse": True},
        "series": [{"type": "bar", "data": list(values), "color": colour, "barMaxWidth": 18}],
    }


def with_projection(options: Options, upper: Line, lower: Line, middle: Line) -> Options:
    """Return a chart over time with a forecast: a dashed line inside a tinted interval."""
    band: list[Options] = [
        {"type": "line", "name": lower.name, "data": [list(p) for p in lower.points], "stack": "band"},
        {
            "type": "line",
            "name": upper.name,
            "stack": "band",
            "data": [
                [t, None if v is None or w is None else v - w]
                for (t, v), (_, w) in zip(upper.points, lower.points, strict=True)
            ],
            "areaStyle": {"opacity": 0.16, "color": middle.colour},
        },
    ]
    hidden: Options = {"lineStyle": {"opacity": 0}, "showSymbol": False, "silent": True, "tooltip": {"show": False}}
    line = {
        "type": "line",
        "name": middle.name,
        "data": [list(point) for point in middle.points],
        "lineStyle": {"width": 1.6, "type": "dashed"},
        "color": middle.colour,
        "showSymbol": False,
    }
    return {**options, "series": [*options["series"], *({**one, **hidden} for one in band), line]}


def _is_sparse(points: Sequence[tuple[int, float | None]]) -> bool:
    known = [value is not None for _, value in points]
    return sum(known) <= 2 or any(
        here and not before and not after
        for before, here, after in zip([False, *known], known, [*known[1:], False], strict=False)
    )


def _tooltip(unit: str) -> Options:
    return {
        "trigger": "axis",
        "confine": True,
        "backgroundColor": "--raised",
        "borderColor": "--line-strong",
        "borderWidth": 1,
        "padding": [6, 10],
        "textStyle": {"color": "--text", "fontSize": 12},
        "axisPointer": {"type": "line", "lineStyle": {"color": "--line-strong"}, "shadowStyle": {"opacity": 0.06}},
        "transitionDuration": 0,
        "valueFormatter": f"@{unit}",
    }


def _base(unit: str, legend: int = 0) -> Options:
    options: Options = {
        "animation": False,
        "aria": {"enabled": True},
        "textStyle": {"fontFamily": "--font"},
        "grid": {"left": 14, "right": 16, "top": 34 if legend > 1 else 12, "bottom": 8, "containLabel": True},
        "tooltip": _tooltip(unit),
    }
    if legend > 1:
        options["legend"] = {
            "type": "scroll",
            "left": 10,
            "top": 2,
            "itemWidth": 9,
            "itemHeight": 9,
            "itemGap": 14,
            "icon": "roundRect",
            "textStyle": {"color": "--text-2", "fontSize": 12, "lineHeight": 18},
            "pageTextStyle": {"color": "--text-3"},
            "pageIconColor": "--text-2",
            "pageIconInactiveColor": "--line-strong",
            "pageIconSize": 10,
        }
    return options


def _over_time(unit: str, series: int) -> Options:
    axis = {
        "type": "time",
        "axisLine": {"lineStyle": {"color": "--line-strong"}},
        "axisTick": {"show": False},
        "axisLabel": {"color": "--text-3", "hideOverlap": True, "fontSize": 11, "formatter": "@time"},
        "splitLine": {"show": False},
    }
    return {**_base(unit, series), "xAxis": axis, "yAxis": _values(unit)}


def _values(unit: str) -> Options:
    return {
        "type": "value",
        "axisLabel": {"color": "--text-3", "fontSize": 11, "formatter": f"@{unit}"},
        "splitLine": {"lineStyle": {"color": "--line"}},
        "splitNumber": 4,
    }


def _categories(labels: Sequence[str]) -> Options:
    return {
        "type": "category",
        "data": list(labels),
        "axisLine": {"lineStyle": {"color": "--line-strong"}},
        "axisTick": {"show": False},
        "axisLabel": {"color": "--text-3", "hideOverlap": True, "fontSize": 11},
    }
