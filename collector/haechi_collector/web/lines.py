"""From the series of an answer to the lines of a chart."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from haechi_collector.web import words
from haechi_collector.web.charts import SERIES_MAX, Line, colours, filled, milliseconds, steps
from haechi_collector.web.language import Translator
from haechi_collector.web.widgets import group_name

Answer = Mapping[str, Any]
Value = Callable[[Mapping[str, Any]], float | None]

SHOWN_MAX: Final = SERIES_MAX
"""Groups that a chart shows; the table beside it holds the others."""


def single(answer: Answer, name: str, value: Value, colour: str, missing: float | None = None) -> Line:
    """Return one line over the window of an answer without groups; a step without requests is ``missing``."""
    found = {milliseconds(point["time"]): value(point) for point in answer["series"]}
    return Line(name, filled(steps(answer), found, missing), colour)


def by_group(answer: Answer, t: Translator, value: Value, missing: float | None = None) -> list[Line]:
    """Return a line for each of the first groups of an answer, in the order of its rows."""
    shown = [group_name(row["group"], t) for row in answer["rows"][:SHOWN_MAX]]
    found: dict[str, dict[int, float | None]] = {name: {} for name in shown}
    for point in answer["series"]:
        name = group_name(point["group"], t)
        if name in found:
            found[name][milliseconds(point["time"])] = value(point)
    chosen, times = colours(shown), steps(answer)
    return [Line(name, filled(times, found[name], missing), chosen[name]) for name in shown]


def with_rest(answer: Answer, shown: Sequence[Line], t: Translator, value: Value) -> list[Line]:
    """Return the lines and one more for all groups that they leave out, for charts that add up."""
    rest: dict[int, float | None] = {}
    names = {line.name for line in shown}
    for point in answer["series"]:
        if group_name(point["group"], t) not in names:
            time = milliseconds(point["time"])
            rest[time] = (rest.get(time) or 0) + (value(point) or 0)
    if not rest:
        return list(shown)
    return [*shown, Line(t(words.OTHER), filled(steps(answer), rest, 0), "--series-other")]


def values(answer: Answer, value: Value, missing: float | None = None) -> list[float | None]:
    """Return the course of a value over all steps, for a sparkline."""
    return [point for _, point in single(answer, "", value, "", missing).points]


def dollars(row: Mapping[str, Any]) -> float | None:
    """Return a cost as a number that is good enough to draw."""
    return None if row["cost_usd"] is None else float(row["cost_usd"])
