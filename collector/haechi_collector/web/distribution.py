"""The cells of a latency heatmap on a grid of steps and bins."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from haechi_collector.web import formats
from haechi_collector.web import words_latency as own
from haechi_collector.web.charts import heatmap, milliseconds
from haechi_collector.web.view import Options, View

_DAY_S: Final = 86_400


def cells_of(view: View, answer: Mapping[str, Any]) -> Options | None:
    """Return the heatmap of an answer of `query.shape.heatmap`; steps and bins without requests have their place."""
    found, question = answer["heatmap"], answer["question"]
    if not found:
        return None
    step = question.grouped.step_s
    window = question.grouped.scope.window
    times = list(range(window.from_ns // 10**9 // step * step * 1000, -(-window.to_ns // 10**6), step * 1000))
    lows = sorted({one["low"] for one in found})
    columns = [_time(view, time, window.seconds) for time in times]
    unit = "tokens/s" if question.metric == "tokens_per_second" else "ms"
    place = {low: n for n, low in enumerate(lows)}
    cells = []
    for one in found:
        x = (milliseconds(one["time"]) - times[0]) // (step * 1000)
        label = view.t(
            own.CELL,
            time=_time(view, milliseconds(one["time"]), window.seconds),
            low=formats.metric(one["low"], unit),
            high=formats.metric(one["high"], unit),
            count=formats.count(one["requests"]),
        )
        data = {"time": milliseconds(one["time"]), "low": one["low"], "high": one["high"]}
        cells.append({"x": x, "y": place[one["low"]], "count": one["requests"], "label": label, "data": data})
    return heatmap(cells, columns, [formats.metric(low, unit) for low in lows])


def _time(view: View, time: int, seconds: float) -> str:
    moment = datetime.fromtimestamp(time / 1000, UTC).astimezone(view.zone)
    return moment.strftime("%H:%M" if seconds <= 2 * _DAY_S else "%m-%d %H:%M")
