"""When which rates apply.

Guarantee: a schedule answers for every instant, with rates or with None; the instant is the start of the call,
in UTC. Of the periods that are in force the last one listed wins, which is the rule of the genai-prices data
(later conditional prices take precedence) and of override files (later rows do).

A period is bounded by a first day and, for off-peak prices, by a time of day that may run over midnight.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from haechi._rates import Rates

SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS
_EPOCH: Final = date(1970, 1, 1)
_ALWAYS: Final = -(10**6)  # before any day that a nanosecond timestamp reaches


@dataclass(frozen=True, slots=True)
class Period:
    """Rates and when they are in force; ``rates`` is None where the list has no price per token."""

    rates: Rates | None
    first_day: int = _ALWAYS  # days since the epoch
    day_from_ns: int = 0  # time of day, inclusive
    day_to_ns: int = DAY_NS  # time of day, exclusive; below day_from_ns it runs over midnight

    def active(self, day: Any, time_ns: Any) -> Any:
        """Tell whether the period is in force; takes two integers, or two integer arrays of one shape."""
        after, before = time_ns >= self.day_from_ns, time_ns < self.day_to_ns
        in_hours = after & before if self.day_from_ns <= self.day_to_ns else after | before
        return (day >= self.first_day) & in_hours


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """The price periods of one model."""

    periods: tuple[Period, ...]

    def at(self, instant: datetime) -> Rates | None:
        """Return the rates in force at an instant; a naive datetime is UTC."""
        utc = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        day, time_ns = days_of(utc.date()), nanoseconds_of(utc.timetz())
        return next((p.rates for p in reversed(self.periods) if p.active(day, time_ns)), None)


def days_of(day: date) -> int:
    """Return the days since the epoch."""
    return (day - _EPOCH).days


def nanoseconds_of(moment: time) -> int:
    """Return a time of day in UTC as nanoseconds since midnight; a naive time is UTC."""
    if moment.tzinfo is not None:
        moment = datetime.combine(_EPOCH, moment).astimezone(UTC).timetz()
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
    return seconds * SECOND_NS + moment.microsecond * 1000
