"""Amounts of money on their way out.

Guarantee: an amount is text in plain decimals with every digit it has: a JSON number becomes a double in most readers,
which keeps 15 to 17 digits of a sum. A quotient is rounded half to even at 12 places, as costs are stored.
"""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Final

_PLACES: Final = Decimal("1e-12")
_DIGITS: Final = 60


def each(cost: Decimal | None, count: Decimal | int) -> Decimal | None:
    """Return the cost of one of ``count``; None where there is no cost or nothing to count."""
    if cost is None or not count:
        return None
    with localcontext(prec=_DIGITS):
        return (cost / count).quantize(_PLACES, ROUND_HALF_EVEN)


def text_of(amount: Decimal | None) -> str | None:
    """Return ``0.0015`` for 0.001500, without exponents and zeros at the end."""
    if amount is None:
        return None
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
