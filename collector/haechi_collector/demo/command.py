"""``haechi demo``: sample traffic until SIGTERM, Ctrl-C or the end of its time."""

import math
import sys
from typing import Final

from haechi_collector.config import ClientAccess
from haechi_collector.demo.run import SystemClock, send
from haechi_collector.errors import SettingError
from haechi_collector.stop_signals import stop_event

RATE_MAX: Final = 500.0
"""Traces per second. One process of the SDK emits a few hundred."""

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}


def run_demo(  # noqa: PLR0913  the command's options
    endpoint: str,
    rate: float = 2.0,
    seed: int = 7,
    backfill: str = "0",
    duration_s: float | None = None,
    *,
    access: ClientAccess | None = None,
) -> int:
    """Send pretend traffic to an OTLP/HTTP endpoint; SIGTERM and Ctrl-C end it, and what was emitted is sent.

    Args:
        endpoint: base URL, ``http://127.0.0.1:4318``.
        rate: mean traces per second over a day.
        seed: chooses the traffic.
        backfill: past traffic to send first: ``90s``, ``15m``, ``1h``; ``0`` for none.
        duration_s: seconds of live traffic; None for no end.
        access: the key and the certificates to show.

    Returns:
        The exit status, 0.

    Raises:
        SettingError: an option is not what it should be.
    """
    if not 0 < rate <= RATE_MAX:
        raise SettingError(f"--rate {rate}: expected traces per second, above 0 and at most {RATE_MAX:.0f}")
    if duration_s is not None and not duration_s >= 0:
        raise SettingError(f"--duration {duration_s}: expected seconds")
    backfill_s = seconds(backfill)
    clock = SystemClock(stop_event())
    show = access or ClientAccess()
    sent = send(endpoint, rate, seed, clock, duration_s=duration_s, backfill_s=backfill_s, access=show)
    sys.stdout.write(f"emitted {sent.traces} traces, {sent.spans} spans for {endpoint}\n")
    return 0


def seconds(text: str) -> float:
    """Read ``90``, ``90s``, ``15m`` or ``1h``.

    Raises:
        SettingError: it is none of them.
    """
    number, unit = (text[:-1], text[-1]) if text and text[-1] in _UNITS else (text, "s")
    try:
        value = float(number) * _UNITS[unit]
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise SettingError(f"--backfill {text!r}: expected a duration such as 90s, 15m or 1h")
    return value
