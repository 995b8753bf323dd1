"""From a point that was clicked in a chart to the window behind it."""

from datetime import UTC, datetime

from haechi_collector.errors import WrongParameter
from haechi_collector.query.scope import Window
from haechi_collector.query.series import AUTO, iso, read_interval
from haechi_collector.web.state import State
from haechi_collector.web.view import Point


def window_of(state: State, point: Point) -> State | None:
    """Return the state over the step of time that a point of a chart over time lies in; None beside the axis."""
    if not isinstance(point.x, int | float):
        return None
    try:
        window = Window.parse(state.from_, state.to, datetime.now(UTC))
    except WrongParameter:
        return None
    step_ns = read_interval(AUTO, window) * 10**9
    begin = int(point.x * 1e6) // step_ns * step_ns
    return state.with_window(iso(max(0, begin)), iso(begin + step_ns))
