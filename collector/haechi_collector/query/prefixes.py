"""Requests of one prompt and model that begin alike, and what was sent of that beginning.

Guarantee: only what is identical counts. Requests that agree in their first `HEAD_BYTES` form a group; what all texts
of a group begin with is what the least and the greatest of them begin with. Tokens of a part are the request's own
input tokens by its share of the bytes, rounded down. Three statements, whatever the number of groups, which is
bounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from haechi_collector.query import limits
from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.examples import Examples, examples
from haechi_collector.query.recommendation import Looked
from haechi_collector.query.report_texts import TEXT, UNIT
from haechi_collector.query.statement import Statement, Values

HEAD_BYTES: Final = 1_024
PREFIX_BYTES_MAX: Final = 65_536
PREFIX_TOKENS_MIN: Final = 1_024
"""What providers cache at least (OpenAI, and most models of Anthropic)."""

CACHE_S: Final = 300
"""How long providers keep a prefix after its last use."""

REQUESTS_MIN: Final = 10
UNITS_MIN: Final = 10
"""Sessions, or traces without one, below which what is the same may be one talk."""

_NAMES: Final = ("provider", "request_model", "service_name", "prompt_name", "prompt_version")
_KEY: Final = f"sipHash64(project, {', '.join(_NAMES)}, substring({TEXT}, 1, {HEAD_BYTES}))"
_READABLE: Final = f"cost_usd IS NOT NULL AND input_messages != '' AND length({TEXT}) >= {HEAD_BYTES}"
_BEFORE: Final = "OVER (PARTITION BY key ORDER BY begin, span_id ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING)"


@dataclass(frozen=True, slots=True)
class Group:
    """Requests that begin alike.

    Attributes:
        row: who they are: ``provider``, ``request_model``, ``response_model``, ``service_name``, ``prompt_name``,
            ``prompt_version``, and ``requests``, ``units``.
        size: bytes of what they begin with.
        examples: those in it.
        sums: what they sent, one row for each rate of input.
    """

    row: Row
    size: int
    examples: Examples
    sums: list[Row]


async def groups_of(engine: Engine, looked: Looked) -> list[Group]:
    """Return the groups that sent most.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    rows = {row["key"]: row for row in (await engine.ask(_groups(looked))).rows}
    if not rows:
        return []
    found = {}
    for ends in (await engine.ask(_ends(looked, rows))).rows:
        row, size = rows[ends["key"]], _common(ends["low"].encode(), ends["high"].encode())
        text = ends["low"].encode()[ends["instructions"] : size]
        found[ends["key"]] = Group(row, size, examples(text) if row["units"] >= UNITS_MIN else Examples(0, 0), [])
    for row in (await engine.ask(_sums(looked, found))).rows:
        found[row["key"]].sums.append(row)
    return list(found.values())


def _common(low: bytes, high: bytes) -> int:
    """Return how many bytes two texts begin with alike."""
    return next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))


def _groups(looked: Looked) -> Statement:
    values = Values()
    source = looked.scope.source_of_requests(values, _READABLE)
    inner = f"SELECT {', '.join(_NAMES)}, response_model, {_KEY} AS key, {UNIT} AS unit, input_tokens FROM {source}"  # noqa: S608  bound values
    names = ", ".join([*_NAMES, "toString(key) AS key"])
    columns = f"{names}, any(response_model) AS response_model, count() AS requests, uniqCombined(unit) AS units"
    keys = ", ".join([*_NAMES, "key"])
    tail = f"HAVING requests >= {REQUESTS_MIN} ORDER BY sum(input_tokens) DESC, key LIMIT {limits.REPORT_PROMPTS_MAX}"
    return Statement(f"SELECT {columns} FROM ({inner}) GROUP BY {keys} {tail}", values.bound)  # noqa: S608  bound values


def _ends(looked: Looked, keys: Mapping[str, Row]) -> Statement:
    values = Values()
    source = looked.scope.source_of_requests(values, f"{_READABLE} AND toString({_KEY}) IN {values.texts(keys)}")
    inner = (
        f"SELECT toString({_KEY}) AS key, substring({TEXT}, 1, {PREFIX_BYTES_MAX}) AS text,"  # noqa: S608  bound values
        f" length(tool_definitions) + length(system_instructions) AS before FROM {source}"
    )
    columns = "key, min(text) AS low, max(text) AS high, argMin(before, text) AS instructions"
    return Statement(f"SELECT {columns} FROM ({inner}) GROUP BY key", values.bound)  # noqa: S608  bound values


def _sums(looked: Looked, groups: Mapping[str, Group]) -> Statement:
    """Return what each group sent: tokens of the prefix and of the examples, cached already and not.

    ``gained`` are tokens that could have been read from the cache, ``lost`` those that would have been written to it.
    """
    values = Values()
    source = looked.scope.source_of_requests(values, f"{_READABLE} AND toString({_KEY}) IN {values.texts(groups)}")
    size = _by_key(values, {key: group.size for key, group in groups.items()})  # digits of our own
    shown = _by_key(values, {key: group.examples.size for key, group in groups.items()})
    read = (
        f"SELECT toString({_KEY}) AS key, length({TEXT}) AS length, input_tokens, cache_read_tokens AS cached,"  # noqa: S608  bound
        " cache_write_tokens AS written, cost_details['input.rate'] AS rate,"
        f" cost_details['cache_read.rate'] AS reduced, start_time AS begin, span_id FROM {source}"
    )
    parts = (
        f"SELECT *, intDiv(input_tokens * {size}, length) AS prefix,"  # noqa: S608  bound
        f" intDiv(input_tokens * {shown}, length) AS examples,"
        " least(examples, cached) AS examples_cached,"
        f" if(prefix >= {PREFIX_TOKENS_MIN}, prefix, 0) AS cacheable,"
        " row_number() OVER (PARTITION BY key ORDER BY begin, span_id) > 1"
        f" AND begin <= any(begin) {_BEFORE} + toIntervalSecond({CACHE_S}) AS is_soon FROM ({read})"
    )
    sums = (
        "key, rate, max(reduced) AS reduced_rate, count() AS requests, countIf(is_soon) AS soon,"
        " sum(input_tokens) AS input, sum(cached) AS read, sum(prefix) AS same,"
        " sumIf(cacheable - least(cacheable, cached), is_soon) AS gained,"
        " sumIf(cacheable, NOT is_soon AND cached = 0 AND written = 0) AS lost,"
        " sum(examples - examples_cached) AS shown_full, sum(examples_cached) AS shown_cached"
    )
    return Statement(f"SELECT {sums} FROM ({parts}) GROUP BY key, rate ORDER BY key, rate", values.bound)  # noqa: S608  bound values


def _by_key(values: Values, numbers: Mapping[str, int]) -> str:
    """Return the SQL of a whole number that depends on the group."""
    choices = ", ".join(f"key = {values.text(key)}, {number:d}" for key, number in numbers.items())
    return f"toUInt64(multiIf({choices}, 0))"
