"""The quick bill of an ordinary call is the exact bill, for every model of the price book."""

from datetime import UTC, datetime

import pytest
from genai_prices.data import providers
from hypothesis import given
from hypothesis import strategies as st

from haechi._linear_price import linear_prices
from haechi._rates import Rates, Unpriceable, Usage
from haechi.pricing import PriceBook

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
BOOK = PriceBook.load()
COUNTS = st.one_of(st.integers(0, 300_000), st.integers(0, 10**15))


def priced() -> list[Rates]:
    """Every distinct price that the book has today."""
    found = {(p.id, m.id): BOOK.resolve(p.id, m.id, NOW) for p in providers for m in p.models}
    return [rates for rates in found.values() if rates is not None]


RATES = priced()


def exact(rates: Rates, usage: Usage) -> float | None:
    try:
        return float(rates.cost(usage).cost)
    except Unpriceable:
        return None


def test_it_applies_to_nearly_every_model() -> None:
    """A call with input and output alone is billed so for each model that has both rates."""
    usage = Usage(input_tokens=1500, output_tokens=140)
    slow = [r.priced_as for r in RATES if exact(r, usage) is not None and quick(r, usage) is None]
    assert len(slow) * 100 < len(RATES)
    assert len(RATES) > 500


def quick(rates: Rates, usage: Usage) -> float | None:
    price = next(price for above, price in linear_prices(rates) if usage.input_tokens > above or above == 0)
    return price.cost_usd(
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
    )


@pytest.mark.parametrize("part", [0, 1, 2])
@given(data=st.data())
def test_it_is_the_exact_bill_to_the_last_bit(part: int, data: st.DataObject) -> None:
    """Any counts, also those that contradict themselves: the same float, or no answer."""
    rates = data.draw(st.sampled_from(RATES[part::3]))
    asked, answered, read, written, thought = data.draw(st.tuples(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS))
    usage = Usage(
        asked, answered, cache_read_tokens=read % (asked + 2), cache_write_tokens=written % 7, reasoning_tokens=thought
    )
    found = quick(rates, usage)
    assert found is None or found == exact(rates, usage)
