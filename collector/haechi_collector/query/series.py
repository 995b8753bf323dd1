"""Steps of time: what an interval means, and how many points an answer may have.

Guarantee: steps begin at multiples of their length since 1970 in UTC, so that two questions with the same interval
share their steps; a step without requests is absent.
"""

import re
from datetime import UTC, datetime
from typing import Final

from haechi_collector.errors import WrongParameter
from haechi_collector.query import limits
from haechi_collector.query.scope import Window

AUTO: Final = "auto"
_STEPS_WANTED: Final = 60
_INTERVAL: Final = re.compile(r"(\d{1,6})(s|m|h|d|w)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_NICE: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800)


def read_interval(text: str, window: Window) -> int:
    """Read ``30s``, ``5m``, ``1h``, ``1d``, ``1w`` or ``auto`` (about 60 steps); return seconds.

    Raises:
        WrongParameter: it is none of these, or gives more points than an answer may have.
    """
    if text == AUTO:
        return next((step for step in _NICE if window.seconds / step <= _STEPS_WANTED), 30 * 86_400)
    found = _INTERVAL.fullmatch(text)
    if not found or int(found[1]) == 0:
        raise WrongParameter("interval", f"{text[:50]!r} is no interval such as 30s, 5m, 1h, 1d, 1w or auto")
    step = int(found[1]) * _SECONDS[found[2]]
    if window.seconds / step > limits.QUESTION_POINTS_MAX:
        raise WrongParameter(
            "interval", f"more than {limits.QUESTION_POINTS_MAX} steps in the window; take longer ones"
        )
    return step


def step_sql(place: str) -> str:
    """Return the start of a span's step in seconds since 1970; ``place`` is where the interval is bound."""
    return f"intDiv(toUnixTimestamp(start_time), {place}) * {place}"


def iso(nanoseconds: int) -> str:
    """Return RFC 3339 in UTC, with the digits that there are."""
    seconds, rest = divmod(nanoseconds, 10**9)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"
