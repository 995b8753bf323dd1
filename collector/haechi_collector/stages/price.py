"""What each call costs: fills ``cost_usd``, ``cost_source`` and ``cost_details``.

Guarantee: a cost is the exact bill of `haechi.pricing.Rates.cost`, rounded once, half to even, to the 12 decimals
of its column; a cost that is not known is null, never 0. Which rows get one:

====================  ============================  =====================================================
``cost_source``       ``cost_usd``                  when
====================  ============================  =====================================================
``price_book``        the bill                      a model call with usage, its model known at its time
``reported``          what the emitter said         a model call with usage, no bill, and a figure above 0
``unpriced``          null                          a model call without a bill; the receipt says why
``''``                null                          no model call, usage on another span, or a failed call
====================  ============================  =====================================================

``cost_details`` is the receipt: per bucket ``<bucket>.tokens``, ``.rate``, ``.amount``; ``priced_as``,
``price_book``, ``tier`` (the prompt length above which these rates hold), ``unmeasured``, ``unpriced`` (why there
is no bill), ``reported`` (the emitter's own figure, on any span), and ``usage.*``, counts that no column holds, so
that a span can be priced again from what is stored.

Cost: vectorised; Python loops run over distinct models, not spans. Amounts are 64-bit integers of 1e-12 USD. A row
that does not fit them (a rate with more decimals, a huge count) is billed by itself with decimals.
"""

import dataclasses
import threading
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from haechi.pricing import COST_MAX, Bucket, PriceBook, Rates, Reason, Unpriceable, Usage, split
from haechi_collector.batch import SPANS
from haechi_collector.limits import DISTINCT_MODELS_MAX
from haechi_collector.stages.rates_of_rows import UNKNOWN, RatesOfRows, rates_of_rows
from haechi_collector.stages.receipt import PLACES, ReceiptBuilder, decimal_text

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
NoBill = Reason | Literal["unknown_model"]

_COST_TYPE: Final = SPANS.field("cost_usd").type
_SOURCES: Final = ("", "price_book", "reported", "unpriced")
_UNPRICED, _REPORTED, _PRICE_BOOK = 3, 2, 1
_REASONS: Final[tuple[NoBill, ...]] = (
    "unknown_model",
    "inconsistent_usage",
    "no_rate",
    "over_range",
)
_BILLED: Final = -1
_COUNTS_MAX: Final = 2**60  # sums of a few such counts still fit 64 bits; no real call comes near


class UsageExtras(Protocol):
    """What pricing asks about each row beside the table's columns; arrays as long as the batch."""

    @property
    def is_inference(self) -> pa.BooleanArray:
        """Whether the span is a call of a model, not of an agent, chain, tool or retriever."""

    @property
    def cache_write_1h_tokens(self) -> pa.UInt64Array:
        """Tokens written to a cache for an hour; a part of ``cache_write_tokens``."""

    @property
    def audio_input_tokens(self) -> pa.UInt64Array:
        """Audio; a part of ``input_tokens``."""

    @property
    def audio_output_tokens(self) -> pa.UInt64Array:
        """Audio; a part of ``output_tokens``."""

    @property
    def reported_cost(self) -> pa.Array:
        """What the emitter said the call cost; double or decimal, null when it said nothing."""


class Unpriced:
    """Counts calls without a known price, by (provider, model). Bounded; thread-safe."""

    OTHER: Final = ("other", "other")

    def __init__(self, models_max: int = DISTINCT_MODELS_MAX) -> None:
        self._models_max = models_max
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()  # guards _counts

    def observe(self, priced: pa.RecordBatch) -> None:
        """Count the unpriced calls of a batch that `price` returned."""
        unpriced = priced.filter(pc.equal(priced["cost_source"], "unpriced"))
        if not unpriced.num_rows:
            return
        model = pc.if_else(
            pc.equal(unpriced["response_model"], ""), unpriced["request_model"], unpriced["response_model"]
        )
        names = pa.table([unpriced["provider"], model], names=["provider", "model"])
        counted = names.group_by(["provider", "model"]).aggregate([([], "count_all")])
        with self._lock:
            for row in counted.to_pylist():  # distinct models
                name = (row["provider"], row["model"])
                known = name in self._counts or len(self._counts) < self._models_max
                self._counts[name if known else self.OTHER] += row["count_all"]

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Return the counts so far; models beyond the bound are under ``OTHER``."""
        with self._lock:
            return dict(self._counts)


class _Usage:
    """The counts of some rows as arrays, with the attributes of `haechi.pricing.Usage`."""

    def __init__(self, spans: pa.RecordBatch, extras: UsageExtras, rows: Ints) -> None:
        self.input_tokens = _counts(spans["input_tokens"], rows)
        self.output_tokens = _counts(spans["output_tokens"], rows)
        self.cache_read_tokens = _counts(spans["cache_read_tokens"], rows)
        self.cache_write_tokens = _counts(spans["cache_write_tokens"], rows)
        self.reasoning_tokens = _counts(spans["reasoning_tokens"], rows)
        self.cache_write_1h_tokens = _counts(extras.cache_write_1h_tokens, rows)
        self.audio_input_tokens = _counts(extras.audio_input_tokens, rows)
        self.audio_output_tokens = _counts(extras.audio_output_tokens, rows)

    def one(self, place: int) -> Usage:
        """Return the counts of one row."""
        return Usage(**{field.name: int(getattr(self, field.name)[place]) for field in dataclasses.fields(Usage)})


class _Costs:
    """The three cost columns of a batch while they are made."""

    def __init__(self, rows: int) -> None:
        self.amounts = np.zeros(rows, np.int64)  # 1e-12 USD
        self.sources = np.zeros(rows, np.int64)  # index into _SOURCES
        self.receipts = ReceiptBuilder(rows)

    def into(self, spans: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with these columns."""
        sources = pa.array(_SOURCES, pa.string()).take(pa.array(self.sources))
        known = (self.sources == _PRICE_BOOK) | (self.sources == _REPORTED)
        made = {
            "cost_usd": _decimals(self.amounts, known),
            "cost_source": sources,
            "cost_details": self.receipts.build(),
        }
        columns = [made.get(field.name, spans.column(i)) for i, field in enumerate(spans.schema)]
        return pa.RecordBatch.from_arrays(columns, schema=spans.schema)


def price(
    spans: pa.RecordBatch, extras: UsageExtras, book: PriceBook, unpriced: Unpriced | None = None
) -> pa.RecordBatch:
    """Return the batch (schema ``batch.SPANS``) with its three cost columns filled; all else is untouched.

    Calls without a known price are counted in ``unpriced``.
    """
    costs = _Costs(spans.num_rows)
    with_usage, without_usage = _calls(spans, extras)
    usage = _Usage(spans, extras, with_usage)
    reasons = _bill(costs, with_usage, usage, rates_of_rows(spans, with_usage, usage.input_tokens, book))
    _without_bill(costs, with_usage, reasons, extras.reported_cost)
    costs.sources[without_usage] = _UNPRICED
    costs.receipts.add_coded(without_usage, "unpriced", np.zeros(len(without_usage), np.int64), ["no_usage"])
    _keep_inputs(costs.receipts, with_usage, usage)
    told = np.flatnonzero(extras.reported_cost.is_valid().to_numpy(zero_copy_only=False))
    costs.receipts.add(told, "reported", pc.cast(extras.reported_cost.take(pa.array(told)), pa.string()))
    priced = costs.into(spans)
    if unpriced is not None:
        unpriced.observe(priced)
    return priced


def _without_bill(costs: _Costs, rows: Ints, reasons: Ints, reported: pa.Array) -> None:
    """Take the emitter's figure where there is no bill."""
    amounts, said = _reported(reported)
    lacking = reasons != _BILLED
    costs.receipts.add_coded(rows[lacking], "unpriced", reasons[lacking], _REASONS)
    costs.sources[rows[lacking]] = np.where(said[rows[lacking]], _REPORTED, _UNPRICED)
    taken = rows[lacking & said[rows]]
    costs.amounts[taken] = amounts[taken]


def _calls(spans: pa.RecordBatch, extras: UsageExtras) -> tuple[Ints, Ints]:
    """Return the rows that are calls with usage, and those without.

    A failed call without usage is no spending, and usage counted on another span is that span's.
    """
    source = spans["usage_source"]
    has_usage = pc.is_in(source, pa.array(["reported", "counted"]))
    lacks_usage = pc.and_(pc.equal(source, "none"), pc.not_equal(spans["status_code"], "error"))
    masks = (pc.and_(extras.is_inference, mask) for mask in (has_usage, lacks_usage))
    with_usage, without_usage = (np.flatnonzero(mask.to_numpy(zero_copy_only=False)) for mask in masks)
    return with_usage, without_usage


def _bill(costs: _Costs, rows: Ints, usage: _Usage, rates: RatesOfRows) -> Ints:
    """Bill the rows; return why a row has no bill (index into _REASONS), or _BILLED."""
    reasons = np.full(len(rows), _REASONS.index("unknown_model"), np.int64)
    if not rates.lines:
        return reasons
    known = rates.line != UNKNOWN
    at = np.where(known, rates.line, 0)
    tokens, contradicts = split(usage, {bucket: priced[at] for bucket, priced in rates.priced.items()})
    simple = usage.input_tokens + usage.output_tokens <= rates.tokens_max[at]
    lacking = np.zeros(len(rows), np.bool_)
    for bucket, count in tokens.items():
        used = count > 0
        simple &= ~used | rates.fits[bucket][at]
        lacking |= used & ~rates.priced[bucket][at]
    reasons[known] = _BILLED
    reasons[known & lacking] = _REASONS.index("no_rate")
    reasons[known & contradicts] = _REASONS.index("inconsistent_usage")
    bill = reasons == _BILLED
    for place in np.flatnonzero(bill & ~simple):  # rare: rates with more decimals, counts that overflow
        reasons[place] = _bill_one(costs, int(rows[place]), usage.one(int(place)), rates.lines[rates.line[place]][0])
    _bill_many(costs, rows, tokens, rates, np.flatnonzero(bill & simple))
    _cite(costs.receipts, rows, rates, np.flatnonzero(reasons == _BILLED))
    costs.sources[rows[reasons == _BILLED]] = _PRICE_BOOK
    return reasons


def _bill_many(costs: _Costs, rows: Ints, tokens: dict[Bucket, Ints], rates: RatesOfRows, places: Ints) -> None:
    """Bill the rows at ``places`` in 64-bit integers."""
    total = np.zeros(len(places), np.int64)
    for bucket, count in tokens.items():
        used = np.flatnonzero(count[places])
        if not len(used):
            continue
        charged, which = count[places[used]], rates.line[places[used]]
        amounts = charged * rates.units[bucket][which]
        total[used] += amounts
        to = rows[places[used]]
        texts = [_plain(tier.rates.get(bucket, Decimal(0))) for _, tier in rates.lines]
        costs.receipts.add(to, f"{bucket}.tokens", pc.cast(pa.array(charged), pa.string()))
        costs.receipts.add_coded(to, f"{bucket}.rate", which, texts)
        costs.receipts.add(to, f"{bucket}.amount", decimal_text(amounts))
    costs.amounts[rows[places]] = total


def _bill_one(costs: _Costs, row: int, usage: Usage, rates: Rates) -> int:
    """Bill one row in decimals of any length; return why it has no bill, or _BILLED."""
    try:
        bill = rates.cost(usage)
    except Unpriceable as error:
        return _REASONS.index(error.reason)
    to = np.array([row], np.int64)
    for item in bill.lines:
        entries = {"tokens": str(item.tokens), "rate": _plain(item.rate), "amount": _plain(item.amount)}
        for name, text in entries.items():
            costs.receipts.add(to, f"{item.bucket}.{name}", pa.array([text]))
    costs.amounts[row] = int(bill.cost.scaleb(PLACES))
    return _BILLED


def _cite(receipts: ReceiptBuilder, rows: Ints, rates: RatesOfRows, places: Ints) -> None:
    """Write on each receipt whose rates these are."""
    to, which = rows[places], rates.line[places]
    receipts.add_coded(to, "priced_as", which, [r.priced_as for r, _ in rates.lines])
    receipts.add_coded(to, "price_book", which, [r.source for r, _ in rates.lines])
    tiered = np.array([tier is not r.tiers[0] for r, tier in rates.lines])[which]
    receipts.add_coded(to[tiered], "tier", which[tiered], [f">{tier.above}" for _, tier in rates.lines])
    unmeasured = np.array([bool(r.unmeasured) for r, _ in rates.lines])[which]
    texts = [",".join(r.unmeasured) for r, _ in rates.lines]
    receipts.add_coded(to[unmeasured], "unmeasured", which[unmeasured], texts)


def _reported(column: pa.Array) -> tuple[Ints, Mask]:
    """Return the emitters' own costs in 1e-12 USD, and where there is one.

    An emitter that cannot price a call says 0: that is no statement.
    """
    dollars = pc.fill_null(pc.cast(column, pa.float64()), 0.0).to_numpy()
    said = (dollars > 0) & (dollars < float(COST_MAX))  # false for not-a-number
    amounts = np.zeros(len(dollars), np.int64)
    kept = column.filter(pa.array(said))
    if len(kept):
        rounded = pc.cast(pc.round(kept, PLACES, "half_to_even"), _COST_TYPE, safe=False)
        amounts[said] = _amounts(rounded)
    return amounts, said


def _keep_inputs(receipts: ReceiptBuilder, rows: Ints, usage: _Usage) -> None:
    """Keep on the receipt the counts that no column holds, so that the span can be priced again."""
    for name in ("cache_write_1h_tokens", "audio_input_tokens", "audio_output_tokens"):
        counts = getattr(usage, name)
        used = np.flatnonzero(counts)
        receipts.add(rows[used], f"usage.{name}", pc.cast(pa.array(counts[used]), pa.string()))


def _counts(column: pa.Array, rows: Ints) -> Ints:
    counts: Ints = np.minimum(column.to_numpy()[rows], _COUNTS_MAX).astype(np.int64)
    return counts


def _amounts(decimals: pa.Decimal128Array) -> Ints:
    """Return the low 64 bits of each decimal: all of it, for anything below 2**63."""
    words: Ints = np.frombuffer(decimals.buffers()[1], np.int64)
    low = slice(2 * decimals.offset, 2 * (decimals.offset + len(decimals)), 2)
    return words[low].copy()


def _decimals(amounts: Ints, known: Mask) -> pa.Decimal128Array:
    words = np.zeros((len(amounts), 2), "<i8")  # amounts are not negative: the high word is 0
    words[:, 0] = amounts
    validity = pa.array(known).buffers()[1]
    return pa.Array.from_buffers(_COST_TYPE, len(amounts), [validity, pa.py_buffer(words)])


def _plain(number: Decimal) -> str:
    """Write a decimal without exponent and without zeros at the end."""
    return f"{number.normalize():f}"
