"""What was spent by day and hour, in UTC: the history that a forecast rests on.

Guarantee: sums are exact. An hour without requests after the first one with a request has a spend of 0; days before the
first request, and the day of it, are no history.
"""

from collections.abc import Sequence
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
_DAY_S: Final = 86_400
_PROFILE_DAYS: Final = 28


@dataclass(frozen=True, slots=True)
class Spend:
    """Spend by hour up to a moment; ``unpriced`` are the requests of the month that have no price."""

    at: datetime
    hours: dict[int, Decimal]
    first_hour: int | None
    unpriced: int

    @property
    def today(self) -> date:
        """The day of the moment."""
        return self.at.date()

    @property
    def month(self) -> list[date]:
        """The days of the calendar month."""
        first = self.today.replace(day=1)
        return [day for n in range(31) if (day := first + timedelta(days=n)).month == first.month]

    def of_day(self, day: date) -> Decimal:
        """Return the spend of a day, as far as it has gone."""
        first = _hour(day)
        return sum((self.hours.get(hour, Decimal(0)) for hour in range(first, first + 24)), Decimal(0))

    @property
    def history(self) -> npt.NDArray[np.float64]:
        """The whole days before today, the oldest first."""
        if self.first_hour is None:
            return np.zeros(0)
        days = min(HISTORY_DAYS, _hour(self.today) // 24 - -(-self.first_hour // 24))
        return np.array([float(self.of_day(self.today - timedelta(days=n))) for n in range(days, 0, -1)])

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
    rows = (await engine.ask(_statement(replace(scope, window=window), int(day.replace(day=1).timestamp())))).rows
    return _read(rows, at)


def _statement(scope: Scope, month_s: int) -> Statement:
    values = Values()
    source = scope.source_of_requests(values)
    columns = (
        f"intDiv(toUnixTimestamp(start_time), {_HOUR_S}) AS hour, sum(cost_usd) AS cost,"
        f" countIf(cost_source = 'unpriced' AND start_time >= {values.time(month_s * 10**9)}) AS unpriced"
    )
    sql = f"SELECT {columns} FROM {source} GROUP BY hour ORDER BY hour"  # noqa: S608  bound values
    return Statement(sql, values.bound, scope.is_wide)


def _read(rows: Sequence[Row], at: datetime) -> Spend:
    hours = {row["hour"]: Decimal(row["cost"]) for row in rows if row["cost"] is not None}
    first = rows[0]["hour"] if rows else None
    return Spend(at, hours, first, sum(row["unpriced"] for row in rows))
