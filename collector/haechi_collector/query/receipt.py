"""A cost's receipt as a table.

Guarantee: the lines and ``rounding_usd`` add up to the cost, exactly. Rates of more than 12 decimals make amounts that
the whole was rounded from: what that made is ``rounding_usd``, else it is 0. Without lines (a cost that the emitter
reported, no price) there is nothing to add up, and it is None.

Source: ``cost_details`` as `stages.price` writes it: per bucket ``.tokens``, ``.rate``, ``.amount``, then remarks.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from haechi_collector.query.money import text_of

_FIELDS: Final = ("tokens", "rate", "amount")
_USAGE: Final = "usage."


def receipt(details: Mapping[str, str], cost: Decimal | None) -> dict[str, Any]:
    """Return the lines in the order in which they were charged, and the remarks below them."""
    buckets: dict[str, dict[str, str]] = {}
    remarks: dict[str, str] = {}
    for key, text in details.items():
        bucket, _, field = key.rpartition(".")
        if bucket and field in _FIELDS and not key.startswith(_USAGE):
            buckets.setdefault(bucket, {})[field] = text
        else:
            remarks[key] = text
    lines = [
        {
            "bucket": bucket,
            "tokens": int(_number(fields.get("tokens", "")) or 0),
            "rate_usd": text_of(_number(fields.get("rate", ""))),
            "amount_usd": text_of(_number(fields.get("amount", ""))),
        }
        for bucket, fields in buckets.items()
    ]
    return {"lines": lines, "rounding_usd": _rounding(buckets, cost), "remarks": remarks}


def _rounding(buckets: Mapping[str, Mapping[str, str]], cost: Decimal | None) -> str | None:
    amounts = [_number(fields.get("amount", "")) for fields in buckets.values()]
    known = [amount for amount in amounts if amount is not None]
    if cost is None or not known or len(known) < len(amounts):
        return None
    return text_of(cost - sum(known[1:], known[0]))


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
