"""What caching a token saves, by the rates of receipts and of the price book.

Guarantee: the rate of ordinary input is that of the receipts. The cached rate is the receipts' too where they have one;
else that of the price book, if the book bills ordinary input as the receipts did. Otherwise it is not known: None.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

from haechi.pricing import Bucket, PriceBook, Tier
from haechi_collector.query.engine import Row


@dataclass(frozen=True, slots=True)
class CacheRates:
    """US dollars per token: in full, cached, and written to the cache; ``source`` says whose the cached one is."""

    full: Decimal
    cached: Decimal
    written: Decimal
    source: str

    @property
    def gain(self) -> Decimal:
        """What reading a token from the cache saves."""
        return self.full - self.cached

    @property
    def loss(self) -> Decimal:
        """What writing a token to the cache costs more."""
        return max(Decimal(0), self.written - self.full)


@cache
def _book() -> PriceBook:
    return PriceBook.load()


def cache_rates(row: Row, full: str, cached: str, at_ns: int) -> CacheRates | None:
    """Return the rates of a model's requests at a moment.

    Args:
        row: its ``provider``, ``response_model`` and ``request_model``.
        full: rate of ordinary input on the receipts, '' for none.
        cached: rate of cached input on the receipts, '' for none.
        at_ns: nanoseconds since the epoch.
    """
    if not full:
        return None
    price, tier = Decimal(full), _tier(row, Decimal(full), at_ns)
    written = tier.rates.get(Bucket.CACHE_WRITE, price) if tier else price
    if cached:
        return CacheRates(price, Decimal(cached), written, "receipts")
    if tier is None or Bucket.CACHE_READ not in tier.rates:
        return None
    return CacheRates(price, tier.rates[Bucket.CACHE_READ], written, "price book")


def _tier(row: Row, full: Decimal, at_ns: int) -> Tier | None:
    schedule = _book().schedule(row["provider"], row["response_model"], row["request_model"])
    rates = schedule.at(datetime.fromtimestamp(at_ns // 10**9, UTC)) if schedule else None
    tiers = rates.tiers if rates else ()
    return next((tier for tier in tiers if tier.rates.get(Bucket.INPUT) == full), None)
