"""What ``haechi doctor`` says of keeping: how large the tables are, what is in force, how long the disk lasts.

Guarantee: it asks a running collector over its own socket and reads nothing else; without one there is nothing to say,
because retention works only while a collector runs.
"""

import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from haechi_collector.config import Config
from haechi_collector.control import ask
from haechi_collector.doctor_check import Check
from haechi_collector.errors import HaechiError
from haechi_collector.limits import MIB

_RATE_DAYS: Final = 7
_DAYS_LOW: Final = 7.0


def keeping_checks(config: Config) -> Iterator[Check]:
    """Say what is kept and whether it fits."""
    try:
        told = _asked(config)
    except HaechiError as error:
        yield Check("fail", "keeping", str(error), "read the collector's log")
        return
    if told is None:
        return
    sizes = [f"{table} {kept['bytes'] / MIB:,.0f} MiB" for table, kept in told["tables"].items()]
    first = min((kept["first_day"] for kept in told["tables"].values()), default="none")
    yield Check("ok", "kept", f"{', '.join(sizes) or 'nothing yet'}; oldest day {first}; {in_force(told)}")
    disk_free = None if config.clickhouse else shutil.disk_usage(config.data_dir).free
    yield _outlook(told, disk_free, datetime.now(UTC).date())


def _asked(config: Config) -> Mapping[str, Any] | None:
    running = ask(config.data_dir, "retention", {}) if config.data_dir.is_dir() else None
    if running is None:
        return None
    while True:
        try:
            next(running)
        except StopIteration as end:
            told: Mapping[str, Any] = end.value
            return told


def in_force(told: Mapping[str, Any]) -> str:
    """Say the bounds in words."""
    days, content_days, bytes_max = told["retention_days"], told["content_days"], told["retention_bytes_max"]
    parts = [
        f"rows are kept {f'{days} days' if days else 'for ever'}",
        f"their words {f'{content_days} days' if content_days else 'as long'}",
        f"in at most {bytes_max / MIB:,.0f} MiB" if bytes_max else "in any size",
    ]
    return ", ".join(parts)


def bytes_a_day(told: Mapping[str, Any], today: date) -> float:
    """Return how much the tables grow in a day: the mean of the last days before today, else what today has."""
    daily = {date.fromisoformat(day): size for day, size in told["bytes_by_day"].items()}
    recent = [size for day, size in daily.items() if 0 < (today - day).days <= _RATE_DAYS]
    return sum(recent) / len(recent) if recent else float(daily.get(today, 0))


def _outlook(told: Mapping[str, Any], disk_free: int | None, today: date) -> Check:
    rate, taken = bytes_a_day(told, today), sum(kept["bytes"] for kept in told["tables"].values())
    bounds = [told["retention_bytes_max"] - taken] if told["retention_bytes_max"] else []
    room = min([*bounds, *([] if disk_free is None else [disk_free])], default=None)
    grows = f"{rate / MIB:,.1f} MiB a day"
    if not rate or room is None:
        return Check(
            "ok", "room", f"{grows}; the disk of a server is its own to watch" if rate else "nothing grows yet"
        )
    keep = told["retention_days"]
    if keep and keep * rate <= taken + room:
        return Check("ok", "room", f"{grows}; {keep} days take {keep * rate / MIB:,.0f} MiB, which fits")
    days = max(room, 0) / rate
    finding = f"{grows}; full in {days:,.1f} days, then the oldest days leave"
    if days < _DAYS_LOW:
        return Check("warn", "room", finding, "a larger disk, fewer retention_days, or content_days for the prompts")
    return Check("ok", "room", finding)
