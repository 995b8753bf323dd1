"""Times as people write them: RFC 3339, or relative to now."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from haechi_collector.errors import SettingError

_RELATIVE: Final = re.compile(r"-(\d{1,6})(s|m|h|d|w)")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_time(text: str, now: datetime, name: str) -> datetime:
    """Read ``now``, ``-90s``, ``-15m``, ``-1h``, ``-7d``, ``-2w`` or RFC 3339; without an offset it is UTC.

    Raises:
        SettingError: it is none of these; the message names the parameter ``name``.
    """
    if text == "now":
        return now
    relative = _RELATIVE.fullmatch(text)
    try:
        if relative:
            return now - timedelta(**{_UNITS[relative[2]]: int(relative[1])})
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise SettingError(
            f"{name} = {text!r}: expected a time such as 2026-11-22T09:00:00Z, -1h, -7d or now"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
