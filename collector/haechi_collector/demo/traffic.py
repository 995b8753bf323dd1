"""Who calls, when, with which model, and how long it takes: the pretend application's habits.

Guarantee: a pure function of the random generator and of the time that it is given.
"""

import math
from dataclasses import dataclass
from random import Random
from typing import Final

NS_PER_S: Final = 1_000_000_000
_KST_OFFSET_S: Final = 9 * 3600
_INCIDENT_S: Final = 300


@dataclass(frozen=True, slots=True)
class Model:
    """A model as the application meets it."""

    provider: str
    name: str
    response_name: str
    share: float
    first_chunk_s: float
    tokens_per_s: float
    caches: bool = False
    reasons: bool = False


MODELS: Final = (
    Model("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", 0.34, 0.35, 90.0, caches=True),
    Model("openai", "gpt-4o", "gpt-4o-2024-08-06", 0.16, 0.5, 65.0, caches=True),
    Model("openai", "gpt-4.1", "gpt-4.1-2025-04-14", 0.12, 0.55, 70.0, caches=True),
    Model("openai", "o4-mini", "o4-mini-2025-04-16", 0.05, 2.2, 80.0, reasons=True),
    Model("anthropic", "claude-sonnet-4-20250514", "claude-sonnet-4-20250514", 0.15, 0.8, 60.0, caches=True),
    Model("gcp.gemini", "gemini-2.5-flash", "gemini-2.5-flash", 0.12, 0.45, 140.0, reasons=True),
    # Of the house itself: in no price book, so that unpriced spend has something to show.
    Model("hanbit", "hanbit-ko-7b", "hanbit-ko-7b-r3", 0.06, 0.25, 40.0),
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A version of the prompt. The newer one is slower and contradicts its documents less."""

    version: str
    variant: str
    slowness: float
    contradicts: float


PROMPTS: Final = (Prompt("v2", "control", 1.0, 0.10), Prompt("v3", "treatment", 1.35, 0.03))


@dataclass(frozen=True, slots=True)
class Release:
    """Where a trace runs."""

    environment: str
    version: str


RELEASES: Final = (Release("production", "1.8.2"), Release("production", "1.9.0"), Release("staging", "1.10.0-rc1"))
_RELEASE_SHARES: Final = (0.62, 0.28, 0.10)


def rhythm(time_ns: int) -> float:
    """Relative traffic of the time of day in Korea: 1.5 at 15:00, 0.5 at 03:00."""
    hour = (time_ns // NS_PER_S + _KST_OFFSET_S) % 86_400 / 3600
    return 1.0 + 0.5 * math.cos((hour - 15.0) / 24.0 * 2.0 * math.pi)


def slowdown(time_ns: int, provider: str, seed: int) -> float:
    """Factor on latency: 1, or more during an incident of five minutes that strikes OpenAI about every second hour."""
    hour, second = divmod(time_ns // NS_PER_S, 3600)
    draw = Random(f"{seed}/{hour}")  # noqa: S311  sample data, no secret
    begins = draw.randrange(3600 - _INCIDENT_S)
    if draw.random() < 0.5 or provider != "openai" or not begins <= second < begins + _INCIDENT_S:
        return 1.0
    return 4.0


def pick_model(draw: Random) -> Model:
    """Choose by share."""
    return draw.choices(MODELS, [m.share for m in MODELS])[0]


def pick_release(draw: Random) -> Release:
    """Choose by share."""
    return draw.choices(RELEASES, _RELEASE_SHARES)[0]


def pick_prompt(draw: Random, user: int) -> Prompt:
    """An even split by user, as an experiment assigns it; one in fifty requests crosses over (an old tab)."""
    return PROMPTS[(user + (draw.random() < 0.02)) % 2]


def pick_user(draw: Random) -> int:
    """A few users ask often, most seldom."""
    return min(int(12 * draw.paretovariate(1.2)) - 11, 400)


def count_tokens(text: str) -> int:
    """Roughly what a tokenizer counts: a token is four characters of English, one and a half of Korean."""
    korean = sum(character >= "가" for character in text)
    return max(1, round(korean / 1.5 + (len(text) - korean) / 4))
