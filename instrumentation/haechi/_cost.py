"""What a call cost, from the price book that the collector uses too.

Guarantee: the figure is the price book's, or there is none. Reading the book takes a quarter of a second of CPU, so a
background thread does it during the first call; a first call that ends before the book is read waits for it
at most `WAIT_S`, and goes without a cost after that.

Bound: the prices of `haechi.pricing.MODELS_MAX` models are kept resolved.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.util.types import AttributeValue

from haechi import _guard
from haechi_schemas import attributes as names

if TYPE_CHECKING:
    from haechi._linear_price import LinearPrice
    from haechi.pricing import PriceBook, Rates

    _Price = tuple[Rates | None, tuple[tuple[int, LinearPrice], ...]]

WAIT_S: Final = 1.0
"""How long the first call may wait for the book. Shorter: on a busy machine the first calls have no cost."""

PRICES_MAX: Final = 256
"""Models and minutes whose prices are kept. Fewer: a process that calls many models resolves them again and again."""

MINUTE_NS: Final = 60_000_000_000

_USAGE: Final = {
    names.USAGE_INPUT_TOKENS: "input_tokens",
    names.USAGE_OUTPUT_TOKENS: "output_tokens",
    names.USAGE_CACHE_READ_TOKENS: "cache_read_tokens",
    names.USAGE_CACHE_WRITE_TOKENS: "cache_write_tokens",
    names.USAGE_CACHE_WRITE_1H_TOKENS: "cache_write_1h_tokens",
    names.USAGE_REASONING_TOKENS: "reasoning_tokens",
    names.USAGE_AUDIO_INPUT_TOKENS: "audio_input_tokens",
    names.USAGE_AUDIO_OUTPUT_TOKENS: "audio_output_tokens",
}

_EXTRAORDINARY: Final = (
    names.USAGE_CACHE_WRITE_1H_TOKENS,
    names.USAGE_AUDIO_INPUT_TOKENS,
    names.USAGE_AUDIO_OUTPUT_TOKENS,
)


class Prices:
    """The price book of one process, read when the first call begins."""

    def __init__(self) -> None:
        self._book: PriceBook | None = None
        self.begun = False
        self._ready = threading.Event()
        self._prices = lru_cache(PRICES_MAX)(self._resolve)

    def warm(self) -> None:
        """Begin to read the book, unless that has begun; returns at once."""
        if not self.begun:
            self.begun = True  # two threads here at once read the book twice; nothing else happens
            threading.Thread(target=self._load, name="haechi-prices", daemon=True).start()

    def before_fork(self) -> None:
        """Let the thread finish: a child forked in the middle of its imports finds modules locked for ever."""
        if self.begun and self._book is None:
            self._ready.wait(WAIT_S)

    def after_fork(self) -> None:
        """Begin again in a child process if the parent's thread had not finished."""
        if self._book is None:
            self.begun, self._ready = False, threading.Event()

    def add_cost(self, facts: dict[str, Any], at_ns: int) -> None:
        """Add to a call's span attributes what it cost, where that is known and the provider has not said it."""
        if names.COST_USD in facts:
            return
        try:
            cost = self.cost_usd(facts, at_ns)
        except Exception as error:  # noqa: BLE001  the boundary of `_guard`, without its block: this runs at every call
            _guard.log_once("pricing a call", error)
        else:
            if cost is not None:
                facts[names.COST_USD] = cost

    def cost_usd(self, facts: Mapping[str, AttributeValue], at_ns: int) -> float | None:
        """Return what the call with these span attributes cost, in US dollars, or None when that is unknown."""
        told = facts.get
        if not (told(names.USAGE_INPUT_TOKENS) or told(names.USAGE_OUTPUT_TOKENS)):
            return None
        if self._book is None and not (self.begun and self._ready.wait(WAIT_S)):
            return None
        rates, linear = self._prices(
            told(names.PROVIDER_NAME), told(names.RESPONSE_MODEL), told(names.REQUEST_MODEL), at_ns // MINUTE_NS
        )
        if rates is None:
            return None
        cost = _ordinary(linear, told)
        return cost if cost is not None else _billed(rates, facts)

    def _resolve(self, provider: object, answering: object, asked: object, minute: int) -> "_Price":
        """Return the rates in force in a minute since the epoch, and how an ordinary call is billed by them."""
        from haechi._linear_price import linear_prices  # noqa: PLC0415  read with the book, not before

        if self._book is None:
            return None, ()
        models = (model for model in (answering, asked) if isinstance(model, str))
        schedule = self._book.schedule(provider if isinstance(provider, str) else "", *models)
        rates = schedule.at(datetime.fromtimestamp(minute * 60, UTC)) if schedule else None
        return rates, linear_prices(rates) if rates else ()

    def _load(self) -> None:
        with _guard.Kept("reading the price book"):
            from haechi.pricing import PriceBook  # noqa: PLC0415  a quarter of a second

            self._book = PriceBook.load()
            self._prices.cache_clear()
        self._ready.set()


def _ordinary(linear: "tuple[tuple[int, LinearPrice], ...]", told: Callable[..., Any]) -> float | None:
    """Return the cost of a call without audio and hour-long cache writes, None for any other."""
    for name in _EXTRAORDINARY:
        if told(name) is not None:
            return None
    asked = told(names.USAGE_INPUT_TOKENS, 0)
    for above, price in linear:
        if asked > above or above == 0:
            return price.cost_usd(
                asked,
                told(names.USAGE_OUTPUT_TOKENS, 0),
                told(names.USAGE_CACHE_READ_TOKENS, 0),
                told(names.USAGE_CACHE_WRITE_TOKENS, 0),
                told(names.USAGE_REASONING_TOKENS, 0),
            )
    return None


def _billed(rates: "Rates", facts: Mapping[str, Any]) -> float | None:
    from haechi.pricing import Unpriceable, Usage  # noqa: PLC0415  read with the book, not before

    usage = {field: facts[name] for name, field in _USAGE.items() if name in facts}
    try:
        return float(rates.cost(Usage(**usage)).cost)
    except Unpriceable:
        return None
