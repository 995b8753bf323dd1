"""The bill of an ordinary call in a few integer multiplications.

Guarantee: `LinearPrice.cost_usd` is what `Rates.cost` says, to the last bit of a float, or None where it does not
apply; then `Rates.cost` is to be asked. It applies to calls without audio and hour-long cache writes, whose parts fit
into their wholes, as long as every rate is a whole number of attodollars.

How: while no part exceeds its whole, a bill is a linear function of the counts. Its coefficients are the bills of
single tokens, so that nothing about prices is decided here.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from haechi._rates import COST_MAX, COST_PLACES, Rates, Unpriceable, Usage

_SCALE: Final = 18
_PLACES: Final = COST_PLACES - _SCALE  # what is rounded off, half to even; the division of integers rounds correctly
_DOLLAR: Final = 10**_SCALE
_TOTAL_MAX: Final = int(COST_MAX) * _DOLLAR


class LinearPrice:
    """What one model costs in one tier of its price."""

    __slots__ = ("_call", "_input", "_output", "_read", "_reasoned", "_written")

    def __init__(self, rates: Rates) -> None:
        self._call = _attodollars(rates, Usage())
        of_input = _attodollars(rates, Usage(input_tokens=1))
        of_output = _attodollars(rates, Usage(output_tokens=1))
        self._input = _beyond(of_input, self._call)
        self._output = _beyond(of_output, self._call)
        self._read = _beyond(_attodollars(rates, Usage(input_tokens=1, cache_read_tokens=1)), of_input)
        self._written = _beyond(_attodollars(rates, Usage(input_tokens=1, cache_write_tokens=1)), of_input)
        self._reasoned = _beyond(_attodollars(rates, Usage(output_tokens=1, reasoning_tokens=1)), of_output)

    def cost_usd(self, asked: int, answered: int, cache_read: int, cache_write: int, reasoning: int) -> float | None:
        """Return the cost in US dollars of a call with these tokens, None where this price does not apply."""
        if cache_read + cache_write > asked or reasoning > answered:
            return None
        total: Any = self._call
        try:
            if asked:
                total += asked * self._input
            if answered:
                total += answered * self._output
            if cache_read:
                total += cache_read * self._read
            if cache_write:
                total += cache_write * self._written
            if reasoning:
                total += reasoning * self._reasoned
            return round(total, _PLACES) / _DOLLAR if total < _TOTAL_MAX else None
        except TypeError:  # of a rate that is None
            return None


def linear_prices(rates: Rates) -> tuple[tuple[int, LinearPrice], ...]:
    """Return (tokens of input above which it applies, price) for each tier, the last one first."""
    return tuple((tier.above, LinearPrice(replace(rates, tiers=(tier,)))) for tier in reversed(rates.tiers))


def _attodollars(rates: Rates, usage: Usage) -> int | None:
    try:
        total = rates.cost(usage).total
    except Unpriceable:
        return None
    scaled = total.scaleb(_SCALE)
    return int(scaled) if scaled == scaled.to_integral_value() and total < Decimal(1) else None


def _beyond(total: int | None, rest: int | None) -> Any:
    """Return what is beyond the rest, in attodollars; None where either is unknown."""
    return None if total is None or rest is None else total - rest
