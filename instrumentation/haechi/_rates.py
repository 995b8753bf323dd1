"""What a model costs per token, and the bill of one call.

Guarantee: every amount is exact. Rates are decimal US dollars per token (per call for ``request``), amounts are
tokens times rate without rounding, the total is their sum; a caller rounds once, at the end.

Invariants:

* Each token is billed once, at the rate of the most specific bucket that has a rate. The buckets form a tree;
  tokens of a bucket without a rate are billed with its parent::

      input ─┬─ cache_read ── audio_cache_read          output ─┬─ reasoning
             ├─ cache_write ── cache_write_1h                    └─ audio_output
             └─ audio_input

* A tier applies to all tokens of the call, not to those above its threshold alone: providers bill a long
  prompt so ("prompts > 200k tokens"). The threshold is compared with the whole input, cached tokens included.
* Usage that contradicts itself (more cached than input tokens) and tokens for which there is no rate have no
  bill: `Unpriceable`, never a guess and never zero.

Source: the semantics of token counts are those of the OpenTelemetry GenAI conventions (input includes cached
tokens, output includes reasoning); tiers and buckets are those of the genai-prices data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Clamped, Context, Decimal, Inexact, InvalidOperation, Overflow
from enum import StrEnum
from functools import reduce
from typing import Any, Final, Literal

Reason = Literal["inconsistent_usage", "no_rate", "over_range"]

COST_PLACES: Final = 12
"""Decimals of a stored cost (``Decimal(18, 12)``)."""

COST_MAX: Final = Decimal(10) ** 6
"""A call at or above a million dollars does not fit the column; its token counts are garbage."""

# Wide enough for any 64-bit count times any rate; rounding would raise instead of passing unseen.
_EXACT: Final = Context(prec=120, Emax=999, Emin=-999, traps=[Clamped, Inexact, InvalidOperation, Overflow])
_ROUNDED: Final = Context(prec=120, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])


class Bucket(StrEnum):
    """A kind of token with a rate of its own; ``REQUEST`` is the call itself."""

    INPUT = "input"
    CACHE_READ = "cache_read"
    CACHE_WRITE = "cache_write"
    CACHE_WRITE_1H = "cache_write_1h"
    AUDIO_INPUT = "audio_input"
    AUDIO_CACHE_READ = "audio_cache_read"
    OUTPUT = "output"
    REASONING = "reasoning"
    AUDIO_OUTPUT = "audio_output"
    REQUEST = "request"


class Unpriceable(ValueError):
    """This usage has no bill at these rates; ``reason`` is for machines."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one call, none negative.

    ``input_tokens`` includes everything read from and written to a cache and all audio; ``output_tokens``
    includes reasoning and audio; ``cache_write_tokens`` includes those written for an hour.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill; ``amount`` is exactly ``tokens`` times ``rate`` (USD)."""

    bucket: Bucket
    tokens: int
    rate: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Bill:
    """What one call costs. ``total`` is the exact sum of the lines, in USD."""

    lines: tuple[Line, ...]
    total: Decimal

    @property
    def cost(self) -> Decimal:
        """The total as it is stored: 12 decimals, half to even."""
        return self.total.quantize(Decimal(1).scaleb(-COST_PLACES), context=_ROUNDED)


@dataclass(frozen=True, slots=True)
class Tier:
    """The rates of calls with more than ``above`` input tokens; ``above`` is 0 for the base tier."""

    above: int
    rates: Mapping[Bucket, Decimal]


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """What one model costs during one price period.

    ``tiers`` ascend by ``above``, the first is the base and applies from the first token; all have the same
    buckets. ``source`` names the list and its version. ``unmeasured`` names token kinds with a rate of their own
    that usage does not tell apart (images, video, citations): such tokens are billed with their parent.
    """

    provider: str
    model: str
    tiers: tuple[Tier, ...]
    source: str
    unmeasured: tuple[str, ...] = ()

    @property
    def priced_as(self) -> str:
        """Whose list and which model of it: ``openai/gpt-4o``."""
        return f"{self.provider}/{self.model}"

    @property
    def buckets(self) -> frozenset[Bucket]:
        """The buckets that have a rate."""
        return frozenset(self.tiers[0].rates)

    def tier(self, input_tokens: int) -> Tier:
        """Return the tier of a call with that many input tokens."""
        return next((tier for tier in reversed(self.tiers[1:]) if input_tokens > tier.above), self.tiers[0])

    def cost(self, usage: Usage) -> Bill:
        """Bill one call.

        Raises:
            Unpriceable: the usage contradicts itself, some of its tokens have no rate, or the sum does not fit.
        """
        rates = self.tier(usage.input_tokens).rates
        tokens_of, contradicts = split(usage, {bucket: bucket in rates for bucket in Bucket})
        if contradicts:
            raise Unpriceable("inconsistent_usage")
        used = {bucket: tokens for bucket, tokens in tokens_of.items() if tokens}
        if used.keys() - rates.keys():
            raise Unpriceable("no_rate")
        lines = [Line(b, tokens, rates[b], _EXACT.multiply(Decimal(tokens), rates[b])) for b, tokens in used.items()]
        bill = Bill(tuple(lines), reduce(_EXACT.add, (line.amount for line in lines), Decimal(0)))
        if bill.cost >= COST_MAX:
            raise Unpriceable("over_range")
        return bill


def per_million(price: Decimal) -> Decimal:
    """Return the exact price of one of a million."""
    return _EXACT.scaleb(price, -6)


def split(usage: Any, priced: Mapping[Bucket, Any]) -> tuple[dict[Bucket, Any], Any]:
    """Give each token to the most specific bucket that has a rate; tell whether the usage contradicts itself.

    Takes the counts of one call (`Usage`, ``priced`` holding booleans), or of many at once (any object with the
    attributes of `Usage` as signed integer arrays, ``priced`` holding boolean arrays of their shape), and returns
    integers or arrays accordingly. Where the usage contradicts itself the tokens mean nothing.
    """
    u = usage
    # What the parts hold beyond the whole can only be cached audio, counted once as audio and once as cached.
    beyond = u.audio_input_tokens + u.cache_read_tokens + u.cache_write_tokens - u.input_tokens
    cached_audio = beyond * (beyond > 0)
    contradicts = (
        (cached_audio > u.audio_input_tokens)
        | (cached_audio > u.cache_read_tokens)
        | (u.cache_write_1h_tokens > u.cache_write_tokens)
        | (u.reasoning_tokens + u.audio_output_tokens > u.output_tokens)
    )
    tokens = {
        Bucket.CACHE_READ: (u.cache_read_tokens - cached_audio * priced[Bucket.AUDIO_CACHE_READ])
        * priced[Bucket.CACHE_READ],
        Bucket.CACHE_WRITE: (u.cache_write_tokens - u.cache_write_1h_tokens * priced[Bucket.CACHE_WRITE_1H])
        * priced[Bucket.CACHE_WRITE],
        Bucket.CACHE_WRITE_1H: u.cache_write_1h_tokens * priced[Bucket.CACHE_WRITE_1H],
        Bucket.AUDIO_INPUT: (
            u.audio_input_tokens - cached_audio * (priced[Bucket.CACHE_READ] | priced[Bucket.AUDIO_CACHE_READ])
        )
        * priced[Bucket.AUDIO_INPUT],
        Bucket.AUDIO_CACHE_READ: cached_audio * priced[Bucket.AUDIO_CACHE_READ],
    }
    reasoning = u.reasoning_tokens * priced[Bucket.REASONING]
    audio_output = u.audio_output_tokens * priced[Bucket.AUDIO_OUTPUT]
    return {
        Bucket.INPUT: u.input_tokens - sum(tokens.values()),
        **tokens,
        Bucket.OUTPUT: u.output_tokens - reasoning - audio_output,
        Bucket.REASONING: reasoning,
        Bucket.AUDIO_OUTPUT: audio_output,
        Bucket.REQUEST: 1 * priced[Bucket.REQUEST],
    }, contradicts
