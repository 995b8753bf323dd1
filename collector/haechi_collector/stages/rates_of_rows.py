"""Which rates hold for each call of a batch.

Guarantee: a row gets the rates that `haechi.pricing.PriceBook` has for its provider and model (the response's
model first, then the request's) at its start time, in the tier of its prompt's length. The book is asked once per
distinct (provider, response model, request model); periods and tiers are chosen for all rows at once.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from haechi.pricing import DAY_NS, Bucket, PriceBook, Rates, Schedule, Tier
from haechi_collector.stages.receipt import PLACES

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

UNKNOWN: Final = -1
_NAMES: Final = ("provider", "response_model", "request_model")
_AMOUNT_MAX: Final = 10**18 - 1  # what Decimal(18, 12) holds, in 1e-12 USD


@dataclass(frozen=True, slots=True)
class RatesOfRows:
    """The rates of a batch, one line per (rates, tier); per bucket one array over the lines.

    ``line`` is the line of each row, `UNKNOWN` where there are no rates.
    ``units`` are 1e-12 USD per token, 0 where there is no rate or where it has more decimals (``fits`` is false).
    A call of at most ``tokens_max`` tokens is certain to cost less than its column holds.
    """

    lines: list[tuple[Rates, Tier]]
    priced: dict[Bucket, Mask]
    fits: dict[Bucket, Mask]
    units: dict[Bucket, Ints]
    tokens_max: Ints
    line: Ints


def rates_of_rows(spans: pa.RecordBatch, rows: Ints, input_tokens: Ints, book: PriceBook) -> RatesOfRows:
    """Return the rates in play and which of them each of ``rows`` has."""
    start_ns = spans["start_time"].cast(pa.int64()).to_numpy()[rows]
    models, model_of_row = _distinct(spans, rows)
    lines = _Lines()
    first_of_model = np.full(len(models), UNKNOWN, np.int64)
    varying: list[tuple[int, Schedule]] = []
    for number, (provider, response_model, request_model) in enumerate(models):
        schedule = book.schedule(provider, response_model, request_model)
        if schedule is None:
            continue
        if len(schedule.periods) == 1:
            first_of_model[number] = lines.first_line(schedule.periods[0].rates)
        else:
            varying.append((number, schedule))
    line = first_of_model[model_of_row]
    for number, schedule in varying:
        mine = np.flatnonzero(model_of_row == number)
        line[mine] = lines.at(schedule, start_ns[mine])
    return lines.of_rows(lines.in_tier(line, input_tokens))


def _distinct(spans: pa.RecordBatch, rows: Ints) -> tuple[list[tuple[str, str, str]], Ints]:
    """Return the distinct names of the rows' models, and for each row which it has."""
    taken = pa.array(rows)
    code = np.zeros(len(rows), np.int64)
    dictionaries = []
    for name in _NAMES:
        encoded = pc.dictionary_encode(spans[name].take(taken))
        dictionaries.append(encoded.dictionary)
        code = code * max(1, len(encoded.dictionary)) + encoded.indices.to_numpy()
    distinct, code_of_row = np.unique(code, return_inverse=True)
    names: list[list[str]] = []
    for dictionary in reversed(dictionaries):
        distinct, remainder = np.divmod(distinct, max(1, len(dictionary)))
        names.append(dictionary.take(pa.array(remainder)).to_pylist())
    return list(zip(*reversed(names), strict=True)), code_of_row


class _Lines:
    """Lays the tiers of all rates in play end to end, each rates once."""

    def __init__(self) -> None:
        self._lines: list[tuple[Rates, Tier]] = []
        self._first: dict[Rates, int] = {}

    def first_line(self, rates: Rates | None) -> int:
        """Return the line of the base tier."""
        if rates is None:
            return UNKNOWN
        if rates not in self._first:
            self._first[rates] = len(self._lines)
            self._lines += [(rates, tier) for tier in rates.tiers]
        return self._first[rates]

    def at(self, schedule: Schedule, start_ns: Ints) -> Ints:
        """Return the base line of the period in force at each time; the last period in force wins."""
        day, time_ns = np.divmod(start_ns, DAY_NS)
        line = np.full(len(start_ns), UNKNOWN, np.int64)
        for period in schedule.periods:
            line[period.active(day, time_ns)] = self.first_line(period.rates)
        return line

    def in_tier(self, line: Ints, input_tokens: Ints) -> Ints:
        """Move from the base line to that of the tier: the last one whose threshold the prompt exceeds."""
        chosen = line.copy()
        for rates, first in self._first.items():
            if len(rates.tiers) > 1:
                mine = np.flatnonzero(line == first)
                thresholds = np.array([tier.above for tier in rates.tiers[1:]], np.int64)
                chosen[mine] += np.searchsorted(thresholds, input_tokens[mine], side="left")
        return chosen

    def of_rows(self, line: Ints) -> RatesOfRows:
        """Return the lines as arrays, with the line of each row."""
        rates = [tier.rates for _, tier in self._lines]
        priced = {b: np.array([b in rate for rate in rates], np.bool_) for b in Bucket}
        scaled = {b: [rate.get(b, Decimal(0)).scaleb(PLACES) for rate in rates] for b in Bucket}
        fits = {b: np.array([x == int(x) <= _AMOUNT_MAX for x in values], np.bool_) for b, values in scaled.items()}
        units = {
            b: np.array([int(x) if ok else 0 for x, ok in zip(values, fits[b], strict=True)], np.int64)
            for b, values in scaled.items()
        }
        most = np.max([units[b] for b in Bucket if b is not Bucket.REQUEST], axis=0, initial=1)
        return RatesOfRows(self._lines, priced, fits, units, (_AMOUNT_MAX - units[Bucket.REQUEST]) // most, line)
