"""Price files: TOML that replaces prices of the book or adds what it lacks.

Guarantee: a file is read whole or refused with a `PriceFileError` that names the file, the row and the key.
Numbers are exact decimals as written; nothing is guessed, no key is ignored.

Format: ``[[price]]`` replaces everything the book says about the models it names; ``[[supplement]]`` adds only
rates that the book has none for. Rows name ``provider`` and ``model``, exact or as a glob; of the rows that
apply the last one wins. Keys and examples: docs/prices.md.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Never

from haechi._rates import Bucket, Tier, per_million

FILE_BYTES_MAX: Final = 1024 * 1024
"""A price file is written by hand; a larger one is some other file."""

_PLACES_MAX: Final = 12
_PER_MILLION_MAX: Final = Decimal(10) ** 9
_PER_MILLION: Final = {
    "input_per_million": Bucket.INPUT,
    "cached_input_per_million": Bucket.CACHE_READ,
    "cache_write_per_million": Bucket.CACHE_WRITE,
    "cache_write_1h_per_million": Bucket.CACHE_WRITE_1H,
    "audio_input_per_million": Bucket.AUDIO_INPUT,
    "cached_audio_input_per_million": Bucket.AUDIO_CACHE_READ,
    "output_per_million": Bucket.OUTPUT,
    "reasoning_per_million": Bucket.REASONING,
    "audio_output_per_million": Bucket.AUDIO_OUTPUT,
}
_RATE_KEYS: Final = (*_PER_MILLION, "request")
_TIMES_INPUT: Final = "cache_write_1h_times_input"
_NAMES: Final = ("provider", "model")
_PRICE_KEYS: Final = frozenset({*_NAMES, *_RATE_KEYS, "from", "source", "tier"})
_SUPPLEMENT_KEYS: Final = frozenset({*_NAMES, *_RATE_KEYS, _TIMES_INPUT, "source"})
_TIER_KEYS: Final = frozenset({*_RATE_KEYS, "above"})


class PriceFileError(ValueError):
    """A price file is wrong; the message names the file, the row and the key."""


@dataclass(frozen=True, slots=True)
class Price:
    """One ``[[price]]`` row of a file: all rates of the models it names, from a day on."""

    file: str
    provider: str
    model: str
    first_day: date | None
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class Supplement:
    """One ``[[supplement]]`` row: rates to add where the book has none."""

    file: str
    provider: str
    model: str
    rates: Mapping[Bucket, Decimal]
    cache_write_1h_times_input: Decimal | None


@dataclass(frozen=True, slots=True)
class PriceFile:
    """What one file says. ``label`` is its name and a checksum of its bytes, as receipts cite it."""

    label: str
    prices: tuple[Price, ...]
    supplements: tuple[Supplement, ...]


def read(path: Path) -> PriceFile:
    """Read and check one price file.

    Raises:
        PriceFileError: it cannot be read, or something in it is wrong.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PriceFileError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > FILE_BYTES_MAX:
        raise PriceFileError(f"{path}: is larger than {FILE_BYTES_MAX} bytes")
    try:
        table = tomllib.loads(content.decode("utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PriceFileError(f"{path}: is not TOML: {error}") from error
    _only(table, frozenset({"price", "supplement"}), str(path))
    label = f"{path.name} {hashlib.sha256(content).hexdigest()[:8]}"
    prices = tuple(_price(row, where, label) for row, where in _rows(table, "price", str(path)))
    supplements = tuple(_supplement(row, where, label) for row, where in _rows(table, "supplement", str(path)))
    return PriceFile(label, prices, supplements)


def applies(row: Price | Supplement, providers: Iterable[str], models: Iterable[str]) -> bool:
    """Tell whether a row names any of the spellings (lower case) of a provider and of a model."""
    return any(fnmatchcase(p, row.provider) for p in providers) and any(fnmatchcase(m, row.model) for m in models)


def _price(row: Mapping[str, Any], where: str, file: str) -> Price:
    _only(row, _PRICE_KEYS, where)
    base = _rates(row, where)
    if not base:
        _fail(where, f"says no price; write one of {', '.join(_RATE_KEYS)}")
    provider, model = _name(row, "provider", where), _name(row, "model", where)
    return Price(file, provider, model, _day(row, where), _tiers(row, base, where))


def _supplement(row: Mapping[str, Any], where: str, file: str) -> Supplement:
    _only(row, _SUPPLEMENT_KEYS, where)
    rates = _rates(row, where)
    times = _decimal(row[_TIMES_INPUT], _TIMES_INPUT, where) if _TIMES_INPUT in row else None
    if not rates and times is None:
        _fail(where, f"adds nothing; write one of {', '.join((*_RATE_KEYS, _TIMES_INPUT))}")
    return Supplement(file, _name(row, "provider", where), _name(row, "model", where), rates, times)


def _tiers(row: Mapping[str, Any], base: Mapping[Bucket, Decimal], where: str) -> tuple[Tier, ...]:
    tiers = [Tier(0, base)]
    for step, step_where in _rows(row, "tier", where):
        _only(step, _TIER_KEYS, step_where)
        above = step.get("above")
        if not isinstance(above, int) or isinstance(above, bool) or above <= tiers[-1].above:
            _fail(step_where, f"above = {above!r}: expected input tokens, more than {tiers[-1].above}")
        rates = _rates(step, step_where)
        if rates.keys() - base.keys():
            _fail(step_where, f"has a rate for {min(rates.keys() - base.keys())} that the price itself lacks")
        tiers.append(Tier(above, {**tiers[-1].rates, **rates}))
    return tuple(tiers)


def _rates(row: Mapping[str, Any], where: str) -> dict[Bucket, Decimal]:
    rates = {b: per_million(_decimal(row[key], key, where)) for key, b in _PER_MILLION.items() if key in row}
    if "request" in row:
        rates[Bucket.REQUEST] = _decimal(row["request"], "request", where)
    return rates


def _decimal(value: object, key: str, where: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        _fail(where, f"{key} = {value!r}: expected a number of US dollars")
    number = Decimal(value)
    if not number.is_finite() or not 0 <= number < _PER_MILLION_MAX:
        _fail(where, f"{key} = {value}: expected 0 or more US dollars, below {_PER_MILLION_MAX:f}")
    if -int(number.normalize().as_tuple().exponent) > _PLACES_MAX:
        _fail(where, f"{key} = {value}: has more than {_PLACES_MAX} decimals")
    return number


def _name(row: Mapping[str, Any], key: str, where: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        _fail(where, f"{key} = {value!r}: expected a name or a glob such as 'gpt-4o*'")
    return value.strip().lower()


def _day(row: Mapping[str, Any], where: str) -> date | None:
    value = row.get("from")
    if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
        _fail(where, f"from = {value!r}: expected a date such as 2026-01-31, without quotes")
    return value


def _rows(table: Mapping[str, Any], key: str, where: str) -> list[tuple[Mapping[str, Any], str]]:
    rows = table.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        _fail(where, f"{key}: expected a list of tables, written as double brackets")
    return [(row, f"{where}: {key} {number}") for number, row in enumerate(rows, 1)]


def _only(row: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    unknown = sorted(row.keys() - known)
    if unknown:
        _fail(where, f"unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")


def _fail(where: str, problem: str) -> Never:
    raise PriceFileError(f"{where}: {problem}")
