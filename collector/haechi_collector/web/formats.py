"""Numbers as people read them.

Guarantee: what is unknown is "–"; nothing here computes, it only shortens. The exact
number belongs in the tooltip (`web.widgets`). Durations are in milliseconds, money is the API's text.
"""

from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Final

NONE: Final = "–"
_UNITS: Final = ((1e9, "B"), (1e6, "M"), (1e3, "k"))


def count(number: float | None) -> str:
    """Return ``950``, ``12,480``, ``1.25M``: whole up to 100,000."""
    if number is None:
        return NONE
    if abs(number) < 100_000:
        return f"{number:,.0f}"
    size, unit = next((size, unit) for size, unit in _UNITS if abs(number) >= size)
    return f"{number / size:.3g}{unit}" if abs(number / size) < 1000 else f"{number / size:,.0f}{unit}"


def number(value: float | None) -> str:
    """Return three significant digits: ``0.32``, ``4.5``, ``48``, ``1,250``."""
    if value is None:
        return NONE
    if abs(value) >= 1000:
        return count(value)
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def duration(ms: float | None) -> str:
    """Return ``0.4 ms``, ``812 ms``, ``2.91 s``, ``1m 32s``, ``2h 05m``."""
    if ms is None:
        return NONE
    if ms < 1000:
        return f"{ms:.2g} ms" if ms < 1 else f"{ms:.3g} ms" if ms < 100 else f"{ms:.0f} ms"
    if ms < 60_000:
        return f"{ms / 1000:.2f} s" if ms < 10_000 else f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m" if hours else f"{minutes}m {seconds:02d}s"


def metric(value: float | None, unit: str) -> str:
    """Return a value in a unit of ``/api/v1/latency``: ms, or tokens/s."""
    return duration(value) if unit == "ms" else f"{number(value)} tok/s" if value is not None else NONE


def money(amount: str | None) -> str:
    """Return ``$12,480``, ``$48.20``, ``$0.0123``, ``$0.0000045``; the exact text belongs in the tooltip."""
    if amount is None:
        return NONE
    value = Decimal(amount)
    sign, value = ("-" if value < 0 else ""), abs(value)
    if value == 0:
        return "$0"
    if value >= 1000:
        return f"{sign}${value:,.0f}"
    if value >= 1:
        return f"{sign}${value:,.2f}"
    places = 2 - value.adjusted()
    return f"{sign}${value:.{places}f}"


def exact_money(amount: str | None) -> str:
    """Return every digit."""
    return NONE if amount is None else f"${amount}"


def per_million(rate: str | None) -> str:
    """Return what a million of something costs, of the price of one."""
    return NONE if rate is None else f"${(Decimal(rate) * 1_000_000).normalize():f}"


def percent(share: float | None) -> str:
    """Return ``0%``, ``0.03%``, ``4.2%``, ``97%`` of a share from 0 to 1."""
    if share is None:
        return NONE
    value = share * 100
    if value == 0 or value >= 99.95:
        return f"{value:.0f}%"
    return f"{value:.2g}%" if value < 1 else f"{value:.1f}%"


def change(now: float | None, before: float | None) -> float | None:
    """Return by which share a number grew; None where that means nothing."""
    return None if now is None or not before else now / before - 1


def signed_percent(share: float | None) -> str:
    """Return ``+4.2%``, ``−12%``."""
    if share is None:
        return NONE
    shown = f"{abs(share) * 100:.0f}%" if abs(share) >= 0.1 else f"{abs(share) * 100:.1f}%"
    return shown if shown in {"0%", "0.0%"} else f"{'+' if share > 0 else '−'}{shown}"


def moment(text: str, zone: tzinfo = UTC, *, with_day: bool = True) -> str:
    """Return RFC 3339 as ``2026-11-28 06:30:12`` on somebody's clock."""
    time = datetime.fromisoformat(text).astimezone(zone)
    return time.strftime("%Y-%m-%d %H:%M:%S" if with_day else "%H:%M:%S")


def digits(value: float | str | None) -> str:
    """Return a value for ``data-value``: all its digits, '' for none."""
    return "" if value is None else str(value) if isinstance(value, str) else repr(value)
