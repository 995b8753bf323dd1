"""A price is the published one at the time of the call, exact, or there is none."""

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import pytest
from genai_prices.data import providers
from genai_prices.types import Usage as GenaiUsage
from tests.instrumentation.bills import WorkedBill, worked_bills

from haechi._price_overrides import _PRICE_KEYS, _SUPPLEMENT_KEYS, _TIER_KEYS
from haechi.pricing import Bucket, PriceBook, PriceFileError, Rates, Tier, Unpriceable, Usage

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MILLION = Decimal(1_000_000)
BUNDLED = f"genai-prices {version('genai-prices')}"


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


def own(tmp_path: Path, text: str) -> PriceBook:
    (tmp_path / "prices.toml").write_text(text)
    return PriceBook.load(tmp_path / "prices.toml")


def per_million(book: PriceBook, provider: str, model: str, at: datetime = NOW) -> dict[str, Decimal] | None:
    rates = book.resolve(provider, model, at)
    return {str(b): rate * MILLION for b, rate in rates.tiers[0].rates.items()} if rates else None


@pytest.mark.parametrize("bill", worked_bills(), ids=lambda bill: bill.name)
def test_a_worked_bill_comes_out_to_the_last_digit(book: PriceBook, bill: WorkedBill) -> None:
    """Lines, amounts and total are those computed by hand from the published list."""
    rates = book.resolve(bill.provider, bill.model, bill.at)
    assert rates is not None
    made = rates.cost(bill.usage)
    assert {line.bucket: (line.tokens, line.amount) for line in made.lines} == bill.lines
    assert made.total == made.cost == bill.total


@pytest.mark.parametrize("bill", worked_bills(), ids=lambda bill: bill.name)
def test_the_book_has_the_published_rates(book: PriceBook, bill: WorkedBill) -> None:
    """The rates written in a worked bill are those of the book, in the tier of its prompt."""
    rates = book.resolve(bill.provider, bill.model, bill.at)
    assert rates is not None
    tier = rates.tier(bill.usage.input_tokens)
    assert tier.above == bill.above
    assert {bucket: tier.rates[bucket] for bucket in bill.rates} == bill.rates


def test_a_worked_bill_uses_exactly_the_rates_it_states() -> None:
    """Each bill names one rate per line, and its lines add up to its total."""
    for bill in worked_bills():
        assert bill.rates.keys() == bill.lines.keys()
        assert sum(amount for _, amount in bill.lines.values()) == bill.total


@pytest.mark.parametrize("input_tokens", [1_000, 1_000_000])
def test_every_listed_model_is_billed_as_genai_prices_bills_it(book: PriceBook, input_tokens: int) -> None:
    """All models of the bundled list agree with the list's own calculator, in both tiers."""
    usage = {
        "input_tokens": input_tokens,
        "output_tokens": 500,
        "cache_read_tokens": 300,
        "cache_write_tokens": 200,
        "output_reasoning_tokens": 100,
    }
    mine = Usage(input_tokens, 500, 300, 200, reasoning_tokens=100)
    compared = 0
    for provider in providers:
        for listed in provider.models:
            found = provider.find_model(listed.id)
            rates = book.resolve(provider.id, listed.id, NOW)
            if found is None or rates is None or rates.source != BUNDLED:
                continue
            if not {Bucket.INPUT, Bucket.OUTPUT} <= rates.buckets:
                continue
            theirs = found.calc_price(GenaiUsage(**usage), provider, genai_request_timestamp=NOW)
            assert rates.cost(mine).total == theirs.total_price, f"{provider.id}/{listed.id}"
            compared += 1
    assert compared > 1500


@pytest.mark.parametrize(
    ("provider", "model", "priced_as"),
    [
        ("openai", "gpt-4o", "openai/gpt-4o"),
        ("OpenAI", "GPT-4o-2024-08-06", "openai/gpt-4o"),
        ("azure.ai.openai", "gpt-35-turbo", "openai/gpt-3.5-turbo"),
        ("az.ai.inference", "gpt-4.1", "openai/gpt-4.1"),
        ("gcp.gemini", "models/gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("gcp.vertex_ai", "publishers/google/models/gemini-2.5-pro", "google/gemini-2.5-pro"),
        (
            "gcp.vertex_ai",
            "projects/p/locations/l/publishers/google/models/gemini-2.5-flash",
            "google/gemini-2.5-flash",
        ),
        ("google_genai", "gemini-2.0-flash@001", "google/gemini-2.0-flash"),
        ("x_ai", "grok-4", "x-ai/grok-4-0709"),
        ("mistral_ai", "mistral-large-latest", "mistral/mistral-large"),
        ("openrouter", "openai/gpt-4o", "openrouter/openai/gpt-4o"),
        ("", "gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini"),
        ("", "openai/gpt-4o", "openai/gpt-4o"),
        ("", "text-embedding-3-small", "openai/text-embedding-3-small"),
        ("", "ft:gpt-4o-mini:org::id", "openai/ft:gpt-4o-mini:org::id"),
        ("", "us.amazon.nova-pro-v1:0", "aws/amazon.nova-pro-v1:0"),
        (
            "",
            "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        ("strands-agents", "gpt-4o", "openai/gpt-4o"),
        ("litellm", "bedrock/us.amazon.nova-pro-v1:0", "aws/amazon.nova-pro-v1:0"),
        ("openai", "openai/gpt-4o", "openai/gpt-4o"),
        ("openai", "anthropic/claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        ("openai", "ft:gpt-4o-mini:org::id", "openai/ft:gpt-4o-mini:org::id"),
        ("aws.bedrock", "eu.amazon.nova-lite-v1:0", "aws/amazon.nova-lite-v1:0"),
        (
            "aws.bedrock",
            "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/amazon.nova-pro-v1:0",
            "aws/amazon.nova-pro-v1:0",
        ),
    ],
)
def test_a_model_is_found_as_spans_spell_it(book: PriceBook, provider: str, model: str, priced_as: str) -> None:
    """Prefixes, regions, ARNs, dates and vendors' prefixes lead to the list's own name."""
    rates = book.resolve(provider, model, NOW)
    assert rates is not None
    assert rates.priced_as == priced_as


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-99"),
        ("openai", ""),
        ("openai", "g" * 10_000),
        ("azure.ai.openai", "my-chat-deployment"),
        ("ollama", "deepseek-r1"),  # a local model is not the vendor's
        ("ollama", "deepseek/deepseek-r1"),
        ("vllm", "gpt-4o"),
        ("ibm.watsonx.ai", "granite-3"),
        ("", "llama3"),
        ("openai", "ft:gpt-99:org::id"),
        ("openai", "whisper-1"),  # billed by the hour of audio
        ("github-copilot", "gpt-4o"),  # listed without a price
        ("aws.bedrock", "arn:aws:bedrock:us-east-1:1:provisioned-model/anthropic.claude-sonnet-4-20250514-v1:0"),
        ("aws.bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc123"),
    ],
)
def test_an_unknown_model_has_no_price(book: PriceBook, provider: str, model: str) -> None:
    """None, not zero: also for local models and for those that are not billed by the token."""
    assert book.resolve(provider, model, NOW) is None


def test_the_response_model_goes_before_the_request_model(book: PriceBook) -> None:
    """A deployment's name says nothing; the model that answered does."""
    schedule = book.schedule("azure.ai.openai", "gpt-4o-mini-2024-07-18", "gpt-4o")
    rates = schedule.at(NOW) if schedule else None
    assert rates is not None
    assert rates.priced_as == "openai/gpt-4o-mini"
    fallback = book.schedule("azure.ai.openai", "my-chat-deployment", "gpt-4o")
    rates = fallback.at(NOW) if fallback else None
    assert rates is not None
    assert rates.priced_as == "openai/gpt-4o"


def test_the_price_is_that_of_the_start_of_the_call(book: PriceBook) -> None:
    """A new price holds from midnight UTC of its first day, in whatever zone the instant is given."""
    first = datetime(2025, 6, 10, tzinfo=UTC)
    seoul = timezone(timedelta(hours=9))
    before = {at: per_million(book, "openai", "o3", at) for at in (first - timedelta(microseconds=1),)}
    assert [rates and rates["input"] for rates in before.values()] == [10]
    for at in (first, first.replace(tzinfo=None), first.astimezone(seoul)):
        rates = per_million(book, "openai", "o3", at)
        assert rates is not None
        assert rates["input"] == 2


def test_every_minute_of_a_day_is_priced_as_genai_prices_does(book: PriceBook) -> None:
    """Off-peak hours begin and end to the minute; all models with such prices are compared."""
    day = date(2025, 7, 1)
    provider = next(p for p in providers if p.id == "deepseek")
    usage = GenaiUsage(input_tokens=1000, output_tokens=1000)
    for model in ("deepseek-chat", "deepseek-reasoner", "deepseek-v4-flash", "deepseek-v4-pro"):
        found, schedule = provider.find_model(model), book.schedule("deepseek", model)
        assert found is not None
        assert schedule is not None
        for minute in range(0, 24 * 60, 15):
            at = datetime.combine(day, time(minute // 60, minute % 60), UTC)
            rates = schedule.at(at)
            assert rates is not None
            theirs = found.calc_price(usage, provider, genai_request_timestamp=at)
            assert rates.cost(Usage(1000, 1000)).total == theirs.total_price


@pytest.mark.parametrize(
    ("usage", "reason"),
    [
        (Usage(100, 10, cache_read_tokens=101), "inconsistent_usage"),
        (Usage(100, 10, cache_read_tokens=60, cache_write_tokens=60), "inconsistent_usage"),
        (Usage(100, 10, cache_write_tokens=10, cache_write_1h_tokens=11), "inconsistent_usage"),
        (Usage(100, 10, reasoning_tokens=11), "inconsistent_usage"),
        (Usage(100, 10, reasoning_tokens=6, audio_output_tokens=5), "inconsistent_usage"),
        (Usage(100, 10, audio_input_tokens=101), "inconsistent_usage"),
        (Usage(2**63, 10), "over_range"),
    ],
)
def test_garbage_has_no_bill(book: PriceBook, usage: Usage, reason: str) -> None:
    """Usage that contradicts itself or costs a million dollars is refused, with the reason."""
    rates = book.resolve("openai", "gpt-4o", NOW)
    assert rates is not None
    with pytest.raises(Unpriceable) as caught:
        rates.cost(usage)
    assert caught.value.reason == reason


def test_tokens_without_a_rate_have_no_bill(book: PriceBook) -> None:
    """Output of an embedding model is not free: its list has no price for it."""
    rates = book.resolve("openai", "text-embedding-3-small", NOW)
    assert rates is not None
    with pytest.raises(Unpriceable) as caught:
        rates.cost(Usage(10, 1))
    assert caught.value.reason == "no_rate"


def test_a_call_without_tokens_costs_nothing(book: PriceBook) -> None:
    """Zero is right where the usage is known to be zero."""
    rates = book.resolve("openai", "gpt-4o", NOW)
    assert rates is not None
    assert rates.cost(Usage()).total == 0


def test_a_cost_is_rounded_once_half_to_even() -> None:
    """The total is exact; the stored cost has twelve decimals."""
    rates = Rates("p", "m", (Tier(0, {Bucket.INPUT: Decimal("0.0000000000005"), Bucket.OUTPUT: Decimal(0)}),), "test")
    costs = [rates.cost(Usage(tokens)) for tokens in (1, 3, 5)]
    assert [bill.total for bill in costs] == [Decimal("5E-13"), Decimal("1.5E-12"), Decimal("2.5E-12")]
    assert [bill.cost for bill in costs] == [0, Decimal("2E-12"), Decimal("2E-12")]


def test_token_kinds_that_usage_does_not_tell_apart_are_named(book: PriceBook) -> None:
    """An image model's rates say that image tokens are billed with the others."""
    rates = book.resolve("gcp.gemini", "gemini-2.5-flash-image", NOW)
    assert rates is not None
    assert rates.unmeasured == ("output_image",)


def test_the_one_hour_write_is_twice_the_input_where_the_list_lacks_it(book: PriceBook) -> None:
    """The receipt names the file that added the rate."""
    rates = book.resolve("gcp.vertex_ai", "claude-3-5-sonnet@20240620", NOW)
    assert rates is not None
    assert rates.tiers[0].rates[Bucket.CACHE_WRITE_1H] == 2 * rates.tiers[0].rates[Bucket.INPUT]
    assert rates.source.startswith(f"{BUNDLED} + anthropic.toml ")


# --- price files -------------------------------------------------------------------------------------------
def test_a_price_file_replaces_the_price(tmp_path: Path) -> None:
    """All rates are those of the row; what it does not name is billed with its parent."""
    book = own(tmp_path, '[[price]]\nprovider="openai"\nmodel="gpt-4o"\ninput_per_million=2.25\noutput_per_million=9\n')
    assert per_million(book, "openai", "gpt-4o") == {"input": Decimal("2.25"), "output": 9}
    rates = book.resolve("openai", "gpt-4o", NOW)
    assert rates is not None
    assert rates.cost(Usage(1000, 0, cache_read_tokens=400)).total == Decimal("0.00225")
    assert rates.source.startswith("prices.toml ")
    assert rates.source in book.version


def test_a_price_file_knows_exact_names_and_globs_and_the_last_row_wins(tmp_path: Path) -> None:
    """Rows are read in order."""
    book = own(
        tmp_path,
        """
        [[price]]
        provider = "vllm"
        model = "qwen*"
        input_per_million = 0
        output_per_million = 0
        [[price]]
        provider = "vllm"
        model = "qwen-72b"
        input_per_million = 1
        output_per_million = 1
        """,
    )
    assert per_million(book, "vllm", "Qwen-7B") == {"input": 0, "output": 0}
    assert per_million(book, "vllm", "qwen-72b") == {"input": 1, "output": 1}
    assert per_million(book, "vllm", "llama") is None
    assert per_million(book, "ollama", "qwen-7b") is None


def test_a_row_names_the_seller_by_any_of_its_names(tmp_path: Path) -> None:
    """The convention's provider value and the list's id are both understood; another seller keeps its price."""
    for seller in ("azure.ai.openai", "azure"):
        book = own(tmp_path, f'[[price]]\nprovider="{seller}"\nmodel="gpt-4o"\ninput_per_million=1\n')
        assert per_million(book, "azure.ai.openai", "gpt-4o") == {"input": 1}
        assert per_million(book, "openai", "gpt-4o") != {"input": 1}
    book = own(tmp_path, '[[price]]\nprovider="openai"\nmodel="gpt-4o"\ninput_per_million=1\n')
    assert per_million(book, "azure.ai.openai", "gpt-4o") != {"input": 1}


def test_a_dated_row_holds_from_its_day_on(tmp_path: Path) -> None:
    """Before that day the book's price holds, or none."""
    row = "input_per_million=7\nfrom=2026-03-01\n"
    book = own(tmp_path, f'[[price]]\nprovider="*"\nmodel="gpt-4o"\n{row}[[price]]\nprovider="vllm"\nmodel="m"\n{row}')
    before, after = datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    assert per_million(book, "openai", "gpt-4o", after) == {"input": 7}
    assert (per_million(book, "openai", "gpt-4o", before) or {})["input"] == Decimal("2.5")
    assert per_million(book, "vllm", "m", before) is None
    assert per_million(book, "vllm", "m", after) == {"input": 7}


def test_a_price_file_has_tiers_and_prices_per_call(tmp_path: Path) -> None:
    """A tier replaces the rates that it names; a call may cost something itself."""
    book = own(
        tmp_path,
        """
        [[price]]
        provider = "acme"
        model = "m"
        input_per_million = 1
        output_per_million = 2
        request = 0.005
        [[price.tier]]
        above = 1000
        input_per_million = 3
        """,
    )
    rates = book.resolve("acme", "m", NOW)
    assert rates is not None
    assert rates.cost(Usage(1000, 100)).total == Decimal("0.0062")
    assert rates.cost(Usage(1001, 100)).total == Decimal("0.008203")


def test_a_supplement_adds_only_what_is_lacking(tmp_path: Path) -> None:
    """The list's own rates stay."""
    book = own(
        tmp_path,
        '[[supplement]]\nprovider="openai"\nmodel="gpt-4o"\ninput_per_million=9\nreasoning_per_million=8\n',
    )
    rates = per_million(book, "openai", "gpt-4o")
    assert rates is not None
    assert (rates["input"], rates["reasoning"]) == (Decimal("2.5"), 8)


ROW = '[[price]]\nprovider="a"\nmodel="m"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[price]", "is not TOML"),
        ("\xff", "is not TOML"),
        ("[[prices]]", "unknown key 'prices'"),
        ("price = 3", "price: expected a list of tables"),
        ('[[price]]\nmodel="m"\ninput_per_million=1', "price 1: provider = None: expected a name"),
        ('[[price]]\nprovider="a"\nmodel=" "\ninput_per_million=1', "price 1: model = ' ': expected a name"),
        (ROW, "price 1: says no price"),
        (ROW + "input_per_1m=1", "price 1: unknown key 'input_per_1m'"),
        (ROW + 'input_per_million="1"', "input_per_million = '1': expected a number of US dollars"),
        (ROW + "input_per_million=true", "input_per_million = True: expected a number"),
        (ROW + "input_per_million=-1", "input_per_million = -1: expected 0 or more"),
        (ROW + "input_per_million=nan", "input_per_million = NaN: expected 0 or more"),
        (ROW + "input_per_million=inf", "input_per_million = Infinity: expected 0 or more"),
        (ROW + "input_per_million=1e-13", "has more than 12 decimals"),
        (ROW + 'input_per_million=1\nfrom="2026-01-01"', "from = '2026-01-01': expected a date"),
        (ROW + "input_per_million=1\nfrom=2026-01-01T00:00:00Z", "expected a date"),
        (ROW + "input_per_million=1\n[[price.tier]]\nabove=0", "price 1: tier 1: above = 0: expected input tokens"),
        (ROW + "input_per_million=1\n[[price.tier]]\nabove=5\noutput_per_million=1", "has a rate for output"),
        (ROW + "input_per_million=1\n" + ROW, "price 2: says no price"),
        ('[[supplement]]\nprovider="a"\nmodel="m"', "supplement 1: adds nothing"),
        ('[[supplement]]\nprovider="a"\nmodel="m"\nfrom=2026-01-01', "supplement 1: unknown key 'from'"),
    ],
)
def test_a_wrong_price_file_is_refused_and_the_message_names_the_key(tmp_path: Path, text: str, says: str) -> None:
    """Nothing is repaired silently."""
    path = tmp_path / "mine.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(PriceFileError) as caught:
        PriceBook.load(path)
    assert str(caught.value).startswith(str(path))
    assert says in str(caught.value)


def test_a_price_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The message says which file and why."""
    with pytest.raises(PriceFileError, match=r"none\.toml: cannot be read: No such file"):
        PriceBook.load(tmp_path / "none.toml")


def test_a_price_file_of_a_megabyte_is_refused(tmp_path: Path) -> None:
    """It is some other file."""
    path = tmp_path / "big.toml"
    path.write_text("#" * (1024 * 1024 + 1))
    with pytest.raises(PriceFileError, match="larger than 1048576 bytes"):
        PriceBook.load(path)


def test_the_version_changes_with_the_file(tmp_path: Path) -> None:
    """Two files of one name with other prices are told apart on receipts."""
    versions = {
        own(tmp_path, f'[[price]]\nprovider="a"\nmodel="m"\ninput_per_million={price}\n').version for price in (1, 2)
    }
    assert len(versions) == 2
    assert all(v.startswith(f"{BUNDLED}, ") for v in versions)


def test_what_is_kept_resolved_is_bounded() -> None:
    """A stream of invented models does not grow the book."""
    book = PriceBook.load(models_max=16)
    for number in range(100):
        book.schedule("openai", f"gpt-invented-{number}")
    assert book._find.cache_info().currsize == 16


def test_the_import_is_light() -> None:
    """An application that imports the SDK's prices and token counts gets no numpy and no pyarrow."""
    script = "import sys, haechi.pricing, haechi.tokens; print(sorted({'numpy', 'pyarrow', 'chdb'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout == "[]\n"


def test_the_price_file_in_the_documentation_works(tmp_path: Path) -> None:
    """Its rows say what the page says they do."""
    page = (Path(__file__).parents[2] / "docs" / "prices.md").read_text("utf-8")
    book = own(tmp_path, page.partition("```toml\n")[2].partition("```")[0])
    assert per_million(book, "ollama", "llama3") == {"input": 0, "output": 0}
    assert (per_million(book, "openai", "gpt-4o") or {})["output"] == 9
    assert (per_million(book, "openai", "gpt-4o", datetime(2025, 12, 31, tzinfo=UTC)) or {})["output"] == 10
    rates = book.resolve("acme", "long-1", NOW)
    assert rates is not None
    assert [tier.above for tier in rates.tiers] == [0, 200_000]
    assert (per_million(book, "azure", "gpt-4o-audio-preview") or {})["audio_input"] == 40


def test_every_key_of_a_price_file_is_documented() -> None:
    """The page names each of them."""
    page = (Path(__file__).parents[2] / "docs" / "prices.md").read_text("utf-8")
    assert sorted(key for key in _PRICE_KEYS | _SUPPLEMENT_KEYS | _TIER_KEYS if key not in page) == []
