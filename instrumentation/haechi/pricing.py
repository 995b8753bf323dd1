"""The price book: what a model costs, for whom, and when.

Guarantee: a price is the provider's published rate at the time of the call, exact, or there is none. An unknown
model is None, never zero; a model that the book lists without a price (local, free, billed by the hour) is
unknown too, until a price file says what it costs.

Data: genai-prices as bundled with its release (nothing is fetched), then the price files of haechi_schemas,
then the user's file; later ones win. The version names all of them, so that a receipt can be checked.

Cost: looking a model up takes about 0.2 ms, so the answer is kept per distinct spelling; the memory of it is
bounded, and so is a lookup.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, reduce
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from genai_prices import types
from genai_prices.data import providers as _BUNDLED  # noqa: N812  a constant

from haechi._price_names import model_names, provider_id, vendor_and_model, vendor_of
from haechi._price_overrides import Price, PriceFile, PriceFileError, Supplement, applies, read
from haechi._price_schedule import DAY_NS, Period, Schedule, days_of, nanoseconds_of
from haechi._rates import (
    COST_MAX,
    COST_PLACES,
    Bill,
    Bucket,
    Line,
    Rates,
    Reason,
    Tier,
    Unpriceable,
    Usage,
    per_million,
    split,
)

__all__ = [
    "COST_MAX",
    "COST_PLACES",
    "DAY_NS",
    "Bill",
    "Bucket",
    "Line",
    "Period",
    "PriceBook",
    "PriceFileError",
    "Rates",
    "Reason",
    "Schedule",
    "Tier",
    "Unpriceable",
    "Usage",
    "split",
]

MODELS_MAX: Final = 10_000
"""Spellings of models whose prices are kept resolved. Fewer: a varied stream pays 0.2 ms again and again."""

_PRICE_KEYS: Final[Mapping[str, Bucket]] = {
    "input_mtok": Bucket.INPUT,
    "cache_read_mtok": Bucket.CACHE_READ,
    "cache_write_mtok": Bucket.CACHE_WRITE,
    "cache_write_1h_mtok": Bucket.CACHE_WRITE_1H,
    "input_audio_mtok": Bucket.AUDIO_INPUT,
    "cache_audio_read_mtok": Bucket.AUDIO_CACHE_READ,
    "output_mtok": Bucket.OUTPUT,
    "output_reasoning_mtok": Bucket.REASONING,
    "output_audio_mtok": Bucket.AUDIO_OUTPUT,
    "requests_kcount": Bucket.REQUEST,
}


@dataclass(frozen=True, slots=True)
class _Found:
    """A model as a span names it, looked up in the bundled book."""

    listed: tuple[types.Provider, types.ModelInfo] | None
    sellers: frozenset[str]  # every name of who sold the call
    names: tuple[str, ...]  # every name of the model

    @property
    def lists(self) -> frozenset[str]:
        """The sellers, and whose list the price is from."""
        return self.sellers | {self.listed[0].id} if self.listed else self.sellers


class PriceBook:
    """Published prices with a user's own on top. Immutable; safe to share between threads."""

    def __init__(self, bundled_label: str, overrides: tuple[PriceFile, ...], models_max: int = MODELS_MAX) -> None:
        self.version = ", ".join((bundled_label, *(file.label for file in overrides)))
        self._bundled_label = bundled_label
        self._prices = tuple(price for file in overrides for price in file.prices)
        self._supplements = tuple(supplement for file in overrides for supplement in file.supplements)
        self._find = lru_cache(maxsize=models_max)(self._look_up)

    @classmethod
    def load(cls, overrides: Path | None = None, models_max: int = MODELS_MAX) -> "PriceBook":
        """Open the bundled book, with a user's price file on top if there is one.

        Raises:
            PriceFileError: the user's file is wrong; the message names the file, the row and the key.
        """
        with as_file(files("haechi_schemas") / "prices") as folder:
            shipped = [read(path) for path in sorted(folder.glob("*.toml"))]
        own = [read(overrides)] if overrides else []
        return cls(f"genai-prices {version('genai-prices')}", (*shipped, *own), models_max)

    def resolve(self, provider: str, model: str, at: datetime) -> Rates | None:
        """Return what a model costs at an instant (a naive one is UTC), or None when that is unknown."""
        schedule = self.schedule(provider, model)
        return schedule.at(at) if schedule else None

    def schedule(self, provider: str, *models: str) -> Schedule | None:
        """Return all price periods of the first of ``models`` that is known, or None."""
        return next(filter(None, (self._find(provider, model) for model in models if model)), None)

    def _look_up(self, provider: str, model: str) -> Schedule | None:
        found = _find(provider, model)
        own = (_own_period(row, found) for row in self._prices if applies(row, found.sellers, found.names))
        periods = (*self._published(found), *own)
        return Schedule(periods) if any(period.rates for period in periods) else None

    def _published(self, found: _Found) -> tuple[Period, ...]:
        if found.listed is None:
            return ()
        supplements = [row for row in self._supplements if applies(row, found.lists, found.names)]
        provider, model = found.listed
        prices = model.prices if isinstance(model.prices, list) else [types.ConditionalPrice(prices=model.prices)]
        # The first price is also the one that applies when no condition holds.
        conditions = [None, *(price.constraint for price in prices[1:])]
        rates = [_rates(provider.id, model.id, price.prices, self._bundled_label) for price in prices]
        return tuple(
            _period(condition, listed and reduce(_supplemented, supplements, listed))
            for condition, listed in zip(conditions, rates, strict=True)
        )


def _find(provider: str, model: str) -> _Found:
    names, wanted, vendor = model_names(model), provider_id(provider), vendor_and_model(model)
    listed = _listed(wanted, names)
    if listed is None and names and vendor is not None and _resells(wanted, vendor[0]):
        names = (*names, *model_names(vendor[1]))
        listed = _listed(provider_id(vendor[0]), names)
        wanted = wanted or provider_id(vendor[0])
    seller = wanted or (listed[0].id if listed else next(filter(None, map(vendor_of, names)), None))
    return _Found(listed, frozenset({provider.strip().lower(), *([seller] if seller else [])}), names)


def _resells(wanted: str | None, vendor: str) -> bool:
    """Tell whether ``vendor/model`` is priced as the vendor's own.

    It is when the caller is a gateway without a list, names itself, or is an OpenAI client: those are pointed at
    gateways that pass the vendor's price on.
    """
    sold_by = provider_id(vendor)
    return wanted is None or wanted == sold_by or (wanted == "openai" and any(p.id == sold_by for p in _BUNDLED))


def _listed(wanted: str | None, names: tuple[str, ...]) -> tuple[types.Provider, types.ModelInfo] | None:
    for name in names:
        seller = _seller(wanted, name)
        model = seller.find_model(name, all_providers=_BUNDLED) if seller else None
        if seller and model:
            # One who resells has the model from the vendor's list; the receipt names the list.
            owner = next(p for p in (seller, *_BUNDLED) if any(m is model for m in p.models))
            return owner, model
    return None


def _seller(wanted: str | None, name: str) -> types.Provider | None:
    wanted = wanted or vendor_of(name)
    if wanted is not None:
        return next((p for p in _BUNDLED if p.id == wanted), None)
    return next((p for p in _BUNDLED if p.model_match is not None and p.model_match.is_match(name)), None)


def _rates(provider: str, model: str, price: types.ModelPrice, source: str) -> Rates | None:
    listed = {key: value for key, value in vars(price).items() if value is not None}
    buckets = {bucket: listed[key] for key, bucket in _PRICE_KEYS.items() if key in listed}
    if not buckets:
        return None
    stepped = [value for value in buckets.values() if isinstance(value, types.TieredPrices)]
    steps = (None, *sorted({tier.start for value in stepped for tier in value.tiers}))
    tiers = tuple(Tier(step or 0, {b: _unit_price(b, _at(v, step)) for b, v in buckets.items()}) for step in steps)
    unmeasured = sorted(k.removesuffix("_mtok") for k in listed if k.endswith("_mtok") and k not in _PRICE_KEYS)
    return Rates(provider, model, tiers, source, tuple(unmeasured))


def _at(value: Decimal | types.TieredPrices, step: int | None) -> Decimal:
    if isinstance(value, Decimal):
        return value
    return next((t.price for t in reversed(value.tiers) if step is not None and t.start <= step), value.base)


def _unit_price(bucket: Bucket, listed: Decimal) -> Decimal:
    """A request is listed per thousand, everything else per million."""
    return per_million(listed * 1000 if bucket is Bucket.REQUEST else listed)


def _supplemented(rates: Rates, row: Supplement) -> Rates:
    tiers = []
    for tier in rates.tiers:
        added = dict(row.rates)
        if row.cache_write_1h_times_input is not None and Bucket.INPUT in tier.rates:
            added[Bucket.CACHE_WRITE_1H] = tier.rates[Bucket.INPUT] * row.cache_write_1h_times_input
        tiers.append(Tier(tier.above, {**added, **tier.rates}))
    changed = tiers[0].rates.keys() != rates.buckets
    return replace(rates, tiers=tuple(tiers), source=f"{rates.source} + {row.file}") if changed else rates


def _period(condition: object, rates: Rates | None) -> Period:
    match condition:
        case types.StartDateConstraint(start_date=day):
            return Period(rates, first_day=days_of(day))
        case types.TimeOfDateConstraint(start_time=start, end_time=end):
            return Period(rates, day_from_ns=nanoseconds_of(start), day_to_ns=nanoseconds_of(end))
        case None:
            return Period(rates)
    raise TypeError(f"a price condition of a kind unknown here: {condition!r}")


def _own_period(row: Price, found: _Found) -> Period:
    provider, model = (found.listed[0].id, found.listed[1].id) if found.listed else (row.provider, found.names[0])
    rates = Rates(provider, model, row.tiers, row.file)
    return Period(rates) if row.first_day is None else Period(rates, first_day=days_of(row.first_day))
