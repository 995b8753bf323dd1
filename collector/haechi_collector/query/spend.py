"""What was spent by day and hour, in UTC: the history that a forecast rests on.

Guarantee: sums are exact. A day without requests has a spend of 0; one whose requests have no price has none (None).
The history begins with the first whole day after the first request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt

from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.scope import Scope, Window
from haechi_collector.query.statement import Statement, Values

HISTORY_DAYS: Final = 56
"""Whole days that a forecast looks back on. More: eight weeks ago says little about next week, and costs reading."""

_HOUR_S: Final = 3600
_PROFILE_DAYS: Final = 28
"""Days whose hours tell how much of a day is spent by now."""


@dataclass(frozen=True, slots=True)
class Spend:
    """Spend, and requests without a price, by hour (since 1970) up to a moment."""

    at: datetime
    hours: Mapping[int, Decimal]
    unpriced_hours: Mapping[int, int]
    first_hour: int | None

    @property
    def today(self) -> date:
        """The day of the moment."""
        return self.at.date()

    @property
    def month(self) -> list[date]:
        """The days of the calendar month."""
        first = self.today.replace(day=1)
        return [day for n in range(31) if (day := first + timedelta(days=n)).month == first.month]

    @property
    def unpriced(self) -> int:
        """Requests of the month that have no price."""
        return sum(count for hour, count in self.unpriced_hours.items() if hour >= _hour(self.month[0]))

    @property
    def spent(self) -> Decimal | None:
        """The spend of the month so far; None where requests were made and none has a price."""
        first = _hour(self.month[0])
        known = [spent for hour, spent in self.hours.items() if hour >= first]
        return sum(known, Decimal(0)) if known or not self.unpriced else None

    def of_day(self, day: date) -> Decimal | None:
        """Return the spend of a day, as far as it has gone; None where none of its requests has a price."""
        hours = range(_hour(day), _hour(day) + 24)
        known = [self.hours[hour] for hour in hours if hour in self.hours]
        return sum(known, Decimal(0)) if known or not any(hour in self.unpriced_hours for hour in hours) else None

    @property
    def history(self) -> npt.NDArray[np.float64]:
        """The whole days before today, the oldest first; none where no request has a price."""
        if self.first_hour is None or not self.hours:
            return np.zeros(0)
        days = min(HISTORY_DAYS, _hour(self.today) // 24 - -(-self.first_hour // 24))
        return np.array([float(self.of_day(self.today - timedelta(days=n)) or 0) for n in range(days, 0, -1)])

    @property
    def rest_of_today(self) -> float:
        """Which share of a day is usually spent after the present time of day."""
        now, profile = self.at.hour + self.at.minute / 60, np.zeros(24)
        first = _hour(self.today) - 24 * min(_PROFILE_DAYS, len(self.history))
        for hour in range(first, _hour(self.today)):
            profile[hour % 24] += float(self.hours.get(hour, Decimal(0)))
        if not profile.sum():
            return 1 - now / 24
        current = int(now)
        spent = profile[:current].sum() + profile[current] * (now - current)
        return float(1 - spent / profile.sum())


def _hour(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 24


async def spend(engine: Engine, scope: Scope, at: datetime) -> Spend:
    """Read the spend of the history and the month; the scope's window does not matter.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = min(day.replace(day=1), day - timedelta(days=HISTORY_DAYS + 1))
    window = Window(max(0, int(first.timestamp())) * 10**9, int(at.timestamp()) * 10**9)
    rows = (await engine.ask(_statement(replace(scope, window=window)))).rows
    return _read(rows, at)


def _statement(scope: Scope) -> Statement:
    values = Values()
    source = scope.source_of_requests(values)
    columns = (
        f"intDiv(toUnixTimestamp(start_time), {_HOUR_S}) AS hour, sum(cost_usd) AS cost,"
        " countIf(cost_source = 'unpriced') AS unpriced"
    )
    sql = f"SELECT {columns} FROM {source} GROUP BY hour ORDER BY hour"  # noqa: S608  bound values
    return Statement(sql, values.bound, scope.is_wide)


def _read(rows: Sequence[Row], at: datetime) -> Spend:
    hours = {row["hour"]: Decimal(row["cost"]) for row in rows if row["cost"] is not None}
    unpriced = {row["hour"]: row["unpriced"] for row in rows if row["unpriced"]}
    return Spend(at, hours, unpriced, rows[0]["hour"] if rows else None)
