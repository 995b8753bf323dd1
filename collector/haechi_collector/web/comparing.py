"""A comparison as pages show it: its numbers in words of their unit, and the forest plot."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from haechi_collector.web import formats
from haechi_collector.web import words_compare as own
from haechi_collector.web import words_metrics as metrics
from haechi_collector.web.html import Html, tag
from haechi_collector.web.language import Translator
from haechi_collector.web.widgets import badge, figure

Answer = Mapping[str, Any]
_REACH_MAX: Final = 2.0
"""The plot reaches to B's value twice over at most; what lies beyond is an arrow at its edge."""


_COUNTS: Final = frozenset({"requests", "requests_per_minute"})
"""How much was asked says nothing about how well: it does not set the scale."""


def shown(unit: str, value: float | str | None) -> str:
    """Return a figure of ``/api/v1/compare`` in its unit."""
    if value is None:
        return formats.NONE
    if unit == "usd":
        return formats.money(str(value))
    number = float(value)
    ways = {"ms": formats.duration, "share": formats.percent, "requests": formats.count, "tokens": formats.number}
    if unit in ways:
        return ways[unit](number)
    return f"{number:.3f}" if unit == "score" else formats.number(number)


def signed(unit: str, value: float | str | None) -> str:
    """Return a difference with its sign; of shares in percentage points."""
    if value is None:
        return formats.NONE
    number = float(value)
    sign = "+" if number > 0 else "−" if number < 0 else ""
    if unit == "share":
        return f"{sign}{abs(number) * 100:.2f} pp"
    size = str(value).removeprefix("-") if isinstance(value, str) else abs(number)
    return f"{sign}{shown(unit, size)}"


def forest(t: Translator, differences: Sequence[Answer]) -> Html:
    """Return one line per metric: both values, the difference with its interval drawn relative to B, the verdict."""
    known = [one for one in differences if one["a"] is not None or one["b"] is not None]
    reach = _reach(known)
    head = (own.A, own.B, own.DIFFERENCE)
    cells = [tag("th", t(word), scope="col", class_="is-number") for word in head]
    scale = tag("div", *(_tick(share, reach) for share in (-reach, -reach / 2, 0, reach / 2, reach)), class_="h-scale")
    plot = tag("th", tag("span", t(own.INTERVAL), class_="h-sr"), scale, scope="col", class_="h-plot-head")
    titles = [tag("th", "", scope="col"), *cells, tag("th", t(own.VERDICT), scope="col"), plot]
    rows = [_line(t, one, reach) for one in known]
    inside = tag("table", tag("thead", tag("tr", titles)), tag("tbody", rows), class_="h-table h-forest")
    return tag("div", inside, class_="h-scroll", tabindex="0")


def _reach(differences: Sequence[Answer]) -> float:
    drawn = [one for one in differences if one["metric"] not in _COUNTS]
    ends = [abs(share) for one in drawn for share in _relative(one) if share is not None]
    needed = max(ends, default=0.1) * 1.05
    steps = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, _REACH_MAX)
    return next((step for step in steps if needed <= step), _REACH_MAX)


def _relative(one: Answer) -> tuple[float | None, float | None, float | None]:
    """Return low end, point and high end as shares of B's value."""
    base = abs(float(one["b"])) if one["b"] is not None else 0.0
    if not base:
        return None, None, None
    low, point, high = (None if one[key] is None else float(one[key]) / base for key in ("low", "difference", "high"))
    return low, point, high


def _tick(share: float, reach: float) -> Html:
    text = formats.signed_percent(share) if share else "0"
    return tag("span", text, style=f"left:{_place(share, reach):.1f}%")


def _place(share: float, reach: float) -> float:
    return (min(reach, max(-reach, share)) / reach + 1) * 50


def _line(t: Translator, one: Answer, reach: float) -> Html:
    unit, name = one["unit"], one["metric"]
    kind = _kind(one)
    values = [
        tag("td", figure(shown(unit, one[side]), one[side], _exact(one[side]), f"{side}.{name}"), class_="is-number")
        for side in ("a", "b")
    ]
    difference = figure(
        signed(unit, one["difference"]), one["difference"], _exact(one["difference"]), f"difference.{name}"
    )
    interval = ""
    if one["low"] is not None:
        interval = f"{signed(unit, one['low'])} … {signed(unit, one['high'])}"
    change = tag("td", difference, class_=f"is-number {_tone(kind)}")
    plot = tag("td", _plot(one, reach, kind), title=interval or None, class_="h-plot-cell")
    verdict = tag("td", badge(t(own.VERDICTS[one["verdict"]]), kind), data_name=f"verdict.{name}")
    return tag("tr", tag("td", t(metrics.BY_NAME[name])), values, change, verdict, plot)


def _exact(value: float | str | None) -> str:
    return "" if value is None else f"{value}"


def _tone(kind: str) -> str:
    return f"h-{kind}" if kind else ""


def _kind(one: Answer) -> str:
    better = metrics.BETTER.get(one["metric"], 0)
    if one["verdict"] not in {"higher", "lower"} or not better:
        return ""
    return "good" if (better > 0) == (one["verdict"] == "higher") else "bad"


def _plot(one: Answer, reach: float, kind: str) -> Html:
    low, point, high = _relative(one)
    marks: list[Html] = [tag("i", class_="h-zero")]
    if low is not None and high is not None:
        left, right = _place(low, reach), _place(high, reach)
        marks.append(tag("i", class_="h-interval", style=f"left:{left:.2f}%;width:{max(0.4, right - left):.2f}%"))
    if point is not None:
        beyond = "is-right" if point > reach else "is-left" if point < -reach else ""
        marks.append(tag("i", class_=f"h-point {beyond}".strip(), style=f"left:{_place(point, reach):.2f}%"))
    return tag("div", marks, class_=f"h-plot is-{kind}" if kind else "h-plot", aria_hidden="true")
