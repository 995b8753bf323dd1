"""The stage bills exactly as the price book does, writes a receipt, and never turns unknown into zero."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.instrumentation.bills import worked_bills
from tests.stages.calls import WHEN, batch, call

from haechi.pricing import Bucket, PriceBook, Unpriceable, Usage
from haechi_collector.batch import SPANS, empty
from haechi_collector.stages.price import Unpriced, price

MODELS = [
    ("openai", "gpt-4o-mini"),
    ("openai", "gpt-5.4"),  # a tier
    ("openai", "gpt-realtime"),  # every audio bucket
    ("openai", "text-embedding-3-small"),  # no rate for output
    ("anthropic", "claude-sonnet-4-5"),  # both cache writes, a tier
    ("gcp.gemini", "gemini-2.5-flash"),
    ("gcp.gemini", "gemini-2.5-flash-image"),
    ("aws.bedrock", "amazon.nova-sonic-v1:0"),
    ("deepseek", "deepseek-chat"),  # off-peak hours
    ("perplexity", "sonar"),  # a price per call
    ("perplexity", "sonar-deep-research"),  # reasoning apart
    ("openrouter", "google/gemini-2.5-flash"),  # a rate with twenty decimals
    ("ollama", "llama3"),
]
BOOK = PriceBook.load()
MIDNIGHT = WHEN.replace(hour=0)


def priced(calls: list[dict[str, Any]], book: PriceBook = BOOK) -> list[dict[str, Any]]:
    spans, extras = batch(calls)
    made = price(spans, extras, book)
    made.validate(full=True)
    rows = made.select(["cost_usd", "cost_source", "cost_details"]).to_pylist()
    return [{**row, "cost_details": dict(row["cost_details"])} for row in rows]


def expected(one: dict[str, Any], usage: Usage) -> tuple[Decimal | None, str]:
    schedule = BOOK.schedule(one["provider"], one["response_model"])
    rates = schedule.at(one["start_time"]) if schedule else None
    if rates is None:
        return None, "unknown_model"
    try:
        return rates.cost(usage).cost, ""
    except Unpriceable as error:
        return None, error.reason


def test_the_worked_bills_come_out_to_the_last_digit() -> None:
    """All of them in one batch: cost, and each line of the receipt."""
    bills = worked_bills()
    calls = [
        call(b.usage, provider=b.provider, request_model=b.request_model, response_model=b.model, start_time=b.at)
        for b in bills
    ]
    for bill, row in zip(bills, priced(calls), strict=True):
        details = row["cost_details"]
        lines = {
            Bucket(key.removesuffix(".amount")): (
                int(details[key.replace(".amount", ".tokens")]),
                Decimal(details[key]),
            )
            for key in details
            if key.endswith(".amount")
        }
        rates = {Bucket(key.removesuffix(".rate")): Decimal(details[key]) for key in details if key.endswith(".rate")}
        assert (row["cost_usd"], row["cost_source"], lines, rates) == (bill.total, "price_book", bill.lines, bill.rates)
        assert details.get("tier", ">0") == f">{bill.above}"


def test_a_receipt_says_everything_about_a_cost() -> None:
    """Tokens, rate and amount per bucket, the list, its version, and what the emitter said."""
    usage = Usage(1200, 350, cache_read_tokens=200)
    (row,) = priced([call(usage, reported_cost=0.00123)])
    assert row["cost_usd"] == Decimal("0.000375")
    assert row["cost_details"] == {
        "input.tokens": "1000",
        "input.rate": "0.00000015",
        "input.amount": "0.000150000000",
        "cache_read.tokens": "200",
        "cache_read.rate": "0.000000075",
        "cache_read.amount": "0.000015000000",
        "output.tokens": "350",
        "output.rate": "0.0000006",
        "output.amount": "0.000210000000",
        "priced_as": "openai/gpt-4o-mini",
        "price_book": BOOK.version.split(", ", maxsplit=1)[0],
        "reported": "0.00123",
    }


COUNTS = st.one_of(st.integers(0, 3000), st.integers(0, 400_000), st.integers(0, 2**59), st.just(0))
USAGES = st.one_of(
    st.builds(Usage, *[COUNTS] * 8),
    # Mostly consistent: the parts are drawn below the whole.
    st.tuples(st.integers(0, 600_000), st.integers(0, 50_000), st.lists(st.floats(0, 1), min_size=6, max_size=6)).map(
        lambda drawn: Usage(
            drawn[0],
            drawn[1],
            cache_read_tokens=int(drawn[0] * drawn[2][0] / 2),
            cache_write_tokens=(write := int(drawn[0] * drawn[2][1] / 2)),
            cache_write_1h_tokens=int(write * drawn[2][2]),
            reasoning_tokens=int(drawn[1] * drawn[2][3] / 2),
            audio_input_tokens=int(drawn[0] * drawn[2][4]),
            audio_output_tokens=int(drawn[1] * drawn[2][5] / 2),
        )
    ),
)
CALLS = st.tuples(st.sampled_from(MODELS), USAGES, st.integers(0, 86_399))


@given(st.lists(CALLS, max_size=12))
@settings(max_examples=300, deadline=None)
def test_a_batch_is_billed_as_its_calls_one_by_one(drawn: list[tuple[tuple[str, str], Usage, int]]) -> None:
    """Whatever the usage: the same cost, the same reason for none, and lines that add up to the cost."""
    calls = [
        call(usage, provider=provider, response_model=model, start_time=MIDNIGHT + timedelta(seconds=second))
        for (provider, model), usage, second in drawn
    ]
    for one, (_, usage, _), row in zip(calls, drawn, priced(calls), strict=True):
        cost, reason = expected(one, usage)
        details = row["cost_details"]
        assert (row["cost_usd"], details.get("unpriced", "")) == (cost, reason)
        assert row["cost_source"] == ("unpriced" if cost is None else "price_book")
        amounts = [Decimal(text) for key, text in details.items() if key.endswith(".amount")]
        assert cost is None or round(sum(amounts, Decimal(0)), 12) == cost


@pytest.mark.parametrize(
    ("columns", "cost", "source", "reason"),
    [
        ({"usage_source": "counted"}, "0.000015", "price_book", None),
        ({"usage_source": "repeated", "reported_cost": 0.5}, None, "", None),
        ({"usage_source": "none"}, None, "unpriced", "no_usage"),
        ({"usage_source": "none", "status_code": "error"}, None, "", None),
        ({"is_inference": False, "reported_cost": 0.5}, None, "", None),
        ({"response_model": "gpt-99"}, None, "unpriced", "unknown_model"),
        ({"response_model": "gpt-99", "reported_cost": 0.00123}, "0.00123", "reported", "unknown_model"),
        ({"response_model": "gpt-99", "reported_cost": 0.0}, None, "unpriced", "unknown_model"),
        ({"response_model": "gpt-99", "reported_cost": -1.0}, None, "unpriced", "unknown_model"),
        ({"response_model": "gpt-99", "reported_cost": float("nan")}, None, "unpriced", "unknown_model"),
        ({"response_model": "gpt-99", "reported_cost": float("inf")}, None, "unpriced", "unknown_model"),
        ({"response_model": "gpt-99", "reported_cost": 1e6}, None, "unpriced", "unknown_model"),
        ({"response_model": "gpt-99", "reported_cost": 999_999.0}, "999999", "reported", "unknown_model"),
        ({"response_model": "gpt-99", "reported_cost": 1e-12}, "0.000000000001", "reported", "unknown_model"),
        ({"cache_read_tokens": 101, "reported_cost": 0.25}, "0.25", "reported", "inconsistent_usage"),
        ({"cache_read_tokens": 101}, None, "unpriced", "inconsistent_usage"),
        ({"input_tokens": 2**64 - 1}, None, "unpriced", "over_range"),
        ({"input_tokens": 0}, "0", "price_book", None),
        ({"response_model": "", "request_model": "gpt-4o-mini"}, "0.000015", "price_book", None),
        ({"response_model": "router", "request_model": "gpt-4o-mini"}, "0.000015", "price_book", None),
    ],
)
def test_which_rows_have_a_cost(columns: dict[str, Any], cost: str | None, source: str, reason: str | None) -> None:
    """Unknown is null and visible; only a call with usage of its own has a cost."""
    (row,) = priced([call(Usage(100), **columns)])
    assert (row["cost_usd"], row["cost_source"]) == (None if cost is None else Decimal(cost), source)
    assert row["cost_details"].get("unpriced") == reason


def test_what_an_emitter_said_is_kept_on_every_span() -> None:
    """Also on an agent's span, on a repetition and on a call without usage, where it is no cost."""
    others: list[dict[str, Any]] = [{"is_inference": False}, {"usage_source": "repeated"}, {"usage_source": "none"}]
    rows = priced([call(reported_cost=0.5, **columns) for columns in others])
    assert [row["cost_usd"] for row in rows] == [None, None, None]
    assert [row["cost_details"]["reported"] for row in rows] == ["0.5", "0.5", "0.5"]


def test_a_reported_cost_may_be_a_decimal() -> None:
    """It is rounded half to even to the column's decimals."""
    spans, extras = batch([call(Usage(1), response_model="gpt-99")] * 2)
    said = pa.array([Decimal("0.0000000000005"), Decimal("0.0000000000015")], pa.decimal128(20, 13))
    made = price(spans, replace(extras, reported_cost=said), BOOK)
    assert made["cost_usd"].to_pylist() == [0, Decimal("0.000000000002")]


def test_what_no_column_holds_is_kept_on_the_receipt() -> None:
    """Audio and one-hour writes stay known for a later price book, though this model has no rate for them."""
    usage = Usage(100, 50, cache_write_tokens=20, cache_write_1h_tokens=10, audio_input_tokens=5, audio_output_tokens=7)
    (row,) = priced([call(usage)])
    kept = {key: text for key, text in row["cost_details"].items() if key.startswith("usage.")}
    assert kept == {
        "usage.cache_write_1h_tokens": "10",
        "usage.audio_input_tokens": "5",
        "usage.audio_output_tokens": "7",
    }


def test_a_rate_of_any_length_is_exact(tmp_path: Path) -> None:
    """A price with twelve decimals per million is billed by decimals and rounded once."""
    (tmp_path / "p.toml").write_text('[[price]]\nprovider="a"\nmodel="m"\ninput_per_million=0.000000500001\n')
    book = PriceBook.load(tmp_path / "p.toml")
    rows = priced([call(Usage(n), provider="a", response_model="m") for n in (1, 3_000_000)], book)
    assert [row["cost_usd"] for row in rows] == [Decimal("0.000000000001"), Decimal("0.000001500003")]
    assert rows[0]["cost_details"]["input.amount"] == "0.000000000000500001"


def test_an_amount_of_many_dollars_is_written_plainly() -> None:
    """Cents and thousands of dollars in one batch."""
    rows = priced([call(Usage(n)) for n in (1, 10_000_000_000)])
    assert [row["cost_details"]["input.amount"] for row in rows] == ["0.000000150000", "1500.000000000000"]


def test_token_kinds_that_are_not_told_apart_are_named_on_the_receipt() -> None:
    """An image model's receipt says what it could not see."""
    (row,) = priced([call(Usage(10, 10), provider="gcp.gemini", response_model="gemini-2.5-flash-image")])
    assert row["cost_details"]["unmeasured"] == "output_image"


def test_all_other_columns_are_untouched_and_the_input_is_not_changed() -> None:
    """The stage fills three columns of the same schema."""
    spans, extras = batch([call(Usage(100, 10), name="a"), call(provider="ollama", name="b")])
    before = spans.to_pylist()
    made = price(spans, extras, BOOK)
    assert made.schema.equals(SPANS)
    filled = ["cost_usd", "cost_source", "cost_details"]
    others = [name for name in SPANS.names if name not in filled]
    assert made.select(others).equals(spans.select(others))
    assert spans.to_pylist() == before


def test_an_empty_batch_stays_empty() -> None:
    """No rows in, no rows out."""
    spans, extras = batch([])
    assert price(spans, extras, BOOK).equals(empty(SPANS))


def test_a_slice_of_a_batch_is_priced_as_itself() -> None:
    """Offsets of sliced arrays do not shift usage or figures."""
    calls = [call(Usage(n), reported_cost=n / 7, response_model=("gpt-4o-mini", "gpt-99")[n % 2]) for n in range(9)]
    spans, extras = batch(calls)
    sliced = replace(extras, **{name: getattr(extras, name).slice(3, 5) for name in vars(extras)})
    whole = price(spans, extras, BOOK).slice(3, 5)
    assert price(spans.slice(3, 5), sliced, BOOK).to_pylist() == whole.to_pylist()


def test_unpriced_calls_are_counted_by_model() -> None:
    """By provider and the model that answered; what has a cost is not counted."""
    unpriced = Unpriced()
    spans, extras = batch(
        [
            call(Usage(1)),
            call(Usage(1), provider="ollama", response_model="llama3"),
            call(Usage(1), provider="ollama", response_model="", request_model="llama3"),
            call(Usage(1), provider="ollama", response_model="llama3", reported_cost=0.1),
            call(usage_source="none"),
        ]
    )
    price(spans, extras, BOOK, unpriced)
    price(spans, extras, BOOK, unpriced)
    assert unpriced.counts() == {("ollama", "llama3"): 4, ("openai", "gpt-4o-mini"): 2}


def test_the_memory_of_unpriced_models_is_bounded() -> None:
    """Invented names beyond the bound are counted together."""
    unpriced = Unpriced(models_max=3)
    spans, extras = batch([call(Usage(1), provider="ollama", response_model=f"m{n}") for n in range(10)])
    price(spans, extras, BOOK, unpriced)
    counts = unpriced.counts()
    assert len(counts) == 4
    assert counts[Unpriced.OTHER] == 7
    assert sum(counts.values()) == 10
